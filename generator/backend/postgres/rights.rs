//! What the setup job grants to each role, in the form that its record has. The job compares it with the record of its last
//! run and takes back what is no longer granted (`revoke.sql`).

use std::collections::{BTreeMap, BTreeSet};

use crate::database::model::{HASURA_SCHEMA, PUBLIC_SCHEMA};
use crate::plan::{Database, Grant};
use crate::stack::Access;
use crate::values::SqlIdent;

/// The place of a schema or role in an entry that has none.
const NONE: &str = "-";
/// The place of the schema in an entry about all schemas of the owner.
const ALL_SCHEMAS: &str = "*";

/// Returns the rights of every role of the stack in a database. Each is an entry of three words: level, schema, and the role
/// whose later objects have default privileges. `revoke.sql` lists the privileges of the levels.
pub fn rights<'a>(
    roles: impl Iterator<Item = &'a SqlIdent>,
    database: &Database,
) -> BTreeMap<&'a SqlIdent, BTreeSet<String>> {
    let entries = entries(database);
    roles.map(|role| (role, entries.get(role).cloned().unwrap_or_default())).collect()
}

/// Returns the roles that may read the statistics of the whole server.
pub fn monitors(databases: &BTreeMap<SqlIdent, Database>) -> BTreeSet<&SqlIdent> {
    let grants = databases.values().flat_map(|database| &database.grants);
    grants.filter(|grant| grant.access == Access::Monitor).map(|grant| &grant.role).collect()
}

fn entries(database: &Database) -> BTreeMap<&SqlIdent, BTreeSet<String>> {
    let owner = database.owner.as_ref().map_or(NONE, SqlIdent::as_str);
    let mut entries: BTreeMap<&SqlIdent, BTreeSet<String>> = BTreeMap::new();
    let mut add = |role, level: &str, schema: &str, owner: &str| {
        let entries = entries.entry(role).or_default();
        entries.insert(format!("connect {NONE} {NONE}"));
        entries.insert(format!("{level} {schema} {owner}"));
    };
    let creator = |grant: &Grant| database.creator(&grant.schema).map_or(NONE, SqlIdent::as_str);
    let own_schemas: Vec<(&SqlIdent, &SqlIdent)> = database.service_schemas().collect();
    if let Some(owner) = &database.owner {
        add(owner, "owner", PUBLIC_SCHEMA, NONE);
        own_schemas.iter().for_each(|(schema, role)| add(owner, "referenced", schema.as_str(), role.as_str()));
    }
    for grant in &database.grants {
        match grant.access {
            Access::Owner => {
                add(&grant.role, "everything", ALL_SCHEMAS, owner);
                own_schemas.iter().for_each(|(schema, role)| add(&grant.role, "other", schema.as_str(), role.as_str()));
            }
            Access::Schema => {
                add(&grant.role, "use", PUBLIC_SCHEMA, NONE);
                let writers = database.writers().into_iter().filter(|_| grant.schema.as_str() == HASURA_SCHEMA);
                writers.for_each(|writer| add(writer, "events", HASURA_SCHEMA, grant.role.as_str()));
            }
            Access::Write => add(&grant.role, "write", grant.schema.as_str(), creator(grant)),
            Access::Read => add(&grant.role, "read", grant.schema.as_str(), creator(grant)),
            Access::Monitor => add(&grant.role, "monitor", NONE, NONE),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    fn name(text: &str) -> SqlIdent {
        SqlIdent::wrap(text.to_owned())
    }

    #[test]
    fn each_role_has_the_rights_of_its_access() {
        let grant = |role: &str, access, schema: &str| Grant { role: name(role), access, schema: name(schema) };
        let database = Database {
            owner: Some(name("shop_migrations")),
            grants: vec![
                grant("api", Access::Owner, "public"),
                grant("auth", Access::Schema, "auth"),
                grant("reports", Access::Read, "public"),
                grant("search", Access::Write, "auth"),
                grant("hasura", Access::Schema, "hdb_catalog"),
                grant("jobs", Access::Write, "public"),
            ],
            ..Database::default()
        };
        let roles = ["api", "auth", "jobs", "other", "reports", "search", "shop_migrations"].map(name);
        let rights = rights(roles.iter(), &database);
        let entries = |role: &str| rights[&name(role)].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(
            entries("api"),
            ["connect - -", "everything * shop_migrations", "other auth auth", "other hdb_catalog hasura"]
        );
        let of_writer = ["connect - -", "events hdb_catalog hasura", "write public shop_migrations"];
        assert_eq!(entries("jobs"), of_writer, "a trigger of Hasura writes its event with the rights of this role");
        assert_eq!(entries("auth"), ["connect - -", "use public -"]);
        assert_eq!(entries("reports"), ["connect - -", "read public shop_migrations"]);
        assert_eq!(entries("search"), ["connect - -", "write auth auth"], "`auth` creates the tables in its schema");
        let of_owner = ["connect - -", "owner public -", "referenced auth auth", "referenced hdb_catalog hasura"];
        assert_eq!(entries("shop_migrations"), of_owner);
        assert_eq!(entries("other"), [""; 0], "a role without rights is listed, so that its earlier ones are revoked");
    }

    #[test]
    fn every_level_has_privileges() {
        let sql = super::super::REVOKE;
        for level in ["connect", "owner", "referenced", "everything", "other", "use", "write", "read", "events"] {
            assert!(
                ["{", ","]
                    .iter()
                    .any(|before| ["}", ","].iter().any(|after| sql.contains(&format!("{before}{level}{after}")))),
                "{level}"
            );
        }
        assert!(sql.contains("\"monitor - -\""));
    }
}
