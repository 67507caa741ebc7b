//! Tables as a whole: new ones, those that go away, partitions.

use std::collections::BTreeMap;

use super::comments_and_grants::Described;
use super::graph::ObjectKind;
use super::step::LOSES;
use super::{Diff, MigrationStep, Phase, Planner, column, indexes, keys, security};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::values::SqlIdent;

pub fn plan(planner: &mut Planner, all: &Diff) {
    for (name, old) in &all.old.tables {
        if !all.new.tables.contains_key(name) {
            drop_table(planner, all, name, old);
        }
    }
    for (name, new) in &all.new.tables {
        let path = planner.path(&["tables", name.as_str()]);
        match all.old.tables.get(name) {
            Some(old) => change(planner, all, name, old, new, &path),
            None => create(planner, all, name, new, &path),
        }
    }
}

/// Refuses to run when something would be lost.
pub fn unless(lossy: &str, message: &str) -> String {
    format!(
        "DO $guard$ BEGIN IF EXISTS ({lossy}) THEN RAISE EXCEPTION {}; END IF; END $guard$;",
        literal(&message.replace('%', "%%"))
    )
}

fn create(planner: &mut Planner, all: &Diff, name: &ObjectName, new: &Table, path: &FieldPath) {
    let rank = all.new_graph.position(ObjectKind::Table, name);
    let key = name.as_str();
    let guard = unless(&format!("SELECT FROM {}", name.sql()), &format!("{name} holds rows"));
    planner.push(
        MigrationStep::new(Phase::Create, key, path.clone(), format!("the table {name} is new"))
            .rank(rank)
            .up(ddl::create_table(name, new))
            .down(format!("{guard}\nDROP TABLE {};", name.sql())),
    );
    let none = Table::default();
    keys::foreign_keys(planner, all, name, &none, new, path);
    indexes::plan(planner, name, &BTreeMap::new(), &new.indexes, path);
    security::plan(planner, all, name, None, new, path);
    described(planner, all, name, &none, new, path);
}

fn drop_table(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table) {
    let path = planner.path(&["tables"]);
    let key = name.as_str();
    let columns: Vec<&SqlIdent> = old.columns.keys().collect();
    let alike = all.fresh.get(&columns).filter(|_| !columns.is_empty() && !planner.allows(key, Hazard::DeletesData));
    if let Some(other) = alike {
        let finding = planner
            .error(Code::RenameUnclear, planner.path(&["tables", other.as_str()]))
            .message(format!("{name} is gone, and {other} is new with the same columns"))
            .expected("a hint that tells a rename from a loss")
            .hint(format!(
                "`renamed_from = \"{}\"` keeps the rows; `allow.\"{key}\".deletes_data = \"why\"` drops them",
                name.name()
            ));
        planner.findings.push(finding);
        return;
    }
    keys::teardown(planner, all, name, old, None, &path);
    security::teardown(planner, all, name, old, None, &path);
    let mut indexes = old.indexes.keys().chain(old.uniques.keys());
    let collides = all.relations.contains(name) || indexes.any(|index| all.relations.contains(&name.beside(index)));
    let phase = if collides { Phase::Teardown } else { Phase::Contract };
    planner.push(
        MigrationStep::new(phase, key, path, format!("the table {name} is gone"))
            .rank(if collides { usize::MAX } else { all.old_graph.reverse(ObjectKind::Table, name) })
            .up(format!("DROP TABLE {};", name.sql()))
            .never(LOSES)
            .hazard(Hazard::DeletesData),
    );
}

fn change(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    if old.partition_by != new.partition_by {
        planner.refuse(
            Code::ChangeRefused,
            path.key("partition_by"),
            format!("{name} cannot be divided otherwise"),
            "make a table of another name, and move the rows",
        );
        return;
    }
    let key = name.as_str();
    if old.unlogged != new.unlogged {
        let set = |unlogged: bool| {
            format!("ALTER TABLE {} SET {};", name.sql(), if unlogged { "UNLOGGED" } else { "LOGGED" })
        };
        let step = MigrationStep::new(Phase::Create, key, path.key("unlogged"), format!("{name}: write-ahead log"));
        let step =
            step.rank(all.new_graph.position(ObjectKind::Table, name)).up(set(new.unlogged)).down(set(old.unlogged));
        planner.push(step.hazard(Hazard::Rewrite));
    }
    partitions(planner, all, name, old, new, path);
    keys::teardown(planner, all, name, old, Some(new), path);
    security::teardown(planner, all, name, old, Some(new), path);
    column::plan(planner, all, name, old, new, path);
    keys::plan(planner, all, name, old, new, path);
    security::plan(planner, all, name, Some(old), new, path);
    described(planner, all, name, old, new, path);
}

fn partitions(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let path = path.key("partitions");
    let object = |part: &SqlIdent| format!("{name}.{part}");
    for (part, _) in old.partitions.iter().filter(|(part, _)| !new.partitions.contains_key(*part)) {
        planner.push(
            MigrationStep::new(Phase::Teardown, object(part), path.clone(), format!("the partition {part} is gone"))
                .rank(usize::MAX)
                .up(format!("DROP TABLE {};", name.beside(part).sql()))
                .never(LOSES)
                .hazards([Hazard::DeletesData, Hazard::AccessExclusive]),
        );
    }
    for (part, bound) in &new.partitions {
        match old.partitions.get(part) {
            Some(was) if was != bound => planner.refuse(
                Code::ChangeRefused,
                path.key(part.as_str()),
                format!("the partition {part} cannot hold other rows"),
                "add a partition of another name",
            ),
            Some(_) => {}
            None => {
                let sql = name.beside(part).sql();
                let mut up = vec![ddl::create_partition(name, part, bound)];
                // Its table's policies hold for it from its first moment.
                up.extend(ddl::table_row_security(&sql, RowSecurity::Off, new.row_security.min(old.row_security)));
                let guard = unless(&format!("SELECT FROM {sql}"), &format!("{part} holds rows"));
                planner.push(
                    MigrationStep::new(
                        Phase::Create,
                        object(part),
                        path.key(part.as_str()),
                        format!("the partition {part} is new"),
                    )
                    .rank(all.new_graph.position(ObjectKind::Table, name))
                    .up(up.join("\n"))
                    .down(format!("{guard}\nDROP TABLE {sql};")),
                );
            }
        }
    }
}

/// Its comment, those of its columns, and its grants.
fn described(planner: &mut Planner, all: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let object = name.sql();
    let table = Described { phase: Phase::Attach, rank: 0, kind: "TABLE", object: &object, name: name.as_str(), path };
    table.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    for (column, is) in &new.columns {
        // A column that is dropped and added has lost its comment.
        let was = old.columns.get(column).filter(|_| !all.touched.regenerated_of(name).contains(column));
        let (was, is) = (was.and_then(|was| was.comment.as_ref()), is.comment.as_ref());
        if was == is {
            continue;
        }
        let path = path.key("columns").key(column.as_str());
        let (object, name) = (format!("{object}.{}", quoted(column)), format!("{name}.{column}"));
        let column =
            Described { phase: Phase::Attach, rank: 1, kind: "COLUMN", object: &object, name: &name, path: &path };
        column.comment(planner, was, is);
    }
    table.grants(planner, &old.grants, &new.grants);
}
