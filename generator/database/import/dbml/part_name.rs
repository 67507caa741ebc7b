//! Names of the constraints and indexes of tables. Those that DBML does not name get the default names of the server.

use super::reader::Reader;
use crate::database::default_names::free_default_name;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Returns the default name of a constraint or index, such as `orders_a_b_key` for the parts `a` and `b`, or the first
    /// one with a number after it that is not taken. `table` is the table as read so far.
    pub(super) fn free_part_name(
        &self,
        table_name: &ObjectName,
        table: &Table,
        parts: &[&str],
        label: &str,
    ) -> Result<SqlName, String> {
        // The tables of a schema share one namespace with their indexes.
        let is_taken_by_other = |name: &str| {
            let mut tables = self.schema.tables.iter().filter(|(other, _)| other.schema() == table_name.schema());
            tables.any(|(other, definition)| other.name() == name || has_part(definition, name))
        };
        let is_taken = |name: &str| has_part(table, name) || is_taken_by_other(name);
        SqlName::new(&free_default_name(table_name.name(), Some(&parts.join("_")), label, is_taken))
    }
}

/// Refuses a name that the file gives to a second constraint or index of a table.
pub fn require_free_part_name(table_name: &ObjectName, table: &Table, name: &SqlName) -> Result<(), String> {
    if has_part(table, name.as_str()) {
        return Err(format!("{table_name} has two constraints or indexes `{name}`; give one of them a different name"));
    }
    Ok(())
}

/// Returns whether a table has a constraint or index with a name.
fn has_part(table: &Table, name: &str) -> bool {
    table.uniques.contains_key(name)
        || table.foreign_keys.contains_key(name)
        || table.checks.contains_key(name)
        || table.indexes.contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::import::dbml;
    use crate::values::Text;

    #[test]
    fn every_part_of_a_table_is_kept() {
        let text = "Table t {\n id integer [pk, check: `id > 0`, check: `id < 10`]\n a text\n b text\n x integer [ref: > u.id, ref: > v.id]\n\
            indexes {\n `lower(a)`\n `lower(b)`\n a [type: btree]\n a [unique]\n b [name: 't_b_idx']\n b\n }\n\
            checks {\n `a <> b` [name: 't_4_check']\n `a <> ''`\n }\n}\n\
            Table u { id integer [pk] }\nTable v { id integer [pk] }\nRef: t.x > u.id\n\
            Table w { a int\n b int\n indexes { (a, b) [pk, name: 'w_key', note: 'both'] } }\n\
            Enum e { a [note: 'first']\n b }\n";
        let imported = dbml::read(text).unwrap();
        let table = &imported.tables["t"];
        let names = |names: Vec<&SqlName>| names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(names(table.checks.keys().collect()), "t_4_check t_4_check1 t_id_check t_id_check1");
        assert_eq!(names(table.foreign_keys.keys().collect()), "t_x_fkey t_x_fkey1");
        assert_eq!(names(table.indexes.keys().collect()), "t_a_idx t_a_idx1 t_b_idx t_b_idx1 t_expr_idx t_expr_idx1");
        assert!(!table.indexes["t_a_idx"].unique && table.indexes["t_a_idx1"].unique);
        let key = &imported.tables["w"];
        assert_eq!(key.primary_key_name.as_ref().map(SqlName::as_str), Some("w_key"));
        assert_eq!(key.constraint_comments["w_key"].as_str(), "both");
        let UserType::Enum(enumeration) = &imported.types["e"] else { panic!("{:?}", imported.types) };
        assert_eq!(enumeration.comment.as_ref().map(Text::as_str), Some("a: first"));
    }
}
