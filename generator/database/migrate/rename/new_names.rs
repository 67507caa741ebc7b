//! The statement that renames an object, and the new name in everything that names the object.

use std::ops::Range;

use crate::database::identifiers::name_of_token;
use crate::database::lexer::{self, Token, TokenKind};
use crate::database::model::*;
use crate::values::Checked;

/// Returns the statements that rename an object and move it to the schema of the new name. `kind` is its keyword in
/// ALTER, such as TABLE.
pub fn rename_sql(kind: &str, from: &ObjectName, to: &ObjectName) -> String {
    let mut statements = Vec::new();
    let mut current = from.clone();
    if from.schema() != to.schema() {
        statements.push(format!("ALTER {kind} {} SET SCHEMA {};", from.sql(), quoted(to.schema())));
        current = ObjectName::new_in(to.schema(), from.name());
    }
    if from.name() != to.name() {
        statements.push(format!("ALTER {kind} {} RENAME TO {};", current.sql(), quoted(to.name())));
    }
    statements.join("\n")
}

/// Replaces the name of a type in all columns, arguments, domains and attributes of this type.
pub fn replace_type_name(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    let replace = |kind: &mut TypeName| {
        if kind.object().as_ref() == Some(from) {
            *kind = kind.with_object(to);
        }
    };
    schema
        .tables
        .values_mut()
        .flat_map(|table| table.columns.values_mut())
        .for_each(|column| replace(&mut column.kind));
    for function in schema.functions.values_mut() {
        function.arguments.iter_mut().for_each(|argument| replace(&mut argument.kind));
    }
    for kind in schema.types.values_mut() {
        match kind {
            UserType::Domain(domain) => replace(&mut domain.base),
            UserType::Composite(composite) => {
                composite.attributes.iter_mut().for_each(|attribute| replace(&mut attribute.kind));
            }
            UserType::Range(range) => replace(&mut range.subtype),
            UserType::Enum(_) => {}
        }
    }
}

/// Replaces the name of an object in a text, with its schema if the text has the schema.
pub fn replace_object_name(text: &str, from: &ObjectName, to: &ObjectName) -> String {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_name = |index: usize, name: &str| tokens.get(index).and_then(name_of_token).is_some_and(|it| it == name);
    let is_dot = |index: usize| tokens.get(index).is_some_and(|token| token.text == ".");
    let mut new_text = text.to_owned();
    for index in (0..tokens.len()).rev().filter(|index| is_name(*index, from.name())) {
        let has_schema = index >= 2 && is_dot(index - 1);
        let start = match has_schema {
            true if is_name(index - 2, from.schema()) => index - 2,
            false if from.schema() == PUBLIC_SCHEMA => index,
            _ => continue,
        };
        new_text.replace_range(tokens[start].at..tokens[index].at + tokens[index].text.len(), &to.spelled());
    }
    new_text
}

/// Replaces the name of a sequence in defaults, such as `nextval('orders_id_seq')`. The server does the same when it
/// renames a sequence.
pub fn replace_sequence_name(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    let new_literal = literal(&to.spelled());
    let columns = schema.tables.values_mut().flat_map(|table| table.columns.values_mut());
    let domains = schema.types.values_mut().filter_map(|kind| match kind {
        UserType::Domain(domain) => domain.default.as_mut(),
        UserType::Enum(_) | UserType::Composite(_) | UserType::Range(_) => None,
    });
    for default in columns.filter_map(|column| column.default.as_mut()).chain(domains) {
        let mut text = default.as_str().to_owned();
        let sequences = sequences_of_nextval(default.as_str());
        for (range, _) in sequences.into_iter().rev().filter(|(_, sequence)| sequence == from) {
            text.replace_range(range, &new_literal);
        }
        *default = Expression::wrap(text);
    }
}

/// Returns the sequences that an expression passes to `nextval`, each with the place of its string:
/// `nextval('public.orders_id_seq'::regclass)` has the sequence `orders_id_seq`.
pub fn sequences_of_nextval(text: &str) -> Vec<(Range<usize>, ObjectName)> {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let calls = tokens.windows(3).filter(|call| call[0].text.eq_ignore_ascii_case("nextval") && call[1].text == "(");
    let strings = calls.map(|call| &call[2]).filter(|string| string.kind == TokenKind::Literal);
    let sequence = |string: &Token| {
        let content = string.text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
        Some((string.at..string.at + string.text.len(), leading_name(&content)?))
    };
    strings.filter_map(sequence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects_are_replaced_with_their_schema() {
        let (public, app) = (ObjectName::new_in("public", "e"), ObjectName::new_in("app", "The e"));
        assert_eq!(
            replace_object_name("'e'::e || 'b'::public.E", &public, &app),
            "'e'::app.\"The e\" || 'b'::app.\"The e\""
        );
        assert_eq!(replace_object_name("'a'::app.\"The e\" || x.\"The e\"", &app, &public), "'a'::e || x.\"The e\"");
        assert_eq!(replace_object_name("'a'::\"The e\"", &app, &public), "'a'::\"The e\"");
    }

    #[test]
    fn sequences_of_nextval_are_found_with_and_without_their_schema() {
        let names = |text: &str| -> Vec<String> {
            sequences_of_nextval(text).into_iter().map(|(_, sequence)| sequence.to_string()).collect()
        };
        assert_eq!(names("nextval('public.a_seq'::regclass)"), ["a_seq"]);
        assert_eq!(names("'x' || pg_catalog.nextval('s.\"A seq\"') || NEXTVAL ( 'b' )"), ["s.A seq", "b"]);
        assert!(names("nextval(lower('a')) + currval('b')").is_empty());
    }
}
