//! Plans changes of what logical replication sends of old rows.

use super::diff::{Diff, TableChange};
use super::dropped::dropped_parts;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::model::*;

/// Plans the change of a table's replica identity. An index is no longer used before it is dropped, and is used after it
/// has been built; so the identity is the default in the meantime.
pub fn plan(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    let (from, to) = (&old.replica_identity, &new.replica_identity);
    let is_index = |identity: &ReplicaIdentity| matches!(identity, ReplicaIdentity::Index(_));
    if from == to && !is_dropped(diff, change, from) {
        return;
    }
    let usual = ReplicaIdentity::default();
    let set = |identity: &ReplicaIdentity| ddl::replica_identity(name, identity);
    let step = |phase| {
        let why = format!("{name}: replica identity");
        MigrationStep::new(phase, name.as_str(), path.key("replica_identity"), why)
    };
    if is_index(from) {
        planner.push(step(Phase::Teardown).up(set(&usual)).down(set(from)));
    }
    let meantime = if is_index(from) { &usual } else { from };
    if to != meantime {
        planner.push(step(Phase::Keys).rank(11).up(set(to)).down(set(meantime)));
    }
}

/// Returns whether the index of an identity is dropped, and perhaps built again.
fn is_dropped(diff: &Diff, change: &TableChange, identity: &ReplicaIdentity) -> bool {
    let ReplicaIdentity::Index(index) = identity else { return false };
    let dropped = dropped_parts(diff, change);
    let is_primary = !change.old.primary_key.is_empty() && ddl::primary_key_name(change.name, change.old) == *index;
    dropped.indexes.contains(index) || dropped.uniques.contains(index) || (is_primary && dropped.primary_key)
}
