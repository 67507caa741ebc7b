//! Plans changes of the type of a column.

use super::change::ColumnChange;
use crate::database::hazard::Hazard;
use crate::database::migrate::diff::Diff;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{Down, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;

/// How values of one type are converted to another.
enum Conversion {
    /// No row is rewritten. With `back`, the reverse conversion may fail but never loses a value.
    Free { back: bool },
    /// Every row is rewritten, but no value changes.
    Widens { back: bool },
    /// Every row is rewritten, and the server refuses the change if a value does not fit. With `converts`, values can
    /// change, such as by rounding.
    Narrows { converts: bool },
    /// The user must give the conversion in `using`.
    Other,
}

fn conversion(old: &TypeName, new: &TypeName) -> Conversion {
    match (old.element(), new.element()) {
        (None, None) => {}
        // The server converts the elements, and rewrites the rows.
        (Some(old), Some(new)) => {
            return match conversion(&old, &new) {
                Conversion::Free { back } => Conversion::Widens { back },
                other => other,
            };
        }
        _ => return Conversion::Other,
    }
    let (from, to) = (old.modifiers(), new.modifiers());
    let grows = to.is_empty() || (from.len() == 1 && to.len() == 1 && to[0] >= from[0]);
    let number = |kind: &str| ["smallint", "integer", "bigint"].iter().position(|base| *base == kind);
    match (old.base(), new.base()) {
        ("varchar", "text") => Conversion::Free { back: from.is_empty() },
        ("text", "varchar") if to.is_empty() => Conversion::Free { back: true },
        ("varchar", "varchar") if grows => Conversion::Free { back: false },
        ("varbit", "varbit") if grows => Conversion::Free { back: false },
        ("numeric", "numeric") if to.is_empty() => Conversion::Free { back: false },
        ("numeric", "numeric") if from.len() == to.len() && from.get(1) == to.get(1) && from[0] <= to[0] => {
            Conversion::Free { back: true }
        }
        ("timestamp", "timestamp") | ("timestamptz", "timestamptz") | ("time", "time") if grows => {
            Conversion::Free { back: false }
        }
        ("cidr", "inet") => Conversion::Free { back: false },
        (a, b) if number(a).is_some() && number(a) < number(b) => Conversion::Widens { back: true },
        (a, "numeric") if number(a).is_some() && to.is_empty() => Conversion::Widens { back: false },
        ("real", "double precision") | ("char", "text") => Conversion::Widens { back: false },
        _ => assignment(old, new),
    }
}

/// Returns the conversion that the server makes when a value of one type is stored in a column of another
/// (`pg_cast.castcontext` is `a` or `i`), for types of which the other conversions do not cover all values.
fn assignment(old: &TypeName, new: &TypeName) -> Conversion {
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    const FRACTIONS: [&str; 3] = ["real", "double precision", "numeric"];
    const TEXTS: [&str; 3] = ["text", "varchar", "char"];
    /// Types whose texts do not depend on settings of the session.
    const PRINTED: [&str; 6] = ["boolean", "uuid", "inet", "cidr", "json", "jsonb"];
    let (from, to) = (old.base(), new.base());
    let is_integer = |kind| INTEGERS.contains(&kind);
    let is_number = |kind| is_integer(kind) || FRACTIONS.contains(&kind);
    match (from, to) {
        _ if is_integer(from) && is_integer(to) => Conversion::Narrows { converts: false },
        _ if is_number(from) && is_number(to) => Conversion::Narrows { converts: true },
        (_, "text" | "varchar") if is_number(from) || PRINTED.contains(&from) || TEXTS.contains(&from) => {
            Conversion::Narrows { converts: true }
        }
        (from, "char") if TEXTS.contains(&from) => Conversion::Narrows { converts: true },
        ("date", "timestamp")
        | ("json", "jsonb")
        | ("jsonb", "json")
        | ("timestamp", "timestamp" | "date" | "time") => Conversion::Narrows { converts: true },
        ("timestamptz", "timestamptz") | ("time", "time") => Conversion::Narrows { converts: true },
        _ => Conversion::Other,
    }
}

/// Returns the conversion of an enumeration to text, which keeps every label.
fn labels_as_text(diff: &Diff, old: &TypeName, new: &TypeName) -> Option<Conversion> {
    let kind = old.object().and_then(|kind| diff.old.types.get(&kind));
    let is_text = ["text", "varchar"].contains(&new.base()) && !new.is_array();
    let conversion = match new.modifiers().is_empty() {
        true => Conversion::Widens { back: false },
        false => Conversion::Narrows { converts: false },
    };
    (matches!(kind, Some(UserType::Enum(_))) && !old.is_array() && is_text).then_some(conversion)
}

/// Returns an expression that converts a column and that every server accepts, though not for every value.
fn example(column: &str, old: &TypeName, new: &TypeName) -> String {
    let name = spelled(column);
    let is_integer = ["smallint", "integer", "bigint"].contains(&old.as_str());
    match new.base() {
        "timestamptz" if is_integer && !new.is_array() => format!("to_timestamp({name})"),
        "timestamp" if is_integer && !new.is_array() => format!("to_timestamp({name}) AT TIME ZONE 'UTC'"),
        "boolean" if is_integer && !new.is_array() => format!("{name} <> 0"),
        _ if ["text", "varchar"].contains(&old.as_str()) || new.as_str() == "text" => format!("{name}::{new}"),
        _ if old.is_array() && new.is_array() => format!("{name}::text[]::{new}"),
        _ => format!("{name}::text::{new}"),
    }
}

/// Plans the change of a column's type or collation.
pub(super) fn retype(planner: &mut Planner, diff: &Diff, change: &ColumnChange, (old, new): (&Column, &Column)) {
    let partition_by = change.table.new.partition_by.as_ref();
    if partition_by.is_some_and(|by| by.columns.contains(change.column)) {
        planner.refuse(
            Code::ChangeRefused,
            change.path().key("type"),
            format!("{} is in `partition_by`, so its type cannot change", change.object()),
            "create a table with another name, and move the rows",
        );
        return;
    }
    let is_same_type = old.kind == new.kind;
    let conversion = match new.using {
        Some(_) => Conversion::Other,
        None => labels_as_text(diff, &old.kind, &new.kind).unwrap_or_else(|| conversion(&old.kind, &new.kind)),
    };
    if matches!(conversion, Conversion::Other) && new.using.is_none() && !is_same_type {
        planner.refuse(
            Code::NeedsUsing,
            change.path().key("type"),
            format!("{}: PostgreSQL has no automatic conversion from {} to {}", change.object(), old.kind, new.kind),
            &format!(
                "give one, such as `using = \"{}\"`, or add another column",
                in_nickel(&example(change.column.as_str(), &old.kind, &new.kind))
            ),
        );
        return;
    }
    let (hazards, reverses): (&[Hazard], bool) = match conversion {
        _ if is_same_type => (&[Hazard::AccessExclusive, Hazard::BlockingScan], true),
        Conversion::Free { back } => (&[Hazard::AccessExclusive], back),
        Conversion::Widens { back } => (&[Hazard::Rewrite], back),
        Conversion::Narrows { converts: false } => (&[Hazard::Rewrite, Hazard::MayFail], false),
        Conversion::Narrows { converts: true } | Conversion::Other => {
            (&[Hazard::Rewrite, Hazard::ConvertsData, Hazard::MayFail], false)
        }
    };
    let mut step = change
        .step(Phase::Create, "type", if is_same_type { "is sorted otherwise" } else { "has another type" })
        .up(set_type(change, old, new, new.using.as_ref()))
        .hazards(hazards.iter().copied())
        .hazards(change.owner_hazard());
    step.down = match reverses {
        true => Down::Sql(set_type(change, new, old, None)),
        false => Down::Never("the old values cannot be restored"),
    };
    planner.push(step);
}

/// Returns the statements that change the type of a column, without its default in the meantime.
fn set_type(change: &ColumnChange, from: &Column, to: &Column, using: Option<&Expression>) -> String {
    let mut sql = Vec::new();
    if from.default.is_some() {
        sql.push(change.set_default(None));
    }
    let collation = match to.collation {
        Some(collation) => format!(" COLLATE {}", collation.sql()),
        None if from.kind == to.kind => " COLLATE pg_catalog.\"default\"".to_owned(),
        None => String::new(),
    };
    let using = using.map_or(String::new(), |using| format!(" USING ({using})"));
    sql.push(format!("{} TYPE {}{collation}{using};", change.alter(), to.kind.sql()));
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
        let kind = |old: &str, new: &str| match conversion(&TypeName::new(old).unwrap(), &TypeName::new(new).unwrap()) {
            Conversion::Free { back } => format!("free {back}"),
            Conversion::Widens { back } => format!("widens {back}"),
            Conversion::Narrows { converts } => format!("narrows {converts}"),
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
            assert_eq!(kind(old, new), expected, "{old} to {new}");
        }
    }
}
