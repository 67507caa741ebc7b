//! Finds faults in the shape of queries: parts of UNION and lists of VALUES with different numbers of columns, aggregates in
//! WHERE, and columns beside an aggregate without GROUP BY.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::expressions::{AGGREGATES, is_declared};
use super::query_output::{is_query, is_star, outputs, parts_of};
use super::query_scope::{QueryTables, RowSource, called_function, child, column_reference, is_called};

/// Common functions of the server that are certainly not aggregates.
const OF_ONE_ROW: [&str; 8] = ["abs", "concat", "date_trunc", "length", "lower", "round", "to_char", "upper"];

/// A message, and a hint.
type Fault = (String, String);

/// Returns the faults of all queries in a tree.
pub(super) fn faults_of_shape(tree: &SyntaxNode, tables: &QueryTables) -> Vec<Fault> {
    use SyntaxKind::*;
    let faults = tree.descendants().filter_map(|node| match node.kind() {
        COMPOUND_SELECT => fault_of_parts(&node),
        VALUES => fault_of_rows(&node),
        INSERT => fault_of_insert(&node),
        SELECT => fault_of_aggregates(&node, tables),
        _ => None,
    });
    faults.collect()
}

/// Returns the fault of UNION, INTERSECT or EXCEPT whose parts have different numbers of columns.
fn fault_of_parts(query: &SyntaxNode) -> Option<Fault> {
    let mut counts = parts_of(query).map(|part| outputs(&part).map(|outputs| outputs.len()));
    let (left, right) = (counts.next()??, counts.next()??);
    let operator = query.children().nth(1)?.text().to_string();
    let word = operator.split_whitespace().next().unwrap_or("UNION").to_ascii_uppercase();
    (left != right).then(|| {
        let message = format!("the parts of {word} have {left} and {right} columns, but need the same number");
        (message, "write the same number of columns in each part, with NULL where one has none".to_owned())
    })
}

fn fault_of_rows(values: &SyntaxNode) -> Option<Fault> {
    let rows = child(values, SyntaxKind::ROW_LIST)?;
    // `x.*` is an unknown number of values.
    if rows.children().any(|row| row.children().any(|value| is_star(&value))) {
        return None;
    }
    let mut counts = rows.children().filter(|row| row.kind() == SyntaxKind::ROW).map(|row| row.children().count());
    let first = counts.next()?;
    let other = counts.find(|count| *count != first)?;
    let message = format!("rows of VALUES have {first} and {other} values, but need the same number");
    Some((message, "write the same number of values in each row".to_owned()))
}

/// Returns the fault of an INSERT with more or fewer values than columns.
fn fault_of_insert(insert: &SyntaxNode) -> Option<Fault> {
    let columns = child(insert, SyntaxKind::COLUMN_TARGET_LIST)?.children().count();
    let values = outputs(&insert.children().find(|part| is_query(part.kind()))?)?.len();
    (columns != values).then(|| {
        let message = format!("INSERT names {columns} columns, but has {values} values for each row");
        (message, "write one value for each column".to_owned())
    })
}

/// Returns the fault of an aggregate in WHERE, or of a column beside an aggregate in a query without GROUP BY.
fn fault_of_aggregates(select: &SyntaxNode, tables: &QueryTables) -> Option<Fault> {
    use SyntaxKind::*;
    let mut sources = Vec::new();
    let from = child(select, FROM_CLAUSE);
    from.iter().for_each(|clause| tables.add_sources(clause, &mut sources));
    // An aggregate of columns of a query around this one would belong to that query.
    let is_outermost = !select.ancestors().skip(1).any(|node| is_query(node.kind()));
    let is_own = |call: &SyntaxNode| is_outermost || belongs_to(call, &sources);
    let clauses = |kinds: &[SyntaxKind]| -> Vec<SyntaxNode> {
        select.children().filter(|part| kinds.contains(&part.kind())).collect()
    };
    let own_aggregate = |clauses: &[SyntaxNode]| {
        let calls = clauses.iter().flat_map(own_nodes).filter(|node| is_aggregate(node, tables));
        calls.into_iter().find(is_own).map(|call| called_function(&call).unwrap_or_default())
    };
    if let Some(name) = own_aggregate(&clauses(&[WHERE_CLAUSE])) {
        let message = format!("WHERE judges single rows, and `{name}` needs several rows");
        return Some((message, "move the condition to HAVING, or compare with a query in brackets".to_owned()));
    }
    if child(select, GROUP_BY_CLAUSE).is_some() {
        return None;
    }
    let aggregate = own_aggregate(&clauses(&[SELECT_CLAUSE, HAVING_CLAUSE]))?;
    let nodes: Vec<SyntaxNode> = clauses(&[SELECT_CLAUSE]).iter().flat_map(own_nodes).collect();
    let column = nodes.iter().find_map(|node| column_outside_of_aggregates(node, &sources))?;
    let message =
        format!("the query has one row for all rows because of `{aggregate}`, but `{column}` differs between them");
    Some((message, format!("add `GROUP BY {column}`, or use an aggregate of `{column}`")))
}

/// Returns a node and the nodes in it, without those of queries inside it.
fn own_nodes(node: &SyntaxNode) -> Vec<SyntaxNode> {
    let mut nodes = vec![node.clone()];
    for part in node.children() {
        let is_inner_query = part.kind() != SyntaxKind::PAREN_EXPR && is_query(part.kind());
        if !is_inner_query {
            nodes.extend(own_nodes(&part));
        }
    }
    nodes
}

/// Returns whether a node calls a function without OVER, with which a function sees a window instead of a group.
fn is_plain_call(node: &SyntaxNode) -> bool {
    node.kind() == SyntaxKind::CALL_EXPR && child(node, SyntaxKind::OVER_CLAUSE).is_none()
}

/// Returns whether a node calls an aggregate of the server over a group.
fn is_aggregate(node: &SyntaxNode, tables: &QueryTables) -> bool {
    is_plain_call(node)
        && called_function(node)
            .is_some_and(|name| AGGREGATES.contains(&name.as_str()) && !is_declared(tables.schema, &name))
}

/// Returns whether a node calls a function over a group that may be an aggregate. The server, extensions and definitions
/// have more aggregates than [`AGGREGATES`].
fn may_be_aggregate(node: &SyntaxNode) -> bool {
    is_plain_call(node) && !called_function(node).is_some_and(|name| OF_ONE_ROW.contains(&name.as_str()))
}

/// Returns the column of a source that a node names, if the source is a table of the definition.
fn own_column(node: &SyntaxNode, sources: &[RowSource]) -> Option<String> {
    let (alias, column) = column_reference(node)?;
    let has_column = |source: &RowSource| {
        let is_named = alias.as_ref().is_none_or(|alias| *alias == source.alias);
        is_named && source.table.as_ref().is_some_and(|table| table.has_column(&column))
    };
    sources.iter().any(has_column).then(|| node.text().to_string())
}

/// Returns whether an aggregate reads the rows of these sources: it has no arguments, or names a column of them.
fn belongs_to(call: &SyntaxNode, sources: &[RowSource]) -> bool {
    let arguments = child(call, SyntaxKind::ARG_LIST);
    let has_no_arguments = arguments.as_ref().is_none_or(|list| list.children().next().is_none());
    has_no_arguments || own_nodes(call).iter().any(|node| own_column(node, sources).is_some())
}

fn column_outside_of_aggregates(node: &SyntaxNode, sources: &[RowSource]) -> Option<String> {
    let column = own_column(node, sources)?;
    let is_inside = node.ancestors().skip(1).any(|outer| may_be_aggregate(&outer));
    (!is_called(node) && !is_inside).then_some(column)
}
