//! Rules of `database_server.settings`: a name or value that PostgreSQL refuses would stop the server at its next start.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::assemble::memory_limit;
use crate::plan::roster::Roster;
use crate::plan::service_names::{DATABASE, service_name};
use crate::stack::Stack;
use crate::values::Memory;
use crate::words;

/// The settings of PostgreSQL 15 to 18, one a line with the kind of its value, from `pg_settings` of each version. The file
/// lacks settings that cannot be changed, and those that nself sets.
static KINDS: LazyLock<BTreeMap<&str, &str>> =
    LazyLock::new(|| include_str!("postgres_settings.txt").lines().filter_map(|line| line.split_once(' ')).collect());

/// Units of sizes, each with its number of kibibytes, and units of times. Capitals matter.
const SIZES: [(&str, f64); 5] =
    [("B", 1.0 / 1024.0), ("kB", 1.0), ("MB", 1024.0), ("GB", 1_048_576.0), ("TB", 1_073_741_824.0)];
const TIMES: [&str; 6] = ["us", "ms", "s", "min", "h", "d"];
/// Kibibytes of the unit of `shared_buffers`: a page.
const PAGE: f64 = 8.0;

/// Checks names and values of settings, and that the server's cache fits into its memory.
pub fn check(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, value) in &stack.database_server.settings {
        let (name, value) = (name.as_str(), value.as_str().trim());
        // Settings of extensions have a dot.
        if name.contains('.') {
            continue;
        }
        let finding = Diagnostic::error(Code::ServerSetting, path!("database_server", "settings", name));
        let Some(kind) = KINDS.get(name) else {
            let near = words::nearest(name, KINDS.keys().copied());
            findings.push(finding.message(format!("PostgreSQL has no setting `{name}`")).hint(near.map_or_else(
                || format!("remove it; for a server with other settings, add `\"-c\", \"{name}=…\"` to `services.postgres.command`, which is not checked"),
                |near| format!("did you mean `{near}`?"),
            )));
            continue;
        };
        match expected(kind, value) {
            Some(expected) => {
                findings.push(finding.message(format!("`{name}` cannot have this value")).expected(expected));
            }
            None => findings.extend(too_large_cache(roster, name, value).map(|(message, limit)| {
                finding.message(message).expected(format!("less than {limit}, usually a quarter of it")).hint(format!(
                    "remove `{name}`, which then is a quarter of `services.{DATABASE}.limits.memory`, or raise this limit"
                ))
            })),
        }
    }
    findings
}

/// Returns what a setting of this kind accepts, if it does not accept the value.
fn expected(kind: &str, value: &str) -> Option<String> {
    let (number, unit) = number_and_unit(value);
    let is_number = number.is_some();
    let is_boolean = || {
        let words = ["true", "false", "yes", "no"];
        let value = value.to_ascii_lowercase();
        let is_prefix = !value.is_empty() && words.iter().any(|word| word.starts_with(&value));
        is_prefix || ["on", "of", "off", "1", "0"].contains(&value.as_str())
    };
    let is_size = || unit.is_empty() || SIZES.iter().any(|(name, _)| *name == unit);
    match kind {
        "boolean" if !is_boolean() => Some("`on` or `off`".into()),
        "number" if !is_number || !unit.is_empty() => Some("a number without a unit".into()),
        "size" if !is_number || !is_size() => Some("a number with the unit B, kB, MB, GB or TB, such as `16MB`".into()),
        "time" if !is_number || !(unit.is_empty() || TIMES.contains(&unit)) => {
            Some("a number with the unit us, ms, s, min, h or d, such as `30s`".into())
        }
        _ => None,
    }
}

/// Returns the number at the start of a value, and the unit after it.
fn number_and_unit(value: &str) -> (Option<f64>, &str) {
    // A hexadecimal number has letters, and no unit is worth guessing there.
    if value.strip_prefix("0x").is_some_and(|digits| u32::from_str_radix(digits, 16).is_ok()) {
        return (Some(0.0), "");
    }
    let end = value.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let exponent = unit.strip_prefix(['e', 'E']).is_some_and(|digits| digits.parse::<i32>().is_ok());
    if exponent { (value.parse().ok(), "") } else { (number.parse().ok(), unit.trim_start()) }
}

/// Returns the message for a cache of the server that its memory limit cannot hold, and the limit.
fn too_large_cache(roster: &Roster, name: &str, value: &str) -> Option<(String, Memory)> {
    let server = roster.get(&service_name(DATABASE)).filter(|_| name == "shared_buffers")?;
    let (number, unit) = number_and_unit(value);
    let size = number? * SIZES.iter().find(|(name, _)| *name == unit).map_or(PAGE, |(_, kibibytes)| *kibibytes);
    let limit = memory_limit(&server.service);
    let limit_in_kibibytes = u32::try_from(limit.0 >> 10).map_or(f64::MAX, f64::from);
    (size >= limit_in_kibibytes)
        .then(|| (format!("the server may use {limit} of memory, which `{name} = \"{value}\"` exceeds"), limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sorted_and_its_kinds_are_known() {
        let lines: Vec<&str> = include_str!("postgres_settings.txt").lines().collect();
        assert!(lines.is_sorted() && lines.len() > 350, "{}", lines.len());
        assert_eq!(KINDS.len(), lines.len());
        assert!(KINDS.values().all(|kind| ["boolean", "number", "size", "time", "text"].contains(kind)));
    }

    #[test]
    fn values_fit_the_kind_of_the_setting() {
        for (kind, value) in [
            ("boolean", "on"),
            ("boolean", "FALSE"),
            ("boolean", "y"),
            ("number", "-1"),
            ("number", "1.1"),
            ("number", "1e3"),
            ("number", "0x10"),
            ("size", "16MB"),
            ("size", "1.5 GB"),
            ("size", "4096"),
            ("time", "5min"),
            ("time", "-1"),
            ("text", "anything"),
        ] {
            assert_eq!(expected(kind, value), None, "{kind} {value}");
        }
        for (kind, value) in [
            ("boolean", "maybe"),
            ("boolean", ""),
            ("number", "abc"),
            ("number", "10MB"),
            ("size", "16mb"),
            ("size", "16M"),
            ("size", "GB"),
            ("time", "5 minutes"),
            ("time", ""),
        ] {
            assert!(expected(kind, value).is_some(), "{kind} {value}");
        }
    }
}
