//! The old schema after the renames.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::{ObjectName, Schema};

/// The old schema after the renames, and the objects that the renames affect.
pub struct RenamedSchema {
    pub schema: Schema,
    /// Renamed tables, and tables with a renamed column: objects that read them are recreated.
    pub tables: BTreeSet<ObjectName>,
    /// Maps new names of tables to old names.
    pub names: BTreeMap<ObjectName, ObjectName>,
}
