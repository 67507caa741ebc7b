//! Names that PostgreSQL chooses for unnamed constraints, indexes and sequences, by `makeObjectName` and its callers
//! (`indexcmds.c`, `tablecmds.c`, `heap.c`).

use crate::database::model::{LONGEST_NAME, ObjectName, SqlName, prefix};

/// Returns `table_part_label`, such as `orders_customer_id_fkey`. A name that is too long is shortened as the server
/// does it: characters are removed from the end of the table or of the part, whichever is longer.
pub fn default_name(table: &str, part: Option<&str>, label: &str) -> String {
    let available_bytes = LONGEST_NAME - label.len() - 1 - usize::from(part.is_some());
    let mut table_length = table.len();
    let mut part_length = part.map_or(0, str::len);
    while table_length + part_length > available_bytes {
        if table_length > part_length {
            table_length -= 1;
        } else {
            part_length -= 1;
        }
    }
    let table = prefix(table, table_length);
    match part {
        None => format!("{table}_{label}"),
        Some(part) => format!("{table}_{}_{label}", prefix(part, part_length)),
    }
}

/// Returns the default name of the sequence of an identity column, such as `orders_id_seq`.
pub fn identity_sequence_name(table: &ObjectName, column: &SqlName) -> ObjectName {
    ObjectName::new_in(table.schema(), &default_name(table.name(), Some(column.as_str()), "seq"))
}

/// Returns the default name, or the first name with a number after its label (`orders_key1`) that is not taken.
pub fn free_default_name(table: &str, part: Option<&str>, label: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|number: usize| default_name(table, part, &format!("{label}{number}")));
    std::iter::once(default_name(table, part, label)).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_equal_the_names_of_the_server() {
        assert_eq!(default_name("orders", None, "pkey"), "orders_pkey");
        assert_eq!(default_name("orders", Some("a_b"), "key"), "orders_a_b_key");
        let long = "a".repeat(63);
        assert_eq!(default_name(&long, None, "pkey"), format!("{}_pkey", "a".repeat(58)));
        assert_eq!(default_name(&long, Some("id"), "seq"), format!("{}_id_seq", "a".repeat(56)));
        assert_eq!(default_name(&long, Some(&long), "key").len(), 63);
        assert_eq!(default_name(&"ü".repeat(31), None, "pkey"), format!("{}_pkey", "ü".repeat(29)));
        assert_eq!(free_default_name("t", Some("a"), "key", |name| name == "t_a_key"), "t_a_key1");
    }
}
