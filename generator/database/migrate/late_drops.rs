//! Functions and objects that can be dropped only after the columns, checks, indexes and domains that use them.

use std::collections::{BTreeMap, BTreeSet};

use super::affected::Affected;
use super::graph::{Graph, ObjectKind, ObjectNode, mentioned_as, object_kind};
use super::needed_names::{texts_of_exclude, texts_of_index};
use super::recreated_parts::RecreatedParts;
use crate::database::identifiers::{mentioned_names, mentioned_operators};
use crate::database::model::*;

/// The dropped and recreated functions and objects that a column, check, index or domain uses, directly or through a
/// different dropped function or object.
#[derive(Default)]
pub struct LateDrops<'a> {
    /// Maps a function or object to the name of a column, check, index or domain that uses it.
    pub users: BTreeMap<ObjectNode<'a>, String>,
    /// Recreated functions that generated columns use, which are dropped and added again.
    pub after_columns: BTreeSet<ObjectNode<'a>>,
}

/// Returns the dropped and recreated functions and objects that a column, check, index or domain uses.
pub fn late_drops<'a>(
    old: &'a Schema,
    new: &Schema,
    affected: &Affected,
    (graph, recreated_parts): (&Graph<'a>, &RecreatedParts),
) -> LateDrops<'a> {
    let functions = old
        .functions
        .keys()
        .filter(|name| affected.drops_function(new, name))
        .map(|name| ObjectNode::new(ObjectKind::Function, name));
    let objects = old
        .objects
        .iter()
        .filter(|(key, _)| affected.drops_object(new, key.node()))
        .map(|(key, object)| ObjectNode::new(object_kind(object), key.node()));
    let dropped: Vec<ObjectNode> = functions.chain(objects).collect();
    // Parts of tables that are dropped before a recreated function do not use it when it is dropped.
    let no_parts = RecreatedParts::default();
    let is_recreated = |node: &ObjectNode| node.kind == ObjectKind::Function && new.functions.contains_key(node.name);
    let mut unchecked: Vec<(ObjectNode, String)> = dropped
        .iter()
        .filter_map(|node| {
            let ignored_parts = if is_recreated(node) { recreated_parts } else { &no_parts };
            Some((*node, user_of(old, node, ignored_parts)?))
        })
        .collect();
    let mut late = LateDrops::default();
    // The objects that an object needs must remain as long as it does, so they are dropped late, too.
    let needed_by = |node: &ObjectNode<'a>| graph.needs(node.kind, node.name).filter(|other| dropped.contains(other));
    let mut used_by_columns = used_by_generated_columns(old, recreated_parts, &dropped);
    while let Some((node, user)) = used_by_columns.pop() {
        if !is_recreated(&node) {
            unchecked.push((node, user));
        } else if late.after_columns.insert(node) {
            used_by_columns.extend(needed_by(&node).map(|other| (other, user.clone())));
        }
    }
    while let Some((node, user)) = unchecked.pop() {
        if late.users.contains_key(&node) {
            continue;
        }
        unchecked.extend(needed_by(&node).map(|other| (other, user.clone())));
        late.users.insert(node, user);
    }
    late
}

/// Returns the dropped functions that dropped generated columns call, each with the name of such a column.
fn used_by_generated_columns<'a>(
    old: &'a Schema,
    recreated_parts: &RecreatedParts,
    dropped: &[ObjectNode<'a>],
) -> Vec<(ObjectNode<'a>, String)> {
    let mut used = Vec::new();
    for (column, expression) in recreated_parts.generated(old) {
        let names: BTreeSet<_> = mentioned_names(expression.as_str()).collect();
        let functions = dropped.iter().filter(|node| node.kind == ObjectKind::Function);
        let called = functions.filter(|node| names.contains(&mentioned_as(old, node)));
        used.extend(called.map(|node| (*node, column.clone())));
    }
    used
}

/// Returns the name of a column, check, index or domain that uses a function or an object, such as `orders.total`. The
/// parts of tables in `ignored_parts` do not count.
fn user_of(schema: &Schema, node: &ObjectNode, ignored_parts: &RecreatedParts) -> Option<String> {
    let identity = match node.kind {
        ObjectKind::ObjectBeforeTables | ObjectKind::Object => Some(schema.objects.get(node.name)?.identity()?),
        _ => None,
    };
    if let Some(collation) = identity.as_ref().filter(|identity| identity.class.words == "COLLATION")
        && let Some(user) = collation.name.as_ref().and_then(|name| column_with_collation(schema, name))
    {
        return Some(user);
    }
    let mention = mentioned_as(schema, node);
    if mention.is_empty() {
        return None;
    }
    match identity.is_some_and(|identity| identity.is_operator()) {
        true => exclusion_with(schema, &mention).or_else(|| {
            user_whose_text(schema, ignored_parts, &|text| {
                mentioned_operators(text.as_str()).iter().any(|signs| *signs == mention)
            })
        }),
        false => {
            user_whose_text(schema, ignored_parts, &|text| mentioned_names(text.as_str()).any(|word| word == mention))
        }
    }
}

/// Returns the name of a part of a table, partitioned table, domain or range type with an expression for which `mentions`
/// is true. The parts of tables in `ignored_parts` do not count.
fn user_whose_text(
    schema: &Schema,
    ignored_parts: &RecreatedParts,
    mentions: &dyn Fn(&Expression) -> bool,
) -> Option<String> {
    for (name, table) in &schema.tables {
        let mut columns = table.columns.iter();
        let column = columns.find(|(column, definition)| {
            let default = definition.default.as_ref();
            let default = default.filter(|_| !ignored_parts.has_default(name, column));
            let generated = definition.generated.as_ref().filter(|_| !ignored_parts.has_generated(name, column));
            default.into_iter().chain(generated).any(mentions)
        });
        let mut checks = table.checks.iter();
        let check = || {
            checks
                .find(|(key, check)| !ignored_parts.has_check(name, key) && mentions(&check.expression))
                .map(|(check, _)| check)
        };
        let mut indexes = table.indexes.iter();
        let index = || {
            indexes
                .find(|(key, index)| !ignored_parts.has_index(name, key) && texts_of_index(index).any(mentions))
                .map(|(index, _)| index)
        };
        let mut excludes = table.excludes.iter();
        let exclude = || {
            excludes
                .find(|(key, exclude)| !ignored_parts.has_exclude(name, key) && texts_of_exclude(exclude).any(mentions))
                .map(|(exclude, _)| exclude)
        };
        if table.partition_by.iter().flat_map(PartitionBy::expressions).any(mentions) {
            return Some(name.to_string());
        }
        let part = column.map(|(column, _)| column).or_else(check).or_else(index).or_else(exclude);
        if let Some(part) = part {
            return Some(format!("{name}.{part}"));
        }
    }
    schema.types.iter().find_map(|(name, kind)| match kind {
        UserType::Domain(domain) => {
            domain.default.iter().chain(domain.checks.values()).any(mentions).then(|| name.to_string())
        }
        UserType::Range(range) => {
            let function = range.subtype_diff.as_ref().map(|function| Expression::from_word(function.name()));
            function.iter().any(mentions).then(|| name.to_string())
        }
        UserType::Enum(_) | UserType::Composite(_) => None,
    })
}

/// Returns the name of an exclusion constraint that compares with an operator, such as `&&`.
fn exclusion_with(schema: &Schema, signs: &str) -> Option<String> {
    schema.tables.iter().find_map(|(name, table)| {
        let compares = |exclude: &Exclude| exclude.elements.iter().any(|element| element.with.as_str() == signs);
        let exclude = table.excludes.iter().find(|(_, exclude)| compares(exclude));
        exclude.map(|(exclude, _)| format!("{name}.{exclude}"))
    })
}

/// Returns the name of a column or index with a collation, or of a table whose partition key has it.
fn column_with_collation(schema: &Schema, collation: &ObjectName) -> Option<String> {
    let uses = |used: &Option<Collation>| used.as_ref().and_then(Collation::object).as_ref() == Some(collation);
    schema.tables.iter().find_map(|(name, table)| {
        let column = table.columns.iter().find(|(_, column)| uses(&column.collation)).map(|(column, _)| column);
        let has_collation = |index: &Index| index.columns.iter().any(|column| uses(&column.collation));
        let index = || table.indexes.iter().find(|(_, index)| has_collation(index)).map(|(index, _)| index);
        if table.partition_by.iter().flat_map(|by| &by.columns).any(|key| uses(&key.collation)) {
            return Some(name.to_string());
        }
        column.or_else(index).map(|part| format!("{name}.{part}"))
    })
}
