//! The settings of PostgreSQL 15 to 18 and the values that each accepts, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::values::is_postgres_boolean;

/// The settings by name. Each line of the file has a name, a kind and the values of the kind, separated by tabs:
/// `autovacuum boolean`, `authentication_timeout time s 1 600`, `wal_level enum minimal,replica,logical
/// archive,hot_standby`. The values of numbers are the smallest and the largest value of any version, after the unit if
/// there is one; the values of words are the documented words, and after them other words that the server accepts. The
/// file is from `pg_settings` of each version. It lacks settings that cannot be changed, and those that nself sets.
pub static SETTINGS: LazyLock<BTreeMap<&str, Setting>> =
    LazyLock::new(|| include_str!("postgres_settings.txt").lines().filter_map(Setting::of_line).collect());

/// The settings that concern the whole server, which a session or function cannot change (`pg_settings.context`).
pub static SERVER_SETTINGS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("postgres_server_settings.txt").lines().collect());

/// Settings of sessions that `pg_settings` does not list.
pub const UNLISTED_SETTINGS: [&str; 6] = [
    "role",
    "seed",
    "session_authorization",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
];

/// Units of sizes, each with its number of kibibytes, and units of times with their milliseconds. Capitals matter.
const SIZES: Units = &[("B", 1.0 / 1024.0), ("kB", 1.0), ("MB", 1024.0), ("GB", 1_048_576.0), ("TB", 1_073_741_824.0)];
const TIMES: Units =
    &[("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("min", 60_000.0), ("h", 3_600_000.0), ("d", 86_400_000.0)];

/// Names of units, each with its size.
type Units = &'static [(&'static str, f64)];

/// The values of one setting.
#[derive(Debug)]
pub enum Setting {
    Boolean,
    /// A number in a range. A whole number is rounded before it is compared.
    Number {
        is_whole: bool,
        range: (f64, f64),
    },
    /// A number with a unit, which is counted in `base` units of the table, such as pages of 8 kB.
    Quantity {
        units: Units,
        base: f64,
        range: (f64, f64),
    },
    Words {
        documented: Vec<&'static str>,
        undocumented: Vec<&'static str>,
    },
    Text,
}

impl Setting {
    /// Returns the name and the values of the setting in a line of the file.
    fn of_line(line: &'static str) -> Option<(&'static str, Setting)> {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, kind, values) = (*columns.first()?, *columns.get(1)?, columns.get(2..)?);
        let range = |min: &str, max: &str| Some((min.parse().ok()?, max.parse().ok()?));
        let words = |words: &'static str| words.split(',').collect();
        let setting = match (kind, values) {
            ("boolean", []) => Setting::Boolean,
            ("text", []) => Setting::Text,
            ("integer" | "real", [min, max]) => {
                Setting::Number { is_whole: kind == "integer", range: range(min, max)? }
            }
            ("size" | "time", [unit, min, max]) => {
                let units = if kind == "size" { SIZES } else { TIMES };
                Setting::Quantity { units, base: base_unit(units, unit)?, range: range(min, max)? }
            }
            ("enum", [documented]) => Setting::Words { documented: words(documented), undocumented: Vec::new() },
            ("enum", [documented, undocumented]) => {
                Setting::Words { documented: words(documented), undocumented: words(undocumented) }
            }
            _ => return None,
        };
        Some((name, setting))
    }

    /// Returns what the setting accepts if it does not accept the value; `None` for a value that it accepts.
    pub fn expected(&self, value: &str) -> Option<String> {
        let (number, unit) = number_and_unit(value);
        match self {
            Setting::Text => None,
            Setting::Boolean => (!is_postgres_boolean(value)).then(|| "`on` or `off`".into()),
            Setting::Number { is_whole, range } => match number.filter(|_| unit.is_empty()) {
                Some(number) => exceeded_limit(if *is_whole { number.round() } else { number }, *range, ""),
                None => Some("a number without a unit".into()),
            },
            Setting::Quantity { units, base, range } => {
                let factor = if unit.is_empty() { Some(*base) } else { base_unit(units, unit) };
                match (number, factor) {
                    (Some(number), Some(factor)) => {
                        exceeded_limit_of_quantity((number * factor / base).round(), *range, units, *base)
                    }
                    _ if *units == SIZES => Some("a number with the unit B, kB, MB, GB or TB, such as `16MB`".into()),
                    _ => Some("a number with the unit us, ms, s, min, h or d, such as `30s`".into()),
                }
            }
            Setting::Words { documented, undocumented } => {
                let is_known = documented.iter().chain(undocumented).any(|word| word.eq_ignore_ascii_case(value));
                let words = documented.iter().filter(|word| !word.is_empty());
                let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
                (!is_known).then(|| format!("one of {}", words.join(", ")))
            }
        }
    }
}

/// Returns the size of a unit, which may have a number in front: among sizes, `"MB"` → 1024 and `"8kB"` → 8. `None` if
/// the table does not have the unit.
fn base_unit(units: Units, unit: &str) -> Option<f64> {
    let (number, unit) = number_and_unit(unit);
    let size = units.iter().find(|(name, _)| *name == unit)?.1;
    Some(number.unwrap_or(1.0) * size)
}

/// Returns the limit that a number exceeds: "at least `1`" or "at most `100`". `None` for a number in the range.
fn exceeded_limit(number: f64, (min, max): (f64, f64), unit: &str) -> Option<String> {
    if number < min {
        Some(format!("at least `{min}{unit}`"))
    } else if number > max {
        Some(format!("at most `{max}{unit}`"))
    } else {
        None
    }
}

/// Returns the limit that a number of base units exceeds, in the largest unit of which the base is a multiple: for
/// pages of 8 kB, the limit of 16 pages is `128kB`.
fn exceeded_limit_of_quantity(number: f64, (min, max): (f64, f64), units: Units, base: f64) -> Option<String> {
    let (unit, size) = units.iter().rfind(|(_, size)| base % size == 0.0)?;
    // Special values, such as -1, have no unit.
    let unit = if number < min && min < 0.0 { "" } else { unit };
    let factor = base / size;
    exceeded_limit(number * factor, (min * factor, max * factor), unit)
}

/// Returns the number at the start of a value, and the unit after it: `"1.5 GB"` → `(Some(1.5), "GB")`. The number is
/// `None` if the value does not start with one.
pub fn number_and_unit(value: &str) -> (Option<f64>, &str) {
    // Letters of a hexadecimal number are digits, so such a number has no unit.
    if let Some(number) = value.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        return (Some(f64::from(number)), "");
    }
    let end = value.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let exponent = unit.strip_prefix(['e', 'E']).is_some_and(|digits| digits.parse::<i32>().is_ok());
    if exponent { (value.parse().ok(), "") } else { (number.parse().ok(), unit.trim_start()) }
}

/// Returns a size in kibibytes. A value without a unit is a number of base units, each of `base` kibibytes.
pub fn kibibytes(value: &str, base: f64) -> Option<f64> {
    let (number, unit) = number_and_unit(value);
    Some(number? * base_unit(SIZES, unit).unwrap_or(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sorted_and_every_line_is_read() {
        let lines: Vec<&str> = include_str!("postgres_settings.txt").lines().collect();
        let names: Vec<&str> = lines.iter().filter_map(|line| line.split('\t').next()).collect();
        assert!(names.is_sorted() && lines.len() > 350, "{}", lines.len());
        assert_eq!(SETTINGS.len(), lines.len());
    }

    #[test]
    fn values_fit_the_setting() {
        for (name, value) in [
            ("autovacuum", "on"),
            ("autovacuum", "FALSE"),
            ("jit", "y"),
            ("max_connections", "0x10"),
            ("max_connections", "1e3"),
            ("random_page_cost", "1.1"),
            ("seq_page_cost", "1e3"),
            ("effective_io_concurrency", "0"),
            ("work_mem", "16MB"),
            ("work_mem", "64"),
            ("work_mem", "65536B"),
            ("maintenance_work_mem", "1.5 GB"),
            ("shared_buffers", "4096"),
            ("checkpoint_timeout", "5min"),
            ("checkpoint_timeout", "30"),
            ("log_min_duration_statement", "-1"),
            ("vacuum_cost_delay", "0.5"),
            ("wal_level", "Logical"),
            ("wal_level", "hot_standby"),
            ("synchronous_commit", "true"),
            ("ssl_max_protocol_version", ""),
            ("archive_command", "anything"),
        ] {
            assert_eq!(SETTINGS[name].expected(value), None, "{name} {value}");
        }
    }

    #[test]
    fn other_values_are_refused_with_what_the_setting_accepts() {
        for (name, value, expected) in [
            ("autovacuum", "maybe", "`on` or `off`"),
            ("autovacuum", "", "`on` or `off`"),
            ("max_connections", "abc", "a number without a unit"),
            ("max_connections", "10MB", "a number without a unit"),
            ("max_connections", "0", "at least `1`"),
            ("random_page_cost", "-1", "at least `0`"),
            ("work_mem", "16mb", "a number with the unit B, kB, MB, GB or TB, such as `16MB`"),
            ("work_mem", "GB", "a number with the unit B, kB, MB, GB or TB, such as `16MB`"),
            ("work_mem", "16", "at least `64kB`"),
            ("work_mem", "1kB", "at least `64kB`"),
            ("shared_buffers", "1", "at least `128kB`"),
            ("checkpoint_timeout", "5 minutes", "a number with the unit us, ms, s, min, h or d, such as `30s`"),
            ("checkpoint_timeout", "", "a number with the unit us, ms, s, min, h or d, such as `30s`"),
            ("checkpoint_timeout", "1s", "at least `30s`"),
            ("checkpoint_timeout", "2d", "at most `86400s`"),
            ("autovacuum_naptime", "0", "at least `1s`"),
            ("log_min_duration_statement", "-2", "at least `-1`"),
            ("wal_level", "replicaa", "one of `minimal`, `replica`, `logical`"),
        ] {
            assert_eq!(SETTINGS[name].expected(value).as_deref(), Some(expected), "{name} {value}");
        }
    }
}
