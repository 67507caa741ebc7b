//! The old schema under the new names.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::{ObjectName, Schema};

/// The old schema under the new names, and what the renames affect.
pub struct RenamedSchema {
    pub schema: Schema,
    /// Renamed tables, and tables with a renamed column: objects that read them are recreated.
    pub tables: BTreeSet<ObjectName>,
    /// Maps new names of tables to old names.
    pub names: BTreeMap<ObjectName, ObjectName>,
}
