//! Plans changes of the type of a column.

use super::{ColumnChange, owner_hazard, set_default};
use crate::database::hazard::Hazard;
use crate::database::migrate::{Down, Phase, Planner};
use crate::database::model::*;
use crate::diagnostic::Code;

/// How values of one type are converted to another.
enum Conversion {
    /// No row is rewritten. With `back`, the reverse conversion may fail but never loses a value.
    Free { back: bool },
    /// Every row is rewritten, but no value changes.
    Widens { back: bool },
    /// The user must give the conversion in `using`.
    Other,
}

fn conversion(old: &TypeName, new: &TypeName) -> Conversion {
    if old.is_array() || new.is_array() {
        return Conversion::Other;
    }
    let (from, to) = (old.modifiers(), new.modifiers());
    let grows = to.is_empty() || (from.len() == 1 && to.len() == 1 && to[0] >= from[0]);
    let number = |kind: &str| ["smallint", "integer", "bigint"].iter().position(|known| *known == kind);
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
        _ => Conversion::Other,
    }
}

pub(super) fn retype(planner: &mut Planner, at: &ColumnChange, table: &Table, was: &Column, is: &Column) {
    if table.partition_by.as_ref().is_some_and(|by| by.columns.contains(at.column)) {
        planner.refuse(
            Code::ChangeRefused,
            at.path().key("type"),
            format!("{}.{} is in `partition_by`, so its type cannot change", at.table, at.column),
            "create a table with another name, and move the rows",
        );
        return;
    }
    let conversion = if is.using.is_some() { Conversion::Other } else { conversion(&was.kind, &is.kind) };
    let same = was.kind == is.kind;
    if matches!(conversion, Conversion::Other) && is.using.is_none() && !same {
        planner.refuse(
            Code::NeedsUsing,
            at.path().key("type"),
            format!(
                "{}.{}: PostgreSQL has no automatic conversion from {} to {}",
                at.table, at.column, was.kind, is.kind
            ),
            &format!("give one, such as `using = \"{}::{}\"`, or add another column", at.column, is.kind),
        );
        return;
    }
    let kind = |column: &Column| {
        let collation = column.collation.map_or(String::new(), |collation| format!(" COLLATE {}", collation.sql()));
        let collation = if collation.is_empty() && same { " COLLATE pg_catalog.\"default\"".into() } else { collation };
        format!("{}{collation}", column.kind.sql())
    };
    let alter = |to: &Column, using: Option<&Expression>, from: &Column| {
        let mut sql = Vec::new();
        if from.default.is_some() {
            sql.push(set_default(at, None));
        }
        let using = using.map_or(String::new(), |using| format!(" USING ({using})"));
        sql.push(format!("{} TYPE {}{using};", at.alter(), kind(to)));
        if to.default.is_some() {
            sql.push(set_default(at, to.default.as_ref()));
        }
        sql.join("\n")
    };
    let (hazards, back): (&[Hazard], bool) = match conversion {
        _ if same => (&[Hazard::AccessExclusive, Hazard::BlockingScan], true),
        Conversion::Free { back } => (&[Hazard::AccessExclusive], back),
        Conversion::Widens { back } => (&[Hazard::Rewrite], back),
        Conversion::Other => (&[Hazard::Rewrite, Hazard::ConvertsData, Hazard::MayFail], false),
    };
    let mut step = at
        .step(Phase::Create, "type", if same { "is sorted otherwise" } else { "has another type" })
        .up(alter(is, is.using.as_ref(), was))
        .hazards(hazards.iter().copied())
        .hazards(owner_hazard(at.column));
    step.down = if back { Down::Sql(alter(was, None, is)) } else { Down::Never("the old values cannot be restored") };
    planner.push(step);
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
            Conversion::Other => "other".to_owned(),
        };
        for (old, new, expected) in [
            ("varchar(10)", "varchar(20)", "free false"),
            ("varchar(20)", "varchar(10)", "other"),
            ("varchar", "text", "free true"),
            ("numeric(10,2)", "numeric(12,2)", "free true"),
            ("numeric(10,2)", "numeric(12,3)", "other"),
            ("integer", "bigint", "widens true"),
            ("bigint", "integer", "other"),
            ("integer[]", "bigint[]", "other"),
        ] {
            assert_eq!(kind(old, new), expected, "{old} to {new}");
        }
    }
}
