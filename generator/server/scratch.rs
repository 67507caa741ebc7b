//! Temporary databases. SQL of the project runs in such a database, as a role without other rights; database and role
//! are dropped afterwards.

use super::session::{Server, ServerResult, failure};
use crate::database::ddl;
use crate::database::ledger::settings::InputSettings;
use crate::database::ledger::{self, RunIn};
use crate::database::migrate::plan_with_all_hazards;
use crate::database::model::Schema;
use crate::diagnostic::FieldPath;
use crate::files::random_suffix;

/// A temporary database with two kinds of sessions.
pub struct Scratch {
    /// Sessions of the database's owner, a role that was created for it and has no other rights. SQL of the project
    /// runs here.
    pub owner: Server,
    /// Sessions of the user of the URL. Only nself's own statements run here.
    pub admin: Server,
}

impl Server {
    /// Creates a temporary database, calls `work` with it, and drops it afterwards, even after an error.
    ///
    /// # Errors
    /// The errors of [`Server::query`] and of `work`.
    pub fn with_scratch_database<T>(&self, work: impl FnOnce(&Scratch) -> ServerResult<T>) -> ServerResult<T> {
        // A random name cannot collide with a database left by an interrupted run, even if process ids repeat.
        let name = format!("nself_scratch_{}", random_text()?);
        let rights_answer = self.query(
            "SELECT pg_catalog.concat_ws(' ', rolsuper, rolcreaterole) FROM pg_catalog.pg_roles WHERE rolname = current_user;",
        )?;
        // A user that may not create roles has no rights that SQL of the project could abuse, so it owns the database
        // itself. The answer is such as `t f`.
        let mut rights = rights_answer.split_whitespace().map(|right| right == "t");
        let is_superuser = rights.next().unwrap_or_default();
        let may_create_roles = rights.next().unwrap_or_default();
        let creates_role = is_superuser || may_create_roles;
        // The role and the database have the same name.
        let role_name = creates_role.then_some(name.as_str());
        let mut owner_url = self.url.with_user_and_database(role_name, &name);
        if creates_role {
            let password = format!("{}{}", random_text()?, random_text()?);
            self.query(&create_role(&name, &password, is_superuser))?;
            owner_url.password = Some(password);
        }
        let owner_clause = if creates_role { format!("OWNER {name} ") } else { String::new() };
        let creation = self.query(&format!("CREATE DATABASE {name} {owner_clause}TEMPLATE template0;"));
        let result = creation.and_then(|_| {
            let owner = Server::with_session(owner_url, self.session_start);
            let admin = Server::with_session(self.url.with_user_and_database(None, &name), self.session_start);
            let work_result = work(&Scratch { owner, admin });
            self.query(&format!("DROP DATABASE {name};")).and(work_result)
        });
        let role_removal = if creates_role { self.query(&format!("DROP ROLE {name};")) } else { Ok(String::new()) };
        let value = result?;
        role_removal?;
        Ok(value)
    }

    /// Returns `schema` as a server prints it: creates the schema in a temporary database and reads it back. The
    /// session reads text such as dates with `settings`, the settings of the server with which the result will be
    /// compared. Hints and allowances, which servers do not store, are copied from `schema`.
    ///
    /// # Errors
    /// The errors of [`Server::schema`] and of planning the schema.
    pub fn reprint(&self, schema: &Schema, settings: &InputSettings) -> ServerResult<Schema> {
        let step_groups = plan_with_all_hazards(&Schema::default(), schema, &FieldPath::root())?;
        let statements: Vec<&str> = step_groups.iter().flatten().map(|step| step.up.as_str()).collect();
        let statements = statements.join("\n");
        let extensions: String =
            schema.required_extensions().iter().map(|required| ddl::require_extension(required) + "\n").collect();
        let imported = self.with_scratch_database(|scratch| {
            scratch.admin.query(&extensions)?;
            scratch
                .owner
                .query(&(settings.statements() + &ledger::apply_script([(statements.as_str(), RunIn::Transaction)])))?;
            scratch.owner.schema_to_compare()
        })?;
        // `complete` leaves out default names. It adds and reports nothing new, since the definition was completed and
        // checked before.
        let (mut reprinted, _findings) = crate::database::complete(imported.schema, &FieldPath::root());
        schema.copy_hints_to(&mut reprinted);
        Ok(reprinted)
    }
}

/// Returns random hexadecimal digits for a name or a password.
fn random_text() -> ServerResult<String> {
    random_suffix().map_err(|error| vec![failure(format!("no random name for the temporary database: {error}"))])
}

/// Returns the statements that create a role that may log in and has no other rights.
fn create_role(name: &str, password: &str, by_superuser: bool) -> String {
    // These settings keep the password out of the server's log. Only a superuser may change them.
    let log_settings =
        "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n";
    // A user that is not a superuser can give a database only to a role of which it is a member.
    let (log_settings, membership) = if by_superuser { (log_settings, "") } else { ("", " ROLE CURRENT_USER") };
    format!(
        "{log_settings}CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '{password}'{membership};"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_superuser_turns_the_log_off_and_only_others_become_members() {
        let by_superuser = create_role("r", "p", true);
        assert!(by_superuser.starts_with("SET log_statement = 'none'") && by_superuser.ends_with("PASSWORD 'p';"));
        let by_creator = create_role("r", "p", false);
        assert!(
            by_creator.starts_with("CREATE ROLE r LOGIN NOSUPERUSER") && by_creator.ends_with("ROLE CURRENT_USER;")
        );
    }
}
