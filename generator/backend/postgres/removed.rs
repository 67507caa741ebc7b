//! Warnings about databases and roles that the last run of `nself gen` created and this run does not use, and about those
//! that pass to a different role.

use std::collections::{BTreeMap, BTreeSet};

use super::{DATABASES_PREFIX, ROLES_PREFIX};
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::service_names::SETUP_JOB;
use crate::plan::{Plan, Value};

/// The port that psql uses by default.
const DEFAULT_PORT: &str = "5432";

/// Returns NS320 for each database and role that is no longer part of the stack, and for each role that no longer owns one of
/// its databases or schemas. `old` and `new` are the statements of the setup job in the last run and in this run. The
/// statements remove nothing from the server, and change no owner of a table.
pub fn upgrade_warnings(plan: &Plan, old: &[u8], new: &[u8]) -> Vec<Diagnostic> {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let removed_names = |prefix| {
        let (old_names, new_names) = (names_after_prefix(&old, prefix), names_after_prefix(&new, prefix));
        old_names.difference(&new_names).map(ToString::to_string).collect()
    };
    let (databases, roles): (Vec<String>, Vec<String>) = (removed_names(DATABASES_PREFIX), removed_names(ROLES_PREFIX));
    let psql = psql_command(plan, None);
    let psql_in = |database: &str| psql_command(plan, Some(database));
    // The migrations of a renamed service fail until the new role owns the tables.
    let after_setup = match &plan.kubernetes {
        Some(_) => format!("after the job `{SETUP_JOB}` has run,"),
        None => format!("before the services start, run `{} run --rm {SETUP_JOB}`, then", plan.compose_command()),
    };
    let databases = databases.iter().map(|name| {
        warning(plan)
            .message(format!("the stack no longer uses the database `{name}`; it stays on the server with its data"))
            .hint(format!(
                "to remove it after a backup: `{psql} -c 'DROP DATABASE \"{name}\"'`{}",
                keep_without_access(&psql, name, &old, &new)
            ))
    });
    let roles = roles.iter().map(|name| {
        warning(plan)
            .message(format!("the stack no longer uses the role `{name}`; it can still log in to the server"))
            .hint(format!(
                "{}to lock it: `{psql} -c 'ALTER ROLE \"{name}\" NOLOGIN'`; {} {}`{psql} -c 'DROP ROLE \"{name}\"'`",
                reassignment_hint(psql_in, &after_setup, name, (&old, &new)),
                if owned_databases(name, &old, &new).is_empty() {
                    "to remove it"
                } else {
                    "to remove it, once the databases that it owns are dropped"
                },
                revocation_commands(psql_in, name, &old, &new),
            ))
    });
    let kept_roles = names_after_prefix(&new, ROLES_PREFIX);
    let handovers = kept_roles.into_iter().filter_map(|name| {
        let reassignment = reassignment_hint(psql_in, &after_setup, name, (&old, &new));
        (!reassignment.is_empty()).then(|| {
            warning(plan)
                .message(format!("a database or schema of the role `{name}` passes to a different role; `{name}` still owns its tables"))
                .hint(format!(
                    "{reassignment}then run the job `{SETUP_JOB}` again, which gives back the other databases of `{name}`"
                ))
        })
    });
    databases.chain(roles).chain(handovers).collect()
}

/// Returns the command that keeps the roles of the stack out of a removed database, as the end of a hint. It is empty if no
/// such role may connect. The setup job revokes rights only in databases of the stack, and `DROP OWNED` would also revoke
/// the right to connect to the databases that the stack still has. The right of an owner to connect can be revoked, too.
fn keep_without_access(psql: &str, database: &str, old: &str, new: &str) -> String {
    let roles = names_after_prefix(new, ROLES_PREFIX);
    let users = roles.into_iter().filter(|role| databases_of_role(old, role).contains(database));
    let users = users.map(|role| format!("\"{role}\"")).collect::<Vec<_>>().join(", ");
    match users.as_str() {
        "" => String::new(),
        _ => format!(
            "; to keep it without access of the services: `{psql} -c 'REVOKE CONNECT ON DATABASE \"{database}\" FROM {users}'`"
        ),
    }
}

/// Returns the commands that give the objects of a removed role to the new owners of its databases and schemas, as the
/// start of a hint. It is empty if the role owned none that the stack still has. `psql_in` returns the command that opens a
/// session in a database, and `after_setup` is how to run the setup first.
fn reassignment_hint(
    psql_in: impl Fn(&str) -> String,
    after_setup: &str,
    role: &str,
    (old, new): (&str, &str),
) -> String {
    let (new_owners, new_schemas) = (owners(new), schema_owners(new));
    let databases = owners(old).into_iter().filter(|(_, owner)| *owner == role);
    let of_databases = databases.filter_map(|(database, _)| Some((database, *new_owners.get(database)?)));
    let schemas = schema_owners(old).into_iter().filter(|(_, owner)| *owner == role);
    let of_schemas = schemas.filter_map(|(place, _)| Some((place.0, *new_schemas.get(&place)?)));
    let transfers: BTreeSet<(&str, &str)> = of_databases.chain(of_schemas).filter(|(_, to)| *to != role).collect();
    let commands = transfers
        .into_iter()
        .map(|(database, owner)| format!("`{} -c 'REASSIGN OWNED BY \"{role}\" TO \"{owner}\"'`", psql_in(database)));
    let commands = commands.collect::<Vec<_>>().join(", then ");
    if commands.is_empty() { commands } else { format!("{after_setup} give its tables to the new owner: {commands}; ") }
}

/// Returns the databases that a removed role still owns, since the stack no longer has them.
fn owned_databases(role: &str, old: &str, new: &str) -> Vec<String> {
    let new_owners = owners(new);
    let owned =
        owners(old).into_iter().filter(|(database, owner)| *owner == role && !new_owners.contains_key(database));
    owned.map(|(database, _)| database.to_owned()).collect()
}

/// Returns the commands that take its rights from a removed role, as a part of the hint; it is empty if there are none.
/// `DROP ROLE` fails while a role has a right in any database. `DROP OWNED` would delete the tables of a database that the
/// role owns, so it is left out there.
fn revocation_commands(psql_in: impl Fn(&str) -> String, role: &str, old: &str, new: &str) -> String {
    let owned = owned_databases(role, old, new);
    let databases =
        databases_of_role(old, role).into_iter().filter(|database| !owned.iter().any(|name| name == database));
    let commands = databases.map(|database| format!("`{} -c 'DROP OWNED BY \"{role}\"'`, then ", psql_in(database)));
    let commands: String = commands.collect();
    if commands.is_empty() {
        commands
    } else {
        format!("(`DROP OWNED` revokes its rights, and deletes what it still owns in the database): {commands}")
    }
}

/// Returns the databases to which a role may connect, from statements such as
/// `GRANT CONNECT ON DATABASE "shop" TO "orders";`.
fn databases_of_role<'a>(statements: &'a str, role: &str) -> BTreeSet<&'a str> {
    let lines = statements.lines();
    let names = lines.filter_map(|line| line.strip_prefix("GRANT CONNECT ON DATABASE \"")?.strip_suffix("\";"));
    let pairs = names.filter_map(|names| names.split_once("\" TO \""));
    pairs.filter(|(_, grantee)| *grantee == role).map(|(database, _)| database).collect()
}

/// Returns the owner of each database, from the setup job's statements such as
/// `ALTER DATABASE "shop" OWNER TO "orders";`.
fn owners(statements: &str) -> BTreeMap<&str, &str> {
    let lines = statements.lines();
    let names = lines.filter_map(|line| line.strip_prefix("ALTER DATABASE \"")?.strip_suffix("\";"));
    names.filter_map(|names| names.split_once("\" OWNER TO \"")).collect()
}

/// Returns the role that owns each schema of a service, by database and schema, from statements such as
/// `CREATE SCHEMA IF NOT EXISTS "index" AUTHORIZATION "search";` after the command `\connect shop`.
fn schema_owners(statements: &str) -> BTreeMap<(&str, &str), &str> {
    let mut database = "";
    let mut owners = BTreeMap::new();
    for line in statements.lines() {
        database = line.strip_prefix("\\connect ").unwrap_or(database);
        let names = line.strip_prefix("CREATE SCHEMA IF NOT EXISTS \"").and_then(|line| line.strip_suffix("\";"));
        let names = names.and_then(|names| names.split_once("\" AUTHORIZATION \""));
        owners.extend(names.map(|(schema, role)| ((database, schema), role)));
    }
    owners
}

/// Returns a warning without a message, at the field that declares the server.
fn warning(plan: &Plan) -> Diagnostic {
    let is_external = plan.setup.as_ref().is_some_and(|setup| !setup.is_own_server);
    let path = if is_external { path!("database_server", "external") } else { path!("services", "postgres") };
    Diagnostic::warning(Code::LostDatabase, path)
}

/// Returns the names in the first line that starts with a prefix: `a` and `b` of `-- Roles: a b`. The set is empty if
/// there is no such line.
fn names_after_prefix<'a>(statements: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    statements.lines().find_map(|line| line.strip_prefix(prefix)).unwrap_or_default().split_whitespace().collect()
}

/// Returns the command that opens a session of the superuser, or of the administrator of an external server, in this
/// database, or else in the one in which the setup job begins.
fn psql_command(plan: &Plan, database: Option<&str>) -> String {
    let job_variable = |name: &str| {
        let job = plan.setup.as_ref().and_then(|setup| plan.services.get(&setup.job))?;
        match job.env.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    };
    let user = job_variable("PGUSER").unwrap_or_else(|| "postgres".to_owned());
    let database = database.map(str::to_owned).or_else(|| job_variable("PGDATABASE"));
    // By default, psql opens the database with the name of the user.
    let database_option =
        database.filter(|database| *database != user).map_or_else(String::new, |database| format!(" -d {database}"));
    let is_own_server = plan.setup.as_ref().is_none_or(|setup| setup.is_own_server);
    if is_own_server {
        return format!("{} psql -U {user}{database_option}", plan.exec_in_server());
    }
    // The secrets of the job are files in the output folder.
    let secrets = format!("deploy/{}/secrets/", plan.environment);
    let tls_variables = ["PGSSLMODE", "PGSSLROOTCERT"].map(|name| {
        let value = job_variable(name).map(|value| value.replace("/run/secrets/", &secrets));
        value.map_or_else(String::new, |value| format!("{name}={value} "))
    });
    let host = job_variable("PGHOST").unwrap_or_default();
    let port = job_variable("PGPORT").filter(|port| port != DEFAULT_PORT);
    let port_option = port.map_or_else(String::new, |port| format!(" -p {port}"));
    format!("{}psql -h {host}{port_option} -U {user}{database_option}", tls_variables.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_after_the_prefix_of_the_template() {
        let template = include_str!("setup.sql.j2");
        for prefix in [DATABASES_PREFIX, ROLES_PREFIX] {
            assert!(template.lines().any(|line| line.starts_with(prefix)), "{prefix}");
        }
        assert_eq!(names_after_prefix("-- Roles: a b\n\n-- Databases: c\n", ROLES_PREFIX), BTreeSet::from(["a", "b"]));
        assert_eq!(names_after_prefix("-- Roles:\n", ROLES_PREFIX), BTreeSet::new());
        assert_eq!(names_after_prefix("", DATABASES_PREFIX), BTreeSet::new());
    }

    #[test]
    fn a_role_loses_its_rights_before_it_is_dropped() {
        let old = "ALTER DATABASE \"archive\" OWNER TO \"one\";\nGRANT CONNECT ON DATABASE \"archive\" TO \"one\";\n\
                   GRANT CONNECT ON DATABASE \"shop\" TO \"one\";\nGRANT CONNECT ON DATABASE \"shop\" TO \"other\";\n";
        let psql_in = |database: &str| format!("psql -d {database}");
        let commands = revocation_commands(psql_in, "one", old, "");
        assert!(commands.ends_with(": `psql -d shop -c 'DROP OWNED BY \"one\"'`, then "), "{commands}");
        assert!(!commands.contains("archive"), "its tables would be deleted: {commands}");
        assert_eq!(owned_databases("one", old, ""), ["archive"]);
        let new = "ALTER DATABASE \"archive\" OWNER TO \"two\";\n";
        assert!(
            revocation_commands(psql_in, "one", old, new).contains("-d archive"),
            "after its objects have a new owner"
        );
        assert_eq!(revocation_commands(psql_in, "replica", old, new), "");
    }

    #[test]
    fn objects_are_handed_over_to_the_new_owner_of_a_database() {
        let (old, new) =
            ("ALTER DATABASE \"shop\" OWNER TO \"orders\";\n", "ALTER DATABASE \"shop\" OWNER TO \"sales\";\n");
        let psql_in = |database: &str| format!("psql -d {database}");
        let hint = reassignment_hint(psql_in, "after it,", "orders", (old, new));
        assert!(hint.contains("`psql -d shop -c 'REASSIGN OWNED BY \"orders\" TO \"sales\"'`"), "{hint}");
        assert_eq!(reassignment_hint(psql_in, "after it,", "other", (old, new)), "");
        assert_eq!(reassignment_hint(psql_in, "after it,", "orders", (old, "")), "");
    }

    #[test]
    fn schemas_are_handed_over_to_the_renamed_service() {
        let schema = |role: &str| {
            format!(
                "\\connect shop\nCREATE SCHEMA IF NOT EXISTS \"index\" AUTHORIZATION \"{role}\";\n\\connect hasura\n"
            )
        };
        let psql_in = |database: &str| format!("psql -d {database}");
        let hint =
            reassignment_hint(psql_in, "after it,", "search_index", (&schema("search_index"), &schema("search")));
        assert!(hint.contains("`psql -d shop -c 'REASSIGN OWNED BY \"search_index\" TO \"search\"'`"), "{hint}");
        assert_eq!(reassignment_hint(psql_in, "after it,", "other", (&schema("search_index"), &schema("search"))), "");
    }

    #[test]
    fn the_roles_of_the_stack_lose_access_to_a_removed_database() {
        let old = "GRANT CONNECT ON DATABASE \"archive\" TO \"one\";\nGRANT CONNECT ON DATABASE \"archive\" TO \"two\";\n\
                   GRANT CONNECT ON DATABASE \"archive\" TO \"removed\";\nGRANT CONNECT ON DATABASE \"shop\" TO \"three\";\n";
        let new = "-- Roles: one three two\n";
        let end = keep_without_access("psql", "archive", old, new);
        assert!(end.ends_with(": `psql -c 'REVOKE CONNECT ON DATABASE \"archive\" FROM \"one\", \"two\"'`"), "{end}");
        assert_eq!(keep_without_access("psql", "hasura", old, new), "");
    }
}
