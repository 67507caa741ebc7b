//! Plans changes of sequences and of the columns that own them.

use super::comments_and_grants::AnnotatedObject;
use super::diff::Diff;
use super::graph::ObjectKind;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Plans changes of sequences.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (name, new) in &diff.new.sequences {
        let path = planner.path(&["sequences", name.as_str()]);
        plan_numbers(planner, diff, (name, new), &path);
        let no_sequence = Sequence::default();
        let old = diff.old.sequences.get(name).unwrap_or(&no_sequence);
        change_owner(planner, name, (old.owned_by.as_ref(), new.owned_by.as_ref()), &path);
        let (kind, object) = ("SEQUENCE", name.sql());
        let annotated_object = AnnotatedObject {
            phase: Phase::Create,
            order_in_phase: diff.new_graph.position(ObjectKind::Sequence, name),
            kind,
            object: &object,
            name: name.as_str(),
            path: &path,
        };
        annotated_object.plan_grants(planner, old.rights(), new.rights());
        annotated_object.plan_comment(planner, old.comment.as_ref(), new.comment.as_ref());
    }
    for (name, old) in diff.old.sequences.iter().filter(|(name, _)| !diff.new.sequences.contains_key(*name)) {
        // The step that makes the column an identity column drops the sequence.
        if !old.owned_by.as_ref().is_some_and(|owner| becomes_identity(diff, owner)) {
            drop_sequence(planner, diff, (name, old));
        }
    }
}

/// Plans a new sequence, or different options of a sequence that both sides have.
fn plan_numbers(planner: &mut Planner, diff: &Diff, (name, new): (&ObjectName, &Sequence), path: &FieldPath) {
    let step = |why: String| {
        MigrationStep::new(Phase::Create, name.as_str(), path.clone(), why)
            .order_in_phase(diff.new_graph.position(ObjectKind::Sequence, name))
    };
    if let Some(owner) = identity_of_new_sequence(diff, name, new) {
        let column = &diff.old.tables[&owner.table].columns[&owner.column];
        planner.push(
            step(format!("{}.{} is numbered by the sequence {name}", owner.table, owner.column))
                .up(ddl::identity_to_sequence(owner, name, new))
                .down(ddl::sequence_to_identity(owner, name, column)),
        );
        return;
    }
    let Some(old) = diff.old.sequences.get(name) else {
        planner.push(
            step(format!("the sequence {name} is new"))
                .up(ddl::create_sequence(name, new))
                .down(format!("DROP SEQUENCE {};", name.sql())),
        );
        return;
    };
    if ddl::sequence_options(old) != ddl::sequence_options(new) {
        let (alter, sequence) = (format!("ALTER SEQUENCE {}", name.sql()), literal(&name.sql()));
        let sequence = format!("{sequence}::pg_catalog.regclass");
        let statements = ddl::SequenceStatements { alter: &alter, option_prefix: "", sequence: &sequence };
        let set = |from, to| ddl::change_sequence_options(&statements, from, to, &ddl::sequence_options(to));
        planner.push(step(format!("the sequence {name} counts differently")).up(set(old, new)).down(set(new, old)));
    }
}

/// Plans the removal of a sequence.
fn drop_sequence(planner: &mut Planner, diff: &Diff, (name, old): (&ObjectName, &Sequence)) {
    let path = planner.path(&["sequences"]);
    change_owner(planner, name, (old.owned_by.as_ref(), None), &path);
    let old_name = diff.freed_name(name).unwrap_or(name);
    planner.push(
        MigrationStep::new(Phase::DropData, old_name.as_str(), path, format!("the sequence {old_name} is gone"))
            .order_in_phase(diff.old_graph.reverse_position(ObjectKind::Sequence, name))
            .up(format!("DROP SEQUENCE {};", name.sql()))
            .irreversible("the position of the sequence is lost")
            .hazard(Hazard::DeletesData),
    );
}

/// Returns the identity column of the old schema whose numbers a new sequence continues.
fn identity_of_new_sequence<'a>(diff: &Diff, name: &ObjectName, new: &'a Sequence) -> Option<&'a ColumnOf> {
    let owner = new.owned_by.as_ref().filter(|_| !diff.old.sequences.contains_key(name))?;
    changes_identity(diff, owner, |was_identity, is_identity| was_identity && !is_identity).then_some(owner)
}

/// Returns whether a column that a sequence numbers becomes an identity column.
fn becomes_identity(diff: &Diff, owner: &ColumnOf) -> bool {
    changes_identity(diff, owner, |was_identity, is_identity| !was_identity && is_identity)
}

/// Returns whether both sides have a column, and `condition` is true. Its arguments are whether the column is an identity
/// column in the old schema, and in the new one. Columns of partitioned tables are left out.
fn changes_identity(diff: &Diff, owner: &ColumnOf, condition: impl Fn(bool, bool) -> bool) -> bool {
    let is_identity = |schema: &Schema| {
        let table = schema.tables.get(&owner.table).filter(|table| table.partition_by.is_none())?;
        Some(table.columns.get(&owner.column)?.identity.is_some())
    };
    is_identity(diff.old).zip(is_identity(diff.new)).is_some_and(|(old, new)| condition(old, new))
}

/// Returns the sequence that numbered the rows of a column before it becomes an identity column; `None` if it does not
/// become one. If the column owns several sequences, the first by name is returned.
pub fn sequence_before_identity<'a>(diff: &Diff<'a>, owner: &ColumnOf) -> Option<(&'a ObjectName, &'a Sequence)> {
    let mut removed_sequences = diff.old.sequences.iter().filter(|(name, _)| !diff.new.sequences.contains_key(*name));
    let owned_sequence = removed_sequences.find(|(_, sequence)| sequence.owned_by.as_ref() == Some(owner));
    owned_sequence.filter(|_| becomes_identity(diff, owner))
}

/// Returns whether a new sequence continues the numbers of a column that was an identity column.
pub fn sequence_follows_identity(diff: &Diff, owner: &ColumnOf) -> bool {
    let mut sequences = diff.new.sequences.iter();
    sequences.any(|(name, sequence)| identity_of_new_sequence(diff, name, sequence) == Some(owner))
}

/// Plans the change of the column that owns a sequence. The sequence is detached before the old column is dropped, and
/// attached when the new column exists.
fn change_owner(
    planner: &mut Planner,
    name: &ObjectName,
    (old, new): (Option<&ColumnOf>, Option<&ColumnOf>),
    path: &FieldPath,
) {
    if old == new {
        return;
    }
    let set = |owner: Option<&ColumnOf>| {
        let owner = owner.map_or_else(|| "NONE".to_owned(), ColumnOf::sql);
        format!("ALTER SEQUENCE {} OWNED BY {owner};", name.sql())
    };
    let step = |phase: Phase, what: &str| {
        MigrationStep::new(phase, name.as_str(), path.key("owned_by"), format!("the sequence {name} {what}"))
    };
    if old.is_some() {
        planner.push(step(Phase::DropConstraints, "no longer belongs to its column").up(set(None)).down(set(old)));
    }
    if new.is_some() {
        planner.push(step(Phase::Attach, "belongs to its column").order_in_phase(1).up(set(new)).down(set(None)));
    }
}
