//! Names as checked types, which can be put into a statement without further checks.

use std::borrow::Borrow;
use std::fmt;

use serde::{Serialize, Serializer};
use squawk_syntax::quote::is_reserved_word;

use crate::codes::Code;
use crate::database::lexer;
use crate::values::SqlIdent;
use crate::values::checked::{Checked, checked, impl_decoding};
use crate::values::text::{alphabet_refusal, invisible_character_refusal};

/// Schema of names that are written without one.
pub const PUBLIC_SCHEMA: &str = "public";
/// Comment that every server gives to the schema `public`.
pub const PUBLIC_SCHEMA_COMMENT: &str = "standard public schema";
/// Hasura keeps the log of its event triggers, and their functions, in this schema of a database that it serves.
pub const HASURA_SCHEMA: &str = "hdb_catalog";
/// The start of the names of the triggers and functions that Hasura creates for the events of a table.
pub const EVENT_TRIGGER_PREFIX: &str = "notify_hasura_";
/// The name by which a grant includes all roles, `PUBLIC` in SQL.
pub const PUBLIC_ROLE: &str = "public";

/// Maximum length of a name in bytes; the server drops the rest.
pub const LONGEST_NAME: usize = 63;

checked! {
    /// A name of a schema, table, column or other object in a database: any name that the server accepts in double
    /// quotes, as the server stores it, so `User` is not `user`. Names with control or invisible characters are refused,
    /// since they could not be shown.
    SqlName, expected: "a name of 1 to 63 bytes", example: "createdAt",
    refusal: |t| invisible_character_refusal(t, LONGEST_NAME)
        .or_else(|| t.is_empty().then(|| "the name is empty".into()))
        .or_else(|| t.contains(['\n', '\t']).then(|| "the name contains a tab or a line break".into())),
    BadName
}

impl From<&SqlIdent> for SqlName {
    fn from(name: &SqlIdent) -> Self {
        SqlName(name.to_string())
    }
}

impl SqlName {
    /// Returns the name that the server gives an object whose name is too long: the first 63 bytes, without a part of a
    /// character.
    pub fn truncated(text: &str) -> Self {
        SqlName(prefix(text, LONGEST_NAME).to_owned())
    }
}

/// Returns the longest beginning of a text that has at most `length` bytes and ends with a whole character.
pub fn prefix(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

/// A table, view, type, sequence or function: `orders`, or `audit.orders` in another schema. Objects in `public` are
/// written without the schema, and a name is in double quotes only if it contains `.` or `"`, so that each object has
/// one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    text: String,
    /// Schema and name without quotes if the text has double quotes; otherwise both are slices of the text.
    unquoted: Option<(String, String)>,
}

impl ObjectName {
    /// Returns the name of an object in a schema.
    pub fn new_in(schema: &str, name: &str) -> Self {
        let part = quoted_path_part(name);
        let text = if schema == PUBLIC_SCHEMA { part } else { format!("{}.{part}", quoted_path_part(schema)) };
        ObjectName::wrap(text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn schema(&self) -> &str {
        match &self.unquoted {
            Some((schema, _)) => schema,
            None => self.text.split_once('.').map_or(PUBLIC_SCHEMA, |(schema, _)| schema),
        }
    }

    pub fn name(&self) -> &str {
        match &self.unquoted {
            Some((_, name)) => name,
            None => self.text.split_once('.').map_or(&self.text, |(_, name)| name),
        }
    }

    /// Returns the name of another object in the same schema: `audit.log` for the name `log` and the object
    /// `audit.orders`.
    pub fn in_same_schema(&self, name: &SqlName) -> ObjectName {
        ObjectName::new_in(self.schema(), name.as_str())
    }

    /// Returns the old name of a table that `renamed_from` declares: a name of the same schema, a name with a schema, or
    /// a name of the schema `public`. A table of a different schema moves, if the old definition has no table of this name
    /// in the same schema. A table that has the new name already was moved before, unless a different one would move.
    pub fn old_name(
        &self,
        renamed_from: &SqlName,
        is_old: impl Fn(&ObjectName) -> bool,
        is_new: impl Fn(&ObjectName) -> bool,
    ) -> ObjectName {
        let in_same_schema = self.in_same_schema(renamed_from);
        if is_old(&in_same_schema) {
            return in_same_schema;
        }
        let is_plain = path_parts(renamed_from.as_str()).is_some_and(|parts| parts.len() == 1);
        let may_move = |name: &ObjectName| !((is_plain || is_old(self)) && is_new(name));
        self.declared_old_name(renamed_from, &is_old).filter(may_move).unwrap_or(in_same_schema)
    }

    /// Returns the table of the old definition that `renamed_from` names.
    pub fn declared_old_name(
        &self,
        renamed_from: &SqlName,
        is_old: impl Fn(&ObjectName) -> bool,
    ) -> Option<ObjectName> {
        let elsewhere = match path_parts(renamed_from.as_str()).as_deref() {
            Some([name]) => Some(ObjectName::new_in(PUBLIC_SCHEMA, name)),
            Some([schema, name]) => Some(ObjectName::new_in(schema, name)),
            _ => None,
        };
        [self.in_same_schema(renamed_from)].into_iter().chain(elsewhere).find(|name| is_old(name))
    }

    /// Returns the name in SQL, with quotes only where they are needed and without the schema `public`: `orders`, or
    /// `audit."createdAt"`.
    pub fn spelled(&self) -> String {
        let name = quoted_if_needed(self.name());
        if self.schema() == PUBLIC_SCHEMA { name } else { format!("{}.{name}", quoted_if_needed(self.schema())) }
    }

    /// Returns the name in SQL, quoted and with its schema: `"public"."orders"`.
    pub fn sql(&self) -> String {
        format!("{}.{}", quoted(self.schema()), quoted(self.name()))
    }
}

impl Checked for ObjectName {
    const WHAT: &'static str = "a name, with its schema unless that is public";
    const CODE: Code = Code::BadName;
    const EXAMPLE: &'static str = "orders";

    fn refusal(text: &str) -> Option<String> {
        let (schema, name) = match path_parts(text).as_deref() {
            Some([name]) => (PUBLIC_SCHEMA.to_owned(), name.clone()),
            Some([schema, _]) if schema == PUBLIC_SCHEMA => {
                return Some("write names of the schema public without the schema".into());
            }
            Some([schema, name]) => (schema.clone(), name.clone()),
            _ => return Some("it is neither a name nor a schema and a name with `.` between them".into()),
        };
        let refusal = SqlName::refusal(&schema).or_else(|| SqlName::refusal(&name));
        refusal.or_else(|| {
            let canonical = ObjectName::new_in(&schema, &name);
            (canonical.text != text)
                .then(|| format!("it must be written `{canonical}`, since only names with `.` or `\"` need quotes"))
        })
    }

    fn wrap(text: String) -> Self {
        let unquoted = text.contains('"').then(|| path_parts(&text)).flatten().map(|mut parts| {
            let name = parts.pop().unwrap_or_default();
            (parts.pop().unwrap_or_else(|| PUBLIC_SCHEMA.to_owned()), name)
        });
        ObjectName { text, unquoted }
    }
}

impl std::borrow::Borrow<str> for ObjectName {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for ObjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl_decoding! { ObjectName }

/// Returns a name as a part of a path with dots: in double quotes if it contains `.` or `"`.
pub fn quoted_path_part(name: &str) -> String {
    if name.contains(['.', '"']) { quoted(name) } else { name.to_owned() }
}

/// Splits a path at its dots, and removes double quotes around its parts: `audit."a.b"` gives `audit` and `a.b`.
/// Returns `None` for quotes inside of a part.
pub fn path_parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut remaining = text;
    loop {
        let (part, after_part) = if remaining.starts_with('"') {
            let end = lexer::end_of_quoted(remaining)?;
            (lexer::unquoted_name(&remaining[..end]).into_owned(), &remaining[end..])
        } else {
            let end = remaining.find('.').unwrap_or(remaining.len());
            (remaining[..end].to_owned(), &remaining[end..])
        };
        parts.push(part);
        match after_part.strip_prefix('.') {
            Some(after_dot) => remaining = after_dot,
            None => return after_part.is_empty().then_some(parts),
        }
    }
}

checked! {
    /// A session variable, from the claims of a token.
    SessionVariable, expected: "a session variable of Hasura", example: "X-Hasura-User-Id",
    refusal: |t| (!t.to_ascii_lowercase().starts_with("x-hasura-") || t.len() < 10 || t.len() > 64
        || !t.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .then(|| "it must start with X-Hasura- and continue with letters, digits and hyphens".into())
}
checked! {
    /// A value of an enumeration; at most 63 bytes.
    Label, expected: "a label without quotes and control characters", example: "paid",
    refusal: |t| invisible_character_refusal(t, 63)
        .or_else(|| t.is_empty().then(|| "the label is empty".into()))
        .or_else(|| t.contains(['\'', '\\', '\n', '\t']).then(|| "a label cannot contain a quote, a backslash or a line break".into()))
}
checked! {
    /// An operator of an exclusion constraint.
    Operator, expected: "an operator", example: "&&",
    refusal: |t| (t.is_empty() || t.len() > 8 || !t.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)) || t.contains("--") || t.contains("/*"))
        .then(|| "an operator consists of 1 to 8 signs such as `=` and `&&`".into())
}
checked! {
    /// Number and subject of a migration: `0007_orders`.
    MigrationName, expected: "four digits, `_` and a word", example: "0007_orders",
    refusal: |t| {
        let number = t.len() > 5 && t.as_bytes()[..4].iter().all(u8::is_ascii_digit) && t.as_bytes()[4] == b'_';
        if !number { return Some("the name of a migration starts with four digits and `_`".into()) }
        alphabet_refusal(&t[5..], 60, "a-z, 0-9 and `_`", |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    },
    BadName
}

checked! {
    /// A SHA-256 digest in hexadecimal digits without a prefix, as PostgreSQL prints it.
    HexDigest, expected: "64 hexadecimal digits", example: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    refusal: |t| (t.len() != 64 || !t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| "it is not 64 hexadecimal digits".into())
}

/// Returns a name in double quotes. Only this function quotes names.
pub fn quoted<N: Borrow<str> + ?Sized>(name: &N) -> String {
    format!("\"{}\"", name.borrow().replace('"', "\"\""))
}

/// Returns a name as a person would write it in SQL: in double quotes only if the server would read it differently
/// without them.
pub fn quoted_if_needed(name: &str) -> String {
    let is_plain =
        name.bytes().enumerate().all(|(i, b)| b.is_ascii_lowercase() || b == b'_' || (i > 0 && b.is_ascii_digit()));
    if is_plain && !is_reserved_word(name) { name.to_owned() } else { quoted(name) }
}

/// Returns a text as the content of a string in Nickel, for hints.
pub fn escaped_for_nickel(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace("%{", "\\%{")
}

/// Returns names in double quotes, separated by commas.
pub fn quoted_list<'a>(names: impl IntoIterator<Item = &'a SqlName>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// Returns a text as a string of SQL in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::model::Expression;

    #[test]
    fn each_name_has_one_spelling() {
        assert!(ObjectName::new("public.orders").is_err() && ObjectName::new("a.b.c").is_err());
        assert!(
            ObjectName::new("\"User\"").is_err() && ObjectName::new("a\"b").is_err() && ObjectName::new("a.").is_err()
        );
        for (schema, name) in [("public", "a.b"), ("a\"b", "User"), ("Sales", "1st"), ("s", "Robert'); DROP--")] {
            let object = ObjectName::new_in(schema, name);
            assert_eq!((object.schema(), object.name()), (schema, name));
            assert_eq!(ObjectName::new(object.as_str()), Ok(object));
        }
        assert_eq!(ObjectName::new_in("public", "a\"b").sql(), "\"public\".\"a\"\"b\"");
        assert_eq!(SqlName::truncated(&"ü".repeat(32)).as_str(), "ü".repeat(31));
        assert_eq!(
            [quoted_if_needed("total"), quoted_if_needed("order"), quoted_if_needed("createdAt")],
            ["total", "\"order\"", "\"createdAt\""]
        );
        assert_eq!(ObjectName::new("orders").unwrap().sql(), "\"public\".\"orders\"");
        assert!(Label::new("it's").is_err() && Operator::new("--").is_err() && Expression::new("1) OR (1").is_err());
    }
}
