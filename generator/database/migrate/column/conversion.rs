//! The conversions between types that the server makes when it stores a value.

use crate::database::model::*;

/// The conversion of values of one type to another.
pub(super) enum Conversion {
    /// No row is rewritten. With `reversible`, the reverse conversion may fail, but never loses a value.
    Free { reversible: bool },
    /// Every row is rewritten, but no value changes.
    Widens { reversible: bool },
    /// Every row is rewritten, and the server refuses the change if a value does not fit. With `changes_values`, values
    /// can change, for example by rounding.
    Narrows { changes_values: bool },
    /// The user must give the conversion in `using`.
    Other,
}

/// Returns the conversion from one type to another, such as `Widens` from `integer` to `bigint`. It is `Other` if
/// PostgreSQL does not convert the values without an expression.
pub(super) fn conversion(old: &TypeName, new: &TypeName) -> Conversion {
    match (old.element(), new.element()) {
        // Neither type is an array.
        (None, None) => {}
        // The server converts the elements, and rewrites the rows.
        (Some(old), Some(new)) => {
            return match conversion(&old, &new) {
                Conversion::Free { reversible } => Conversion::Widens { reversible },
                other => other,
            };
        }
        _ => return Conversion::Other,
    }
    let (old_modifiers, new_modifiers) = (old.modifiers(), new.modifiers());
    // A modifier is a length or precision, such as 20 in `varchar(20)`. Without one, every length fits.
    let is_at_least_as_long = new_modifiers.is_empty()
        || (old_modifiers.len() == 1 && new_modifiers.len() == 1 && new_modifiers[0] >= old_modifiers[0]);
    // Integer types are listed by size, so positions in the list compare like sizes.
    let integer_size = |kind: &str| INTEGER_TYPES.iter().position(|base| *base == kind);
    match (old.base(), new.base()) {
        ("varchar", "text") => Conversion::Free { reversible: old_modifiers.is_empty() },
        ("text", "varchar") if new_modifiers.is_empty() => Conversion::Free { reversible: true },
        ("varchar", "varchar") if is_at_least_as_long => Conversion::Free { reversible: false },
        ("varbit", "varbit") if is_at_least_as_long => Conversion::Free { reversible: false },
        ("numeric", "numeric") if new_modifiers.is_empty() => Conversion::Free { reversible: false },
        ("numeric", "numeric")
            if old_modifiers.len() == new_modifiers.len()
                && old_modifiers.get(1) == new_modifiers.get(1)
                && old_modifiers[0] <= new_modifiers[0] =>
        {
            Conversion::Free { reversible: true }
        }
        ("timestamp" | "timestamptz" | "time" | "timetz", new_base)
            if old.base() == new_base && is_at_least_as_long =>
        {
            Conversion::Free { reversible: false }
        }
        // An interval may have fields after its name, such as `hour to second`.
        (old_base, "interval") if old_base.starts_with("interval") && new_modifiers.is_empty() => {
            Conversion::Free { reversible: false }
        }
        (old_base, new_base) if old_base == new_base && old_base.starts_with("interval") && is_at_least_as_long => {
            Conversion::Free { reversible: false }
        }
        ("char", "bpchar") | ("cidr", "inet") => Conversion::Free { reversible: false },
        (_, "text" | "varchar") if old.base() == "citext" && new_modifiers.is_empty() => {
            Conversion::Free { reversible: false }
        }
        (old_base, new_base) if integer_size(old_base).is_some() && integer_size(old_base) < integer_size(new_base) => {
            Conversion::Widens { reversible: true }
        }
        (old_base, "numeric") if integer_size(old_base).is_some() && new_modifiers.is_empty() => {
            Conversion::Widens { reversible: false }
        }
        ("real", "double precision") | ("char" | "bpchar", "text") => Conversion::Widens { reversible: false },
        _ => assignment_conversion(old, new),
    }
}

/// Returns the conversion that the server makes when a value of one type is stored in a column of another type
/// (`pg_cast.castcontext` is `a` or `i`), for pairs of types that [`conversion`] does not cover.
fn assignment_conversion(old: &TypeName, new: &TypeName) -> Conversion {
    const FRACTIONS: [&str; 3] = ["real", "double precision", "numeric"];
    /// Types that the server prints independently of the session's settings.
    const TYPES_PRINTED_ALIKE: [&str; 21] = [
        "boolean",
        "uuid",
        "inet",
        "cidr",
        "json",
        "jsonb",
        "macaddr",
        "macaddr8",
        "time",
        "timetz",
        "bit",
        "varbit",
        "oid",
        "name",
        "xml",
        "pg_lsn",
        "int4range",
        "int8range",
        "numrange",
        "tsvector",
        "tsquery",
    ];
    let (from, to) = (old.base(), new.base());
    let is_integer = |kind| INTEGER_TYPES.contains(&kind);
    let is_number = |kind| is_integer(kind) || FRACTIONS.contains(&kind);
    match (from, to) {
        _ if is_integer(from) && is_integer(to) => Conversion::Narrows { changes_values: false },
        _ if is_number(from) && is_number(to) => Conversion::Narrows { changes_values: true },
        ("text" | "varchar", "bpchar") => Conversion::Narrows { changes_values: false },
        (_, "text" | "varchar" | "name")
            if is_number(from) || TYPES_PRINTED_ALIKE.contains(&from) || TEXT_TYPES.contains(&from) =>
        {
            Conversion::Narrows { changes_values: true }
        }
        (from, "char") if TEXT_TYPES.contains(&from) => Conversion::Narrows { changes_values: true },
        ("date", "timestamp")
        | ("json", "jsonb")
        | ("jsonb", "json")
        | ("timestamp", "timestamp" | "date" | "time") => Conversion::Narrows { changes_values: true },
        _ => conversion_of_rare_types(old, new),
    }
}

/// Returns the conversion of [`assignment_conversion`] for types that columns rarely have.
fn conversion_of_rare_types(old: &TypeName, new: &TypeName) -> Conversion {
    // The server compares the lengths when it stores a value.
    let has_every_length = new.base() == "varbit" && new.modifiers().is_empty();
    match (old.base(), new.base()) {
        ("bit" | "varbit", "varbit") if has_every_length => Conversion::Widens { reversible: false },
        // Otherwise, the precision of the interval rounds the seconds.
        ("time", "interval") if new.modifiers().is_empty() => Conversion::Widens { reversible: false },
        ("oid", "bigint") | ("macaddr", "macaddr8") | ("box", "polygon") | ("point", "box") | ("polygon", "path") => {
            Conversion::Widens { reversible: false }
        }
        // Values that differ only in upper and lower case are equal in a unique index.
        ("bit" | "varbit", "bit" | "varbit")
        | ("bigint", "oid")
        | ("macaddr8", "macaddr")
        | ("path", "polygon")
        | ("text" | "varchar" | "char" | "bpchar", "citext") => Conversion::Narrows { changes_values: false },
        // All types of the extension isn store the same number in the same bytes.
        ("isbn" | "ismn" | "issn" | "isbn13" | "ismn13" | "issn13" | "upc", "ean13")
        | ("isbn13", "isbn")
        | ("isbn", "isbn13")
        | ("ismn13", "ismn")
        | ("ismn", "ismn13")
        | ("issn13", "issn")
        | ("issn", "issn13") => Conversion::Free { reversible: false },
        ("boolean" | "inet", "citext") | ("citext", "varchar" | "char" | "bpchar") | ("name", "char") => {
            Conversion::Narrows { changes_values: true }
        }
        _ if is_converted_by_server(old, new) && deciding_setting(old, new).is_none() => {
            Conversion::Narrows { changes_values: true }
        }
        _ => Conversion::Other,
    }
}

/// Returns whether the name of a type is that of an interval, which can include its fields, as in `interval day`.
pub(super) fn is_interval(base: &str) -> bool {
    base == "interval" || base.starts_with("interval ")
}

/// Returns a type as conversions name it: a type of an extension without the schema of the extension. `None` for types
/// that the definition declares, which the server does not convert.
pub(super) fn type_in_conversions(schema: &Schema, kind: &TypeName) -> Option<TypeName> {
    let Some(object) = kind.object() else { return Some(kind.clone()) };
    let is_of_extension = schema.extension_with_type(&object).is_some();
    is_of_extension.then(|| kind.with_object(&ObjectName::new_in(PUBLIC_SCHEMA, object.name())))
}

/// Returns whether a type is one of those of PostgreSQL whose numbers identify objects of the server, such as `regclass`.
fn identifies_objects(kind: &str) -> bool {
    kind.starts_with("reg") && BUILT_IN_TYPES.contains(&kind)
}

/// Returns whether the server converts values of one type to another when it stores them (`pg_cast.castcontext` is `a` or
/// `i`), for two types that are no arrays, of which at most one is a plain number.
fn is_converted_by_server(old: &TypeName, new: &TypeName) -> bool {
    let (from, to) = (old.base(), new.base());
    let is_integer = INTEGER_TYPES.contains(&from);
    match (from, to) {
        // The modifiers differ.
        _ if from == to || (is_interval(from) && is_interval(to)) => true,
        // Every type has a text form.
        (_, "name") => true,
        _ if TEXT_TYPES.contains(&to) => true,
        (_, "\"char\"") => TEXT_TYPES.contains(&from),
        ("text" | "varchar", "regclass") => true,
        (_, "oid") => is_integer || identifies_objects(from),
        ("oid", _) => ["integer", "bigint"].contains(&to) || identifies_objects(to),
        _ if is_integer => identifies_objects(to),
        ("regproc", "regprocedure")
        | ("regprocedure", "regproc")
        | ("regoper", "regoperator")
        | ("regoperator", "regoper") => true,
        _ if identifies_objects(from) => ["integer", "bigint"].contains(&to),
        ("inet", "cidr") => true,
        ("time", _) => is_interval(to),
        (_, "time") => is_interval(from) || from == "timetz",
        _ => false,
    }
}

/// Returns what decides the result of a conversion that the server makes without `using`, such as the setting `TimeZone`;
/// `None` if the server has no such conversion. It is the reason why nself requires `using`.
pub(super) fn deciding_setting(old: &TypeName, new: &TypeName) -> Option<&'static str> {
    const TIME_ZONE: &str = "the setting `TimeZone` of the session";
    match (old.element(), new.element()) {
        (Some(old), Some(new)) => return deciding_setting(&old, &new),
        (None, Some(_)) => return None,
        (Some(_), None) if TEXT_TYPES.contains(&new.base()) || new.base() == "name" => {
            return Some("the text form of the array");
        }
        (Some(_), None) => return None,
        (None, None) => {}
    }
    let (from, to) = (old.base(), new.base());
    match (from, to) {
        ("date" | "timestamp", "timestamptz")
        | ("timestamptz", "date" | "time" | "timetz" | "timestamp")
        | ("time", "timetz") => Some(TIME_ZONE),
        ("integer" | "bigint" | "numeric", "money") | ("money", "numeric") => {
            Some("the setting `lc_monetary` of the session")
        }
        // The conversion changes only the length or the spelling of the text.
        _ if TEXT_TYPES.contains(&from) && (TEXT_TYPES.contains(&to) || to == "name") => None,
        _ if !TEXT_TYPES.contains(&to) && to != "name" => None,
        ("date" | "timestamp" | "daterange" | "tsrange", _) => Some("the setting `DateStyle` of the session"),
        ("timestamptz" | "tstzrange", _) => Some("the settings `DateStyle` and `TimeZone` of the session"),
        ("bytea", _) => Some("the setting `bytea_output` of the session"),
        ("money", _) => Some("the setting `lc_monetary` of the session"),
        _ if is_interval(from) => Some("the setting `IntervalStyle` of the session"),
        _ => Some("the text form of the values"),
    }
}

#[cfg(test)]
mod tests;
