//! Finds the objects that a migration must recreate because they depend on a change, even if their own definitions are
//! unchanged.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, ObjectKind, ObjectNode, mentioned_as, object_kind};
use super::labels::added_labels;
use super::rename::RenamedSchema;
use crate::database::identifiers::{mentioned_names, mentioned_names_except, mentions_column};
use crate::database::model::*;

/// Objects that are recreated, and tables and columns that change.
#[derive(Default)]
pub struct Affected {
    /// Columns whose type or collation changes, by table.
    retyped: BTreeMap<ObjectName, BTreeSet<SqlName>>,
    /// Generated columns that are dropped and added again, by table.
    regenerated: BTreeMap<ObjectName, BTreeSet<SqlName>>,
    /// Enumerations that are recreated.
    pub rebuilt_enumerations: BTreeSet<ObjectName>,
    /// Composite types with attributes that are dropped or retyped, which the server refuses while a view or a body that is
    /// SQL, not a string, reads them.
    changed_composites: BTreeSet<ObjectName>,
    /// Views and functions that are dropped and created again.
    pub recreated_routines: BTreeSet<ObjectName>,
    /// Keys of the objects kept as their SQL that are dropped and created again.
    pub recreated_objects: BTreeSet<ObjectName>,
    /// Tables whose columns change.
    changed_tables: BTreeSet<ObjectName>,
    /// Names in SQL of the functions that may return other values than before, and of the enumerations that are recreated.
    changed_names: BTreeSet<String>,
}

impl Affected {
    /// Compares two schemas. `renamed` is the old schema in which renamed objects have their new names, and `graph` is
    /// the dependency graph of its objects.
    pub fn new(renamed: &RenamedSchema, new: &Schema, graph: &Graph) -> Self {
        let old = &renamed.schema;
        let mut affected = Affected {
            changed_tables: renamed.affected_tables.clone(),
            rebuilt_enumerations: rebuilt_enumerations(old, new),
            changed_composites: changed_composites(old, new),
            changed_names: functions_with_other_values(old, new),
            ..Affected::default()
        };
        let enumerations = affected.rebuilt_enumerations.iter().map(|name| name.name().to_owned());
        affected.changed_names.extend(enumerations);
        for (name, table) in &old.tables {
            if let Some(new_table) = new.tables.get(name) {
                affected.compare_columns(name, table, new_table);
            }
        }
        affected.recreated_routines = changed_routines(old, new);
        affected.recreated_routines.extend(functions_with_old_names(renamed, new));
        let changed_objects =
            old.objects.iter().filter(|(key, old)| new.objects.get(*key).is_some_and(|new| new.differs_from(old)));
        affected.recreated_objects = changed_objects.map(|(key, _)| key.node().clone()).collect();
        affected.add_dependents(old, new, graph);
        affected
    }

    /// Records a table whose columns change, and the columns that are retyped or generated again.
    fn compare_columns(&mut self, name: &ObjectName, old_table: &Table, new_table: &Table) {
        if old_table.columns.keys().ne(new_table.columns.keys()) {
            self.changed_tables.insert(name.clone());
        }
        let column_pairs =
            || old_table.columns.iter().map(|(column, old)| (column, old, new_table.columns.get(column)));
        let is_retyped = |old: &Column, new: Option<&Column>| {
            new.is_some_and(|new| !new.has_type_of(old)) || self.is_rebuilt(&old.kind)
        };
        let retyped_columns: BTreeSet<SqlName> =
            column_pairs().filter(|(_, old, new)| is_retyped(old, *new)).map(|(column, ..)| column.clone()).collect();
        // A generated column is computed again if its definition changes or a column in its expression is retyped.
        let is_regenerated = |old: &Column, new: Option<&Column>| {
            let Some(expression) = &old.generated else { return false };
            let Some(new) = new.filter(|new| new.generated.is_some()) else { return false };
            new.generated != old.generated
                || new.is_virtual != old.is_virtual
                || new.kind != old.kind
                || mentions_column(expression.as_str(), &retyped_columns)
                || self.is_rebuilt(&old.kind)
                || self.any_computes_differently(old_table, [expression].into_iter())
        };
        let regenerated_columns: BTreeSet<SqlName> = column_pairs()
            .filter(|(_, old, new)| is_regenerated(old, *new))
            .map(|(column, ..)| column.clone())
            .collect();
        if !retyped_columns.is_empty() || !regenerated_columns.is_empty() {
            self.changed_tables.insert(name.clone());
            self.retyped.insert(name.clone(), retyped_columns);
            self.regenerated.insert(name.clone(), regenerated_columns);
        }
    }

    /// Adds the views, functions and other objects that depend on affected or dropped objects.
    fn add_dependents(&mut self, old: &Schema, new: &Schema, graph: &Graph) {
        // A recreated routine affects the routines that depend on it, so repeat until none is added.
        loop {
            let is_changed = |ObjectNode { kind, name }: ObjectNode| match kind {
                ObjectKind::Table => self.changed_tables.contains(name) || !new.tables.contains_key(name),
                ObjectKind::View => self.recreated_routines.contains(name) || !new.views.contains_key(name),
                ObjectKind::Function => self.drops_function(new, name),
                ObjectKind::Type => self.rebuilt_enumerations.contains(name) || !new.types.contains_key(name),
                ObjectKind::Sequence => false,
                ObjectKind::ObjectBeforeTables | ObjectKind::Object => self.drops_object(new, name),
            };
            let is_changed_composite = |ObjectNode { kind, name }: &ObjectNode| {
                *kind == ObjectKind::Type && self.changed_composites.contains(*name)
            };
            // A view or body may read attributes of a value of the type, or of the result of a function.
            let reads_changed_composite = |node: ObjectNode| {
                let is_result = || {
                    node.kind == ObjectKind::Function
                        && graph.needs(node.kind, node.name).any(|node| is_changed_composite(&node))
                };
                is_changed_composite(&node) || is_result()
            };
            let objects = old.objects.iter().filter(|(key, object)| {
                graph.needs(object_kind(object), key.node()).any(|node| match node {
                    // The object belongs to the table or uses its row type; only changes of certain columns matter.
                    ObjectNode { kind: ObjectKind::Table, name: table } => {
                        !new.tables.contains_key(table)
                            || mentions_column(object.create.as_str(), &self.lost_columns(old, new, table))
                    }
                    _ => is_changed(node),
                })
            });
            let objects: Vec<ObjectName> = objects.map(|(key, _)| key.node().clone()).collect();
            let views = old.views.keys().filter(|name| {
                graph.needs(ObjectKind::View, name).any(|node| is_changed(node) || reads_changed_composite(node))
            });
            // A function depends on the types of its arguments and its result. Composite types and the row types of
            // tables survive changes of their parts. A function with a body that is SQL, not a string, depends on all
            // objects that it uses.
            let functions = old.functions.iter().filter(|(name, function)| {
                graph.needs(ObjectKind::Function, name).any(|node| match node {
                    ObjectNode { kind: ObjectKind::Table, name: table } if !function.has_standard_body() => {
                        !new.tables.contains_key(table)
                    }
                    _ => is_changed(node) || (function.has_standard_body() && reads_changed_composite(node)),
                })
            });
            let dependents: Vec<ObjectName> = views.chain(functions.map(|(name, _)| name)).cloned().collect();
            let count = self.recreated_routines.len() + self.recreated_objects.len();
            self.recreated_routines.extend(dependents);
            self.recreated_objects.extend(objects);
            if self.recreated_routines.len() + self.recreated_objects.len() == count {
                break;
            }
        }
    }

    /// Returns whether a function of the old schema is dropped, even if it is created again.
    pub fn drops_function(&self, new: &Schema, name: &ObjectName) -> bool {
        self.recreated_routines.contains(name) || !new.functions.contains_key(name)
    }

    /// Returns whether an object of the old schema that is kept as its SQL is dropped, even if it is created again.
    pub fn drops_object(&self, new: &Schema, key: &ObjectName) -> bool {
        self.recreated_objects.contains(key) || !new.objects.contains_key(key)
    }

    /// Returns the columns of a table that are dropped or generated again, or whose type or collation changes.
    fn lost_columns(&self, old: &Schema, new: &Schema, table: &ObjectName) -> BTreeSet<SqlName> {
        let columns = |schema: &Schema| schema.tables.get(table).map(|table| table.columns.keys().cloned().collect());
        let old_columns: BTreeSet<SqlName> = columns(old).unwrap_or_default();
        let kept_columns: BTreeSet<SqlName> = columns(new).unwrap_or_default();
        let dropped = old_columns.difference(&kept_columns);
        dropped.chain(self.retyped_columns(table)).chain(self.regenerated_columns(table)).cloned().collect()
    }

    /// Returns whether one of the expressions of a table uses an enumeration that is recreated, or a function that may
    /// return other values than before. The values that the server stored for such an expression are no longer right.
    pub fn any_computes_differently<'a>(
        &self,
        table: &Table,
        mut expressions: impl Iterator<Item = &'a Expression>,
    ) -> bool {
        if self.changed_names.is_empty() {
            return false;
        }
        let columns: BTreeSet<&str> = table.columns.keys().map(SqlName::as_str).collect();
        let is_changed = |word: Cow<str>| self.changed_names.contains(&*word);
        expressions.any(|expression| mentioned_names_except(expression.as_str(), &columns).any(is_changed))
    }

    /// Returns whether a type is an enumeration that is recreated.
    pub fn is_rebuilt(&self, kind: &TypeName) -> bool {
        !self.rebuilt_enumerations.is_empty()
            && kind.object().is_some_and(|kind| self.rebuilt_enumerations.contains(&kind))
    }

    /// Returns whether an expression mentions an enumeration that is recreated.
    pub fn mentions_rebuilt(&self, expression: &Expression) -> bool {
        let is_rebuilt = |word: Cow<str>| self.rebuilt_enumerations.iter().any(|name| name.name() == word);
        !self.rebuilt_enumerations.is_empty() && mentioned_names(expression.as_str()).any(is_rebuilt)
    }

    /// Returns the objects that are dropped, recreated or changed, by the name with which SQL mentions them, without
    /// the schema. Recreated views have nodes of the kind `Function`, too.
    pub fn changed_or_dropped<'a>(
        &'a self,
        old: &'a Schema,
        new: &Schema,
    ) -> BTreeMap<Cow<'a, str>, Vec<ObjectNode<'a>>> {
        let dropped_functions = old.functions.keys().filter(|name| !new.functions.contains_key(*name));
        let routines = self
            .recreated_routines
            .iter()
            .chain(dropped_functions)
            .map(|name| ObjectNode::new(ObjectKind::Function, name));
        let tables = self.changed_tables.iter().map(|name| ObjectNode::new(ObjectKind::Table, name));
        let changed_types = self.rebuilt_enumerations.iter().chain(&self.changed_composites);
        let types = changed_types.map(|name| ObjectNode::new(ObjectKind::Type, name));
        let objects = old
            .objects
            .iter()
            .filter(|(key, _)| self.drops_object(new, key.node()))
            .map(|(key, object)| ObjectNode::new(object_kind(object), key.node()));
        let mut recreated: BTreeMap<Cow<str>, Vec<ObjectNode>> = BTreeMap::new();
        for node in routines.chain(tables).chain(types).chain(objects) {
            recreated.entry(mentioned_as(old, &node)).or_default().push(node);
        }
        recreated
    }

    /// Returns the columns of a table whose type or collation changes.
    pub fn retyped_columns(&self, table: &ObjectName) -> &BTreeSet<SqlName> {
        static NONE: BTreeSet<SqlName> = BTreeSet::new();
        self.retyped.get(table).unwrap_or(&NONE)
    }

    /// Returns the generated columns of a table that are dropped and added again.
    pub fn regenerated_columns(&self, table: &ObjectName) -> &BTreeSet<SqlName> {
        static NONE: BTreeSet<SqlName> = BTreeSet::new();
        self.regenerated.get(table).unwrap_or(&NONE)
    }
}

/// Returns the enumerations whose labels are removed or reordered: PostgreSQL can only add labels, so these types are
/// created again.
fn rebuilt_enumerations(old: &Schema, new: &Schema) -> BTreeSet<ObjectName> {
    let is_rebuilt = |name: &ObjectName, kind: &UserType| match (kind, new.types.get(name)) {
        (UserType::Enum(old), Some(UserType::Enum(new))) => added_labels(&old.values, &new.values).is_none(),
        _ => false,
    };
    old.types.iter().filter(|(name, kind)| is_rebuilt(name, kind)).map(|(name, _)| name.clone()).collect()
}

/// Returns the composite types that lose an attribute, or of which an attribute gets a different type or collation.
fn changed_composites(old: &Schema, new: &Schema) -> BTreeSet<ObjectName> {
    let is_changed = |name: &ObjectName, kind: &UserType| match (kind, new.types.get(name)) {
        (UserType::Composite(old), Some(UserType::Composite(new))) => {
            old.attributes.iter().any(|attribute| !new.attributes.contains(attribute))
        }
        _ => false,
    };
    old.types.iter().filter(|(name, kind)| is_changed(name, kind)).map(|(name, _)| name.clone()).collect()
}

/// Returns the functions and views whose own definitions change in a way that `CREATE OR REPLACE` does not support.
fn changed_routines(old: &Schema, new: &Schema) -> BTreeSet<ObjectName> {
    let functions = old
        .functions
        .iter()
        .filter(|(name, old)| new.functions.get(*name).is_some_and(|new| signature_differs(old, new)));
    let views = old.views.iter().filter(|(name, old)| new.views.get(*name).is_some_and(|new| view_differs(old, new)));
    functions.map(|(name, _)| name).chain(views.map(|(name, _)| name)).cloned().collect()
}

/// Returns the names, without schemas, of the functions whose definitions change, and of those that call them.
fn functions_with_other_values(old: &Schema, new: &Schema) -> BTreeSet<String> {
    let name_in_sql = |name| mentioned_as(old, &ObjectNode::new(ObjectKind::Function, name)).into_owned();
    let changes = |name: &ObjectName, old: &Function| {
        let may_return_other_values = |new: &Function| {
            new.body != old.body
                || new.language != old.language
                || new.strict != old.strict
                || new.settings != old.settings
                || signature_differs(old, new)
        };
        new.functions.get(name).is_some_and(may_return_other_values)
    };
    let changed_functions = old.functions.iter().filter(|(name, function)| changes(name, function));
    let mut names: BTreeSet<String> = changed_functions.map(|(name, _)| name_in_sql(name)).collect();
    if names.is_empty() {
        return names;
    }
    let bodies = old.functions.iter();
    // The functions that may still be callers, with the words of their bodies.
    let mut candidates: Vec<(String, BTreeSet<Cow<str>>)> =
        bodies.map(|(name, function)| (name_in_sql(name), mentioned_names(function.body.as_str()).collect())).collect();
    loop {
        let calls = |(_, words): &mut (String, BTreeSet<Cow<str>>)| words.iter().any(|word| names.contains(&**word));
        let callers: Vec<String> = candidates.extract_if(.., calls).map(|(name, _)| name).collect();
        if callers.is_empty() {
            return names;
        }
        names.extend(callers);
    }
}

/// Returns the changed functions whose SQL body (one that is not a string) mentions the old name of a renamed table.
/// Before the rename a server accepts only the old body, after it only the new one, so the function is dropped before
/// the rename and created after it.
fn functions_with_old_names(renamed: &RenamedSchema, new: &Schema) -> BTreeSet<ObjectName> {
    let has_old_name = |function: &Function| {
        let mut names = mentioned_names(function.body.as_str());
        function.has_standard_body() && names.any(|word| renamed.old_table_names.values().any(|old| word == old.name()))
    };
    let functions =
        renamed.schema.functions.iter().filter(|(name, old)| {
            new.functions.get(*name).is_some_and(|new| new.body != old.body) && has_old_name(old)
        });
    functions.map(|(name, _)| name.clone()).collect()
}

/// Returns whether two versions of a function differ in a part that `CREATE OR REPLACE` cannot change.
fn signature_differs(old: &Function, new: &Function) -> bool {
    old.procedure != new.procedure || old.arguments != new.arguments || old.returns != new.returns
}

/// Returns whether two versions of a view differ in a part that cannot be changed in place.
fn view_differs(old: &View, new: &View) -> bool {
    old.query != new.query
        || old.columns != new.columns
        || old.materialized != new.materialized
        || old.security_invoker != new.security_invoker
        || old.security_barrier != new.security_barrier
        || old.check_option != new.check_option
}
