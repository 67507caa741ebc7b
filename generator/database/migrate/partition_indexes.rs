//! Indexes of single partitions that equal an index of the partitioned table. When the server creates an index of a
//! partitioned table, it uses an equal index of a partition instead of building one, so the partition would have one index
//! instead of two. Therefore the separate index of the partition is built after that of the partitioned table.

use super::diff::Diff;
use super::step::{MigrationStep, Phase};
use crate::database::model::*;

/// Returns whether the server may use an index of a partition as a part of an index of the partitioned table. Expressions
/// are not compared, since the server compares them in its own form; a wrong answer only costs a build.
pub(super) fn may_serve_as(index: &Index, other: &Index) -> bool {
    let columns =
        |index: &Index| -> Vec<Option<SqlName>> { index.columns.iter().map(|column| column.column.clone()).collect() };
    index.using == other.using
        && index.unique == other.unique
        && index.nulls_not_distinct == other.nulls_not_distinct
        && index.include == other.include
        && index.predicate.is_some() == other.predicate.is_some()
        && columns(index) == columns(other)
}

/// Returns the number of partitioned tables above a table.
pub(super) fn depth(schema: &Schema, name: &ObjectName) -> usize {
    schema.table_and_ancestors(name).len().saturating_sub(1)
}

/// Returns the step that builds an index of a partition, after the indexes of the tables above it.
pub(super) fn after_ancestors(diff: &Diff, name: &ObjectName, step: MigrationStep) -> MigrationStep {
    // The settings of indexes come later in the phase, at 9, and the foreign keys at 10.
    let step = MigrationStep { phase: Phase::Keys, ..step };
    step.order_in_phase(depth(diff.new, name).min(8))
}
