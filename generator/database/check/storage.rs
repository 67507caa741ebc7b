//! Checks storage parameters: their names, and the ranges of their values (from `reloptions.c` of PostgreSQL 15 to 18).

use std::ops::RangeInclusive;

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::is_postgres_boolean;
use crate::words;

/// The values that a storage parameter can have.
enum Values {
    Whole(RangeInclusive<i64>),
    Real(RangeInclusive<f64>),
    Boolean,
    /// A boolean or one of these words.
    Word(&'static [&'static str]),
}

use Values::{Boolean, Real, Whole, Word};

/// The largest value of a parameter that is an integer of the server.
const MAX: i64 = i32::MAX as i64;
/// Parameters that a table has and its TOAST table, which stores long values, does not have.
const TABLE_PARAMETERS: &[(&str, Values)] = &[
    ("autovacuum_analyze_scale_factor", Real(0.0..=100.0)),
    ("autovacuum_analyze_threshold", Whole(0..=MAX)),
    ("fillfactor", Whole(10..=100)),
    ("parallel_workers", Whole(0..=1024)),
    ("toast_tuple_target", Whole(128..=8160)),
    ("user_catalog_table", Boolean),
];
/// Parameters that a table has, and with the prefix `toast.` also its TOAST table.
const TABLE_AND_TOAST_PARAMETERS: &[(&str, Values)] = &[
    ("autovacuum_enabled", Boolean),
    ("autovacuum_freeze_max_age", Whole(100_000..=2_000_000_000)),
    ("autovacuum_freeze_min_age", Whole(0..=1_000_000_000)),
    ("autovacuum_freeze_table_age", Whole(0..=2_000_000_000)),
    ("autovacuum_multixact_freeze_max_age", Whole(10_000..=2_000_000_000)),
    ("autovacuum_multixact_freeze_min_age", Whole(0..=1_000_000_000)),
    ("autovacuum_multixact_freeze_table_age", Whole(0..=2_000_000_000)),
    ("autovacuum_vacuum_cost_delay", Real(0.0..=100.0)),
    ("autovacuum_vacuum_cost_limit", Whole(1..=10_000)),
    ("autovacuum_vacuum_insert_scale_factor", Real(0.0..=100.0)),
    ("autovacuum_vacuum_insert_threshold", Whole(-1..=MAX)),
    ("autovacuum_vacuum_max_threshold", Whole(-1..=MAX)),
    ("autovacuum_vacuum_scale_factor", Real(0.0..=100.0)),
    ("autovacuum_vacuum_threshold", Whole(0..=MAX)),
    ("log_autovacuum_min_duration", Whole(-1..=MAX)),
    ("vacuum_index_cleanup", Word(&["auto"])),
    ("vacuum_max_eager_freeze_failure_rate", Real(0.0..=1.0)),
    ("vacuum_truncate", Boolean),
];
const BTREE_PARAMETERS: &[(&str, Values)] = &[("deduplicate_items", Boolean), ("fillfactor", Whole(10..=100))];
const HASH_AND_SPGIST_PARAMETERS: &[(&str, Values)] = &[("fillfactor", Whole(10..=100))];
const GIST_PARAMETERS: &[(&str, Values)] = &[("buffering", Word(&["auto"])), ("fillfactor", Whole(10..=100))];
const GIN_PARAMETERS: &[(&str, Values)] = &[("fastupdate", Boolean), ("gin_pending_list_limit", Whole(64..=MAX))];
const BRIN_PARAMETERS: &[(&str, Values)] = &[("autosummarize", Boolean), ("pages_per_range", Whole(1..=131_072))];

impl Values {
    /// Returns whether the server accepts a value.
    fn contain(&self, value: &str) -> bool {
        match self {
            Whole(range) => value.parse::<i64>().is_ok_and(|number| range.contains(&number)),
            Real(range) => value.parse::<f64>().is_ok_and(|number| range.contains(&number)),
            Boolean => is_postgres_boolean(value),
            Word(words) => is_postgres_boolean(value) || words.iter().any(|word| word.eq_ignore_ascii_case(value)),
        }
    }

    fn in_words(&self) -> String {
        match self {
            Whole(range) => format!("a whole number from {} to {}", range.start(), range.end()),
            Real(range) => format!("a number from {} to {}", range.start(), range.end()),
            Boolean => "`true` or `false`".to_owned(),
            Word(words) => format!("`true`, `false` or `{}`", words.join("` or `")),
        }
    }
}

/// Returns the parameters of indexes of a method; `None` for the methods of extensions.
fn parameters_of_index(method: Method) -> Option<&'static [(&'static str, Values)]> {
    match method {
        Method::Btree => Some(BTREE_PARAMETERS),
        Method::Hash | Method::Spgist => Some(HASH_AND_SPGIST_PARAMETERS),
        Method::Gin => Some(GIN_PARAMETERS),
        Method::Gist => Some(GIST_PARAMETERS),
        Method::Brin => Some(BRIN_PARAMETERS),
        Method::Hnsw | Method::Ivfflat => None,
    }
}

impl Check<'_> {
    /// Checks the storage parameters of a table, and those of its indexes and keys.
    pub(super) fn check_storage_of_table(&mut self, table: &Table, path: &FieldPath) {
        self.check_parameters(&table.storage, &[TABLE_PARAMETERS, TABLE_AND_TOAST_PARAMETERS], &path.key("storage"));
        self.check_parameters(&table.primary_key_storage, &[BTREE_PARAMETERS], &path.key("primary_key_storage"));
        for (key, unique) in &table.uniques {
            self.check_parameters(
                &unique.storage,
                &[BTREE_PARAMETERS],
                &path.key("uniques").key(key.as_str()).key("storage"),
            );
        }
        for (key, exclude) in &table.excludes {
            let path = path.key("excludes").key(key.as_str()).key("storage");
            self.check_storage_of_index(exclude.using, &exclude.storage, &path);
        }
        for (key, index) in &table.indexes {
            let path = path.key("indexes").key(key.as_str()).key("storage");
            self.check_storage_of_index(index.using, &index.storage, &path);
        }
    }

    /// Checks the storage parameters of an index or of the index of a constraint.
    pub(super) fn check_storage_of_index(&mut self, method: Method, storage: &StorageParameters, path: &FieldPath) {
        if let Some(parameters) = parameters_of_index(method) {
            self.check_parameters(storage, &[parameters], path);
        }
    }

    /// Reports parameters that are in none of the lists, and values that they cannot have. A name after the prefix
    /// `toast.` is not searched in the first list; only tables have a second one.
    fn check_parameters(&mut self, storage: &StorageParameters, lists: &[&[(&str, Values)]], path: &FieldPath) {
        for (name, value) in storage {
            let (lists, name_in_list) = match name.as_str().strip_prefix("toast.") {
                Some(name_after_prefix) => (&lists[1..], name_after_prefix),
                None => (lists, name.as_str()),
            };
            let mut parameters = lists.iter().copied().flatten();
            let path = path.key(name.as_str());
            match parameters.find(|(parameter, _)| *parameter == name_in_list) {
                Some((_, values)) if values.contain(value.as_str()) => {}
                Some((_, values)) => {
                    let message = format!("PostgreSQL does not accept the value `{value}` of `{name}`");
                    self.report(path, message, format!("set it to {}", values.in_words()));
                }
                None => {
                    let names = lists.iter().copied().flatten().map(|(parameter, _)| *parameter);
                    let hint = words::suggestion_or(name_in_list, names, "remove it");
                    self.report(path, format!("PostgreSQL has no storage parameter `{name}` here"), hint);
                }
            }
        }
    }
}
