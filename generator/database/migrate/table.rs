//! Plans changes of whole tables: creation, removal, partitions.

use std::collections::BTreeMap;

use super::comments_and_grants::Described;
use super::graph::ObjectKind;
use super::step::DATA_LOST;
use super::{Diff, MigrationStep, Phase, Planner, column, indexes, keys, security};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::values::SqlIdent;

/// Plans changes of tables.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    for (name, old) in &diff.old.tables {
        if !diff.new.tables.contains_key(name) {
            drop_table(planner, diff, name, old);
        }
    }
    for (name, new) in &diff.new.tables {
        let path = planner.path(&["tables", name.as_str()]);
        match diff.old.tables.get(name) {
            Some(old) => change(planner, diff, name, old, new, &path),
            None => create(planner, diff, name, new, &path),
        }
    }
}

/// Returns a statement that fails if the query finds rows that would be lost.
pub fn fail_if_rows(lossy: &str, message: &str) -> String {
    format!(
        "DO $guard$ BEGIN IF EXISTS ({lossy}) THEN RAISE EXCEPTION {}; END IF; END $guard$;",
        literal(&message.replace('%', "%%"))
    )
}

fn create(planner: &mut Planner, diff: &Diff, name: &ObjectName, new: &Table, path: &FieldPath) {
    let rank = diff.new_graph.position(ObjectKind::Table, name);
    let key = name.as_str();
    let guard = fail_if_rows(&format!("SELECT FROM {}", name.sql()), &format!("{name} holds rows"));
    planner.push(
        MigrationStep::new(Phase::Create, key, path.clone(), format!("the table {name} is new"))
            .rank(rank)
            .up(ddl::create_table(name, new))
            .down(format!("{guard}\nDROP TABLE {};", name.sql())),
    );
    let none = Table::default();
    keys::foreign_keys(planner, diff, name, &none, new, path);
    indexes::plan(planner, name, &BTreeMap::new(), &new.indexes, path);
    security::plan(planner, diff, name, None, new, path);
    described(planner, diff, name, &none, new, path);
}

fn drop_table(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table) {
    let path = planner.path(&["tables"]);
    let key = name.as_str();
    let columns: Vec<&SqlIdent> = old.columns.keys().collect();
    let alike =
        diff.new_by_columns.get(&columns).filter(|_| !columns.is_empty() && !planner.allows(key, Hazard::DeletesData));
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
    keys::teardown(planner, diff, name, old, None, &path);
    security::teardown(planner, diff, name, old, None, &path);
    let mut indexes = old.indexes.keys().chain(old.uniques.keys());
    let collides = diff.relations.contains(name) || indexes.any(|index| diff.relations.contains(&name.beside(index)));
    let phase = if collides { Phase::Teardown } else { Phase::Contract };
    planner.push(
        MigrationStep::new(phase, key, path, format!("the table {name} is gone"))
            .rank(if collides { usize::MAX } else { diff.old_graph.reverse(ObjectKind::Table, name) })
            .up(format!("DROP TABLE {};", name.sql()))
            .never(DATA_LOST)
            .hazard(Hazard::DeletesData),
    );
}

fn change(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    if old.partition_by != new.partition_by {
        planner.refuse(
            Code::ChangeRefused,
            path.key("partition_by"),
            format!("the partitioning of {name} cannot change"),
            "create a table with another name, and move the rows",
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
            step.rank(diff.new_graph.position(ObjectKind::Table, name)).up(set(new.unlogged)).down(set(old.unlogged));
        planner.push(step.hazard(Hazard::Rewrite));
    }
    partitions(planner, diff, name, old, new, path);
    keys::teardown(planner, diff, name, old, Some(new), path);
    security::teardown(planner, diff, name, old, Some(new), path);
    column::plan(planner, diff, name, old, new, path);
    keys::plan(planner, diff, name, old, new, path);
    security::plan(planner, diff, name, Some(old), new, path);
    described(planner, diff, name, old, new, path);
}

fn partitions(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let path = path.key("partitions");
    let object = |part: &SqlIdent| format!("{name}.{part}");
    for (part, _) in old.partitions.iter().filter(|(part, _)| !new.partitions.contains_key(*part)) {
        planner.push(
            MigrationStep::new(Phase::Teardown, object(part), path.clone(), format!("the partition {part} is gone"))
                .rank(usize::MAX)
                .up(format!("DROP TABLE {};", name.beside(part).sql()))
                .never(DATA_LOST)
                .hazards([Hazard::DeletesData, Hazard::AccessExclusive]),
        );
    }
    for (part, bound) in &new.partitions {
        match old.partitions.get(part) {
            Some(was) if was != bound => planner.refuse(
                Code::ChangeRefused,
                path.key(part.as_str()),
                format!("the bound of the partition {part} cannot change"),
                "add a partition with another name",
            ),
            Some(_) => {}
            None => {
                let sql = name.beside(part).sql();
                let mut up = vec![ddl::create_partition(name, part, bound)];
                // The policies of its table apply to it from the start.
                up.extend(ddl::table_row_security(&sql, RowSecurity::Off, new.row_security.min(old.row_security)));
                let guard = fail_if_rows(&format!("SELECT FROM {sql}"), &format!("{part} holds rows"));
                planner.push(
                    MigrationStep::new(
                        Phase::Create,
                        object(part),
                        path.key(part.as_str()),
                        format!("the partition {part} is new"),
                    )
                    .rank(diff.new_graph.position(ObjectKind::Table, name))
                    .up(up.join("\n"))
                    .down(format!("{guard}\nDROP TABLE {sql};")),
                );
            }
        }
    }
}

/// Plans changes of the table's comment and grants, and of its columns' comments.
fn described(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let object = name.sql();
    let table = Described { phase: Phase::Attach, rank: 0, kind: "TABLE", object: &object, name: name.as_str(), path };
    table.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    for (column, is) in &new.columns {
        // A column that is dropped and added loses its comment.
        let was = old.columns.get(column).filter(|_| !diff.affected.regenerated_of(name).contains(column));
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
