//! Plans changes of enumerations. Labels are added; for any other change the type is recreated.

use std::collections::BTreeSet;

use super::graph::ObjectKind;
use super::{Diff, MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

const LABELS: &str = "PostgreSQL cannot remove a label";

const CONVERTED: &str = "the old values cannot be restored";

/// Returns the new labels of an enumeration, each with the old label before which it is added; `None` unless all old
/// labels remain in their order.
pub fn added_labels<'a>(old: &[Label], new: &'a [Label]) -> Option<Vec<(&'a Label, Option<&'a Label>)>> {
    let known: BTreeSet<&Label> = old.iter().collect();
    let mut rest = old.iter().rev().peekable();
    let mut added = Vec::new();
    // From the end, so that the old label after a new one is already known.
    let mut next = None;
    for label in new.iter().rev() {
        if rest.peek() == Some(&label) {
            rest.next();
            next = Some(label);
        } else if known.contains(label) {
            return None;
        } else {
            added.push((label, next));
        }
    }
    added.reverse();
    rest.next().is_none().then_some(added)
}

pub fn plan(
    planner: &mut Planner,
    diff: &Diff,
    name: &ObjectName,
    old: &Enumeration,
    new: &Enumeration,
    path: &FieldPath,
) {
    let Some(added) = added_labels(&old.values, &new.values) else {
        rebuild(planner, diff, name, new, path);
        return;
    };
    for (label, before) in added {
        let place = before.map_or(String::new(), |before| format!(" BEFORE {}", literal(before.as_str())));
        planner.push(
            MigrationStep::new(
                Phase::Labels,
                name.as_str(),
                path.key("values"),
                format!("{name}: the label {label} is new"),
            )
            .up(format!("ALTER TYPE {} ADD VALUE {}{place};", name.sql(), literal(label.as_str())))
            .never(LABELS),
        );
    }
}

/// Plans a new type and the conversion of all columns to it, since PostgreSQL can only add labels.
fn rebuild(planner: &mut Planner, diff: &Diff, name: &ObjectName, new: &Enumeration, path: &FieldPath) {
    let users = diff.old.types.iter().filter(|(_, kind)| match kind {
        UserType::Domain(domain) => domain.base.object().as_ref() == Some(name),
        UserType::Composite(kind) => kind.attributes.iter().any(|part| part.kind.object().as_ref() == Some(name)),
        UserType::Enum(_) => false,
    });
    let functions = diff
        .old
        .functions
        .iter()
        .filter(|(_, function)| function.arguments.iter().any(|part| part.kind.object().as_ref() == Some(name)));
    let first = users.map(|(user, _)| user).chain(functions.map(|(user, _)| user)).next();
    if let Some(user) = first {
        planner.refuse(
            Code::ChangeRefused,
            path.key("values"),
            format!("labels of {name} are removed or reordered, but {user} uses the type"),
            "keep the labels, or rename them with `renamed_values`",
        );
        return;
    }
    let old_name = format!("{}_before", name.name().chars().take(56).collect::<String>());
    let was = format!("\"{}\".\"{old_name}\"", name.schema());
    let mut sql = vec![
        format!("ALTER TYPE {} RENAME TO \"{old_name}\";", name.sql()),
        ddl::create_type(name, &UserType::Enum(new.clone())),
    ];
    for (table_name, table) in &diff.old.tables {
        let next = diff.new.tables.get(table_name);
        for (column_name, column) in table.columns.iter().filter(|(_, c)| c.kind.object().as_ref() == Some(name)) {
            let alter = format!("ALTER TABLE {} ALTER COLUMN {}", table_name.sql(), quoted(column_name));
            let array = if column.kind.is_array() { "[]" } else { "" };
            if column.default.is_some() {
                sql.push(format!("{alter} DROP DEFAULT;"));
            }
            sql.push(format!(
                "{alter} TYPE {} USING {}::text{array}::{};",
                column.kind.sql(),
                quoted(column_name),
                column.kind.sql()
            ));
            let next = next.and_then(|table| table.columns.get(column_name)).filter(|next| next.kind == column.kind);
            if let Some(default) = next.and_then(|next| next.default.as_ref()) {
                sql.push(format!("{alter} SET DEFAULT ({default});"));
            }
        }
    }
    sql.push(format!("DROP TYPE {was};"));
    planner.push(
        MigrationStep::new(
            Phase::Create,
            name.as_str(),
            path.key("values"),
            format!("labels of {name} are removed or reordered"),
        )
        .rank(diff.new_graph.position(ObjectKind::Type, name))
        .up(sql.join("\n"))
        .never(CONVERTED)
        .hazards([Hazard::ConvertsData, Hazard::Rewrite, Hazard::MayFail]),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn added_labels_stand_before_the_next_old_one() {
        let labels =
            |text: &str| -> Vec<Label> { text.split_whitespace().map(|label| Label::new(label).unwrap()).collect() };
        let added = |old: &str, new: &str| -> Option<Vec<(String, Option<String>)>> {
            let (old, new) = (labels(old), labels(new));
            let added = added_labels(&old, &new)?;
            Some(added.into_iter().map(|(label, next)| (label.to_string(), next.map(ToString::to_string))).collect())
        };
        let expected = |pairs: &[(&str, &str)]| {
            let next = |next: &str| (!next.is_empty()).then(|| next.to_owned());
            Some(pairs.iter().map(|(label, before)| ((*label).to_owned(), next(before))).collect::<Vec<_>>())
        };
        assert_eq!(added("b d", "a b c1 c2 d e"), expected(&[("a", "b"), ("c1", "d"), ("c2", "d"), ("e", "")]));
        assert_eq!(added("a b", "a b"), expected(&[]));
        assert_eq!(added("a b", "b a"), None, "old ones changed places");
        assert_eq!(added("a b c", "a c"), None, "one is gone");
        // As many as would take minutes if each were compared with each.
        let old: Vec<String> = (0..5_000).map(|i| format!("l{i}")).collect();
        let new: Vec<String> = old.iter().cloned().chain((0..5_000).map(|i| format!("n{i}"))).collect();
        assert_eq!(added(&old.join(" "), &new.join(" ")).map(|added| added.len()), Some(5_000));
    }
}
