//! Statements about extensions. Only a superuser can run most of them, so migrations contain forms that do nothing if
//! the superuser's session was there first.

use super::{do_block, literal, quoted};
use crate::database::extension_catalogue::fixed_schema;
use crate::database::model::*;
use crate::values::{ExtensionName, ExtensionVersion};

/// Returns `CREATE EXTENSION`.
pub fn create_extension(name: &ExtensionName, extension: &Extension) -> String {
    let schema = match (&extension.schema, fixed_schema(name.as_str())) {
        (Some(schema), _) => format!(" SCHEMA {}", quoted(schema)),
        (None, Some(_)) => String::new(),
        (None, None) => " SCHEMA public".to_owned(),
    };
    let version = extension.version.as_ref().map(|version| format!(" VERSION {}", literal(version.as_str())));
    format!("CREATE EXTENSION IF NOT EXISTS {}{schema}{};", quoted(name), version.unwrap_or_default())
}

/// Returns the statement that moves an extension to a schema, unless it is there.
pub fn move_extension(name: &ExtensionName, schema: &str) -> String {
    let is_there = format!(
        "SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = {} AND n.nspname = {}",
        literal(name.as_str()),
        literal(schema)
    );
    unless(&is_there, &format!("ALTER EXTENSION {} SET SCHEMA {}", quoted(name), quoted(schema)))
}

/// Returns the statement that updates an extension to a version, unless it has this version.
pub fn update_extension(name: &ExtensionName, version: &ExtensionVersion) -> String {
    let version = literal(version.as_str());
    let has_version =
        format!("SELECT FROM pg_extension WHERE extname = {} AND extversion = {version}", literal(name.as_str()));
    unless(&has_version, &format!("ALTER EXTENSION {} UPDATE TO {version}", quoted(name)))
}

fn unless(query: &str, statement: &str) -> String {
    do_block(&format!("BEGIN IF NOT EXISTS ({query}) THEN {statement}; END IF; END"))
}

/// Returns the statements that a session with the rights to create extensions runs before a migration: they create the
/// extension and its schema, which belongs to the owner of the database, and move or update an extension that exists.
pub fn require_extension(required: &RequiredExtension) -> String {
    let RequiredExtension { name, extension } = required;
    let mut statements = Vec::new();
    if let Some(schema) = &extension.schema {
        statements.push(do_block(&format!(
            "BEGIN EXECUTE (SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', {}, r.rolname) \
             FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = current_database()); END",
            literal(schema.as_str())
        )));
    }
    statements.push(create_extension(name, extension));
    statements.extend(extension.schema.iter().map(|schema| move_extension(name, schema.as_str())));
    statements.extend(extension.version.iter().map(|version| update_extension(name, version)));
    statements.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{Checked, SqlIdent};

    #[test]
    fn an_extension_is_created_in_its_schema_and_version() {
        let create = |name: &str, schema: Option<&str>, version: Option<&str>| {
            let schema = schema.map(|schema| SqlIdent::new(schema).unwrap());
            let version = version.map(|version| ExtensionVersion::new(version).unwrap());
            create_extension(&ExtensionName::new(name).unwrap(), &Extension { schema, version })
        };
        assert_eq!(create("citext", None, None), "CREATE EXTENSION IF NOT EXISTS \"citext\" SCHEMA public;");
        assert_eq!(create("pg_cron", None, None), "CREATE EXTENSION IF NOT EXISTS \"pg_cron\";");
        assert_eq!(
            create("uuid-ossp", Some("extensions"), Some("1.1")),
            "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" SCHEMA \"extensions\" VERSION '1.1';"
        );
    }
}
