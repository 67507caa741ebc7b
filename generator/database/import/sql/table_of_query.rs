//! `CREATE TABLE … AS` and `SELECT … INTO`: a table with the columns of a query. The columns are known if the query
//! reads one table and returns its columns, perhaps with casts.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::star::{is_star, output_name};
use super::storage::take_with_parameters;
use super::tree::{Parsed, Parts, object_from_path, object_name, path, type_name, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads CREATE TABLE AS or SELECT INTO.
    pub(super) fn create_table_of_query(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(IF_NOT_EXISTS).is_some();
        let is_select = node.kind() == SELECT_INTO;
        let mut target = if is_select { Parts::of(&parts.require(INTO_CLAUSE)?) } else { Parts::none(node) };
        let name_parts = if is_select { &mut target } else { &mut parts };
        let unlogged = name_parts.take_node(UNLOGGED).is_some();
        let name = object_name(&name_parts.require(TABLE_NAME)?)?;
        self.object_in_messages = format!("the table {name}");
        if if_not_exists && self.leaves_out_second_relation("CREATE TABLE", &name, node) {
            return Ok(());
        }
        let mut table = Table { unlogged, ..Table::default() };
        if !is_select {
            table.storage = take_with_parameters(&mut parts)?;
            Self::take_default_access_method(&mut parts)?;
            self.leave_out_tablespace(&mut parts);
            parts.take_node(WITH_DATA);
            parts.take_node(WITH_NO_DATA);
        }
        let query = if is_select { node.clone() } else { parts.take_any()? };
        let Some(columns) = self.columns_of_query(&query)? else {
            let statement = if is_select { "SELECT INTO" } else { "CREATE TABLE … AS" };
            let what = format!(
                "nself cannot represent `{statement}`, whose columns follow from a query; write CREATE TABLE with the columns and \
                 their types, and INSERT INTO with the query"
            );
            return unsupported(node, what);
        };
        if !is_select {
            parts.refuse_rest_except("CREATE TABLE AS ;")?;
        }
        self.record_declaration("tables", name.as_str(), node)?;
        self.column_order.insert(name.clone(), columns.iter().map(|(column, _)| column.clone()).collect());
        let count = columns.len();
        table.columns = columns.into_iter().collect();
        if table.columns.len() < count {
            return unsupported(&query, "the query returns two columns of the same name");
        }
        self.schema.tables.insert(name.clone(), table);
        self.grant_defaults(&GrantObject::Relation(name.clone()), name.schema(), node);
        self.note_once(node, format!("the rows of {name} are left out: a definition has no rows, except in `seeds`"));
        Ok(())
    }

    /// Returns the columns that a query returns, in their order; `None` if their types are unknown.
    fn columns_of_query(&self, query: &SyntaxNode) -> Parsed<Option<Vec<(SqlName, Column)>>> {
        use SyntaxKind::*;
        let child = |node: &SyntaxNode, kind: SyntaxKind| node.children().find(|part| part.kind() == kind);
        let Some(relation) = only_relation(query) else { return Ok(None) };
        let names = path(&relation);
        let table_columns = self.schema.columns_of(&object_from_path(&names, &relation)?);
        let is_known = |names: &[SqlName]| names.iter().all(|name| table_columns.contains_key(name));
        let Some(list) = child(query, SELECT_CLAUSE).and_then(|clause| child(&clause, TARGET_LIST)) else {
            return Ok(None);
        };
        let mut columns = Vec::new();
        for target in list.children().filter(|part| part.kind() == TARGET) {
            if is_star(&target) {
                let Ok(names) = self.columns_of_relation(&names, &relation) else { return Ok(None) };
                if !is_known(&names) {
                    return Ok(None);
                }
                columns.extend(names.into_iter().map(|name| (name.clone(), new_column(&table_columns[&name]))));
                continue;
            }
            let column = target.children().next().map(|value| column_of_value(&value, &table_columns)).transpose()?;
            match (output_name(&target), column.flatten()) {
                (Ok(name), Some(column)) => columns.push((name, column)),
                _ => return Ok(None),
            }
        }
        Ok(Some(columns).filter(|columns| !columns.is_empty()))
    }
}

/// Returns the only relation in the FROM clause of a query without WITH.
fn only_relation(query: &SyntaxNode) -> Option<SyntaxNode> {
    use SyntaxKind::*;
    if !matches!(query.kind(), SELECT | SELECT_INTO) || query.children().any(|part| part.kind() == WITH_CLAUSE) {
        return None;
    }
    let from = query.children().find(|part| part.kind() == FROM_CLAUSE)?;
    let mut items = from.children();
    let item = items.next().filter(|item| item.kind() == RELATION_FROM_ITEM && items.next().is_none())?;
    let has_new_names = item.descendants().any(|part| part.kind() == COLUMN_LIST);
    let relation = item.children().find(|part| part.kind() == RELATION_NAME_REF)?;
    (!has_new_names).then_some(relation)
}

/// Returns the column that a table gets from a column of a query. The type and the collation remain.
fn new_column(column: &Column) -> Column {
    Column { nullable: true, collation: column.collation.clone(), ..Column::of_type(column.kind.clone()) }
}

/// Returns the column for a value in the list of a query: a column of the table, or a cast of one. `None` for other
/// values.
fn column_of_value(
    value: &SyntaxNode,
    table_columns: &std::collections::BTreeMap<SqlName, Column>,
) -> Parsed<Option<Column>> {
    match value.kind() {
        SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR => {
            let names = path(value);
            let is_attribute = value.descendants().any(|part| part.kind() == SyntaxKind::PAREN_EXPR);
            let name = names.last().filter(|_| names.len() <= 2 && !is_attribute);
            Ok(name.and_then(|name| table_columns.get(name.as_str())).map(new_column))
        }
        SyntaxKind::CAST_EXPR => {
            let mut parts = Parts::of(value);
            let Some(kind) = parts.take_type() else { return Ok(None) };
            parts.take_node(SyntaxKind::COLON_COLON);
            let inner = column_of_value(&parts.take_any()?, table_columns)?;
            // The result would have the collation of the column.
            let inner = inner.filter(|column| column.collation.is_none());
            let kind = type_name(&kind)?;
            Ok(inner.map(|_| Column { nullable: true, ..Column::of_type(kind) }))
        }
        _ => Ok(None),
    }
}
