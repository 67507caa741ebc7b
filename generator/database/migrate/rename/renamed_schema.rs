//! The old schema after the renames.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::{ObjectName, Schema};

/// The old schema after the renames, and the objects that the renames affect.
pub struct RenamedSchema {
    pub schema: Schema,
    /// Renamed tables, and tables with a renamed column: objects that use them are recreated.
    pub affected_tables: BTreeSet<ObjectName>,
    /// Maps the new name of a renamed table to its old name.
    pub old_table_names: BTreeMap<ObjectName, ObjectName>,
    /// Maps the temporary name of a dropped object to its old name, which a different object takes.
    pub freed_names: BTreeMap<ObjectName, ObjectName>,
    /// The old and new names of renamed types and sequences.
    pub renamed_objects: Vec<(ObjectName, ObjectName)>,
}
