//! Names and pieces of SQL as checked types, which can be put into a statement without further checks.

use std::{convert, fmt};

use serde::{Serialize, Serializer};

use crate::codes::Code;
use crate::database::closed::{self, TextForm};
use crate::database::lexer;
use crate::database::parse::{self, Slot};
use crate::values::SqlIdent;
use crate::values::checked::{Checked, checked};
use crate::values::text::{free, only};

/// Schema of names that are written without one.
pub const PUBLIC: &str = "public";

checked! {
    /// A table, view, type, sequence or function: `orders`, or `audit.orders` in another schema. Objects in `public`
    /// are written without the schema, so that each object has one name.
    ObjectName, "a name, with its schema unless that is public", "orders",
    |t| match t.split_once('.') {
        None => SqlIdent::refusal(t),
        Some((PUBLIC, _)) => Some("names in the schema public are written without it".into()),
        Some((schema, name)) => SqlIdent::refusal(schema).or_else(|| SqlIdent::refusal(name)),
    },
    BadName
}

impl ObjectName {
    pub fn schema(&self) -> &str {
        self.as_str().split_once('.').map_or(PUBLIC, |(schema, _)| schema)
    }

    pub fn name(&self) -> &str {
        self.as_str().split_once('.').map_or(self.as_str(), |(_, name)| name)
    }

    /// Returns another name in the same schema.
    pub fn beside(&self, name: &SqlIdent) -> ObjectName {
        ObjectName(self.as_str().split_once('.').map_or(name.to_string(), |(schema, _)| format!("{schema}.{name}")))
    }

    /// Returns the name in SQL, quoted and with its schema.
    pub fn sql(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema(), self.name())
    }
}

checked! {
    /// A session variable, from the claims of a token.
    SessionVariable, "a session variable of Hasura", "X-Hasura-User-Id",
    |t| (!t.to_ascii_lowercase().starts_with("x-hasura-") || t.len() < 10 || t.len() > 64
        || !t.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .then(|| "it must start with X-Hasura- and continue with letters, digits and hyphens".into())
}
checked! {
    /// A value of an enumeration; at most 63 bytes.
    Label, "a label without quotes and control characters", "paid",
    |t| free(t, 63)
        .or_else(|| t.is_empty().then(|| "it is empty".into()))
        .or_else(|| t.contains(['\'', '\\', '\n', '\t']).then(|| "it holds a quote, backslash or line break".into()))
}
checked! {
    /// One SQL expression.
    Expression, "one SQL expression without `;` and comments", "total >= 0",
    |t| free(t, 16_384).or_else(|| reason(Slot::Expression, t)), SqlSyntax, convert::identity, |t| code(Slot::Expression, t)
}
checked! {
    /// One SELECT, without the `;` at its end.
    Query, "one SELECT without `;` and comments", "SELECT id FROM orders",
    |t| free(t, 65_536).or_else(|| reason(Slot::Query, t)), SqlSyntax, convert::identity, |t| code(Slot::Query, t)
}
checked! {
    /// What a function returns.
    Returns, "a type, `trigger`, `SETOF` with a type or `TABLE (…)`", "SETOF orders",
    |t| free(t, 4096).or_else(|| reason(Slot::Returns, t)), SqlSyntax, convert::identity, |t| code(Slot::Returns, t)
}
checked! {
    /// The body of a function, which is always quoted.
    Body, "the body of a function", "SELECT 1",
    |t| free(t, 262_144).or_else(|| t.trim().is_empty().then(|| "it is empty".into()))
}
checked! {
    /// SQL statements, each ending with `;`.
    Statements, "SQL statements", "INSERT INTO states VALUES (1, 'new');",
    |t| free(t, 1_048_576).or_else(|| whole(t).map(|(_, reason)| reason)), SqlSyntax, convert::identity,
    |t| whole(t).map_or(Code::BadValue, |(code, _)| code)
}
checked! {
    /// An operator of an exclusion constraint.
    Operator, "an operator", "&&",
    |t| (t.is_empty() || t.len() > 8 || !t.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)) || t.contains("--") || t.contains("/*"))
        .then(|| "it is not an operator of 1 to 8 signs".into())
}
checked! {
    /// Number and subject of a migration: `0007_orders`.
    MigrationName, "four digits, `_` and a word", "0007_orders",
    |t| {
        let number = t.len() > 5 && t.as_bytes()[..4].iter().all(u8::is_ascii_digit) && t.as_bytes()[4] == b'_';
        if !number { return Some("it does not start with four digits and `_`".into()) }
        only(&t[5..], 60, "a-z, 0-9 and `_`", |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    },
    BadName
}

checked! {
    /// A SHA-256 digest in hexadecimal digits without a prefix, as PostgreSQL prints it.
    Sum, "64 hexadecimal digits", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    |t| (t.len() != 64 || !t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| "it is not 64 hexadecimal digits".into())
}

fn reason(slot: Slot, text: &str) -> Option<String> {
    parse::refusal(slot, text).map(|(_, reason)| reason)
}

fn code(slot: Slot, text: &str) -> Code {
    parse::refusal(slot, text).map_or(Code::BadValue, |(code, _)| code)
}

/// Returns why a text does not consist of complete statements, with the code of the finding.
fn whole(text: &str) -> Option<(Code, String)> {
    if let Some(fault) = closed::fault(text, TextForm::Statements) {
        return Some((fault.code, fault.sentence(text)));
    }
    let error = parse::errors(text).into_iter().next();
    let error = error.map(|(at, message)| (Code::SqlSyntax, format!("at {}: {message}", lexer::place(text, at))));
    let tokens = lexer::tokens(text).unwrap_or_default();
    let last = tokens.iter().rfind(|token| token.kind != lexer::TokenKind::Comment);
    let open = last.is_none_or(|token| token.text != ";");
    error.or_else(|| open.then(|| (Code::NotOnePiece, "the last statement does not end with `;`".into())))
}

impl Expression {
    /// Wraps a single word of a text that has been checked.
    pub(crate) fn from_word(word: &str) -> Self {
        Expression(word.to_owned())
    }
}

/// A name in double quotes.
pub fn quoted(name: &SqlIdent) -> String {
    format!("\"{name}\"")
}

/// A list of names in double quotes.
pub fn list<'a>(names: impl IntoIterator<Item = &'a SqlIdent>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// A string in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_one_spelling() {
        assert!(ObjectName::new("public.orders").is_err() && ObjectName::new("a.b.c").is_err());
        assert_eq!(ObjectName::new("orders").unwrap().sql(), "\"public\".\"orders\"");
        assert!(Label::new("it's").is_err() && Operator::new("--").is_err() && Expression::new("1) OR (1").is_err());
    }
}
