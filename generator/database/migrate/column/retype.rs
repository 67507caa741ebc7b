//! Plans changes of the type or collation of a column.

use std::collections::BTreeSet;

use super::change::ColumnChange;
use super::conversion::{Conversion, conversion, deciding_setting, type_in_conversions};
use super::example::example_conversion;
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::identifiers::mentions_column;
use crate::database::migrate::diff::Diff;
use crate::database::migrate::planner::{Planner, allowance};
use crate::database::migrate::step::{Down, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;

/// Returns the conversion of an enumeration to text, which keeps every label; `None` for any other pair of types.
fn labels_as_text(diff: &Diff, old: &TypeName, new: &TypeName) -> Option<Conversion> {
    let old_type = old.object().and_then(|name| diff.old.types.get(&name));
    let is_text = ["text", "varchar"].contains(&new.base()) && !new.is_array();
    // With a length, as in `varchar(20)`, a label may be too long, or lose blanks at its end.
    let conversion = match new.modifiers().is_empty() {
        true => Conversion::Widens { reversible: false },
        false => Conversion::Narrows { changes_values: true },
    };
    (matches!(old_type, Some(UserType::Enum(_))) && !old.is_array() && is_text).then_some(conversion)
}

/// Returns the conversion from one type to another, each of which may be a domain. A domain has the values of its base,
/// but the server refuses those that violate its checks.
fn conversion_with_domains(diff: &Diff, old: &TypeName, new: &TypeName) -> Conversion {
    let (old_base, new_base) = (diff.old.without_domains(old), diff.new.without_domains(new));
    let of_types =
        |old: &TypeName, new: &TypeName| match (type_in_conversions(diff.old, old), type_in_conversions(diff.new, new))
        {
            (Some(old), Some(new)) => conversion(&old, &new),
            _ => Conversion::Other,
        };
    if old_base == old && new_base == new {
        return of_types(old, new);
    }
    let of_bases =
        if old_base == new_base { Conversion::Free { reversible: false } } else { of_types(old_base, new_base) };
    match of_bases {
        Conversion::Free { .. } if new_base == new => Conversion::Free { reversible: false },
        Conversion::Widens { .. } if new_base == new => Conversion::Widens { reversible: false },
        Conversion::Free { .. } | Conversion::Widens { .. } => Conversion::Narrows { changes_values: false },
        other => other,
    }
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
        None => labels_as_text(diff, &old.kind, &new.kind)
            .unwrap_or_else(|| conversion_with_domains(diff, &old.kind, &new.kind)),
    };
    if matches!(conversion, Conversion::Other) && using.is_none() && !is_same_type {
        refuse_without_conversion(planner, diff, change, (&old.kind, &new.kind));
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

/// Refuses a change of the type for which PostgreSQL has no conversion. The hint has an example for `using`.
fn refuse_without_conversion(
    planner: &mut Planner,
    diff: &Diff,
    change: &ColumnChange,
    (old, new): (&TypeName, &TypeName),
) {
    let object = change.object();
    // A dropped type may have been renamed to free its name; the message contains the name that the user knows.
    let freed_name = old.object().and_then(|kind| diff.freed_name(&kind));
    let old_name = freed_name.map_or_else(|| old.clone(), |name| old.with_object(name));
    let column = quoted_if_needed(change.column.as_str());
    let hint = match example_conversion(&column, old, new) {
        None => "add a new column, and fill it in a migration by hand (`nself db new --by-hand`)".to_owned(),
        Some(example) => {
            let example = escaped_for_nickel(&example);
            let needs_allowance = |hazard: &Hazard| hazard.needs_review() && !planner.allows(&object, *hazard);
            let hazards: Vec<Hazard> = CONVERSION_HAZARDS.into_iter().filter(needs_allowance).collect();
            let allow = allowance(&object, &hazards)
                .map_or_else(String::new, |entry| format!(" and its effect on the rows, `{entry}`"));
            format!("give a conversion, such as `using = \"{example}\"`{allow}, or add a new column")
        }
    };
    let message = match deciding_setting(diff.old.without_domains(old), diff.new.without_domains(new)) {
        None => format!("{object}: PostgreSQL has no automatic conversion from {old_name} to {new}"),
        Some(setting) => {
            format!("{object}: the result of the conversion from {old_name} to {new} depends on {setting}")
        }
    };
    planner.refuse(Code::NeedsUsing, change.path().key("type"), message, &hint);
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
