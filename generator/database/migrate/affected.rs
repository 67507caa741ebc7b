//! Finds the objects that a change affects although their own definitions may be unchanged.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, ObjectKind, ObjectNode};
use super::labels::added_labels;
use super::rename::RenamedSchema;
use crate::database::identifiers::{mentions, words};
use crate::database::model::*;

/// Objects that are recreated, and tables whose columns change.
#[derive(Default)]
pub struct Affected {
    /// Columns whose type changes, by table.
    types: BTreeMap<ObjectName, BTreeSet<SqlName>>,
    /// Generated columns that are dropped and added, by table.
    regenerated: BTreeMap<ObjectName, BTreeSet<SqlName>>,
    /// Enumerations that are recreated.
    pub rebuilt: BTreeSet<ObjectName>,
    /// Views and functions that are dropped and created.
    pub routines: BTreeSet<ObjectName>,
    /// Tables whose columns change.
    tables: BTreeSet<ObjectName>,
}

impl Affected {
    pub fn new(renamed: &RenamedSchema, new: &Schema, graph: &Graph) -> Self {
        let old = &renamed.schema;
        let mut affected =
            Affected { tables: renamed.tables.clone(), rebuilt: rebuilt_enumerations(old, new), ..Affected::default() };
        for (name, table) in &old.tables {
            if let Some(new) = new.tables.get(name) {
                affected.compare_columns(name, table, new);
            }
        }
        affected.routines = changed_routines(old, new);
        affected.routines.extend(functions_with_old_names(renamed, new));
        affected.add_dependent_routines(old, new, graph);
        affected
    }

    /// Records the columns of a table that change their type or are generated again.
    fn compare_columns(&mut self, name: &ObjectName, old: &Table, new: &Table) {
        if old.columns.keys().ne(new.columns.keys()) {
            self.tables.insert(name.clone());
        }
        let both = || old.columns.iter().map(|(column, old)| (column, old, new.columns.get(column)));
        let retyped = |old: &Column, new: Option<&Column>| {
            new.is_some_and(|new| new.kind != old.kind || new.collation != old.collation) || self.rebuilds(&old.kind)
        };
        let types: BTreeSet<SqlName> =
            both().filter(|(_, old, new)| retyped(old, *new)).map(|(column, ..)| column.clone()).collect();
        let regenerates = |old: &Column, new: Option<&Column>| {
            let Some(expression) = &old.generated else { return false };
            let Some(new) = new.filter(|new| new.generated.is_some()) else { return false };
            new.generated != old.generated || new.kind != old.kind || mentions(expression.as_str(), &types)
        };
        let regenerated: BTreeSet<SqlName> =
            both().filter(|(_, old, new)| regenerates(old, *new)).map(|(column, ..)| column.clone()).collect();
        if !types.is_empty() || !regenerated.is_empty() {
            self.tables.insert(name.clone());
            self.types.insert(name.clone(), types);
            self.regenerated.insert(name.clone(), regenerated);
        }
    }

    /// Adds the views and functions that depend on affected or dropped objects.
    fn add_dependent_routines(&mut self, old: &Schema, new: &Schema, graph: &Graph) {
        loop {
            let changes = |ObjectNode(kind, name): ObjectNode| match kind {
                ObjectKind::Table => self.tables.contains(name) || !new.tables.contains_key(name),
                ObjectKind::View => self.routines.contains(name) || !new.views.contains_key(name),
                ObjectKind::Function => self.routines.contains(name) || !new.functions.contains_key(name),
                ObjectKind::Type => self.rebuilt.contains(name) || !new.types.contains_key(name),
                ObjectKind::Sequence => false,
            };
            let views = old.views.keys().filter(|name| graph.needs(ObjectKind::View, name).any(changes));
            // A function depends on its arguments and its result; tables among them are row types. One with a body of the
            // SQL standard depends on everything that the body uses, too.
            let functions = old.functions.iter().filter(|(name, function)| {
                graph.needs(ObjectKind::Function, name).any(|node| match node {
                    ObjectNode(ObjectKind::Table, table) if !function.is_standard() => !new.tables.contains_key(table),
                    _ => changes(node),
                })
            });
            let dependent: Vec<ObjectName> = views.chain(functions.map(|(name, _)| name)).cloned().collect();
            let count = self.routines.len();
            self.routines.extend(dependent);
            if self.routines.len() == count {
                break;
            }
        }
    }

    /// Returns whether a type is a recreated enumeration.
    pub fn rebuilds(&self, kind: &TypeName) -> bool {
        !self.rebuilt.is_empty() && kind.object().is_some_and(|kind| self.rebuilt.contains(&kind))
    }

    /// Returns the objects that are dropped or recreated, by name.
    pub fn recreated<'a>(&'a self, old: &'a Schema, new: &Schema) -> BTreeMap<&'a str, Vec<ObjectNode<'a>>> {
        let gone = old.functions.keys().filter(|name| !new.functions.contains_key(*name));
        let routines = self.routines.iter().chain(gone).map(|name| ObjectNode(ObjectKind::Function, name));
        let mut recreated: BTreeMap<&str, Vec<ObjectNode>> = BTreeMap::new();
        for node in routines.chain(self.tables.iter().map(|name| ObjectNode(ObjectKind::Table, name))) {
            recreated.entry(node.1.name()).or_default().push(node);
        }
        recreated
    }

    /// Returns the columns of a table whose type changes.
    pub fn types_of(&self, table: &ObjectName) -> &BTreeSet<SqlName> {
        static NONE: BTreeSet<SqlName> = BTreeSet::new();
        self.types.get(table).unwrap_or(&NONE)
    }

    /// Returns the generated columns of a table that are dropped and added.
    pub fn regenerated_of(&self, table: &ObjectName) -> &BTreeSet<SqlName> {
        static NONE: BTreeSet<SqlName> = BTreeSet::new();
        self.regenerated.get(table).unwrap_or(&NONE)
    }
}

/// Returns the enumerations whose labels are removed or reordered.
fn rebuilt_enumerations(old: &Schema, new: &Schema) -> BTreeSet<ObjectName> {
    let rebuilds = |name: &ObjectName, kind: &UserType| match (kind, new.types.get(name)) {
        (UserType::Enum(old), Some(UserType::Enum(new))) => added_labels(&old.values, &new.values).is_none(),
        _ => false,
    };
    old.types.iter().filter(|(name, kind)| rebuilds(name, kind)).map(|(name, _)| name.clone()).collect()
}

/// Returns the functions and views whose own definitions change so that they cannot be replaced.
fn changed_routines(old: &Schema, new: &Schema) -> BTreeSet<ObjectName> {
    let functions = old
        .functions
        .iter()
        .filter(|(name, old)| new.functions.get(*name).is_some_and(|new| signature_differs(old, new)));
    let views = old.views.iter().filter(|(name, old)| new.views.get(*name).is_some_and(|new| view_differs(old, new)));
    functions.map(|(name, _)| name).chain(views.map(|(name, _)| name)).cloned().collect()
}

/// Returns the changed functions whose body of the SQL standard has the old name of a renamed table. Neither a server before
/// the rename nor one after it reads both bodies, so one is dropped before it and the other created after it.
fn functions_with_old_names(renamed: &RenamedSchema, new: &Schema) -> BTreeSet<ObjectName> {
    let has_old_name = |function: &Function| {
        let mut names = words(function.body.as_str());
        function.is_standard() && names.any(|word| renamed.names.values().any(|old| word == old.name()))
    };
    let functions =
        renamed.schema.functions.iter().filter(|(name, old)| {
            new.functions.get(*name).is_some_and(|new| new.body != old.body) && has_old_name(old)
        });
    functions.map(|(name, _)| name.clone()).collect()
}

/// Returns whether `CREATE OR REPLACE` cannot turn one function into the other.
fn signature_differs(old: &Function, new: &Function) -> bool {
    old.procedure != new.procedure || old.arguments != new.arguments || old.returns != new.returns
}

/// Returns whether two views differ in a part that cannot be changed in place.
fn view_differs(old: &View, new: &View) -> bool {
    old.query != new.query || old.materialized != new.materialized || old.security_invoker != new.security_invoker
}
