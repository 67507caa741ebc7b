//! Plans changes of indexes. Indexes of existing tables are built concurrently.

use std::collections::BTreeMap;

use super::comments_and_grants::AnnotatedObject;
use super::diff::Diff;
use super::dropped::{is_built_late, same_index};
use super::partition_indexes;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Returns a step with the SQL and the hazards of a concurrent index build.
pub fn build_concurrently(step: MigrationStep, table: &ObjectName, name: &SqlName, index: &Index) -> MigrationStep {
    let object = table.in_same_schema(name);
    step.up(ddl::create_index(table, name, index, true))
        .down(format!("DROP INDEX CONCURRENTLY IF EXISTS {};", object.sql()))
        .hazard(Hazard::IndexBuild)
        .hazards(index.unique.then_some(Hazard::MayFail))
        .index(object)
}

/// Returns the statements that create a dropped index again, with all of its properties.
pub fn restore_sql(table: &ObjectName, name: &SqlName, index: &Index) -> String {
    let mut sql = vec![ddl::create_index(table, name, index, false)];
    sql.extend(ddl::index_settings(table, name, index));
    sql.join("\n")
}

/// Plans changes of those properties of indexes that PostgreSQL can change in place. `old` contains the old indexes
/// that are not dropped.
pub fn change_settings(
    planner: &mut Planner,
    name: &ObjectName,
    old: &BTreeMap<SqlName, Index>,
    new: &BTreeMap<SqlName, Index>,
    path: &FieldPath,
) {
    for (key, index) in new {
        let (object, name, path) = (name.in_same_schema(key).sql(), format!("{name}.{key}"), path.key(key.as_str()));
        // The statement that creates a new index also sets its storage parameters.
        let index_as_created = Index { storage: index.storage.clone(), ..Index::default() };
        let old = old.get(key).unwrap_or(&index_as_created);
        // These steps come after the step that adds the index, which may also be in an earlier phase.
        let annotated_index = AnnotatedObject {
            phase: Phase::Keys,
            order_in_phase: 9,
            kind: "INDEX",
            object: &object,
            name: &name,
            path: &path,
        };
        annotated_index.plan_comment(planner, old.comment.as_ref(), index.comment.as_ref());
        annotated_index.plan_storage(planner, &old.storage, &index.storage);
        let statistics = ddl::index_statistics(&object, old, index);
        if !statistics.is_empty() {
            let column_pairs = old.columns.iter().zip(&index.columns);
            // The new index with the old statistics of its columns: what `down` restores.
            let restored_index = Index {
                columns: column_pairs
                    .map(|(old, new)| IndexColumn { statistics: old.statistics, ..new.clone() })
                    .collect(),
                ..Index::default()
            };
            let step = annotated_index.step("statistics").up(statistics.join("\n"));
            planner.push(step.down(ddl::index_statistics(&object, index, &restored_index).join("\n")));
        }
    }
}

/// Plans changes of the indexes of a new table or a view, which are not built concurrently. `name` and `path` are those of
/// the table or view.
pub fn plan(
    planner: &mut Planner,
    diff: &Diff,
    name: &ObjectName,
    old: &BTreeMap<SqlName, Index>,
    new: &BTreeMap<SqlName, Index>,
    path: &FieldPath,
) {
    let path = path.key("indexes");
    let has_same_index = |indexes: &BTreeMap<SqlName, Index>, key: &SqlName, index: &Index| {
        indexes.get(key).is_some_and(|other| same_index(index, other, false))
    };
    let step = |phase, key: &SqlName, path: FieldPath, what: &str| {
        MigrationStep::new(phase, format!("{name}.{key}"), path, format!("{name}.{key} {what}"))
    };
    for (key, index) in old.iter().filter(|(key, index)| !has_same_index(new, key, index)) {
        planner.push(
            step(Phase::DropConstraints, key, path.clone(), "is gone")
                .up(format!("DROP INDEX {};", name.in_same_schema(key).sql()))
                .down(restore_sql(name, key, index)),
        );
    }
    for (key, index) in new.iter().filter(|(key, index)| !has_same_index(old, key, index)) {
        let step = step(Phase::Attach, key, path.key(key.as_str()), "is new")
            .up(ddl::create_index(name, key, index, false))
            .down(format!("DROP INDEX {};", name.in_same_schema(key).sql()));
        planner.push(match is_built_late(diff, name, index) {
            true => partition_indexes::after_ancestors(diff, name, step),
            false => step,
        });
    }
    let remaining: BTreeMap<SqlName, Index> = old
        .iter()
        .filter(|(key, index)| has_same_index(new, key, index))
        .map(|(key, index)| (key.clone(), index.clone()))
        .collect();
    change_settings(planner, name, &remaining, new, &path);
}
