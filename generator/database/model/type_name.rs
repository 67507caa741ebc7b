//! Names of types in one canonical spelling, with modifiers and dimensions.

use std::fmt;

use serde::{Serialize, Serializer};

use super::built_in_types::{BUILT_IN_TYPES, POLYMORPHIC_TYPES, SINGLE_BYTE, SPELLINGS};
use super::names::{ObjectName, PUBLIC_SCHEMA, path_parts, quoted_if_needed};
use super::storage::ColumnStorage;
use super::type_modifiers;
use crate::codes::Code;
use crate::values::SqlIdent;
use crate::values::checked::{Checked, checked};

checked! {
    /// A type: built in, declared in `types`, or from an extension; `[]` after it makes an array. Alternative
    /// spellings of built-in types are replaced by one. As in SQL, upper case counts only in double quotes.
    TypeName, expected: "a type of PostgreSQL", example: "numeric(12,2)", refusal: |t| canonical(t).err(), BadValue,
    |t| canonical(&t).unwrap_or(t)
}

/// Splits a type into its name in lower case, its modifiers with brackets, and its number of dimensions:
/// `Varchar (20)[]` gives `varchar`, `(20)` and 1.
fn split_type(text: &str) -> Result<(String, String, usize), String> {
    let mut remaining = text.trim();
    let mut dimensions = 0;
    while let Some(shorter) = remaining.strip_suffix("[]") {
        remaining = shorter.trim_end();
        dimensions += 1;
    }
    // `timestamp(3) with time zone` has its modifier in the middle.
    let (name, modifiers) = match (remaining.find('('), remaining.rfind(')')) {
        (Some(open), Some(close)) if open < close => {
            let suffix = remaining[close + 1..].trim();
            let name = remaining[..open].trim();
            let name = if suffix.is_empty() { name.to_owned() } else { format!("{name} {suffix}") };
            let modifiers_text: String = remaining[open + 1..close].chars().filter(|c| *c != ' ').collect();
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == ',' || c == '-';
            if modifiers_text.is_empty() || !modifiers_text.chars().all(is_allowed) {
                return Err("the modifiers in the brackets of the type are invalid".into());
            }
            (name, format!("({modifiers_text})"))
        }
        (None, None) => (remaining.to_owned(), String::new()),
        _ => return Err("the brackets of the type do not match".into()),
    };
    Ok((name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase(), modifiers, dimensions))
}

/// Returns the byte position at which the name in a type ends: that of the first bracket outside of double quotes, such
/// as 7 in `varchar(20)[]`.
fn end_of_name(text: &str) -> usize {
    let mut is_quoted = false;
    let end = text.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        !is_quoted && matches!(byte, b'(' | b'[')
    });
    end.unwrap_or(text.len())
}

/// Returns the canonical spelling of a type whose name has double quotes.
fn canonical_of_quoted(text: &str) -> Result<String, String> {
    let (name, suffix) = text.split_at(end_of_name(text));
    let parts = path_parts(&lower_case_path(name.trim())).ok_or("the double quotes of the type do not match")?;
    // The name is replaced by `x`, since `split_type` does not handle double quotes.
    let (placeholder, modifiers, dimensions) = self::split_type(&format!("x{suffix}"))?;
    if placeholder != "x" {
        return Err("after its name, a type has modifiers in `()` and `[]` for an array".into());
    }
    let brackets = if dimensions > 0 { "[]" } else { "" };
    if name.trim() == SINGLE_BYTE && modifiers.is_empty() {
        return Ok(format!("{SINGLE_BYTE}{brackets}"));
    }
    let object = match parts.as_slice() {
        [name] => ObjectName::new_in(PUBLIC_SCHEMA, name),
        [schema, name] if schema != PUBLIC_SCHEMA => ObjectName::new_in(schema, name),
        _ => return Err("it is neither a name nor a name with a schema other than public".into()),
    };
    if let Some(reason) = ObjectName::refusal(object.as_str()) {
        return Err(reason);
    }
    Ok(format!("{}{modifiers}{brackets}", spelled_object(&object)?))
}

/// Returns a path with the parts outside of double quotes in lower case.
fn lower_case_path(path: &str) -> String {
    let mut is_quoted = false;
    let lower_case = |c: char| {
        is_quoted ^= c == '"';
        if is_quoted { c } else { c.to_ascii_lowercase() }
    };
    path.chars().map(lower_case).collect()
}

/// Returns the name of a declared type in SQL, or the reason why a declared type cannot have the name.
fn spelled_object(object: &ObjectName) -> Result<String, String> {
    let name = quoted_if_needed(object.name());
    match object.schema() {
        PUBLIC_SCHEMA
            if BUILT_IN_TYPES.binary_search(&object.name()).is_ok()
                || SPELLINGS.iter().any(|(alternative, _)| *alternative == name) =>
        {
            Err(format!("`{name}` is a built-in type; write it without quotes"))
        }
        _ => Ok(object.spelled()),
    }
}

/// Returns the canonical spelling of a type, or the reason why the type is refused.
fn canonical(text: &str) -> Result<String, String> {
    if BUILT_IN_TYPES.binary_search(&text).is_ok() {
        return Ok(text.to_owned());
    }
    if text.contains('"') {
        return canonical_of_quoted(text);
    }
    let (name, modifiers, dimensions) = split_type(text)?;
    if ["serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"].contains(&name.as_str()) {
        return Err("a serial is not a type; use an integer with `identity = 'always`".into());
    }
    // The number of bits of a float chooses one of two types: `float(24)` is `real`.
    let bits = modifiers.trim_matches(['(', ')']).parse::<u8>().ok().filter(|_| name == "float");
    let (name, modifiers) = match bits {
        Some(bits) if !(1..=53).contains(&bits) => return Err("a float has 1 to 53 bits".into()),
        Some(bits) => (if bits <= 24 { "real" } else { "double precision" }.to_owned(), String::new()),
        None => (name, modifiers),
    };
    let spelling = SPELLINGS.iter().find(|(alternative, _)| *alternative == name);
    let name = spelling.map_or(name.as_str(), |(_, canonical)| *canonical);
    // Without a length, `bpchar` has any number of characters, whereas `char` has one.
    let name = if name == "bpchar" && !modifiers.is_empty() { "char" } else { name };
    if BUILT_IN_TYPES.binary_search(&name).is_err()
        && let Some(reason) = name.split('.').find_map(SqlIdent::refusal).or_else(|| ObjectName::refusal(name))
    {
        return Err(format!("the type is neither built in nor a valid name: {reason}"));
    }
    if !modifiers.is_empty()
        && BUILT_IN_TYPES.binary_search(&name).is_ok()
        && let Some(reason) = type_modifiers::refusal(name, &modifiers)
    {
        return Err(reason);
    }
    // The default scale of `numeric` and the default length of `char` are left out.
    let modifiers = if name == "numeric" { modifiers.replace(",0)", ")") } else { modifiers };
    let modifiers = if name == "char" && modifiers == "(1)" { String::new() } else { modifiers };
    // For PostgreSQL, arrays with different numbers of dimensions have the same type.
    Ok(format!("{name}{modifiers}{}", if dimensions > 0 { "[]" } else { "" }))
}

impl TypeName {
    /// Returns the name without modifiers and dimensions: `varchar` for `varchar(20)[]`.
    pub fn base(&self) -> &str {
        let text = self.as_str();
        &text[..end_of_name(text)]
    }

    /// Returns the type that the server uses to distinguish functions: `varchar` for `varchar(10)`.
    pub fn without_modifiers(&self) -> TypeName {
        // The fields of an interval are modifiers too.
        let base = match self.base() {
            base if base.starts_with("interval ") => "interval",
            "bpchar" => "char",
            base => base,
        };
        TypeName::wrap(format!("{base}{}", if self.is_array() { "[]" } else { "" }))
    }

    /// Returns whether the type has brackets with modifiers, such as `(20)`.
    pub fn has_modifiers(&self) -> bool {
        self.as_str()[self.base().len()..].starts_with('(')
    }

    /// Returns the numbers in brackets, such as 12 and 2 for `numeric(12,2)`.
    pub fn modifiers(&self) -> Vec<i64> {
        let suffix = &self.as_str()[self.base().len()..];
        let brackets = suffix.split_once('(').and_then(|(_, after_opening)| after_opening.split_once(')'));
        let numbers = brackets.map_or("", |(numbers, _)| numbers);
        numbers.split(',').filter_map(|number| number.parse().ok()).collect()
    }

    pub fn is_array(&self) -> bool {
        self.as_str().ends_with("[]")
    }

    /// Returns the type of the elements of an array.
    pub fn element(&self) -> Option<TypeName> {
        self.as_str().strip_suffix("[]").map(|element| TypeName(element.to_owned()))
    }

    pub fn is_built_in(&self) -> bool {
        BUILT_IN_TYPES.binary_search(&self.base()).is_ok()
    }

    /// Returns the storage of columns of this type that declare none (`pg_type.typstorage`); `None` for a type that is
    /// declared or from an extension.
    pub fn default_storage(&self) -> Option<ColumnStorage> {
        const EXTENDED: [&str; 16] = [
            "bit",
            "bpchar",
            "bytea",
            "char",
            "json",
            "jsonb",
            "jsonpath",
            "path",
            "pg_snapshot",
            "polygon",
            "refcursor",
            "text",
            "tsvector",
            "varbit",
            "varchar",
            "xml",
        ];
        let base = self.base();
        let is_range = base.ends_with("range");
        match base {
            _ if self.is_array() => Some(ColumnStorage::Extended),
            _ if !self.is_built_in() => None,
            "cidr" | "inet" | "numeric" => Some(ColumnStorage::Main),
            _ if is_range || EXTENDED.contains(&base) => Some(ColumnStorage::Extended),
            _ => Some(ColumnStorage::Plain),
        }
    }

    /// Returns whether only arguments of functions can have this type: it stands for several types.
    pub fn is_polymorphic(&self) -> bool {
        POLYMORPHIC_TYPES.binary_search(&self.base()).is_ok()
    }

    /// Returns the name of a type that is declared or from an extension, or of a table as a type; `None` for a built-in
    /// type and for one that only arguments can have.
    pub fn object(&self) -> Option<ObjectName> {
        if self.is_built_in() || self.is_polymorphic() {
            return None;
        }
        let mut parts = path_parts(self.base())?;
        let name = parts.pop()?;
        Some(ObjectName::new_in(parts.pop().as_deref().unwrap_or(PUBLIC_SCHEMA), &name))
    }

    /// Returns the type with the name of another declared type; modifiers and dimensions stay: `audit.mood[]` for
    /// `mood[]` and the object `audit.mood`.
    #[must_use]
    pub fn with_object(&self, object: &ObjectName) -> TypeName {
        let name = spelled_object(object).unwrap_or_else(|_| object.to_string());
        TypeName(format!("{name}{}", &self.as_str()[self.base().len()..]))
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
mod tests;
