//! Dependencies between objects, from the names in their SQL and from `depends_on`. A word that only looks like a
//! name adds a false dependency, which changes the order of steps but not the result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::database::identifiers::words;
use crate::database::model::*;

/// A kind of object. Independent objects are sorted by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    Type,
    Sequence,
    Function,
    Table,
    View,
}

/// A node of the dependency graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectNode<'a>(pub ObjectKind, pub &'a ObjectName);

impl fmt::Display for ObjectNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.1)
    }
}

/// All objects of a schema, sorted so that each comes after the objects that it needs.
pub struct Graph<'a> {
    /// Sorted by kind and name. The other fields refer to a node by its index here.
    nodes: Vec<ObjectNode<'a>>,
    /// Position of each node, from 1.
    positions: Vec<usize>,
    /// Nodes that must exist as long as the node exists.
    needs: Vec<BTreeSet<usize>>,
}

impl<'a> Graph<'a> {
    /// Sorts the objects of a schema.
    ///
    /// # Errors
    /// Objects that need each other in a cycle.
    pub fn new(schema: &'a Schema) -> Result<Self, Vec<ObjectNode<'a>>> {
        let nodes: Vec<ObjectNode> = all(schema).collect();
        let mut names: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, node) in nodes.iter().enumerate() {
            names.entry(node.1.name()).or_default().push(i);
        }
        let mut needs = vec![BTreeSet::new(); nodes.len()];
        // Includes nodes that must exist only when the node is created.
        let mut before = needs.clone();
        for (i, node) in nodes.iter().enumerate() {
            mentions(schema, node, &mut |word, always| {
                let others = names.get(word).into_iter().flatten().copied();
                for other in others.filter(|other| *other != i && !hides(schema, node, &nodes[*other])) {
                    before[i].insert(other);
                    if always {
                        needs[i].insert(other);
                    }
                }
            });
        }
        // A partition may have a column with the name of its table.
        for (i, ObjectNode(kind, name)) in nodes.iter().enumerate().filter(|(_, node)| node.0 == ObjectKind::Table) {
            let partition = schema.tables.get(*name).and_then(|table| table.partition_of.as_ref());
            let whole = partition.and_then(|it| nodes.binary_search(&ObjectNode(*kind, &it.table)).ok());
            before[i].extend(whole);
            needs[i].extend(whole);
        }
        match sort(&before) {
            Ok(positions) => Ok(Graph { nodes, positions, needs }),
            Err(cycle) => Err(cycle.into_iter().map(|i| nodes[i]).collect()),
        }
    }

    fn find(&self, kind: ObjectKind, name: &ObjectName) -> Option<usize> {
        self.nodes.binary_search(&ObjectNode(kind, name)).ok()
    }

    /// Returns the position of an object, from 1; 0 for an object that is not in the graph.
    pub fn position(&self, kind: ObjectKind, name: &ObjectName) -> usize {
        self.find(kind, name).map_or(0, |i| self.positions[i])
    }

    /// Returns the position of an object in the reverse order.
    pub fn reverse(&self, kind: ObjectKind, name: &ObjectName) -> usize {
        self.positions.len() + 1 - self.position(kind, name)
    }

    /// Returns the objects that must exist as long as an object exists.
    pub fn needs(&self, kind: ObjectKind, name: &ObjectName) -> impl Iterator<Item = ObjectNode<'a>> {
        self.find(kind, name).into_iter().flat_map(|i| &self.needs[i]).map(|other| self.nodes[*other])
    }
}

/// Returns whether a column of the table hides the other object: in the table's expressions the name means the column.
fn hides(schema: &Schema, node: &ObjectNode, other: &ObjectNode) -> bool {
    let ObjectNode(ObjectKind::Table, name) = node else { return false };
    matches!(other.0, ObjectKind::Function | ObjectKind::Table | ObjectKind::View)
        && schema.tables.get(*name).is_some_and(|table| table.columns.contains_key(other.1.name()))
}

/// Returns all objects, sorted by kind and name.
fn all(schema: &Schema) -> impl Iterator<Item = ObjectNode<'_>> {
    let types = schema.types.keys().map(|name| ObjectNode(ObjectKind::Type, name));
    let sequences = schema.sequences.keys().map(|name| ObjectNode(ObjectKind::Sequence, name));
    let functions = schema.functions.keys().map(|name| ObjectNode(ObjectKind::Function, name));
    let tables = schema.tables.keys().map(|name| ObjectNode(ObjectKind::Table, name));
    let views = schema.views.keys().map(|name| ObjectNode(ObjectKind::View, name));
    types.chain(sequences).chain(functions).chain(tables).chain(views)
}

/// Calls `tell` with each name that a node needs, and with true if it needs it always, or false if only when it is
/// created.
fn mentions(schema: &Schema, node: &ObjectNode, tell: &mut impl FnMut(&str, bool)) {
    match node.0 {
        ObjectKind::Type => match schema.types.get(node.1) {
            Some(UserType::Domain(domain)) => {
                tell(&base(&domain.base), true);
                domain.default.iter().chain(domain.checks.values()).for_each(|text| read(text.as_str(), true, tell));
            }
            Some(UserType::Composite(kind)) => kind.attributes.iter().for_each(|part| tell(&base(&part.kind), true)),
            Some(UserType::Enum(_)) | None => {}
        },
        ObjectKind::Sequence => {}
        ObjectKind::Function => {
            if let Some(function) = schema.functions.get(node.1) {
                function.arguments.iter().for_each(|argument| tell(&base(&argument.kind), true));
                let defaults = function.arguments.iter().filter_map(|argument| argument.default.as_ref());
                defaults.for_each(|text| read(text.as_str(), true, tell));
                function.returns.iter().for_each(|text| read(text.as_str(), true, tell));
                // The server checks the body of an SQL function, but no other, when the function is created.
                if function.language == FunctionLanguage::Sql {
                    read(function.body.as_str(), function.is_standard(), tell);
                }
                function.depends_on.iter().for_each(|name| tell(name.name(), false));
            }
        }
        ObjectKind::Table => {
            if let Some(table) = schema.tables.get(node.1) {
                for column in table.columns.values() {
                    tell(&base(&column.kind), true);
                    column.default.iter().chain(&column.generated).for_each(|text| read(text.as_str(), true, tell));
                }
                let elements = table.excludes.values().flat_map(|exclude| &exclude.elements);
                let texts = table
                    .checks
                    .values()
                    .map(|check| &check.expression)
                    .chain(elements.map(|element| &element.expression));
                texts.for_each(|text| read(text.as_str(), true, tell));
            }
        }
        ObjectKind::View => {
            if let Some(view) = schema.views.get(node.1) {
                read(view.query.as_str(), true, tell);
                view.depends_on.iter().for_each(|name| tell(name.name(), true));
            }
        }
    }
}

/// Calls `tell` with each name in a text.
fn read(text: &str, always: bool, tell: &mut impl FnMut(&str, bool)) {
    words(text).for_each(|word| tell(&word, always));
}

/// Returns the name of a declared type. It is empty for a type of the server, which has no node.
fn base(kind: &TypeName) -> String {
    kind.object().map(|object| object.name().to_owned()).unwrap_or_default()
}

/// Sorts nodes topologically (Kahn's algorithm), with the smallest index first where the order is free. Returns the
/// positions from 1, or the nodes of cycles.
fn sort(needs: &[BTreeSet<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut wanted_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (i, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|need| wanted_by[*need].push(i));
    }
    let mut ready: BTreeSet<usize> = (0..needs.len()).filter(|i| waiting[*i] == 0).collect();
    let mut positions = vec![0; needs.len()];
    let mut next = 1;
    while let Some(i) = ready.pop_first() {
        positions[i] = next;
        next += 1;
        for other in &wanted_by[i] {
            waiting[*other] -= 1;
            if waiting[*other] == 0 {
                ready.insert(*other);
            }
        }
    }
    let cyclic: Vec<usize> = (0..needs.len()).filter(|i| positions[*i] == 0).collect();
    if cyclic.is_empty() { Ok(positions) } else { Err(cyclic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_nodes_come_first_and_cycles_are_returned() {
        let needs = |needs: &[&[usize]]| needs.iter().map(|all| all.iter().copied().collect()).collect::<Vec<_>>();
        assert_eq!(sort(&needs(&[&[2], &[], &[1]])), Ok(vec![3, 1, 2]));
        assert_eq!(sort(&needs(&[&[], &[], &[]])), Ok(vec![1, 2, 3]), "free nodes keep their order");
        assert_eq!(sort(&needs(&[&[1], &[0], &[]])), Err(vec![0, 1]));
    }
}
