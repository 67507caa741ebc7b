//! Names and pieces of SQL, checked at the door: behind it they can be put into a statement as they are.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::codes::Code;
use crate::database::lexer;
use crate::stack::SqlIdent;
use crate::stack::checked::{Checked, checked};
use crate::stack::text::{free, only};

/// The schema of names that say none.
pub const PUBLIC: &str = "public";

checked! {
    /// A table, view, type, sequence or function: `orders`, or `audit.orders` in a schema of its own. What is in
    /// `public` is written without it, so that each object has one name.
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

    /// Another name in the same schema.
    pub fn beside(&self, name: &SqlIdent) -> ObjectName {
        ObjectName(self.as_str().split_once('.').map_or(name.to_string(), |(schema, _)| format!("{schema}.{name}")))
    }

    /// As it stands in SQL.
    pub fn sql(&self) -> String {
        format!("\"{}\".\"{}\"", self.schema(), self.name())
    }
}

checked! {
    /// A variable of a session, from the claims of its token.
    SessionVariable, "a session variable of Hasura", "X-Hasura-User-Id",
    |t| (!t.to_ascii_lowercase().starts_with("x-hasura-") || t.len() < 10 || t.len() > 64
        || !t.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .then(|| "it starts with X-Hasura- and goes on with letters, digits and hyphens".into())
}
checked! {
    /// A value of an enumeration; at most 63 bytes.
    Label, "a label without quotes and control characters", "paid",
    |t| free(t, 63)
        .or_else(|| t.is_empty().then(|| "it is empty".into()))
        .or_else(|| t.contains(['\'', '\\', '\n', '\t']).then(|| "it holds a quote, backslash or line break".into()))
}
checked! {
    /// An SQL expression: closed brackets and quotes, no `;`, no comment.
    Expression, "an SQL expression without `;` and comments", "total >= 0",
    |t| free(t, 16_384).or_else(|| lexer::open(t, false))
}
checked! {
    /// One SELECT, without the `;` at its end.
    Query, "a SELECT without `;` and comments", "SELECT id FROM orders",
    |t| free(t, 65_536).or_else(|| lexer::open(t, false))
}
checked! {
    /// The body of a function; it is quoted whatever it holds.
    Body, "the body of a function", "SELECT 1",
    |t| free(t, 262_144).or_else(|| t.trim().is_empty().then(|| "it is empty".into()))
}
checked! {
    /// SQL statements, each ending with `;`.
    Statements, "SQL statements", "INSERT INTO states VALUES (1, 'new');",
    |t| free(t, 1_048_576).or_else(|| lexer::open(t, true))
}
checked! {
    /// An operator of an exclusion constraint.
    Operator, "an operator", "&&",
    |t| (t.is_empty() || t.len() > 8 || !t.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)) || t.contains("--") || t.contains("/*"))
        .then(|| "it is not an operator of 1 to 8 signs".into())
}
checked! {
    /// A type: built in, declared in `types`, or of an extension; `[]` after it makes an array. Other spellings of
    /// built-in types become one.
    TypeName, "a type of PostgreSQL", "numeric(12,2)", |t| canonical(t).err(), BadValue,
    |t| canonical(&t).unwrap_or(t)
}

checked! {
    /// Number and what it is about: `0007_orders`.
    MigrationName, "four digits, `_` and a word", "0007_orders",
    |t| {
        let number = t.len() > 5 && t.as_bytes()[..4].iter().all(u8::is_ascii_digit) && t.as_bytes()[4] == b'_';
        if !number { return Some("it does not start with four digits and `_`".into()) }
        only(&t[5..], 60, "a-z, 0-9 and `_`", |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    },
    BadName
}

checked! {
    /// A SHA-256 digest in hexadecimal digits alone, as PostgreSQL writes it.
    Sum, "64 hexadecimal digits", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    |t| (t.len() != 64 || !t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| "it is not 64 hexadecimal digits".into())
}

/// Spellings of built-in types and the one that is kept.
const SPELLINGS: &[(&str, &str)] = &[
    ("int2", "smallint"),
    ("int", "integer"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("decimal", "numeric"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("float", "double precision"),
    ("bool", "boolean"),
    ("character varying", "varchar"),
    ("character", "char"),
    ("bpchar", "char"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("bit varying", "varbit"),
];

/// Types that every server has, sorted.
pub const BUILT_IN: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "box",
    "bytea",
    "char",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "double precision",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "integer",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "real",
    "regclass",
    "regconfig",
    "regproc",
    "regrole",
    "regtype",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "trigger",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "uuid",
    "varbit",
    "varchar",
    "void",
    "xml",
];

/// The parts of a type's text: name, modifiers with their brackets, dimensions.
fn parts(text: &str) -> Result<(String, String, usize), String> {
    let mut rest = text.trim();
    let mut dimensions = 0;
    while let Some(shorter) = rest.strip_suffix("[]") {
        rest = shorter.trim_end();
        dimensions += 1;
    }
    // `timestamp(3) with time zone` has its modifier in the middle.
    let (name, modifiers) = match (rest.find('('), rest.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            let after = rest[close + 1..].trim();
            let name = rest[..open].trim();
            let name = if after.is_empty() { name.to_owned() } else { format!("{name} {after}") };
            let inner: String = rest[open + 1..close].chars().filter(|c| *c != ' ').collect();
            let good = |c: char| c.is_ascii_alphanumeric() || c == ',' || c == '-';
            if inner.is_empty() || !inner.chars().all(good) {
                return Err("what stands in its brackets is no modifier".into());
            }
            (name, format!("({inner})"))
        }
        (None, None) => (rest.to_owned(), String::new()),
        _ => return Err("its brackets do not match".into()),
    };
    Ok((name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase(), modifiers, dimensions))
}

fn canonical(text: &str) -> Result<String, String> {
    let (name, modifiers, dimensions) = parts(text)?;
    if ["serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"].contains(&name.as_str()) {
        return Err("a serial is no type; use an integer with `identity = 'always`".into());
    }
    let name = SPELLINGS.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, kept)| *kept);
    if BUILT_IN.binary_search(&name).is_err()
        && let Some(reason) = ObjectName::refusal(name)
    {
        return Err(format!("it is neither built in nor a name: {reason}"));
    }
    // One spelling for the default scale, too.
    let modifiers = if name == "numeric" { modifiers.replace(",0)", ")") } else { modifiers };
    let modifiers = if name == "char" && modifiers == "(1)" { String::new() } else { modifiers };
    // PostgreSQL does not tell one dimension from two.
    Ok(format!("{name}{modifiers}{}", if dimensions > 0 { "[]" } else { "" }))
}

impl Expression {
    /// A single word of a text that was checked.
    pub(crate) fn from_word(word: &str) -> Self {
        Expression(word.to_owned())
    }
}

impl TypeName {
    /// The name without modifiers and dimensions.
    pub fn base(&self) -> &str {
        self.as_str().split(['(', '[']).next().unwrap_or_default()
    }

    /// What stands in brackets.
    pub fn modifiers(&self) -> Vec<i64> {
        let inner = self.as_str().split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        inner.map(|(inner, _)| inner.split(',').filter_map(|n| n.parse().ok()).collect()).unwrap_or_default()
    }

    pub fn is_array(&self) -> bool {
        self.as_str().ends_with("[]")
    }

    pub fn is_built_in(&self) -> bool {
        BUILT_IN.binary_search(&self.base()).is_ok()
    }

    /// The name of the declared type or table, without its schema; none if built in.
    pub fn declared(&self) -> Option<&str> {
        let base = self.base();
        (!self.is_built_in()).then(|| base.split_once('.').map_or(base, |(_, name)| name))
    }

    /// The declared type or table that it names, unless built in.
    pub fn object(&self) -> Option<ObjectName> {
        (!self.is_built_in()).then(|| ObjectName::wrap(self.base().to_owned()))
    }

    /// With another base name, modifiers and dimensions kept.
    pub fn with_base(&self, base: &str) -> TypeName {
        TypeName(format!("{base}{}", &self.as_str()[self.base().len()..]))
    }

    /// As it stands in SQL: declared types in quotes.
    pub fn sql(&self) -> String {
        match self.object() {
            None => self.as_str().to_owned(),
            Some(object) => format!("{}{}", object.sql(), &self.as_str()[self.base().len()..]),
        }
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
    fn types_have_one_spelling() {
        assert!(BUILT_IN.is_sorted());
        for (text, expected) in [
            ("INT", "integer"),
            ("timestamp (3) with time zone", "timestamptz(3)"),
            ("character varying( 20 ) [][]", "varchar(20)[]"),
            ("numeric(12, 0)", "numeric(12)"),
            ("double  precision[]", "double precision[]"),
            ("audit.mood[]", "audit.mood[]"),
            ("geometry(Point,4326)", "geometry(Point,4326)"),
        ] {
            assert_eq!(TypeName::new(text).unwrap().as_str(), expected);
        }
        for bad in ["serial", "int; drop", "a b", "int(", "numeric(a b')", "public.mood", "\"x\""] {
            assert!(TypeName::new(bad).is_err(), "{bad}");
        }
        assert_eq!(TypeName::new("audit.mood[]").unwrap().sql(), "\"audit\".\"mood\"[]");
    }

    #[test]
    fn names_are_written_one_way() {
        assert!(ObjectName::new("public.orders").is_err() && ObjectName::new("a.b.c").is_err());
        assert_eq!(ObjectName::new("orders").unwrap().sql(), "\"public\".\"orders\"");
        assert!(Label::new("it's").is_err() && Operator::new("--").is_err() && Expression::new("1) OR (1").is_err());
    }
}
