//! Examples of `using` for conversions that the server does not make.

use super::conversion::{Conversion, conversion, is_interval};
use crate::database::model::*;

/// Returns an example of `using`: an expression that converts `value`, which is the name of the column or an expression.
/// For the column `total` of type `text` and the new type `integer`, it is `total::integer`. It may fail for some values.
/// `None` if no expression of the server converts the values.
pub(super) fn example_conversion(value: &str, old: &TypeName, new: &TypeName) -> Option<String> {
    let is_text = |kind: &TypeName| TEXT_TYPES.contains(&kind.base()) && !kind.is_array();
    let convert_element = |value: &str, old: &TypeName, new: &TypeName| match conversion(old, new) {
        _ if old == new => Some(value.to_owned()),
        Conversion::Other => example_conversion(value, old, new),
        _ => Some(format!("{value}::{new}")),
    };
    match (old.element(), new.element()) {
        // Each type can be cast to and from text, but a text becomes the one element of an array of this text type.
        _ if is_text(new) || (is_text(old) && new.element().as_ref() != Some(old)) => {
            // Other values become texts before they get the length of `varchar` or `char`.
            let through_text = !is_text(old) && new.as_str() != "text";
            Some(format!("{value}{}::{new}", if through_text { "::text" } else { "" }))
        }
        (Some(old), Some(new)) => example_conversion_of_arrays(value, &old, &new),
        (Some(old), None) => convert_element(&format!("{value}[1]"), &old, new),
        (None, Some(new)) => Some(format!("ARRAY[{}]", convert_element(value, old, &new)?)),
        (None, None) => example_conversion_of_scalars(value, old, new),
    }
}

/// Returns an example for two types that are neither texts nor arrays; `None` if no expression converts any value.
fn example_conversion_of_scalars(value: &str, old: &TypeName, new: &TypeName) -> Option<String> {
    const NUMBERS: [&str; 7] = ["smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"];
    let (from, to) = (old.base(), new.base());
    let (from_number, to_number) = (NUMBERS.contains(&from), NUMBERS.contains(&to));
    let (from_interval, to_interval) = (is_interval(from), is_interval(to));
    let in_utc = || format!("({value} AT TIME ZONE 'UTC')");
    let example = match (from, to) {
        ("json" | "jsonb", to) if !["json", "jsonb"].contains(&to) => format!("({value} #>> '{{}}')::{new}"),
        // The text of a time would be read in the time zone of the session.
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") => format!("{value} AT TIME ZONE 'UTC'"),
        ("date", "timestamptz") => format!("{value}::timestamp AT TIME ZONE 'UTC'"),
        ("timestamptz", "date" | "time") => format!("{}::{new}", in_utc()),
        ("timestamptz", "timetz") => format!("({}::time::text || '+00')::{new}", in_utc()),
        ("timestamp" | "time", "timetz") => format!("({value}::time::text || '+00')::{new}"),
        (_, "timestamptz") if from_number => format!("to_timestamp({value})"),
        (_, "timestamp") if from_number => format!("to_timestamp({value}) AT TIME ZONE 'UTC'"),
        (_, "date") if from_number => format!("(to_timestamp({value}) AT TIME ZONE 'UTC')::date"),
        _ if from_number && to_interval => format!("make_interval(secs => {value})"),
        ("date" | "timestamp" | "timestamptz" | "time", _) if to_number => {
            format!("extract(epoch FROM {value})::{new}")
        }
        _ if from_interval && to_number => format!("extract(epoch FROM {value})::{new}"),
        (_, "boolean") if from_number && from != "oid" => format!("{value} <> 0"),
        ("boolean", "integer") => format!("{value}::integer"),
        ("boolean", _) if to_number || to == "money" => format!("{value}::integer::{new}"),
        ("money", _) if to_number => format!("{value}::numeric::{new}"),
        (_, "money") if from_number && from != "oid" => format!("{value}::numeric::money"),
        ("integer" | "bigint", "bit") => format!("{value}::{new}"),
        _ if has_cast(from, to) => format!("{value}::{new}"),
        _ => return example_for_texts(value, old, new),
    };
    Some(example)
}

/// Returns whether the server has a cast between two types that are no numbers, as in `value::type`.
fn has_cast(from: &str, to: &str) -> bool {
    match from {
        "box" => ["circle", "lseg", "point", "polygon"].contains(&to),
        "circle" => ["box", "point", "polygon"].contains(&to),
        "lseg" => to == "point",
        "path" => to == "polygon",
        "point" => to == "box",
        "polygon" => ["box", "circle", "path", "point"].contains(&to),
        "macaddr" | "macaddr8" => ["macaddr", "macaddr8"].contains(&to),
        "bit" => ["integer", "bigint"].contains(&to),
        // The text of a range is not that of a multirange.
        _ => from.strip_suffix("range") == to.strip_suffix("multirange") && to.ends_with("multirange"),
    }
}

/// Returns an example that reads the text form of a value; `None` if the text of no value is one of the other type.
fn example_for_texts(value: &str, old: &TypeName, new: &TypeName) -> Option<String> {
    /// Each group has types that can print a text and types that can read it.
    const GROUPS: [(&[&str], &[&str]); 8] = [
        (
            &["smallint", "integer", "bigint", "numeric", "real", "double precision", "oid", "bit", "varbit"],
            &[
                "smallint",
                "integer",
                "bigint",
                "numeric",
                "real",
                "double precision",
                "oid",
                "bit",
                "varbit",
                "boolean",
                "json",
                "jsonb",
                "jsonpath",
            ],
        ),
        (&["boolean"], &["json", "jsonb", "jsonpath"]),
        (&["json", "jsonb"], &["json", "jsonb"]),
        (&["date", "timestamp", "timestamptz"], &["date", "timestamp"]),
        (&["timestamp", "timestamptz", "time", "timetz", "interval"], &["time"]),
        (&["time"], &["interval"]),
        (
            &["int4range", "int8range", "numrange", "int4multirange", "int8multirange", "nummultirange"],
            &["int4range", "int8range", "numrange", "int4multirange", "int8multirange", "nummultirange"],
        ),
        (
            &["daterange", "tsrange", "tstzrange", "datemultirange", "tsmultirange", "tstzmultirange"],
            &["daterange", "tsrange", "tstzrange", "datemultirange", "tsmultirange", "tstzmultirange"],
        ),
    ];
    let (from, to) = (old.base(), new.base());
    let is_judged = |kind: &str| GROUPS.iter().any(|(from, to)| from.contains(&kind) || to.contains(&kind));
    let is_judged = |kind: &str| is_judged(kind) || ["uuid", "inet", "cidr", "bytea", "money"].contains(&kind);
    // nself does not know the texts of types of the user and of types that hold names.
    let is_known = is_judged(from) && is_judged(to) && to != "bytea";
    let is_in_group = GROUPS.iter().any(|(print, read)| print.contains(&from) && read.contains(&to));
    let is_multirange = |kind: &str| kind.ends_with("multirange");
    if from == "bytea" && to != "bytea" {
        return Some(format!("convert_from({value}, 'UTF8')::{new}"));
    }
    match (is_multirange(from), is_multirange(to)) {
        _ if is_known && !is_in_group => None,
        (false, true) if is_in_group => Some(format!("{value}::text::{}::{new}", to.replace("multirange", "range"))),
        (true, false) if is_in_group => None,
        _ if to == "bytea" => Some(format!("convert_to({value}::text, 'UTF8')")),
        _ => Some(format!("{value}::text::{new}")),
    }
}

/// Returns an example for an array with elements of the type `old` that becomes an array with elements of the type `new`.
/// The server converts the elements of an array only with casts. `None` if no cast converts them correctly.
fn example_conversion_of_arrays(value: &str, old: &TypeName, new: &TypeName) -> Option<String> {
    let through = |kinds: &[&str]| {
        let casts: String = kinds.iter().map(|kind| format!("::{kind}[]")).collect();
        Some(format!("{value}{casts}::{new}[]"))
    };
    let is_text = |kind: &TypeName| TEXT_TYPES.contains(&kind.base());
    match (old.base(), new.base()) {
        _ if is_text(old) || is_text(new) => through(&["text"]),
        ("integer", "boolean") | ("boolean", "integer") => through(&[]),
        ("smallint" | "bigint", "boolean") => through(&["integer"]),
        _ => {
            let example = example_conversion_of_scalars("x", old, new)?;
            let casts = example.strip_prefix("x::")?.strip_suffix(new.as_str())?;
            let kinds: Vec<&str> = casts.split("::").filter(|kind| !kind.is_empty()).collect();
            let are_names = casts.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b':');
            if are_names { through(&kinds) } else { None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn an_example_converts_at_least_some_values() {
        let example = |old: &str, new: &str| {
            example_conversion("x", &TypeName::new(old).unwrap(), &TypeName::new(new).unwrap()).unwrap_or_default()
        };
        for (old, new, expected) in [
            ("interval", "integer", "extract(epoch FROM x)::integer"),
            ("bigint", "interval", "make_interval(secs => x)"),
            ("bigint", "uuid", ""),
            ("uuid", "date", ""),
            ("date", "timestamptz", "x::timestamp AT TIME ZONE 'UTC'"),
            ("timestamptz", "date", "(x AT TIME ZONE 'UTC')::date"),
            ("jsonb", "uuid", "(x #>> '{}')::uuid"),
            ("text", "integer", "x::integer"),
            ("text[]", "uuid[]", "x::text[]::uuid[]"),
            ("boolean[]", "bigint[]", "x::integer[]::bigint[]"),
            ("bigint[]", "uuid[]", ""),
            ("timestamp[]", "timestamptz[]", ""),
            ("int4range", "int8multirange", "x::text::int8range::int8multirange"),
            ("int4range", "int4multirange", "x::int4multirange"),
            ("mood", "feeling", "x::text::feeling"),
            ("interval_kind", "integer", "x::text::integer"),
            ("integer", "interval_kind", "x::text::interval_kind"),
            ("macaddr", "macaddr_kind", "x::text::macaddr_kind"),
        ] {
            assert_eq!(example(old, new), expected, "{old} to {new}");
        }
    }
}
