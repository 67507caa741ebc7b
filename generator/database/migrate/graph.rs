//! Dependencies between objects, from the names in their SQL and from `depends_on`. A word that happens to equal a name
//! adds a false dependency: it changes the order of steps, but not the result.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::needed_names::for_each_needed_name;
pub use super::node::{ObjectKind, ObjectNode};
use crate::database::model::*;
use crate::database::plpgsql_body::declared_types;

/// The distance between the positions of neighbouring objects. It leaves room for steps right before and right after
/// the main step of an object.
const DISTANCE: usize = 4;

/// All objects of a schema, sorted so that each comes after the objects that it needs.
pub struct Graph<'a> {
    /// Sorted by kind and name. The other fields refer to a node by its index in this list.
    nodes: Vec<ObjectNode<'a>>,
    /// Position of each node, from 1.
    positions: Vec<usize>,
    /// For each node, the nodes that must exist as long as it exists.
    needs: Vec<BTreeSet<usize>>,
}

impl<'a> Graph<'a> {
    /// Sorts the objects of a schema. `old_names` maps the name of a type to an old name by which SQL may mention it.
    ///
    /// # Errors
    /// Objects that need each other in a cycle.
    pub fn new(schema: &'a Schema, old_names: &BTreeMap<ObjectName, ObjectName>) -> Result<Self, Vec<ObjectNode<'a>>> {
        let nodes: Vec<ObjectNode> = all_objects(schema).collect();
        // The name by which SQL mentions each node, at the index of the node.
        let names: Vec<Cow<str>> = nodes.iter().map(|node| mentioned_as(schema, node)).collect();
        let multiranges: Vec<(usize, ObjectName)> = schema
            .multiranges()
            .filter_map(|(range, name)| {
                Some((nodes.binary_search(&ObjectNode::new(ObjectKind::Type, range)).ok()?, name))
            })
            .collect();
        let nodes_by_name = nodes_by_name(&nodes, &names, &multiranges, old_names);
        let mut needs = vec![BTreeSet::new(); nodes.len()];
        // Like `needs`, and also the nodes that must exist only when the node is created.
        let mut needs_at_creation = needs.clone();
        for (index, node) in nodes.iter().enumerate() {
            // `always` tells whether the node needs the name as long as it exists, not only when it is created.
            for_each_needed_name(schema, node, &mut |word, always| {
                let candidates = nodes_by_name.get(word).into_iter().flatten().copied();
                // The statement of an overload mentions the name that all overloads share, but needs none of them.
                // An entry of `depends_on` is the key of one of them.
                let can_have_overloads = matches!(node.kind, ObjectKind::Object | ObjectKind::Function);
                let is_needed = |other: &usize| {
                    *other != index
                        && (!can_have_overloads || names[*other] != names[index] || word != names[index])
                        && (node.kind != ObjectKind::ObjectBeforeTables
                            || nodes[*other].kind == ObjectKind::ObjectBeforeTables)
                };
                let needed = candidates.filter(|other| is_needed(other) && !column_hides(schema, node, &nodes[*other]));
                for other in needed {
                    needs_at_creation[index].insert(other);
                    if always {
                        needs[index].insert(other);
                    }
                }
            });
        }
        // A partition always needs its partitioned table, even if a column with the name of that table hides it.
        for (index, ObjectNode { kind, name }) in
            nodes.iter().enumerate().filter(|(_, node)| node.kind == ObjectKind::Table)
        {
            let partition = schema.tables.get(*name).and_then(|table| table.partition_of.as_ref());
            let partitioned =
                partition.and_then(|partition| nodes.binary_search(&ObjectNode::new(*kind, &partition.table)).ok());
            needs_at_creation[index].extend(partitioned);
            needs[index].extend(partitioned);
        }
        add_declared_types(schema, &nodes, &nodes_by_name, &mut needs_at_creation);
        add_casts(schema, &nodes, &mut needs_at_creation);
        match topological_positions(&needs_at_creation) {
            Ok(positions) => Ok(Graph { nodes, positions, needs }),
            Err(cycle) => Err(cycle.into_iter().map(|index| nodes[index]).collect()),
        }
    }

    /// Returns the index of an object in `nodes`; `None` if the schema does not have it.
    fn index_of(&self, kind: ObjectKind, name: &ObjectName) -> Option<usize> {
        self.nodes.binary_search(&ObjectNode::new(kind, name)).ok()
    }

    /// Returns the position of an object, a multiple of [`DISTANCE`]; 0 for an object that is not in the graph.
    pub fn position(&self, kind: ObjectKind, name: &ObjectName) -> usize {
        self.index_of(kind, name).map_or(0, |index| DISTANCE * self.positions[index])
    }

    /// Returns the position of an object in the reverse order, for drops.
    pub fn reverse_position(&self, kind: ObjectKind, name: &ObjectName) -> usize {
        DISTANCE * (self.positions.len() + 1) - self.position(kind, name)
    }

    /// Returns the objects that must exist as long as an object exists.
    pub fn needs(&self, kind: ObjectKind, name: &ObjectName) -> impl Iterator<Item = ObjectNode<'a>> {
        self.index_of(kind, name).into_iter().flat_map(|index| &self.needs[index]).map(|other| self.nodes[*other])
    }
}

/// Returns the nodes that each name in SQL may mean. `names` has the name of each node, and `multiranges` the names of
/// multiranges with the nodes of their range types.
fn nodes_by_name<'n>(
    nodes: &[ObjectNode<'n>],
    names: &'n [Cow<str>],
    multiranges: &'n [(usize, ObjectName)],
    old_names: &'n BTreeMap<ObjectName, ObjectName>,
) -> BTreeMap<&'n str, Vec<usize>> {
    let mut nodes_by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        nodes_by_name.entry(name).or_default().push(index);
    }
    for (index, multirange) in multiranges {
        nodes_by_name.entry(multirange.name()).or_default().push(*index);
    }
    for (index, node) in nodes.iter().enumerate() {
        let old_name = old_names.get(node.name).filter(|_| node.kind == ObjectKind::Type);
        // `depends_on` names objects kept as their SQL and overloaded functions by their keys.
        let has_key = matches!(node.kind, ObjectKind::ObjectBeforeTables | ObjectKind::Object | ObjectKind::Function);
        let key = (has_key && names[index] != node.name.name()).then_some(node.name);
        for name in old_name.into_iter().chain(key) {
            nodes_by_name.entry(name.name()).or_default().push(index);
        }
    }
    nodes_by_name
}

/// Adds the types and tables in the declarations of functions in PL/pgSQL, except those that need the function. An
/// existing table can get a default that calls a function with the rows of this table.
fn add_declared_types(
    schema: &Schema,
    nodes: &[ObjectNode],
    nodes_by_name: &BTreeMap<&str, Vec<usize>>,
    needs: &mut [BTreeSet<usize>],
) {
    for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.kind == ObjectKind::Function) {
        let function =
            schema.functions.get(node.name).filter(|function| function.language == FunctionLanguage::Plpgsql);
        let names = function.map(|function| declared_types(function.body.as_str())).unwrap_or_default();
        for other in names.iter().filter_map(|name| nodes_by_name.get(name.as_str())).flatten() {
            if !reaches(needs, *other, index) {
                needs[index].insert(*other);
            }
        }
    }
}

/// Adds casts to the tables, views and functions that need one of their types, except those that the cast needs. A
/// conversion such as `state::integer` does not mention the cast that the server uses for it.
fn add_casts(schema: &Schema, nodes: &[ObjectNode], needs: &mut [BTreeSet<usize>]) {
    for (cast, node) in nodes.iter().enumerate().filter(|(_, node)| node.kind == ObjectKind::Object) {
        let identity = schema.objects.get(node.name).and_then(SqlObject::identity);
        let Some(identity) = identity.filter(|identity| identity.class.is_cast()) else { continue };
        let type_names = identity.types.iter().filter_map(TypeName::object);
        let types: BTreeSet<usize> =
            type_names.filter_map(|name| nodes.binary_search(&ObjectNode::new(ObjectKind::Type, &name)).ok()).collect();
        for (other, node) in nodes.iter().enumerate() {
            let may_convert = matches!(node.kind, ObjectKind::Table | ObjectKind::View | ObjectKind::Function);
            if may_convert && !needs[other].is_disjoint(&types) && !reaches(needs, cast, other) {
                needs[other].insert(cast);
            }
        }
    }
}

/// Returns whether a node is another or needs it, also through other nodes.
fn reaches(needs: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
    let (mut visited, mut remaining) = (BTreeSet::from([from]), vec![from]);
    while let Some(index) = remaining.pop() {
        if index == to {
            return true;
        }
        remaining.extend(needs[index].iter().copied().filter(|other| visited.insert(*other)));
    }
    false
}

/// Returns whether a column of the table hides the other object: in the table's expressions, the name means the column.
fn column_hides(schema: &Schema, node: &ObjectNode, other: &ObjectNode) -> bool {
    let ObjectNode { kind: ObjectKind::Table, name } = node else { return false };
    matches!(other.kind, ObjectKind::Function | ObjectKind::Table | ObjectKind::View)
        && schema.tables.get(*name).is_some_and(|table| table.columns.contains_key(other.name.name()))
}

/// Returns the name by which SQL mentions an object; an empty name if SQL cannot mention it.
pub fn mentioned_as<'a>(schema: &Schema, node: &ObjectNode<'a>) -> Cow<'a, str> {
    match node.kind {
        ObjectKind::ObjectBeforeTables | ObjectKind::Object => {
            let identity = schema.objects.get(node.name).and_then(SqlObject::identity);
            identity.and_then(|identity| identity.mention().map(str::to_owned)).unwrap_or_default().into()
        }
        ObjectKind::Function => match schema.functions.get(node.name).and_then(|function| function.name.as_ref()) {
            Some(name) => name.as_str().to_owned().into(),
            None => node.name.name().into(),
        },
        _ => node.name.name().into(),
    }
}

/// Returns all objects, sorted by kind and name.
fn all_objects(schema: &Schema) -> impl Iterator<Item = ObjectNode<'_>> {
    let types = schema.types.keys().map(|name| ObjectNode::new(ObjectKind::Type, name));
    let sequences = schema.sequences.keys().map(|name| ObjectNode::new(ObjectKind::Sequence, name));
    let functions = schema.functions.keys().map(|name| ObjectNode::new(ObjectKind::Function, name));
    let tables = schema.tables.keys().map(|name| ObjectNode::new(ObjectKind::Table, name));
    let views = schema.views.keys().map(|name| ObjectNode::new(ObjectKind::View, name));
    let objects = |kind| {
        let of_kind = schema.objects.iter().filter(move |(_, object)| object_kind(object) == kind);
        of_kind.map(move |(key, _)| ObjectNode::new(kind, key.node()))
    };
    let objects_before_tables = objects(ObjectKind::ObjectBeforeTables);
    objects_before_tables
        .chain(types)
        .chain(sequences)
        .chain(functions)
        .chain(tables)
        .chain(views)
        .chain(objects(ObjectKind::Object))
}

/// Returns the kind of node of an object that a definition keeps as its SQL.
pub fn object_kind(object: &SqlObject) -> ObjectKind {
    match ObjectClass::of_statement(object.create.as_str()).map(|class| class.stage) {
        Some(ObjectStage::BeforeTables) => ObjectKind::ObjectBeforeTables,
        _ => ObjectKind::Object,
    }
}

/// Sorts nodes topologically (Kahn's algorithm). Of the nodes that may come next, the smallest index is first. Returns
/// the positions, from 1, or the nodes of cycles and those that need them.
fn topological_positions(needs: &[BTreeSet<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut missing_count: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (index, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|other| needed_by[*other].push(index));
    }
    let mut ready: BTreeSet<usize> = (0..needs.len()).filter(|index| missing_count[*index] == 0).collect();
    let mut positions = vec![0; needs.len()];
    let mut next_position = 1;
    while let Some(index) = ready.pop_first() {
        positions[index] = next_position;
        next_position += 1;
        for dependent in &needed_by[index] {
            missing_count[*dependent] -= 1;
            if missing_count[*dependent] == 0 {
                ready.insert(*dependent);
            }
        }
    }
    let unplaced: Vec<usize> = (0..needs.len()).filter(|index| positions[*index] == 0).collect();
    if unplaced.is_empty() { Ok(positions) } else { Err(unplaced) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_declaration_in_a_function_adds_no_cycle() {
        let schema = serde_json::json!({
            "tables": { "t": { "columns": { "a": { "type": "integer", "default": "f()" } } } },
            "functions": { "f": {
                "returns": "integer", "language": "plpgsql", "body": "DECLARE r t%ROWTYPE; BEGIN RETURN 1; END",
            } },
        });
        let schema: Schema = serde_json::from_value(schema).unwrap();
        assert!(Graph::new(&schema, &BTreeMap::new()).is_ok());
    }

    #[test]
    fn a_table_needs_the_casts_of_its_types() {
        let schema = serde_json::json!({
            "types": { "mood": { "enum": { "values": ["good"] } } },
            "tables": { "t": { "columns": { "a": { "type": "integer", "default": "'good'::mood::integer" } } } },
            "functions": { "f": {
                "arguments": [{ "name": "m", "type": "mood" }], "returns": "integer", "language": "sql", "body": "SELECT 1",
            } },
            "objects": { "cast (mood as integer)": { "create": "CREATE CAST (mood AS integer) WITH FUNCTION f(mood)" } },
        });
        let schema: Schema = serde_json::from_value(schema).unwrap();
        let graph = Graph::new(&schema, &BTreeMap::new()).unwrap();
        let order = |kind, name: &str| graph.position(kind, &ObjectName::new(name).unwrap());
        let (cast, _) = schema.objects.first_key_value().unwrap();
        let cast = graph.position(ObjectKind::Object, cast.node());
        assert!(order(ObjectKind::Function, "f") < cast && cast < order(ObjectKind::Table, "t"));
    }

    #[test]
    fn needed_nodes_come_first_and_cycles_are_returned() {
        let needs = |needs: &[&[usize]]| needs.iter().map(|all| all.iter().copied().collect()).collect::<Vec<_>>();
        assert_eq!(topological_positions(&needs(&[&[2], &[], &[1]])), Ok(vec![3, 1, 2]));
        assert_eq!(topological_positions(&needs(&[&[], &[], &[]])), Ok(vec![1, 2, 3]), "free nodes keep their order");
        assert_eq!(topological_positions(&needs(&[&[1], &[0], &[]])), Err(vec![0, 1]));
    }
}
