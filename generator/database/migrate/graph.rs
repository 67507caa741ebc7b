//! Which object needs which other to exist, from the names that their SQL mentions and from `depends_on`.
//! A name too many only costs an order; so a word that merely looks like a name does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::database::identifiers::words;
use crate::database::model::*;

/// A kind of object. The order is that of independent objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    Type,
    Sequence,
    Function,
    Table,
    View,
}

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectNode<'a>(pub ObjectKind, pub &'a ObjectName);

impl fmt::Display for ObjectNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.1)
    }
}

/// All objects of a schema, those that others need first.
pub struct Graph<'a> {
    /// In the order of kinds and names; elsewhere a node is its index here.
    nodes: Vec<ObjectNode<'a>>,
    /// Per node, from 1.
    positions: Vec<usize>,
    /// Per node: what it cannot exist without, as the server sees it.
    needs: Vec<BTreeSet<usize>>,
}

impl<'a> Graph<'a> {
    /// # Errors
    /// Objects that need each other in a circle.
    pub fn new(schema: &'a Schema) -> Result<Self, Vec<ObjectNode<'a>>> {
        let nodes: Vec<ObjectNode> = all(schema).collect();
        let mut names: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, node) in nodes.iter().enumerate() {
            names.entry(node.1.name()).or_default().push(i);
        }
        let mut needs = vec![BTreeSet::new(); nodes.len()];
        // With what must exist only when a node is created.
        let mut before = needs.clone();
        for (i, node) in nodes.iter().enumerate() {
            mentions(schema, node, &mut |word, always| {
                let known = names.get(word).into_iter().flatten().copied();
                for other in known.filter(|other| *other != i && !hides(schema, node, &nodes[*other])) {
                    before[i].insert(other);
                    if always {
                        needs[i].insert(other);
                    }
                }
            });
        }
        match sort(&before) {
            Ok(positions) => Ok(Graph { nodes, positions, needs }),
            Err(cycle) => Err(cycle.into_iter().map(|i| nodes[i]).collect()),
        }
    }

    fn find(&self, kind: ObjectKind, name: &ObjectName) -> Option<usize> {
        self.nodes.binary_search(&ObjectNode(kind, name)).ok()
    }

    /// From 1: where the object stands, those that it needs before it.
    pub fn position(&self, kind: ObjectKind, name: &ObjectName) -> usize {
        self.find(kind, name).map_or(0, |i| self.positions[i])
    }

    /// From 1: the same from the other end.
    pub fn reverse(&self, kind: ObjectKind, name: &ObjectName) -> usize {
        self.positions.len() + 1 - self.position(kind, name)
    }

    /// What an object cannot exist without.
    pub fn needs(&self, kind: ObjectKind, name: &ObjectName) -> impl Iterator<Item = ObjectNode<'a>> {
        self.find(kind, name).into_iter().flat_map(|i| &self.needs[i]).map(|other| self.nodes[*other])
    }
}

/// A column hides a function or sequence of the same name in the expressions of its table.
fn hides(schema: &Schema, node: &ObjectNode, other: &ObjectNode) -> bool {
    let ObjectNode(ObjectKind::Table, name) = node else { return false };
    matches!(other.0, ObjectKind::Function | ObjectKind::Table | ObjectKind::View)
        && schema.tables.get(*name).is_some_and(|table| table.columns.contains_key(other.1.name()))
}

/// In the order of kinds, then of names.
fn all(schema: &Schema) -> impl Iterator<Item = ObjectNode<'_>> {
    let types = schema.types.keys().map(|name| ObjectNode(ObjectKind::Type, name));
    let sequences = schema.sequences.keys().map(|name| ObjectNode(ObjectKind::Sequence, name));
    let functions = schema.functions.keys().map(|name| ObjectNode(ObjectKind::Function, name));
    let tables = schema.tables.keys().map(|name| ObjectNode(ObjectKind::Table, name));
    let views = schema.views.keys().map(|name| ObjectNode(ObjectKind::View, name));
    types.chain(sequences).chain(functions).chain(tables).chain(views)
}

/// Tells each word that a node needs, and whether at any time or only when it is created.
fn mentions(schema: &Schema, node: &ObjectNode, tell: &mut impl FnMut(&str, bool)) {
    match node.0 {
        ObjectKind::Type => match schema.types.get(node.1) {
            Some(UserType::Domain(domain)) => {
                tell(base(&domain.base), true);
                domain.default.iter().chain(domain.checks.values()).for_each(|text| read(text.as_str(), true, tell));
            }
            Some(UserType::Composite(kind)) => kind.attributes.iter().for_each(|part| tell(base(&part.kind), true)),
            Some(UserType::Enum(_)) | None => {}
        },
        ObjectKind::Sequence => {}
        ObjectKind::Function => {
            if let Some(function) = schema.functions.get(node.1) {
                function.arguments.iter().for_each(|argument| tell(base(&argument.kind), true));
                let defaults = function.arguments.iter().filter_map(|argument| argument.default.as_ref());
                defaults.for_each(|text| read(text.as_str(), true, tell));
                function.returns.iter().for_each(|text| read(text.as_str(), true, tell));
                // The server reads the body of an SQL function when it is created, and no other.
                if function.language == FunctionLanguage::Sql {
                    read(function.body.as_str(), false, tell);
                }
                function.depends_on.iter().for_each(|name| tell(name.name(), false));
            }
        }
        ObjectKind::Table => {
            if let Some(table) = schema.tables.get(node.1) {
                for column in table.columns.values() {
                    tell(base(&column.kind), true);
                    column.default.iter().chain(&column.generated).for_each(|text| read(text.as_str(), true, tell));
                }
                let elements = table.excludes.values().flat_map(|exclude| &exclude.elements);
                let texts = table.checks.values().chain(elements.map(|element| &element.expression));
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

fn read(text: &str, always: bool, tell: &mut impl FnMut(&str, bool)) {
    words(text).for_each(|word| tell(&word, always));
}

/// Types of the server have no node, and an empty word names none.
fn base(kind: &TypeName) -> &str {
    kind.declared().unwrap_or_default()
}

/// Kahn's algorithm; of what is ready, the smallest comes first. The position of each from 1, or what is left.
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
    let left: Vec<usize> = (0..needs.len()).filter(|i| positions[*i] == 0).collect();
    if left.is_empty() { Ok(positions) } else { Err(left) }
}
