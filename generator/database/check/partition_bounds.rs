//! Reports partitions of one table that PostgreSQL refuses: overlapping and empty ones. Only literals are compared; a
//! bound with another expression is left to the server.

use std::collections::BTreeMap;

use super::Check;
use super::bound_value::{BoundValue, KeyType, list_value, range_values};
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// A bound with the name and the path of its partition.
struct Partition<'a> {
    name: &'a str,
    path: FieldPath,
    bound: &'a Bound,
}

impl Check<'_> {
    /// Reports overlapping and empty partitions of each table.
    pub(super) fn check_partition_bounds(&mut self) {
        let schema = self.schema;
        let mut partitions: BTreeMap<&ObjectName, Vec<Partition>> = BTreeMap::new();
        for (name, table) in &schema.tables {
            let path = self.object_path("tables", name);
            for (partition, bound) in &table.partitions {
                let path = path.key("partitions").key(partition.as_str());
                partitions.entry(name).or_default().push(Partition { name: partition.as_str(), path, bound });
            }
            if let Some(PartitionOf { table: parent, bound, .. }) = &table.partition_of {
                let path = path.key("partition_of").key("bound");
                partitions.entry(parent).or_default().push(Partition { name: name.as_str(), path, bound });
            }
        }
        for (name, mut partitions) in partitions {
            let Some(partitioning) = schema.tables.get(name).and_then(|table| table.partition_by.as_ref()) else {
                continue;
            };
            // `check_partitioning` and `check_as_partition` report the others.
            partitions.retain(|partition| partitioning.fits(partition.bound));
            let columns = schema.columns_of(name);
            for partition in &partitions {
                self.check_values_of_bound(partition.bound, partitioning, &columns, &partition.path);
            }
            let kinds: Vec<Option<KeyType>> =
                partitioning.columns.iter().map(|key| KeyType::of_key(schema, &columns, key)).collect();
            self.check_defaults(&partitions);
            match partitioning.strategy {
                Strategy::Range => self.check_ranges(&partitions, &kinds),
                Strategy::List => self.check_lists(&partitions, kinds.first().and_then(Option::as_ref)),
                Strategy::Hash => self.check_hashes(&partitions),
            }
        }
    }

    /// Reports a second default partition.
    fn check_defaults(&mut self, partitions: &[Partition]) {
        let mut defaults = partitions.iter().filter(|partition| *partition.bound == Bound::Default);
        let Some(first) = defaults.next() else { return };
        for partition in defaults {
            let message = format!("`{}` is already the default partition of the table", first.name);
            self.report(partition.path.clone(), message, "give one of the two a bound");
        }
    }

    /// Reports ranges that are empty or that overlap an earlier one.
    fn check_ranges(&mut self, partitions: &[Partition], kinds: &[Option<KeyType>]) {
        let mut ranges = Vec::new();
        for partition in partitions {
            let Bound::Range { from, to } = partition.bound else { continue };
            let (Some(from), Some(to)) = (range_values(from, kinds), range_values(to, kinds)) else { continue };
            if from >= to {
                let message = format!("the range of `{}` is empty: `from` is not before `to`", partition.name);
                self.report(partition.path.clone(), message, "exchange `from` and `to`, or correct one of them");
            } else {
                ranges.push((from, to, partition));
            }
        }
        ranges.sort_by(|left, right| (&left.0, left.2.name).cmp(&(&right.0, right.2.name)));
        // The range with the largest end so far.
        let mut last: Option<(&Vec<BoundValue>, &Partition)> = None;
        for (from, to, partition) in &ranges {
            if let Some((end, earlier)) = last
                && from < end
            {
                let message = format!("the range of `{}` overlaps that of `{}`", partition.name, earlier.name);
                let hint = "let one range begin where the other ends, since `to` is not part of a range";
                self.report(partition.path.clone(), message, hint);
            }
            if last.is_none_or(|(end, _)| end < to) {
                last = Some((to, partition));
            }
        }
    }

    /// Reports values that two lists contain.
    fn check_lists(&mut self, partitions: &[Partition], kind: Option<&KeyType>) {
        let mut partition_of_value: BTreeMap<BoundValue, &str> = BTreeMap::new();
        for partition in partitions {
            let Bound::In(values) = partition.bound else { continue };
            for value in values {
                let Some(key) = list_value(value, kind) else { continue };
                let other = *partition_of_value.entry(key).or_insert(partition.name);
                if other != partition.name {
                    let message = format!("the value {value} belongs to `{other}` and to `{}`", partition.name);
                    self.report(partition.path.clone(), message, "remove the value from one of the two lists");
                    break;
                }
            }
        }
    }

    /// Reports remainders that overlap, and a modulus that does not divide the next larger one.
    fn check_hashes(&mut self, partitions: &[Partition]) {
        let mut hashes: Vec<(u32, u32, &Partition)> = Vec::new();
        for partition in partitions {
            if let Bound::Hash { modulus, remainder } = *partition.bound {
                hashes.push((modulus, remainder, partition));
            }
        }
        hashes.sort_by_key(|(modulus, remainder, partition)| (*modulus, *remainder, partition.name));
        // The partitions of smaller and equal moduli. Each modulus divides the later ones, so there are few moduli.
        let mut earlier_moduli: Vec<u32> = Vec::new();
        let mut partition_of_remainder: BTreeMap<(u32, u32), &str> = BTreeMap::new();
        for (modulus, remainder, partition) in hashes {
            if let Some(smaller) = earlier_moduli.last()
                && modulus % smaller != 0
            {
                let message =
                    format!("the modulus {modulus} is not a multiple of the modulus {smaller} of another partition");
                self.report(partition.path.clone(), message, "give all partitions the same modulus");
                return;
            }
            if earlier_moduli.last() != Some(&modulus) {
                earlier_moduli.push(modulus);
            }
            let other = earlier_moduli
                .iter()
                .find_map(|earlier| partition_of_remainder.get(&(*earlier, remainder % earlier)).copied());
            if let Some(other) = other {
                let message = format!("`{}` and `{other}` hold the same rows", partition.name);
                self.report(partition.path.clone(), message, "give each partition a different remainder");
            }
            partition_of_remainder.entry((modulus, remainder)).or_insert(partition.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns the messages about a table with these partitions. Its key is one column.
    fn messages(strategy: &str, column: &Value, partitions: &Value) -> Vec<String> {
        let schema: Schema = serde_json::from_value(json!({ "tables": { "events": {
            "columns": { "key": column },
            "partition_by": { "strategy": strategy, "columns": ["key"] },
            "partitions": partitions,
        }}}))
        .unwrap();
        super::super::check(&schema, &FieldPath::root()).into_iter().map(|finding| finding.message).collect()
    }

    fn range(from: &str, to: &str) -> Value {
        json!({ "range": { "from": [from], "to": [to] } })
    }

    #[test]
    fn ranges_neither_overlap_nor_are_empty() {
        let overlap = ["the range of `b` overlaps that of `a`".to_owned()];
        for (kind, a, b, expected) in [
            ("date", ("'2026-01-01'", "'2026-03-01'"), ("'2026-02-01'", "'2026-04-01'"), true),
            ("date", ("'2026-01-01'", "'2026-02-01'"), ("'2026-02-01'", "'2026-04-01'"), false),
            ("date", ("MINVALUE", "'2026-02-01'"), ("'2026-01-01'", "MAXVALUE"), true),
            ("timestamptz", ("'2026-01-01'", "'2026-02-01 00:00'"), ("'2026-02-01T00:00:00'", "MAXVALUE"), false),
            ("timestamptz", ("'2026-01-01'", "'2026-02-01+01'"), ("'2026-01-15'", "MAXVALUE"), false),
            ("bigint", ("9", "100"), ("-5", "10"), true),
            ("bigint", ("10", "100"), ("-5", "10"), false),
            ("numeric", ("1.5", "3"), ("2.25", "4"), true),
            ("text", ("'a'", "'z'"), ("'b'", "'c'"), false),
        ] {
            let partitions = json!({ "a": range(a.0, a.1), "b": range(b.0, b.1) });
            let found = messages("range", &json!({ "type": kind }), &partitions);
            let overlaps = found.iter().any(|message| message.contains("overlaps"));
            assert_eq!((overlaps, found.len()), (expected, usize::from(expected)), "{kind} {a:?} {b:?}: {found:?}");
        }
        let collated = json!({ "type": "text", "collation": "C" });
        let partitions = json!({ "a": range("'a'", "'m'"), "b": range("'k'", "'z'") });
        assert_eq!(messages("range", &collated, &partitions), overlap);
        let empty = json!({ "a": range("'2026-03-01'", "'2026-01-01'") });
        assert_eq!(
            messages("range", &json!({ "type": "date" }), &empty),
            ["the range of `a` is empty: `from` is not before `to`"]
        );
    }

    #[test]
    fn a_value_is_in_one_list_and_a_remainder_in_one_hash() {
        let text = json!({ "type": "text" });
        let lists = json!({ "a": { "in": ["'x'", "'y'", "'y'"] }, "b": { "in": ["'z'", "'x'"] } });
        assert_eq!(messages("list", &text, &lists), ["the value 'x' belongs to `a` and to `b`"]);
        let lists = json!({ "a": { "in": ["'x'", "NULL"] }, "b": { "in": ["'X'", "lower('X')"] } });
        assert_eq!(messages("list", &text, &lists), [""; 0]);
        let hash = |modulus: u32, remainder: u32| json!({ "hash": { "modulus": modulus, "remainder": remainder } });
        let key = json!({ "type": "bigint" });
        let hashes = json!({ "a": hash(2, 0), "b": hash(4, 1), "c": hash(4, 3) });
        assert_eq!(messages("hash", &key, &hashes), [""; 0]);
        let hashes = json!({ "a": hash(2, 0), "b": hash(4, 2) });
        assert_eq!(messages("hash", &key, &hashes), ["`b` and `a` hold the same rows"]);
        let hashes = json!({ "a": hash(2, 0), "b": hash(3, 1) });
        assert_eq!(
            messages("hash", &key, &hashes),
            ["the modulus 3 is not a multiple of the modulus 2 of another partition"]
        );
        let defaults = json!({ "a": "default", "b": "default" });
        assert_eq!(messages("list", &text, &defaults), ["`a` is already the default partition of the table"]);
    }
}
