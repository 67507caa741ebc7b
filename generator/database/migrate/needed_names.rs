//! The names that an object needs, from its SQL and from `depends_on`.

use super::node::{ObjectKind, ObjectNode};
use crate::database::identifiers::{mentioned_names, mentioned_names_and_operators, mentioned_names_except};
use crate::database::model::*;

/// Calls `report` with each name that a node needs and a flag: true if the node always needs the object with this name,
/// false if it is needed only while the node is created.
pub fn for_each_needed_name(schema: &Schema, node: &ObjectNode, report: &mut impl FnMut(&str, bool)) {
    match node.kind {
        ObjectKind::Type => schema.types.get(node.name).into_iter().for_each(|kind| report_type(kind, report)),
        ObjectKind::Sequence => {}
        ObjectKind::Function => {
            schema.functions.get(node.name).into_iter().for_each(|function| report_function(function, report));
        }
        ObjectKind::Table => schema.tables.get(node.name).into_iter().for_each(|table| report_table(table, report)),
        ObjectKind::ObjectBeforeTables | ObjectKind::Object => {
            if let Some(object) = schema.objects.get(node.name) {
                mentioned_names(object.create.as_str()).for_each(|word| report(&word, true));
                object.mappings.values().flatten().for_each(|name| report(name.name(), true));
                object.depends_on.iter().for_each(|name| report(name.name(), true));
            }
        }
        ObjectKind::View => {
            if let Some(view) = schema.views.get(node.name) {
                report_names(view.query.as_str(), true, report);
                view.indexes
                    .values()
                    .flat_map(texts_of_index)
                    .for_each(|text| report_names(text.as_str(), true, report));
                let defaults = view.column_defaults.values();
                defaults.for_each(|text| report_names(text.as_str(), true, report));
                view.depends_on.iter().for_each(|name| report(name.name(), true));
            }
        }
    }
}

fn report_type(kind: &UserType, report: &mut impl FnMut(&str, bool)) {
    match kind {
        UserType::Domain(domain) => {
            report(&user_type_name(&domain.base), true);
            domain
                .default
                .iter()
                .chain(domain.checks.values())
                .for_each(|text| report_names(text.as_str(), true, report));
        }
        UserType::Composite(composite) => {
            composite.attributes.iter().for_each(|attribute| report(&user_type_name(&attribute.kind), true));
        }
        UserType::Range(range) => {
            report(&user_type_name(&range.subtype), true);
            range.subtype_diff.iter().for_each(|function| report(function.name(), true));
        }
        UserType::Enum(_) => {}
    }
}

fn report_function(function: &Function, report: &mut impl FnMut(&str, bool)) {
    function.arguments.iter().for_each(|argument| report(&user_type_name(&argument.kind), true));
    let defaults = function.arguments.iter().filter_map(|argument| argument.default.as_ref());
    defaults.for_each(|text| report_names(text.as_str(), true, report));
    function.returns.iter().for_each(|text| report_names(text.as_str(), true, report));
    // The server records which objects a body of the SQL standard uses. A body that is a string of SQL is only checked
    // when the function is created. In a body in PL/pgSQL, the server then looks up only the types of declarations,
    // which the dependency graph adds.
    let always = function.has_standard_body();
    if function.language == FunctionLanguage::Sql {
        // A body may use the operator that the function implements, so operators do not count.
        let named_arguments = function.arguments.iter().filter_map(|argument| argument.name.as_ref());
        let argument_names = named_arguments.map(SqlName::as_str).collect();
        mentioned_names_except(function.body.as_str(), &argument_names).for_each(|word| report(&word, always));
    }
    function.depends_on.iter().for_each(|name| report(name.name(), always));
}

fn report_table(table: &Table, report: &mut impl FnMut(&str, bool)) {
    for column in table.columns.values() {
        report(&user_type_name(&column.kind), true);
        column.default.iter().chain(&column.generated).for_each(|text| report_names(text.as_str(), true, report));
    }
    let columns_of_indexes = table.indexes.values().flat_map(|index| &index.columns);
    let collations = table.columns.values().map(|column| &column.collation);
    let partition_keys = || table.partition_by.iter().flat_map(|by| &by.columns);
    let collations = collations.chain(columns_of_indexes.map(|column| &column.collation));
    let collations = collations.chain(partition_keys().map(|key| &key.collation)).flatten();
    collations.filter_map(Collation::object).for_each(|name| report(name.name(), true));
    let checks = table.checks.values().map(|check| &check.expression);
    let texts = checks.chain(table.excludes.values().flat_map(texts_of_exclude));
    let texts = texts.chain(partition_keys().filter_map(|key| key.expression.as_ref()));
    texts.for_each(|text| report_names(text.as_str(), true, report));
    let elements = table.excludes.values().flat_map(|exclude| &exclude.elements);
    elements.for_each(|element| report(element.with.as_str(), true));
}

/// Returns the expressions and the predicate of an index.
pub fn texts_of_index(index: &Index) -> impl Iterator<Item = &Expression> {
    index.columns.iter().filter_map(|column| column.expression.as_ref()).chain(&index.predicate)
}

/// Returns the expressions and the predicate of an exclusion constraint.
pub fn texts_of_exclude(exclude: &Exclude) -> impl Iterator<Item = &Expression> {
    exclude.elements.iter().map(|element| &element.expression).chain(&exclude.predicate)
}

/// Calls `report` with each name and operator in a text, and with `always`.
fn report_names(text: &str, always: bool, report: &mut impl FnMut(&str, bool)) {
    mentioned_names_and_operators(text).for_each(|name| report(&name, always));
}

/// Returns the name of a user-defined type; an empty name for a type of the server, which has no node.
fn user_type_name(kind: &TypeName) -> String {
    kind.object().map(|object| object.name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_table_needs_the_names_in_its_exclusion_constraints() {
        let elements = serde_json::json!([{ "expression": "lower(x)", "with": "&&&" }]);
        let exclude = serde_json::json!({ "using": "gist", "elements": elements, "where": "big(x)" });
        let table = serde_json::json!({ "columns": { "x": { "type": "text" } }, "excludes": { "e": exclude } });
        let schema: Schema = serde_json::from_value(serde_json::json!({ "tables": { "t": table } })).unwrap();
        let name = ObjectName::new("t").unwrap();
        let mut names = Vec::new();
        let mut report = |word: &str, always: bool| names.extend(always.then(|| word.to_owned()));
        for_each_needed_name(&schema, &ObjectNode::new(ObjectKind::Table, &name), &mut report);
        for needed in ["lower", "big", "&&&"] {
            assert!(names.iter().any(|name| name == needed), "{needed}: {names:?}");
        }
    }
}
