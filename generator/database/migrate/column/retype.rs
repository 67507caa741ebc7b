//! Plans changes of the type or collation of a column.

use std::collections::BTreeSet;

use super::change::ColumnChange;
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::identifiers::mentions_column;
use crate::database::migrate::diff::Diff;
use crate::database::migrate::planner::{Planner, allowance};
use crate::database::migrate::step::{Down, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;

/// The conversion of values of one type to another.
enum Conversion {
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
fn conversion(old: &TypeName, new: &TypeName) -> Conversion {
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
    const TYPES_PRINTED_ALIKE: [&str; 6] = ["boolean", "uuid", "inet", "cidr", "json", "jsonb"];
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
        _ => Conversion::Other,
    }
}

/// Returns the conversion of an enumeration to text, which keeps every label; `None` for any other pair of types.
fn labels_as_text(diff: &Diff, old: &TypeName, new: &TypeName) -> Option<Conversion> {
    let old_type = old.object().and_then(|name| diff.old.types.get(&name));
    let is_text = ["text", "varchar"].contains(&new.base()) && !new.is_array();
    // With a length, as in `varchar(20)`, a label may be too long.
    let conversion = match new.modifiers().is_empty() {
        true => Conversion::Widens { reversible: false },
        false => Conversion::Narrows { changes_values: false },
    };
    (matches!(old_type, Some(UserType::Enum(_))) && !old.is_array() && is_text).then_some(conversion)
}

/// Returns an example of `using`: an expression that converts `value`, which is the name of the column or an expression.
/// For the column `total` of type `text` and the new type `integer`, it is `total::integer`. It may fail for some values.
/// `None` if no expression of the server converts the values.
fn example_conversion(value: &str, old: &TypeName, new: &TypeName) -> Option<String> {
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
        (None, None) => Some(example_conversion_of_scalars(value, old, new)),
    }
}

/// Returns an example for two types that are neither texts nor arrays.
fn example_conversion_of_scalars(value: &str, old: &TypeName, new: &TypeName) -> String {
    let is_integer = INTEGER_TYPES.contains(&old.as_str());
    let is_range = old.base().ends_with("range") && !old.base().ends_with("multirange");
    match new.base() {
        "timestamptz" if is_integer => format!("to_timestamp({value})"),
        "timestamp" if is_integer => format!("to_timestamp({value}) AT TIME ZONE 'UTC'"),
        // The text of a time would be read in the time zone of the session.
        "timestamptz" if old.base() == "timestamp" => format!("{value} AT TIME ZONE 'UTC'"),
        "timestamp" if old.base() == "timestamptz" => format!("{value} AT TIME ZONE 'UTC'"),
        "boolean" if is_integer => format!("{value} <> 0"),
        "integer" if old.as_str() == "boolean" => format!("{value}::integer"),
        "smallint" | "bigint" | "numeric" if old.as_str() == "boolean" => format!("{value}::integer::{new}"),
        // The text of a range is not that of a multirange.
        kind if is_range && kind.ends_with("multirange") => format!("{value}::{new}"),
        _ => format!("{value}::text::{new}"),
    }
}

/// Returns an example for an array with elements of the type `old` that becomes an array with elements of the type `new`.
/// The server converts the elements of an array only with a cast. `None` if no cast converts them correctly.
fn example_conversion_of_arrays(value: &str, old: &TypeName, new: &TypeName) -> Option<String> {
    match (old.base(), new.base()) {
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") => None,
        (from, "timestamp" | "timestamptz") if INTEGER_TYPES.contains(&from) => None,
        ("integer", "boolean") | ("boolean", "integer") => Some(format!("{value}::{new}[]")),
        (from, to)
            if (from == "boolean" && is_smallint_or_bigint(to)) || (to == "boolean" && is_smallint_or_bigint(from)) =>
        {
            Some(format!("{value}::integer[]::{new}[]"))
        }
        _ => Some(format!("{value}::text[]::{new}[]")),
    }
}

/// Returns whether a type holds integers of another size than `integer`, to which the server casts no booleans.
fn is_smallint_or_bigint(kind: &str) -> bool {
    ["smallint", "bigint"].contains(&kind)
}

/// Returns whether the partition key of a table uses a column, directly or in an expression.
fn is_in_partition_key(by: &PartitionBy, column: &SqlName) -> bool {
    let columns = BTreeSet::from([column.clone()]);
    let mut expressions = by.expressions();
    by.columns.iter().any(|key| key.column.as_ref() == Some(column))
        || expressions.any(|expression| mentions_column(expression.as_str(), &columns))
}

/// The hazards of a conversion that needs `using`.
const CONVERSION_HAZARDS: [Hazard; 3] = [Hazard::ConvertsData, Hazard::Rewrite, Hazard::MayFail];

/// Plans the change of a column's type or collation.
pub(super) fn change_type(planner: &mut Planner, diff: &Diff, change: &ColumnChange, (old, new): (&Column, &Column)) {
    let partition_by = change.table.new.partition_by.as_ref();
    if partition_by.is_some_and(|by| is_in_partition_key(by, change.column)) {
        planner.refuse(
            Code::ChangeRefused,
            change.path().key("type"),
            format!("{} is in `partition_by`, so its type cannot change", change.object()),
            "create a table with a different name, and move the rows",
        );
        return;
    }
    let is_same_type = old.kind == new.kind;
    // For a change of the collation only, `using` remains from an earlier change of the type.
    let using = new.using.as_ref().filter(|_| !is_same_type);
    let conversion = match using {
        Some(_) => Conversion::Other,
        None => labels_as_text(diff, &old.kind, &new.kind).unwrap_or_else(|| conversion(&old.kind, &new.kind)),
    };
    if matches!(conversion, Conversion::Other) && using.is_none() && !is_same_type {
        // A dropped type may have been renamed to free its name; the message contains the name that the user knows.
        let freed_name = old.kind.object().and_then(|kind| diff.freed_name(&kind));
        let old_kind = freed_name.map_or_else(|| old.kind.clone(), |name| old.kind.with_object(name));
        let column = quoted_if_needed(change.column.as_str());
        let hint = example_conversion(&column, &old.kind, &new.kind).map_or_else(
            || "add a new column, and fill it in a migration by hand (`nself db new --by-hand`)".to_owned(),
            |example| {
                let example = escaped_for_nickel(&example);
                let hazards = CONVERSION_HAZARDS.into_iter().filter(|hazard| hazard.needs_review());
                let hazards: Vec<Hazard> =
                    hazards.filter(|hazard| !planner.allows(&change.object(), *hazard)).collect();
                let allow = allowance(&change.object(), &hazards)
                    .map_or_else(String::new, |entry| format!(" and its effect on the rows, `{entry}`"));
                format!("give a conversion, such as `using = \"{example}\"`{allow}, or add a new column")
            },
        );
        planner.refuse(
            Code::NeedsUsing,
            change.path().key("type"),
            format!("{}: PostgreSQL has no automatic conversion from {old_kind} to {}", change.object(), new.kind),
            &hint,
        );
        return;
    }
    let (hazards, is_reversible): (&[Hazard], bool) = match conversion {
        // Only the collation changes, so the server builds the indexes of the column again.
        _ if is_same_type => (&[Hazard::AccessExclusive, Hazard::BlockingScan], true),
        Conversion::Free { reversible } => (&[Hazard::AccessExclusive], reversible),
        Conversion::Widens { reversible } => (&[Hazard::Rewrite], reversible),
        Conversion::Narrows { changes_values: false } => (&[Hazard::Rewrite, Hazard::MayFail], false),
        Conversion::Narrows { changes_values: true } | Conversion::Other => (&CONVERSION_HAZARDS, false),
    };
    let mut step = change
        .step(Phase::Create, "type", if is_same_type { "is sorted differently" } else { "has a different type" })
        .up(set_type(change, old, new, using))
        .hazards(hazards.iter().copied())
        .hazards(change.owner_hazard());
    step.down = match is_reversible {
        true => Down::Sql(set_type(change, new, old, None)),
        false => Down::Irreversible("the old values cannot be restored"),
    };
    planner.push(step);
}

/// Returns the statements that change the type of a column. Its default is dropped before and set afterwards, since the
/// server may be unable to convert the default.
fn set_type(change: &ColumnChange, from: &Column, to: &Column, using: Option<&Expression>) -> String {
    let mut sql = Vec::new();
    if from.default.is_some() {
        sql.push(change.set_default(None));
    }
    let collation = match &to.collation {
        Some(collation) => format!(" COLLATE {}", collation.sql()),
        None if from.kind == to.kind => " COLLATE pg_catalog.\"default\"".to_owned(),
        None => String::new(),
    };
    let using = using.map_or(String::new(), |using| format!(" USING ({using})"));
    sql.push(format!("{} TYPE {}{collation}{using};", change.alter_column_prefix(), to.kind.sql()));
    // The server resets the storage and the compression to the defaults of the new type.
    sql.extend(ddl::alter_column_storage(change.table.name, change.column, &to.with_default_storage(), to));
    if to.default.is_some() {
        sql.push(change.set_default(to.default.as_ref()));
    }
    sql.join("\n")
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
            ("text", "integer", "other"),
            ("integer[]", "bigint[]", "widens true"),
            ("varchar(10)[]", "text[]", "widens false"),
            ("integer[]", "bigint", "other"),
        ] {
            assert_eq!(description(old, new), expected, "{old} to {new}");
        }
    }
}
