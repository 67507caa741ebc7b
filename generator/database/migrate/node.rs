//! The nodes of the dependency graph.

use std::fmt;

use crate::database::model::*;

/// A kind of object. Objects that do not depend on each other are sorted by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// An object kept as its SQL that tables may use.
    ObjectBeforeTables,
    Type,
    Sequence,
    Function,
    Table,
    View,
    /// Any other object kept as its SQL.
    Object,
}

/// A node of the dependency graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectNode<'a> {
    pub kind: ObjectKind,
    pub name: &'a ObjectName,
}

impl<'a> ObjectNode<'a> {
    pub fn new(kind: ObjectKind, name: &'a ObjectName) -> Self {
        ObjectNode { kind, name }
    }
}

impl fmt::Display for ObjectNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            // The key of such an object is not quoted.
            ObjectKind::ObjectBeforeTables | ObjectKind::Object => f.write_str(self.name.name()),
            _ => write!(f, "{}", self.name),
        }
    }
}
