//! Plans changes of indexes. Indexes of existing tables are built concurrently.

use std::collections::BTreeMap;

use super::comments_and_grants::Described;
use super::dropped::same_index;
use super::{MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::SqlIdent;

/// Completes a step that builds an index concurrently.
pub fn concurrent(step: MigrationStep, table: &ObjectName, name: &SqlIdent, index: &Index) -> MigrationStep {
    let object = table.beside(name);
    step.up(ddl::create_index(table, name, index, true))
        .down(format!("DROP INDEX CONCURRENTLY IF EXISTS {};", object.sql()))
        .hazard(Hazard::IndexBuild)
        .hazards(index.unique.then_some(Hazard::MayFail))
        .index(object)
}

/// Plans changes of the comments of indexes.
pub fn comments(
    planner: &mut Planner,
    name: &ObjectName,
    old: &BTreeMap<SqlIdent, Index>,
    new: &BTreeMap<SqlIdent, Index>,
    path: &FieldPath,
) {
    for (key, index) in new {
        let (was, is) = (old.get(key).and_then(|was| was.comment.as_ref()), index.comment.as_ref());
        if was == is {
            continue;
        }
        let (object, name, path) = (name.beside(key).sql(), format!("{name}.{key}"), path.key(key.as_str()));
        // After the index, which may be built in an earlier migration.
        let described =
            Described { phase: Phase::Keys, rank: 9, kind: "INDEX", object: &object, name: &name, path: &path };
        described.comment(planner, was, is);
    }
}

/// Plans changes of the indexes of a new table or a view, which are not built concurrently.
pub fn plan(
    planner: &mut Planner,
    name: &ObjectName,
    old: &BTreeMap<SqlIdent, Index>,
    new: &BTreeMap<SqlIdent, Index>,
    path: &FieldPath,
) {
    let path = path.key("indexes");
    let same =
        |key: &SqlIdent, a: &Index, other: &BTreeMap<SqlIdent, Index>| other.get(key).is_some_and(|b| same_index(a, b));
    for (key, was) in old.iter().filter(|(key, was)| !same(key, was, new)) {
        planner.push(
            MigrationStep::new(Phase::Teardown, format!("{name}.{key}"), path.clone(), format!("{name}.{key} is gone"))
                .rank(0)
                .up(format!("DROP INDEX {};", name.beside(key).sql()))
                .down(ddl::create_index(name, key, was, false)),
        );
    }
    for (key, index) in new.iter().filter(|(key, is)| !same(key, is, old)) {
        planner.push(
            MigrationStep::new(
                Phase::Attach,
                format!("{name}.{key}"),
                path.key(key.as_str()),
                format!("{name}.{key} is new"),
            )
            .up(ddl::create_index(name, key, index, false))
            .down(format!("DROP INDEX {};", name.beside(key).sql())),
        );
    }
    let kept: BTreeMap<SqlIdent, Index> =
        old.iter().filter(|(key, was)| same(key, was, new)).map(|(k, v)| (k.clone(), v.clone())).collect();
    comments(planner, name, &kept, new, &path);
}
