//! Checks functions that return rows of a table. The order of the table's columns can differ between servers, so a body
//! that lists the columns is correct only on some servers.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::Check;
use super::expression_type::is_number;
use super::function_result::FunctionResult;
use super::query_output::Output;
use super::query_scope::{QueryTables, child, column_reference};
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

impl<'a> Check<'a> {
    /// Returns the table whose rows a function returns; `None` for any other result.
    pub(super) fn table_of_result(&self, function: &Function, result: &FunctionResult) -> Option<&'a ObjectName> {
        let kind = result.kind.as_ref().filter(|kind| !kind.is_array())?;
        let returns_declared_type = !function.procedure && !function.returns_arguments();
        let schema = self.schema;
        kind.object().filter(|_| returns_declared_type).and_then(|object| Some(schema.tables.get_key_value(&object)?.0))
    }

    /// Warns that a body returns rows of a table as a list of columns.
    pub(super) fn warn_of_column_order(&mut self, table: &ObjectName, function: &Function, path: &FieldPath) {
        let message = format!(
            "the body lists the columns of `{table}` one by one, but their order differs on servers where a column was added later"
        );
        let finding = Diagnostic::warning(Code::SchemaInvalid, path.clone()).message(message);
        self.findings.push(finding.hint(hint_of_rows(table, function)));
    }

    /// Returns a message and a hint if the server cannot convert the listed columns to the columns of a newly created table.
    pub(super) fn fault_of_row(
        &self,
        table: &ObjectName,
        function: &Function,
        outputs: &[Output],
    ) -> Option<(String, String)> {
        let schema = self.schema;
        let columns = schema.columns_of(table);
        let (_, root) = *schema.table_and_ancestors(table).last()?;
        let wanted = root.columns_in_order().filter_map(|(name, _)| columns.get_key_value(name));
        let types = types_of_outputs(schema, outputs);
        let mut pairs = wanted.zip(types).enumerate();
        let (i, ((name, column), kind)) = pairs.find(|(_, ((_, column), kind))| {
            kind.as_ref().is_some_and(|kind| !may_be_assigned(schema, kind, &column.kind))
        })?;
        let message = format!(
            "column {} of `{table}` is `{name}` of the type {}, but the body selects a value of type {} there",
            i + 1,
            column.kind,
            kind?
        );
        Some((message, hint_of_rows(table, function)))
    }
}

/// Returns the hint how a function can return rows of a table independently of the order of its columns.
fn hint_of_rows(table: &ObjectName, function: &Function) -> String {
    let name = quoted_if_needed(table.name());
    // A body of the SQL standard would store the columns that the table has when the function is created.
    let columns = if function.has_standard_body() { name.clone() } else { format!("{name}.*") };
    format!(
        "select the whole row, such as `SELECT {columns} FROM {name}`, or list the columns in `returns = \"TABLE (…)\"`"
    )
}

/// Returns the types of those outputs of a query that are columns of tables of the definition.
fn types_of_outputs(schema: &Schema, outputs: &[Output]) -> Vec<Option<TypeName>> {
    let mut sources = Vec::new();
    let first = outputs.iter().find_map(|output| output.expression.as_ref());
    let mut ancestors = first.into_iter().flat_map(SyntaxNode::ancestors);
    if let Some(select) = ancestors.find(|node| node.kind() == SyntaxKind::SELECT) {
        // The root of the syntax tree, since a WITH before the query can define names.
        let tables = QueryTables::of(schema, &select.ancestors().last().unwrap_or_else(|| select.clone()));
        child(&select, SyntaxKind::FROM_CLAUSE).iter().for_each(|clause| tables.add_sources(clause, &mut sources));
    }
    let type_of = |output: &Output| {
        let (alias, column) = column_reference(output.expression.as_ref()?)?;
        let is_named = |source_alias: &str| alias.as_ref().is_none_or(|alias| alias == source_alias);
        let mut tables =
            sources.iter().filter(|source| is_named(&source.alias)).filter_map(|source| source.table.as_ref());
        let table = tables.find(|table| table.renamed_columns == 0 && table.has_column(&column))?;
        schema.columns_of(table.name).get(column.as_str()).map(|column| column.kind.clone())
    };
    outputs.iter().map(type_of).collect()
}

/// Returns whether the server may convert a value of one type to another when a function returns it.
fn may_be_assigned(schema: &Schema, from: &TypeName, to: &TypeName) -> bool {
    let (from, to) = (schema.without_domains(from), schema.without_domains(to));
    let declares_casts = schema.objects.keys().any(|key| key.as_str().starts_with("cast"));
    let is_text = TEXT_TYPES.contains(&to.base()) && !to.is_array();
    if from == to || declares_casts || is_text {
        return true;
    }
    match (from.element(), to.element()) {
        (Some(from), Some(to)) => may_be_assigned(schema, &from, &to),
        (None, None) => match (family(schema, from), family(schema, to)) {
            (Some(from), Some(to)) => from == to,
            _ => true,
        },
        // An array may become a value of a type without a family, such as `name`.
        (Some(_), None) => family(schema, to).is_none(),
        (None, Some(_)) => false,
    }
}

/// Returns the name of the group of types that the server may convert into each other; `None` for an unknown type.
fn family(schema: &Schema, kind: &TypeName) -> Option<String> {
    let family = match kind.base() {
        _ if is_number(kind) => "number",
        "text" | "varchar" | "char" | "bpchar" => "text",
        "boolean" => "boolean",
        "uuid" => "uuid",
        "json" | "jsonb" => "json",
        "date" | "time" | "timetz" | "timestamp" | "timestamptz" | "interval" => "time",
        "inet" | "cidr" => "address",
        "bytea" => "bytes",
        _ => {
            let object = kind.object()?;
            return matches!(schema.types.get(&object), Some(UserType::Enum(_))).then(|| format!("enum {object}"));
        }
    };
    Some(family.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::diagnostic::FieldPath;

    /// Returns the findings about a function that returns rows of `customers`: E for an error, W for a warning.
    fn findings(function: &Value) -> String {
        let column = |kind: &str| json!({ "type": kind });
        let mut definition = json!({ "returns": "SETOF customers" });
        definition.as_object_mut().unwrap().extend(function.as_object().unwrap().clone());
        let schema = json!({
            "tables": { "customers": {
                "columns": { "id": column("uuid"), "age": column("integer"), "name": column("text") },
                "primary_key": ["id"],
            } },
            "functions": { "f": definition },
        });
        let schema = serde_json::from_value(schema).unwrap();
        let findings = crate::database::check::check(&schema, &FieldPath::root());
        findings.iter().map(|finding| if finding.is_error() { "E" } else { "W" }).collect()
    }

    #[test]
    fn lists_of_columns_depend_on_the_order_of_the_table() {
        for (body, expected) in [
            ("SELECT * FROM customers", ""),
            ("SELECT customers.* FROM customers WHERE age > 1", ""),
            ("SELECT c FROM customers c", ""),
            ("INSERT INTO customers (id) VALUES (gen_random_uuid()) RETURNING *", ""),
            ("SELECT id, age, name FROM customers", "W"),
            ("SELECT gen_random_uuid(), 1, 'x'::text", "W"),
            ("SELECT id, name, age FROM customers", "E"),
            ("SELECT c.age, c.id, c.name FROM customers c", "E"),
            ("SELECT id, age FROM customers", "E"),
            ("SELECT id, age, age FROM customers", "W"),
            ("BEGIN ATOMIC SELECT id, age, name FROM customers; END", "W"),
            ("BEGIN ATOMIC SELECT customers FROM customers; END", ""),
        ] {
            assert_eq!(findings(&json!({ "language": "sql", "body": body })), expected, "{body}");
        }
        for (body, expected) in [
            ("BEGIN RETURN QUERY SELECT * FROM customers; END", ""),
            ("BEGIN RETURN QUERY SELECT c.* FROM customers c; END", ""),
            ("BEGIN RETURN QUERY SELECT id, age, name FROM customers; END", "W"),
            ("DECLARE r customers; BEGIN RETURN NEXT r; END", ""),
        ] {
            assert_eq!(findings(&json!({ "language": "plpgsql", "body": body })), expected, "{body}");
        }
        let columns = json!({
            "language": "sql", "returns": "TABLE (a uuid, b text)", "body": "SELECT id, name FROM customers",
        });
        assert_eq!(findings(&columns), "");
    }
}
