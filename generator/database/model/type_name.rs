//! Names of types in one canonical spelling, with modifiers and dimensions.

use std::fmt;

use serde::{Serialize, Serializer};

use super::names::ObjectName;
use crate::codes::Code;
use crate::values::checked::{Checked, checked};

checked! {
    /// A type: built in, declared in `types`, or from an extension; `[]` after it makes an array. Alternative
    /// spellings of built-in types are replaced by one.
    TypeName, "a type of PostgreSQL", "numeric(12,2)", |t| canonical(t).err(), BadValue,
    |t| canonical(&t).unwrap_or(t)
}

/// Alternative spellings of built-in types, each with the canonical one.
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

/// Splits a type into its name, its modifiers with brackets, and its number of dimensions.
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
                return Err("the modifiers in its brackets are invalid".into());
            }
            (name, format!("({inner})"))
        }
        (None, None) => (rest.to_owned(), String::new()),
        _ => return Err("its brackets do not match".into()),
    };
    Ok((name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase(), modifiers, dimensions))
}

fn canonical(text: &str) -> Result<String, String> {
    if BUILT_IN.binary_search(&text).is_ok() {
        return Ok(text.to_owned());
    }
    let (name, modifiers, dimensions) = parts(text)?;
    if ["serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"].contains(&name.as_str()) {
        return Err("a serial is not a type; use an integer with `identity = 'always`".into());
    }
    let name = SPELLINGS.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, kept)| *kept);
    if BUILT_IN.binary_search(&name).is_err()
        && let Some(reason) = ObjectName::refusal(name)
    {
        return Err(format!("it is neither a built-in type nor a valid name: {reason}"));
    }
    // The default scale and length are left out.
    let modifiers = if name == "numeric" { modifiers.replace(",0)", ")") } else { modifiers };
    let modifiers = if name == "char" && modifiers == "(1)" { String::new() } else { modifiers };
    // PostgreSQL does not distinguish numbers of dimensions.
    Ok(format!("{name}{modifiers}{}", if dimensions > 0 { "[]" } else { "" }))
}

impl TypeName {
    /// The name without modifiers and dimensions.
    pub fn base(&self) -> &str {
        let text = self.as_str();
        text.bytes().position(|c| matches!(c, b'(' | b'[')).map_or(text, |end| &text[..end])
    }

    /// Returns the numbers in brackets.
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

    /// Returns the name of the declared type or table, without its schema; `None` for a built-in type.
    pub fn declared(&self) -> Option<&str> {
        let base = self.base();
        let declared = BUILT_IN.binary_search(&base).is_err();
        declared.then(|| base.split_once('.').map_or(base, |(_, name)| name))
    }

    /// Returns the declared type or table; `None` for a built-in type.
    pub fn object(&self) -> Option<ObjectName> {
        (!self.is_built_in()).then(|| ObjectName::wrap(self.base().to_owned()))
    }

    /// Replaces the name; modifiers and dimensions stay.
    pub fn with_base(&self, base: &str) -> TypeName {
        TypeName(format!("{base}{}", &self.as_str()[self.base().len()..]))
    }

    /// Returns the type in SQL, with a declared type in quotes.
    pub fn sql(&self) -> String {
        match self.object() {
            None => self.as_str().to_owned(),
            Some(object) => format!("{}{}", object.sql(), &self.as_str()[self.base().len()..]),
        }
    }
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
}
