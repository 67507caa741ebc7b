//! The conversions between types: those that the server makes when it stores a value, and examples of `using`.

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
        ("timestamp", "timestamp") | ("timestamptz", "timestamptz") | ("time", "time") if is_at_least_as_long => {
            Conversion::Free { reversible: false }
        }
        ("cidr", "inet") => Conversion::Free { reversible: false },
        (_, "text" | "varchar") if old.base() == "citext" && new_modifiers.is_empty() => {
            Conversion::Free { reversible: false }
        }
        (old_base, new_base) if integer_size(old_base).is_some() && integer_size(old_base) < integer_size(new_base) => {
            Conversion::Widens { reversible: true }
        }
        (old_base, "numeric") if integer_size(old_base).is_some() && new_modifiers.is_empty() => {
            Conversion::Widens { reversible: false }
        }
        ("real", "double precision") | ("char", "text") => Conversion::Widens { reversible: false },
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
        (_, "text" | "varchar")
            if is_number(from) || TYPES_PRINTED_ALIKE.contains(&from) || TEXT_TYPES.contains(&from) =>
        {
            Conversion::Narrows { changes_values: true }
        }
        (from, "char") if TEXT_TYPES.contains(&from) => Conversion::Narrows { changes_values: true },
        ("date", "timestamp")
        | ("json", "jsonb")
        | ("jsonb", "json")
        | ("timestamp", "timestamp" | "date" | "time") => Conversion::Narrows { changes_values: true },
        ("timestamptz", "timestamptz") | ("time", "time") => Conversion::Narrows { changes_values: true },
        _ => conversion_of_rare_types(old, new),
    }
}

/// Returns the conversion of [`assignment_conversion`] for types that columns rarely have.
fn conversion_of_rare_types(old: &TypeName, new: &TypeName) -> Conversion {
    // The server compares the lengths when it stores a value.
    let has_every_length = new.base() == "varbit" && new.modifiers().is_empty();
    match (old.base(), new.base()) {
        ("bit" | "varbit", "varbit") if has_every_length => Conversion::Widens { reversible: false },
        ("oid", "bigint")
        | ("time", "interval")
        | ("macaddr", "macaddr8")
        | ("box", "polygon")
        | ("point", "box")
        | ("polygon", "path") => Conversion::Widens { reversible: false },
        // Values that differ only in upper and lower case are equal in a unique index.
        ("bit" | "varbit", "bit" | "varbit")
        | ("bigint", "oid")
        | ("macaddr8", "macaddr")
        | ("path", "polygon")
        | ("text" | "varchar" | "char", "citext") => Conversion::Narrows { changes_values: false },
        ("citext", "varchar" | "char")
        | ("inet", "cidr")
        | ("smallint" | "integer", "oid")
        | ("oid", "integer")
        | ("interval" | "timetz", "time")
        | ("text" | "varchar" | "char", "name")
        | ("name", "char") => Conversion::Narrows { changes_values: true },
        _ => Conversion::Other,
    }
}

/// Returns what decides the result of a conversion that the server makes without `using`, such as the setting `TimeZone`;
/// `None` if the server has no such conversion. It is the reason why nself requires `using`.
pub(super) fn deciding_setting(old: &TypeName, new: &TypeName) -> Option<&'static str> {
    const TIME_ZONE: &str = "the setting `TimeZone` of the session";
    match (old.element(), new.element()) {
        (Some(old), Some(new)) => return deciding_setting(&old, &new),
        (None, Some(_)) => return None,
        _ => {}
    }
    let (from, to) = (old.base(), new.base());
    match (from, to) {
        ("date" | "timestamp", "timestamptz")
        | ("timestamptz", "date" | "time" | "timetz" | "timestamp")
        | ("time", "timetz") => Some(TIME_ZONE),
        ("integer" | "bigint" | "numeric", "money") | ("money", "numeric") => {
            Some("the setting `lc_monetary` of the session")
        }
        _ if !TEXT_TYPES.contains(&to) || new.is_array() => None,
        _ if old.is_array() => Some("the text form of the array"),
        ("date" | "timestamp" | "daterange" | "tsrange", _) => Some("the setting `DateStyle` of the session"),
        ("timestamptz" | "tstzrange", _) => Some("the settings `DateStyle` and `TimeZone` of the session"),
        ("bytea", _) => Some("the setting `bytea_output` of the session"),
        ("money", _) => Some("the setting `lc_monetary` of the session"),
        _ if from.starts_with("interval") => Some("the setting `IntervalStyle` of the session"),
        _ => Some("the text form of the values"),
    }
}

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
    let (from_interval, to_interval) = (from.starts_with("interval"), to.starts_with("interval"));
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
        "macaddr" | "macaddr8" => to.starts_with("macaddr"),
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
    if from == "bytea" && to != "bytea" && is_judged(to) {
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
    fn only_conversions_that_keep_every_value_need_no_using() {
        let description =
            |old: &str, new: &str| match conversion(&TypeName::new(old).unwrap(), &TypeName::new(new).unwrap()) {
                Conversion::Free { reversible } => format!("free {reversible}"),
                Conversion::Widens { reversible } => format!("widens {reversible}"),
                Conversion::Narrows { changes_values } => format!("narrows {changes_values}"),
                Conversion::Other => "other".to_owned(),
            };
        for (old, new, expected) in [
            ("varchar(10)", "varchar(20)", "free false"),
            ("varchar(20)", "varchar(10)", "narrows true"),
            ("varchar", "text", "free true"),
            ("numeric(10,2)", "numeric(12,2)", "free true"),
            ("numeric(10,2)", "numeric(12,3)", "narrows true"),
            ("integer", "bigint", "widens true"),
            ("bigint", "integer", "narrows false"),
            ("timestamp", "text", "other"),
            ("date", "timestamptz", "other"),
            ("bigint", "oid", "narrows false"),
            ("inet", "cidr", "narrows true"),
            ("xml", "text", "narrows true"),
            ("citext", "text", "free false"),
            ("text", "citext", "narrows false"),
            ("interval", "integer", "other"),
            ("text", "integer", "other"),
            ("integer[]", "bigint[]", "widens true"),
            ("varchar(10)[]", "text[]", "widens false"),
            ("integer[]", "bigint", "other"),
        ] {
            assert_eq!(description(old, new), expected, "{old} to {new}");
        }
    }

    #[test]
    fn a_conversion_that_depends_on_a_setting_has_its_name() {
        let setting =
            |old: &str, new: &str| deciding_setting(&TypeName::new(old).unwrap(), &TypeName::new(new).unwrap());
        assert_eq!(setting("date", "timestamptz"), Some("the setting `TimeZone` of the session"));
        assert_eq!(setting("timestamptz[]", "date[]"), Some("the setting `TimeZone` of the session"));
        assert_eq!(setting("interval", "text"), Some("the setting `IntervalStyle` of the session"));
        assert_eq!(setting("interval", "integer"), None);
        assert_eq!(setting("text", "text[]"), None);
    }

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
        ] {
            assert_eq!(example(old, new), expected, "{old} to {new}");
        }
    }
}
