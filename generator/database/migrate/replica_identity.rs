//! Plans changes of the replica identity: the columns that logical replication sends of an updated or deleted row.

use super::diff::{Diff, TableChange};
use super::dropped::dropped_parts;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::model::*;

/// Plans the change of a table's replica identity. A change from an index has two steps: the identity becomes the
/// default before the index can be dropped, and gets its new value after all indexes have been built.
pub fn plan(planner: &mut Planner, diff: &Diff, change: &TableChange) {
    let TableChange { name, old, new, path, .. } = *change;
    let (from, to) = (&old.replica_identity, &new.replica_identity);
    let is_index = |identity: &ReplicaIdentity| matches!(identity, ReplicaIdentity::Index(_));
    if from == to && !index_is_dropped(diff, change, from) {
        return;
    }
    let default_identity = ReplicaIdentity::default();
    let set = |identity: &ReplicaIdentity| ddl::replica_identity(name, identity);
    let step = |phase| {
        let why = format!("{name}: replica identity");
        MigrationStep::new(phase, name.as_str(), path.key("replica_identity"), why)
    };
    if is_index(from) {
        planner.push(step(Phase::DropConstraints).up(set(&default_identity)).down(set(from)));
    }
    // The identity after the first step, if there is one.
    let identity_between = if is_index(from) { &default_identity } else { from };
    if to != identity_between {
        // The keys of the phase come first, at position 0, then the foreign keys, at 10.
        planner.push(step(Phase::Keys).order_in_phase(11).up(set(to)).down(set(identity_between)));
    }
}

/// Returns whether the index of an identity is dropped, even if it is built again afterwards; false for an identity
/// without an index.
fn index_is_dropped(diff: &Diff, change: &TableChange, identity: &ReplicaIdentity) -> bool {
    let ReplicaIdentity::Index(index) = identity else { return false };
    let dropped = dropped_parts(diff, change);
    let is_primary_key = !change.old.primary_key.is_empty() && ddl::primary_key_name(change.name, change.old) == *index;
    dropped.indexes.contains(index) || dropped.uniques.contains(index) || (is_primary_key && dropped.primary_key)
}
