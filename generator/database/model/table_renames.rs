//! Renames of the parts of a table, with everything in the table that names them.

use std::collections::BTreeMap;

use super::{ReplicaIdentity, SqlName, Table};

/// Changes the key of an entry in a map of parts, such as the checks of a table; returns whether the entry exists.
pub fn rename_key<T>(parts: &mut BTreeMap<SqlName, T>, from: &SqlName, to: &SqlName) -> bool {
    match parts.remove(from) {
        Some(part) => {
            parts.insert(to.clone(), part);
            true
        }
        None => false,
    }
}

impl Table {
    /// Renames an index, or the constraint that owns it; returns whether the table has it. The primary key is no part with a
    /// name.
    pub fn rename_index(&mut self, from: &SqlName, to: &SqlName) -> bool {
        // A check may have the name of an index, so the comment of that name belongs to it.
        if !rename_key(&mut self.indexes, from, to) {
            let is_renamed = rename_key(&mut self.uniques, from, to) || rename_key(&mut self.excludes, from, to);
            if !is_renamed {
                return false;
            }
            self.rename_constraint_comment(from, to);
        }
        self.rename_replica_identity(from, to);
        true
    }

    /// Moves the comment of a renamed constraint from the old name of the constraint to the new one.
    pub fn rename_constraint_comment(&mut self, from: &SqlName, to: &SqlName) {
        rename_key(&mut self.constraint_comments, from, to);
    }

    /// Changes the name of the index in REPLICA IDENTITY USING INDEX.
    pub fn rename_replica_identity(&mut self, from: &SqlName, to: &SqlName) {
        if self.replica_identity == ReplicaIdentity::Index(from.clone()) {
            self.replica_identity = ReplicaIdentity::Index(to.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_of_a_check_stays_when_an_index_of_its_name_is_renamed() {
        let mut table: Table = serde_json::from_value(serde_json::json!({
            "columns": { "a": { "type": "integer" } },
            "indexes": { "i": { "columns": [{ "column": "a" }] } }, "uniques": { "u": { "columns": ["a"] } },
            "checks": { "i": "a > 0" }, "constraint_comments": { "i": "of the check", "u": "of the key" },
        }))
        .unwrap();
        let name = |text: &str| serde_json::from_value::<SqlName>(text.into()).unwrap();
        assert!(table.rename_index(&name("i"), &name("j")) && table.rename_index(&name("u"), &name("v")));
        assert!(!table.rename_index(&name("gone"), &name("k")));
        let commented: Vec<&str> = table.constraint_comments.keys().map(SqlName::as_str).collect();
        assert_eq!(commented, ["i", "v"]);
    }
}
