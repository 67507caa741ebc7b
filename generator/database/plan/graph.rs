//! Which object needs which other to exist, from the names that their SQL mentions and from `depends_on`.
//! A name too many only costs an order; so a word that merely looks like a name does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::database::lexer::words;
use crate::database::model::*;

/// A kind of object. The order is that of independent objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Type,
    Sequence,
    Function,
    Table,
    View,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(pub Kind, pub ObjectName);

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.1)
    }
}

/// All objects of a schema, those that others need first.
pub struct Graph {
    positions: BTreeMap<Node, usize>,
    /// What a node cannot exist without, as the server sees it.
    needs: BTreeMap<Node, BTreeSet<Node>>,
}

impl Graph {
    /// # Errors
    /// Objects that need each other in a circle.
    pub fn new(schema: &Schema) -> Result<Self, Vec<Node>> {
        let mut nodes: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
        let mut names: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
        for node in all(schema) {
            nodes.insert(node, BTreeSet::new());
        }
        for node in nodes.keys() {
            // Borrowed from the schema through the key's own name.
            names.entry(name_in(schema, node)).or_default().push(node.clone());
        }
        let mut order: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
        for node in nodes.keys() {
            let (needed, before) = mentions(schema, node);
            let find = |found: &BTreeSet<String>| -> BTreeSet<Node> {
                let known = found.iter().filter_map(|word| names.get(word.as_str())).flatten();
                known.filter(|other| *other != node && !hides(schema, node, other)).cloned().collect()
            };
            let mut all = find(&before);
            all.extend(find(&needed));
            order.insert(node.clone(), all);
        }
        for (node, needs) in &mut nodes {
            let (needed, _) = mentions(schema, node);
            let known = needed.iter().filter_map(|word| names.get(word.as_str())).flatten();
            needs.extend(known.filter(|other| *other != node && !hides(schema, node, other)).cloned());
        }
        let positions = sort(order)?;
        Ok(Graph { positions, needs: nodes })
    }

    /// From 1: where the object stands, those that it needs before it.
    pub fn position(&self, kind: Kind, name: &ObjectName) -> usize {
        self.positions.get(&Node(kind, name.clone())).copied().unwrap_or_default()
    }

    /// From 1: the same from the other end.
    pub fn reverse(&self, kind: Kind, name: &ObjectName) -> usize {
        self.positions.len() + 1 - self.position(kind, name)
    }

    /// What an object cannot exist without.
    pub fn needs(&self, kind: Kind, name: &ObjectName) -> impl Iterator<Item = &Node> {
        self.needs.get(&Node(kind, name.clone())).into_iter().flatten()
    }
}

/// A column hides a function or sequence of the same name in the expressions of its table.
fn hides(schema: &Schema, node: &Node, other: &Node) -> bool {
    let Node(Kind::Table, name) = node else { return false };
    let column = |column: &crate::stack::SqlIdent| column.as_str() == other.1.name();
    matches!(other.0, Kind::Function | Kind::Table | Kind::View)
        && schema.tables.get(name).is_some_and(|table| table.columns.keys().any(column))
}

fn all(schema: &Schema) -> impl Iterator<Item = Node> {
    let types = schema.types.keys().map(|name| Node(Kind::Type, name.clone()));
    let sequences = schema.sequences.keys().map(|name| Node(Kind::Sequence, name.clone()));
    let functions = schema.functions.keys().map(|name| Node(Kind::Function, name.clone()));
    let tables = schema.tables.keys().map(|name| Node(Kind::Table, name.clone()));
    let views = schema.views.keys().map(|name| Node(Kind::View, name.clone()));
    types.chain(sequences).chain(functions).chain(tables).chain(views)
}

fn name_in<'a>(schema: &'a Schema, node: &Node) -> &'a str {
    let name = match node.0 {
        Kind::Type => schema.types.get_key_value(&node.1).map(|(name, _)| name),
        Kind::Sequence => schema.sequences.get_key_value(&node.1).map(|(name, _)| name),
        Kind::Function => schema.functions.get_key_value(&node.1).map(|(name, _)| name),
        Kind::Table => schema.tables.get_key_value(&node.1).map(|(name, _)| name),
        Kind::View => schema.views.get_key_value(&node.1).map(|(name, _)| name),
    };
    name.map_or("", ObjectName::name)
}

/// The words that a node needs at any time, and those that must exist when it is created.
fn mentions(schema: &Schema, node: &Node) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut needed, mut before) = (BTreeSet::new(), BTreeSet::new());
    let kind_word = |kind: &TypeName| kind.object().map(|object| object.name().to_owned());
    match node.0 {
        Kind::Type => match schema.types.get(&node.1) {
            Some(UserType::Domain(domain)) => {
                needed.extend(kind_word(&domain.base));
                let texts = domain.default.iter().chain(domain.checks.values());
                needed.extend(texts.flat_map(|text| words(text.as_str())));
            }
            Some(UserType::Composite(kind)) => {
                needed.extend(kind.attributes.iter().filter_map(|part| kind_word(&part.kind)));
            }
            Some(UserType::Enum(_)) | None => {}
        },
        Kind::Sequence => {}
        Kind::Function => {
            if let Some(function) = schema.functions.get(&node.1) {
                needed.extend(function.arguments.iter().filter_map(|argument| kind_word(&argument.kind)));
                let defaults = function.arguments.iter().filter_map(|argument| argument.default.as_ref());
                let texts = defaults.chain(&function.returns);
                needed.extend(texts.flat_map(|text| words(text.as_str())));
                // The server reads the body of an SQL function when it is created, and no other.
                if function.language == FunctionLanguage::Sql {
                    before.extend(words(function.body.as_str()));
                }
                before.extend(function.depends_on.iter().map(|name| name.name().to_owned()));
            }
        }
        Kind::Table => {
            if let Some(table) = schema.tables.get(&node.1) {
                for column in table.columns.values() {
                    needed.extend(kind_word(&column.kind));
                    let texts = column.default.iter().chain(&column.generated);
                    needed.extend(texts.flat_map(|text| words(text.as_str())));
                }
                needed.extend(table.checks.values().flat_map(|text| words(text.as_str())));
                for exclude in table.excludes.values() {
                    needed.extend(exclude.elements.iter().flat_map(|element| words(element.expression.as_str())));
                }
            }
        }
        Kind::View => {
            if let Some(view) = schema.views.get(&node.1) {
                needed.extend(words(view.query.as_str()));
                needed.extend(view.depends_on.iter().map(|name| name.name().to_owned()));
            }
        }
    }
    (needed, before)
}

/// Kahn's algorithm; of what is ready, the smallest comes first.
fn sort(needs: BTreeMap<Node, BTreeSet<Node>>) -> Result<BTreeMap<Node, usize>, Vec<Node>> {
    let mut waiting: BTreeMap<&Node, usize> = needs.iter().map(|(node, needs)| (node, needs.len())).collect();
    let mut wanted_by: BTreeMap<&Node, Vec<&Node>> = BTreeMap::new();
    for (node, needs) in &needs {
        for need in needs {
            wanted_by.entry(need).or_default().push(node);
        }
    }
    let mut ready: BTreeSet<&Node> = waiting.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut positions = BTreeMap::new();
    while let Some(node) = ready.pop_first() {
        waiting.remove(node);
        positions.insert(node.clone(), positions.len() + 1);
        for other in wanted_by.get(node).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(other) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(other);
                }
            }
        }
    }
    if waiting.is_empty() { Ok(positions) } else { Err(waiting.into_keys().cloned().collect()) }
}
