//! Tables that move to a different schema. Their indexes, constraints and owned sequences move with them.

use super::new_names::replace_sequence_name;
use super::renamed_schema::RenamedSchema;
use crate::database::ddl;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// Reports a table with partitions that would move, and returns whether it did so: the server leaves the partitions in their
/// schema. `path` is that of the table with the new name.
pub(super) fn is_refused(planner: &mut Planner, renamed: &RenamedSchema, from: &ObjectName, path: &FieldPath) -> bool {
    let Some(old) = renamed.schema.tables.get(from) else { return false };
    let is_refused = old.partition_by.is_some() || old.partition_of.is_some();
    if is_refused {
        planner.refuse(
            Code::ChangeRefused,
            path.key("renamed_from"),
            format!("{from} is partitioned or a partition, so it cannot move to a different schema"),
            "declare the new table beside the old one without `renamed_from` (`nself db new`), copy the rows with \
             `INSERT INTO … SELECT` in a migration by hand (`nself db new --by-hand`), and then remove the old table",
        );
    }
    is_refused
}

/// Plans the creation of the schema of a moved table, unless it exists.
pub(super) fn create_schema(planner: &mut Planner, renamed: &mut RenamedSchema, table: &ObjectName) {
    let schemas = &planner.new.schemas;
    let Some((schema, _)) = schemas.iter().find(|(schema, _)| schema.as_str() == table.schema()) else { return };
    if schema.as_str() == PUBLIC_SCHEMA || renamed.schema.schemas.contains_key(schema) {
        return;
    }
    let path = planner.path(&["schemas", schema.as_str()]);
    let step = MigrationStep::new(Phase::Rename, schema.as_str(), path, format!("the schema {schema} is new"));
    // The superuser's session creates the schema of an extension before the migration.
    let create = match planner.new.extensions_in(schema.as_str()).next() {
        Some(_) => ddl::create_schema_of_extension(schema),
        None => ddl::create_schema(schema),
    };
    planner.push(step.up(create).down(format!("DROP SCHEMA {};", quoted(schema))));
    renamed.schema.schemas.insert(schema.clone(), Namespace::default());
}

/// Gives the sequences that columns of a table own the schema of its new name in the old schema.
pub(super) fn move_owned_sequences(renamed: &mut RenamedSchema, from: &ObjectName, to: &ObjectName) {
    let is_owned = |sequence: &Sequence| sequence.owned_by.as_ref().is_some_and(|owner| owner.table == *from);
    let sequences = renamed.schema.sequences.iter().filter(|(_, sequence)| is_owned(sequence));
    let names: Vec<ObjectName> = sequences.map(|(name, _)| name.clone()).collect();
    for name in names {
        let new_name = ObjectName::new_in(to.schema(), name.name());
        if let Some(sequence) = renamed.schema.sequences.remove(&name) {
            renamed.schema.sequences.insert(new_name.clone(), sequence);
            replace_sequence_name(&mut renamed.schema, &name, &new_name);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::diagnostic::Diagnostic;

    /// Returns the SQL of the migration that moves a table from one name to another.
    fn moves(from: &str, to: &str, renamed_from: &str, fields: &Value) -> Result<Vec<String>, Vec<Diagnostic>> {
        let schema = |name: &str, renamed_from: Value| -> Schema {
            let mut table = json!({ "columns": { "id": { "type": "bigint" } }, "renamed_from": renamed_from });
            fields.as_object().unwrap().iter().for_each(|(key, value)| table[key] = value.clone());
            let schemas = if name.starts_with("s1.") { json!({ "s1": {} }) } else { json!({}) };
            serde_json::from_value(json!({ "schemas": schemas, "tables": { name: table } })).unwrap()
        };
        let (before, after) = (schema(from, Value::Null), schema(to, renamed_from.into()));
        let groups = crate::database::migrate::plan(&before, &after, &FieldPath::root())?;
        Ok(groups.into_iter().flatten().map(|step| step.up).collect())
    }

    #[test]
    fn a_table_moves_to_a_different_schema_with_its_rows() {
        let fields = json!({ "primary_key": ["id"], "indexes": { "i": { "columns": [{ "column": "id" }] } } });
        for written in ["t", "public.t"] {
            let sql = moves("t", "s1.t", written, &fields).unwrap();
            assert_eq!(sql, ["CREATE SCHEMA \"s1\";", "ALTER TABLE \"public\".\"t\" SET SCHEMA \"s1\";"]);
        }
        let sql = moves("s1.t", "u", "s1.t", &json!({})).unwrap();
        let renamed = "ALTER TABLE \"s1\".\"t\" SET SCHEMA \"public\";\nALTER TABLE \"public\".\"t\" RENAME TO \"u\";";
        assert_eq!(sql, [renamed, "DROP SCHEMA \"s1\";"]);
    }

    #[test]
    fn a_partitioned_table_stays_in_its_schema() {
        let fields = json!({ "partition_by": { "strategy": "range", "columns": ["id"] } });
        let findings = moves("t", "s1.t", "t", &fields).unwrap_err();
        assert_eq!(findings[0].code, Code::ChangeRefused);
    }
}
