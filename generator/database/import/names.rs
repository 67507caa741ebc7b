//! Names that PostgreSQL makes up for what has none: `makeObjectName` and what it is given, from its sources
//! (`indexcmds.c`, `tablecmds.c`, `heap.c`).

use crate::database::model::ObjectName;
use crate::values::{Checked, SqlIdent};

/// The longest name.
const LONGEST: usize = 63;

/// Table, what of it, and a label; the longer of the first two gives way.
pub fn made(table: &str, of: Option<&str>, label: &str) -> String {
    let room = LONGEST - label.len() - 1 - usize::from(of.is_some());
    let mut left = table.len();
    let mut right = of.map_or(0, str::len);
    while left + right > room {
        *(if left > right { &mut left } else { &mut right }) -= 1;
    }
    match of {
        None => format!("{}_{label}", &table[..left]),
        Some(of) => format!("{}_{}_{label}", &table[..left], &of[..right]),
    }
}

/// The first such name that is free: with a number after its label if it has to be.
pub fn free(table: &str, of: Option<&str>, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|number: usize| made(table, of, &format!("{label}{number}")));
    std::iter::once(made(table, of, label)).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

/// The name of something of a table.
///
/// # Errors
/// When the parts are no names.
pub fn named(table: &ObjectName, parts: &[&str], what: &str) -> Result<SqlIdent, String> {
    SqlIdent::new(&made(table.name(), Some(&parts.join("_")), what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_server() {
        assert_eq!(made("orders", None, "pkey"), "orders_pkey");
        assert_eq!(made("orders", Some("a_b"), "key"), "orders_a_b_key");
        let long = "a".repeat(63);
        assert_eq!(made(&long, None, "pkey"), format!("{}_pkey", "a".repeat(58)));
        assert_eq!(made(&long, Some("id"), "seq"), format!("{}_id_seq", "a".repeat(56)));
        assert_eq!(made(&long, Some(&long), "key").len(), 63);
        assert_eq!(free("t", Some("a"), "key", |name| name == "t_a_key"), "t_a_key1");
    }
}
