//! Sequences, and the columns to which they belong.

use super::comments_and_grants::Described;
use super::graph::ObjectKind;
use super::{Diff, Down, MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

pub fn plan(planner: &mut Planner, all: &Diff) {
    for (name, new) in &all.new.sequences {
        let path = planner.path(&["sequences", name.as_str()]);
        let rank = all.new_graph.position(ObjectKind::Sequence, name);
        let none = Sequence::default();
        let old = all.old.sequences.get(name);
        if old.is_none() {
            planner.push(
                MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the sequence {name} is new"))
                    .rank(rank)
                    .up(ddl::create_sequence(name, new))
                    .down(format!("DROP SEQUENCE {};", name.sql())),
            );
        } else if let Some(old) = old
            && ddl::sequence_options(old) != ddl::sequence_options(new)
        {
            let set = |sequence| format!("ALTER SEQUENCE {} {};", name.sql(), ddl::sequence_options(sequence));
            planner.push(
                MigrationStep::new(
                    Phase::Create,
                    name.as_str(),
                    path.clone(),
                    format!("the sequence {name} counts otherwise"),
                )
                .rank(rank)
                .up(set(new))
                .down(set(old)),
            );
        }
        let old = old.unwrap_or(&none);
        owned(planner, name, old, Some(new), &path);
        let (kind, object) = ("SEQUENCE", name.sql());
        let described =
            Described { phase: Phase::Create, rank, kind, object: &object, name: name.as_str(), path: &path };
        described.grants(planner, &old.grants, &new.grants);
        described.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    }
    for (name, old) in all.old.sequences.iter().filter(|(name, _)| !all.new.sequences.contains_key(*name)) {
        let path = planner.path(&["sequences"]);
        owned(planner, name, old, None, &path);
        let mut step = MigrationStep::new(Phase::Contract, name.as_str(), path, format!("the sequence {name} is gone"))
            .rank(all.old_graph.reverse(ObjectKind::Sequence, name))
            .up(format!("DROP SEQUENCE {};", name.sql()))
            .hazard(Hazard::DeletesData);
        step.down = Down::Never("the position of the sequence is gone");
        planner.push(step);
    }
}

/// A sequence is free before its column goes away, and belongs to one once that is there.
fn owned(planner: &mut Planner, name: &ObjectName, old: &Sequence, new: Option<&Sequence>, path: &FieldPath) {
    let (was, is) = (old.owned_by.as_ref(), new.and_then(|new| new.owned_by.as_ref()));
    if was == is {
        return;
    }
    let set = |owner: Option<&ColumnOf>| {
        let owner = owner.map_or_else(|| "NONE".to_owned(), ColumnOf::sql);
        format!("ALTER SEQUENCE {} OWNED BY {owner};", name.sql())
    };
    let step = |phase: Phase, what: &str| {
        MigrationStep::new(phase, name.as_str(), path.key("owned_by"), format!("the sequence {name} {what}"))
    };
    if was.is_some() {
        planner.push(step(Phase::Teardown, "belongs to its column no more").up(set(None)).down(set(was)));
    }
    if is.is_some() {
        planner.push(step(Phase::Attach, "belongs to its column").rank(1).up(set(is)).down(set(None)));
    }
}
