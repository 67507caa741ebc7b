//! Tables that move to a different schema. Their indexes, constraints and owned sequences move with them.

use std::collections::BTreeSet;

use super::name_path::{free_name_in_both, name_path};
use super::new_names::{rename_sql, replace_sequence_name};
use super::renamed_schema::RenamedSchema;
use super::taken_names::all_names;
use crate::database::ddl;
use crate::database::default_names::identity_sequence_name;
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// Returns whether a table cannot move to another schema, after reporting it: the server leaves partitions in their schema,
/// and a sequence that moves with its column needs a free name in the new schema. `path` is the path of the new table.
pub(super) fn is_refused(
    planner: &mut Planner,
    renamed: &RenamedSchema,
    (from, to): (&ObjectName, &ObjectName),
    path: &FieldPath,
) -> bool {
    let Some(old) = renamed.schema.tables.get(from) else { return false };
    let path = path.key("renamed_from");
    if old.partition_by.is_some() || old.partition_of.is_some() {
        planner.refuse(
            Code::ChangeRefused,
            path,
            format!("{from} is partitioned or a partition, so it cannot move to a different schema"),
            "declare the new table beside the old one without `renamed_from` (`nself db new`), copy the rows with \
             `INSERT INTO … SELECT` in a migration by hand (`nself db new --by-hand`), and then remove the old table",
        );
        return true;
    }
    let taken = all_names(&renamed.schema);
    let identities = old.columns.iter().filter(|(_, column)| column.identity.is_some());
    let identities = identities.map(|(column, _)| identity_sequence_name(from, column));
    let mut sequences = owned_sequences(&renamed.schema, from).into_iter().chain(identities);
    let Some(sequence) = sequences.find(|name| taken.contains(&ObjectName::new_in(to.schema(), name.name()))) else {
        return false;
    };
    let other = ObjectName::new_in(to.schema(), sequence.name());
    planner.refuse(
        Code::ChangeRefused,
        path,
        format!("{from} cannot move, since its sequence {sequence} moves with it and the name {other} is taken"),
        &format!(
            "first leave the table where it is, and give {other} or the table a different name (`nself db new`); then move \
             the table in a second migration"
        ),
    );
    true
}

/// The statements that move a table with its parts, in their order.
#[derive(Default)]
pub(super) struct RenameStatements {
    up: Vec<String>,
    down: Vec<String>,
}

impl RenameStatements {
    fn push(&mut self, statement: impl Fn(&ObjectName, &ObjectName) -> String, from: &ObjectName, to: &ObjectName) {
        self.up.push(statement(from, to));
        self.down.push(statement(to, from));
    }

    pub fn up(&self) -> String {
        self.up.join("\n")
    }

    pub fn down(&self) -> String {
        self.down.iter().rev().cloned().collect::<Vec<_>>().join("\n")
    }
}

/// Returns the statements that move a table, and applies them to the names of its parts. An index or key whose name another
/// object has in the new schema is first renamed to a free name. `schema` is the old schema without the table.
pub(super) fn rename_parts(
    schema: &Schema,
    (from, old): (&ObjectName, &mut Table),
    (to, new): (&ObjectName, &Table),
) -> RenameStatements {
    let mut taken = all_names(schema);
    let old_key = ddl::primary_key_name(from, old);
    let own_names: Vec<SqlName> =
        old.indexes.keys().chain(old.uniques.keys()).chain(old.excludes.keys()).cloned().collect();
    let key_of = (!old.primary_key.is_empty()).then(|| old_key.clone());
    taken.extend(own_names.iter().chain(&key_of).map(|name| from.in_same_schema(name)));
    taken.insert(from.clone());
    let mut statements = RenameStatements::default();
    let moves = |name: &SqlName| ObjectName::new_in(to.schema(), name.as_str());
    for name in own_names.iter().filter(|name| taken.contains(&moves(name))) {
        let free = free_name_in_both(&from.in_same_schema(name), to.schema(), |other| taken.contains(other));
        let rename = |from: &ObjectName, to: &ObjectName| rename_sql("INDEX", from, to);
        statements.push(rename, &from.in_same_schema(name), &from.in_same_schema(&free));
        old.rename_index(name, &free);
    }
    let new_key = ddl::primary_key_name(to, new);
    let key_way = match key_of {
        None => Vec::new(),
        Some(key) => key_path((from, &key), (to, &new_key), &taken),
    };
    let (key_before, key_after): (Vec<_>, Vec<_>) =
        key_way.windows(2).partition(|names| names[1].schema() == from.schema());
    let rename_index = |from: &ObjectName, to: &ObjectName| rename_sql("INDEX", from, to);
    key_before.iter().for_each(|names| statements.push(rename_index, &names[0], &names[1]));
    for names in name_path(from, to, |name| taken.contains(name)).windows(2) {
        statements.push(|from, to| rename_sql("TABLE", from, to), &names[0], &names[1]);
    }
    let constraint = |from: &ObjectName, new: &ObjectName| {
        let (from, new) = (SqlName::truncated(from.name()), SqlName::truncated(new.name()));
        format!("ALTER TABLE {} RENAME CONSTRAINT {} TO {};", to.sql(), quoted(&from), quoted(&new))
    };
    for names in key_after.iter().filter(|names| names[0].name() != names[1].name()) {
        statements.push(constraint, &names[0], &names[1]);
    }
    if let Some(key) = key_way.last().map(|name| SqlName::truncated(name.name())) {
        old.rename_constraint_comment(&old_key, &key);
        old.primary_key_name = if key == new_key { new.primary_key_name.clone() } else { Some(key) };
    }
    statements
}

/// Returns the names that a primary key gets, one after the other, while its table moves to another schema. If its new
/// name is taken there, the last one is a free name.
fn key_path(
    (from, key): (&ObjectName, &SqlName),
    (to, new_key): (&ObjectName, &SqlName),
    taken: &BTreeSet<ObjectName>,
) -> Vec<ObjectName> {
    let is_taken = |name: &ObjectName| taken.contains(name);
    let (key, new_key) = (from.in_same_schema(key), to.in_same_schema(new_key));
    if !is_taken(&new_key) {
        return name_path(&key, &new_key, is_taken);
    }
    let unchanged = ObjectName::new_in(to.schema(), key.name());
    if !is_taken(&unchanged) {
        return vec![key, unchanged];
    }
    let free = free_name_in_both(&key, to.schema(), is_taken);
    vec![key.clone(), key.in_same_schema(&free), to.in_same_schema(&free)]
}

/// Returns the sequences that columns of a table own.
fn owned_sequences(schema: &Schema, table: &ObjectName) -> Vec<ObjectName> {
    let is_owned = |sequence: &Sequence| sequence.owned_by.as_ref().is_some_and(|owner| owner.table == *table);
    let sequences = schema.sequences.iter().filter(|(_, sequence)| is_owned(sequence));
    sequences.map(|(name, _)| name.clone()).collect()
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
    for name in owned_sequences(&renamed.schema, from) {
        let new_name = ObjectName::new_in(to.schema(), name.name());
        if let Some(sequence) = renamed.schema.sequences.remove(&name) {
            renamed.schema.sequences.insert(new_name.clone(), sequence);
            replace_sequence_name(&mut renamed.schema, &name, &new_name);
            renamed.renamed_objects.push((name, new_name));
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
