//! Frees the names that new objects take from objects that are dropped. Each schema has two namespaces: the relations
//! (tables, views, sequences, indexes and composite types) and the types (also the row types of tables and views). A new
//! table, view or sequence needs a name that is free in both. An object that is dropped only after the new objects are
//! created is renamed before.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::with_partitions;
use super::name_path::free_names;
use super::new_names::{rename_sql, replace_sequence_name, replace_type_name};
use super::renamed_schema::RenamedSchema;
use crate::database::ddl;
use crate::database::default_names::identity_sequence_name;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, OTHER_OBJECT_HAS_NAME, Phase};
use crate::database::model::*;

/// One of the two namespaces of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NameSpace {
    Relations,
    Types,
}

/// An object, or a part of one, that has a name in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Holder<'a> {
    /// A table or a view.
    Rows(&'a ObjectName),
    /// A partition that its table lists.
    Partition(&'a ObjectName, &'a SqlName),
    Type(&'a ObjectName),
    Sequence(&'a ObjectName),
    /// An index of a table or a view, also that of a key. The name of a primary key is empty here.
    Index(&'a ObjectName, &'a str),
    /// The sequence of an identity column.
    Identity(&'a ObjectName, &'a SqlName),
}

/// Returns the entries of a relation that is not an index, one for each namespace: before the server creates such a
/// relation, it checks that no type has its name, too.
fn in_both_spaces(name: ObjectName, holder: Holder<'_>) -> [(NameSpace, ObjectName, Holder<'_>); 2] {
    [(NameSpace::Relations, name.clone(), holder.clone()), (NameSpace::Types, name, holder)]
}

/// Returns the names of all relations and types with the objects that have them.
fn names_with_holders(schema: &Schema) -> impl Iterator<Item = (NameSpace, ObjectName, Holder<'_>)> {
    use NameSpace::{Relations, Types};
    let rows = schema.tables.keys().chain(schema.views.keys());
    let rows = rows.flat_map(|name| in_both_spaces(name.clone(), Holder::Rows(name)));
    let sequences = schema.sequences.keys().flat_map(|name| in_both_spaces(name.clone(), Holder::Sequence(name)));
    let types = schema.types.iter().flat_map(|(name, kind)| {
        let relation = matches!(kind, UserType::Composite(_)).then(|| (Relations, name.clone(), Holder::Type(name)));
        [(Types, name.clone(), Holder::Type(name))].into_iter().chain(relation)
    });
    let multiranges = schema.multiranges().map(|(range, name)| (Types, name, Holder::Type(range)));
    let view_indexes = schema.views.iter().flat_map(|(owner, view)| {
        view.indexes.keys().map(move |key| (Relations, owner.in_same_schema(key), Holder::Index(owner, key.as_str())))
    });
    rows.chain(sequences).chain(types).chain(multiranges).chain(view_indexes).chain(names_of_table_parts(schema))
}

/// Returns the names of the indexes, of the keys and of the sequences of identity columns of all tables.
fn names_of_table_parts(schema: &Schema) -> impl Iterator<Item = (NameSpace, ObjectName, Holder<'_>)> {
    schema.tables.iter().flat_map(|(owner, table)| {
        let index_names = table.indexes.keys().chain(table.uniques.keys()).chain(table.excludes.keys());
        let indexes = index_names.map(move |key| (owner.in_same_schema(key), Holder::Index(owner, key.as_str())));
        let primary_key = (!table.primary_key.is_empty())
            .then(|| (owner.in_same_schema(&ddl::primary_key_name(owner, table)), Holder::Index(owner, "")));
        let identities = table.columns.iter().filter(|(_, column)| column.identity.is_some());
        let identities = identities.flat_map(move |(column, _)| {
            in_both_spaces(identity_sequence_name(owner, column), Holder::Identity(owner, column))
        });
        let partitions = table.partitions.keys();
        let partitions =
            partitions.flat_map(move |part| in_both_spaces(owner.in_same_schema(part), Holder::Partition(owner, part)));
        let indexes = indexes.chain(primary_key).map(|(name, holder)| (NameSpace::Relations, name, holder));
        indexes.chain(identities).chain(partitions)
    })
}

/// Returns the names of all relations and types.
pub fn all_names(schema: &Schema) -> BTreeSet<ObjectName> {
    names_with_holders(schema).map(|(_, name, _)| name).collect()
}

/// Returns whether a new object takes the name of a dropped table or of one of its partitions. The table is then
/// dropped before that object is created.
pub fn is_name_of_table_taken(old: &Schema, new_names: &BTreeSet<ObjectName>, table: &ObjectName) -> bool {
    with_partitions(old, table).iter().any(|name| new_names.contains(name))
}

/// Plans the renames of dropped types and sequences, and of indexes of dropped tables, whose names new objects take.
/// Types and sequences get their new names in the old schema too.
pub(super) fn free_taken_names(planner: &mut Planner, renamed: &mut RenamedSchema) {
    let new_names = all_names(planner.new);
    let taken = taken_names(&renamed.schema, planner.new, &new_names);
    if taken.is_empty() {
        return;
    }
    let mut used_names: BTreeSet<ObjectName> = all_names(&renamed.schema).union(&new_names).cloned().collect();
    for (name, kind) in taken {
        let free_name = free_name(&name, &used_names);
        used_names.insert(free_name.clone());
        rename_in_schema(&mut renamed.schema, &name, &free_name);
        let why = format!("{name} is dropped later, and a different object takes its name");
        planner.push(
            MigrationStep::new(Phase::FreeNames, name.as_str(), planner.root.clone(), why)
                .up(rename_sql(kind, &name, &free_name))
                .irreversible(OTHER_OBJECT_HAS_NAME),
        );
        renamed.freed_names.insert(free_name, name);
    }
}

/// Returns the names that new objects take from dropped ones, each with the kind of the dropped object in ALTER.
fn taken_names(old: &Schema, new: &Schema, new_names: &BTreeSet<ObjectName>) -> BTreeMap<ObjectName, &'static str> {
    let mut new_holders: BTreeMap<(NameSpace, ObjectName), Vec<Holder>> = BTreeMap::new();
    for (space, name, holder) in names_with_holders(new) {
        new_holders.entry((space, name)).or_default().push(holder);
    }
    let mut taken = BTreeMap::new();
    let holders = names_with_holders(old);
    for (space, name, holder) in holders.filter(|(_, _, holder)| is_dropped_late(old, new, new_names, holder)) {
        let takes_name = |new_holder: &Holder| *new_holder != holder && !continues(old, new, &holder, new_holder);
        let key = (space, name);
        if new_holders.get(&key).is_some_and(|new_holders| new_holders.iter().any(takes_name)) {
            let kind = match holder {
                // A name other than that of the type itself is that of a range's multirange.
                Holder::Type(kind) => old.types.get(kind).filter(|_| *kind == key.1).map_or("TYPE", ddl::type_kind),
                Holder::Sequence(_) => "SEQUENCE",
                // The server chose this name. If the table was renamed since, the sequence has a different name.
                Holder::Identity(..) => "SEQUENCE IF EXISTS",
                // `is_dropped_late` is false for tables, partitions and views.
                Holder::Index(..) | Holder::Rows(_) | Holder::Partition(..) => "INDEX",
            };
            taken.insert(key.1, kind);
        }
    }
    taken
}

/// Gives a type or sequence of a schema a different name.
fn rename_in_schema(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    if let Some(kind) = schema.types.remove(from) {
        schema.types.insert(to.clone(), kind);
        replace_type_name(schema, from, to);
    } else if let Some(sequence) = schema.sequences.remove(from) {
        schema.sequences.insert(to.clone(), sequence);
        replace_sequence_name(schema, from, to);
    }
}

/// Returns whether an object of the old schema is dropped only after the new objects are created, so that its name is not
/// free before.
fn is_dropped_late(old: &Schema, new: &Schema, new_names: &BTreeSet<ObjectName>, holder: &Holder) -> bool {
    let drops_table = |table: &ObjectName| {
        // A table whose own name is taken is dropped early.
        old.tables.contains_key(table)
            && !new.tables.contains_key(table)
            && !is_name_of_table_taken(old, new_names, table)
    };
    match holder {
        Holder::Rows(_) | Holder::Partition(..) => false,
        Holder::Type(name) => !new.types.contains_key(*name),
        Holder::Sequence(name) => !new.sequences.contains_key(*name),
        Holder::Index(table, _) => drops_table(table),
        Holder::Identity(table, column) => match new.tables.get(*table) {
            Some(table) => table.columns.get(*column).is_none_or(|column| column.identity.is_none()),
            None => drops_table(table),
        },
    }
}

/// Returns whether a sequence becomes the identity of its column, or an identity becomes a sequence. The new object
/// continues the numbers of the old one, and the step that creates it also drops the old one.
fn continues(old: &Schema, new: &Schema, holder: &Holder, new_holder: &Holder) -> bool {
    let owner_of = |schema: &Schema, sequence: &ObjectName| schema.sequences.get(sequence)?.owned_by.clone();
    let is_owner = |owner: Option<ColumnOf>, (table, column): (&ObjectName, &SqlName)| {
        owner.is_some_and(|owner| owner.table == *table && owner.column == *column)
    };
    match (holder, new_holder) {
        (Holder::Sequence(name), Holder::Identity(table, column)) => is_owner(owner_of(old, name), (table, column)),
        (Holder::Identity(table, column), Holder::Sequence(name)) => {
            // If a declared sequence has the default name of the identity, the identity has a different one.
            old.sequences.contains_key(*name) || is_owner(owner_of(new, name), (table, column))
        }
        _ => false,
    }
}

/// Returns a name in the same schema that no object has: for `orders`, the first of `orders_before`, `orders_before2`, …
/// that is not in use.
fn free_name(name: &ObjectName, used_names: &BTreeSet<ObjectName>) -> ObjectName {
    let mut names = free_names(name.name()).map(|free| name.in_same_schema(&free));
    names.find(|name| !used_names.contains(name)).unwrap_or_else(|| name.clone())
}
