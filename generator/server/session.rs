//! Sessions with a server, and the programs that run them.

use std::cell::OnceCell;
use std::process::{Command, Output, Stdio};

use super::url::ServerUrl;

use crate::database::import::sql::{self, Imported, ServiceRights};
use crate::database::import::{ImportFinding, remedy};
use crate::database::ledger::replace_placeholders;
use crate::database::ledger::settings::{self, InputSettings};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::SqlIdent;

/// A result, or the findings that explain the failure.
pub type ServerResult<T> = Result<T, Vec<Diagnostic>>;

/// A database on a server, and the settings with which its sessions start.
pub struct Server {
    pub(super) url: ServerUrl,
    pub(super) session_start: SessionStart,
    /// Whether the server accepts a session without event triggers; determined before the first session.
    can_start_without_event_triggers: OnceCell<bool>,
}

/// The settings that a session sends when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionStart {
    /// [`SEARCH_PATH`] and, if the server accepts it, [`NO_EVENT_TRIGGERS`].
    Usual,
    /// The settings of `Usual`, and a setting that connection poolers reject, so that the session is not pooled.
    RefusedByPoolers,
    /// No settings, as a pooler requires.
    ThroughPooler,
}

/// A search path without schemas in which a role could have placed objects.
const SEARCH_PATH: &str = "-c search_path=pg_catalog,pg_temp";
/// Turns event triggers off, which are code of other users that runs on logins and schema changes. Servers before 17 do
/// not know the setting, but have no login triggers either. Only a superuser may set it; sessions of other roles have
/// no rights that a trigger could abuse.
const NO_EVENT_TRIGGERS: &str = "-c event_triggers=off";
/// The answer of a pooler to settings at the start of a session.
const POOLER_REFUSAL: &str = "unsupported startup parameter";

/// Returns whether the findings come from a pooler that rejected settings at the start of a session.
pub fn is_pooler_refusal(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.message.contains(POOLER_REFUSAL))
}

impl Server {
    /// Returns the server of a URL.
    ///
    /// # Errors
    /// NS106 if the text is not the URL of a PostgreSQL server.
    pub fn new(url: &str) -> ServerResult<Server> {
        let url = ServerUrl::parse(url).map_err(|finding| vec![finding])?;
        Ok(Server::with_session(url, SessionStart::Usual))
    }

    /// Returns a server whose sessions start with these settings.
    pub(super) fn with_session(url: ServerUrl, session_start: SessionStart) -> Server {
        Server { url, session_start, can_start_without_event_triggers: OnceCell::new() }
    }

    /// Returns the name of the database, or `database` if a definition could not have that name.
    pub fn database_name(&self) -> SqlIdent {
        self.url.database_name()
    }

    /// Returns the same server with sessions that fail if they go through a pooler.
    #[must_use]
    pub fn refusing_poolers(self) -> Server {
        Server::with_session(self.url, SessionStart::RefusedByPoolers)
    }

    /// Returns the same server with sessions that start without settings, as a pooler requires.
    #[must_use]
    pub fn through_pooler(self) -> Server {
        Server::with_session(self.url, SessionStart::ThroughPooler)
    }

    /// Runs statements through psql, each in its own transaction, and returns what psql prints: a line for each row,
    /// its columns separated by a space.
    ///
    /// # Errors
    /// NS804 with the message of psql.
    pub fn query(&self, statements: &str) -> ServerResult<String> {
        // No start-up file, no question for a password, only rows with their columns separated by a space, an end at
        // the first error, and the statements from stdin.
        let arguments = ["-X", "-w", "-qtA", "-F", " ", "-v", "ON_ERROR_STOP=1", "-f", "-"];
        let settings = match self.session_start {
            SessionStart::ThroughPooler => "",
            // Compiling queries of the catalog takes longer than running them.
            _ => "SET search_path = pg_catalog, pg_temp;\nSET jit = off;\n",
        };
        self.run_program("psql", &arguments, &format!("{settings}{statements}"), "")
    }

    /// Returns the settings that decide how sessions of the server read text such as dates.
    ///
    /// # Errors
    /// The errors of [`Server::query`].
    pub fn input_settings(&self) -> ServerResult<InputSettings> {
        self.query(&InputSettings::query_text()).map(|answer| InputSettings::read(&answer))
    }

    /// Reads everything except nself's own ledger, as a definition to write to a file.
    ///
    /// # Errors
    /// NS804 with the message of pg_dump, NS714 for each object that a definition cannot express.
    pub fn schema(&self) -> ServerResult<Imported> {
        self.dump(&settings::options_to_keep())
    }

    /// Reads everything except nself's own ledger, in the form that can be compared with a different server's.
    ///
    /// # Errors
    /// The errors of [`Server::schema`].
    pub fn schema_to_compare(&self) -> ServerResult<Imported> {
        self.dump(&settings::options())
    }

    /// Reads the schema with pg_dump, without the schemas of services. `session_settings` are the settings that pg_dump does not set itself.
    fn dump(&self, session_settings: &str) -> ServerResult<Imported> {
        let service_schemas = self.query(&replace_placeholders(include_str!("service_schemas.sql")))?;
        let service_schemas: Vec<&str> = service_schemas.lines().collect();
        let exclusions: Vec<String> =
            service_schemas.iter().map(|schema| format!("--exclude-schema={schema}")).collect();
        let mut arguments = vec![
            "--schema-only",
            "--exclude-schema=nself",
            "--encoding=UTF8",
            "--no-password",
            "--lock-wait-timeout=10s",
        ];
        arguments.extend(exclusions.iter().map(String::as_str));
        let dump = self.run_program("pg_dump", &arguments, "", session_settings)?;
        let service_rights =
            ServiceRights::of_record(&self.query(&replace_placeholders(include_str!("service_rights.sql")))?);
        let imported = sql::read_of_server(&dump, &service_rights).map_err(|unsupported| {
            let findings = unsupported.into_iter().map(|part| {
                let hint = remedy(&part.what);
                Diagnostic::error(Code::NotImported, FieldPath::root()).message(part.what).hint(hint)
            });
            findings.collect::<Vec<_>>()
        });
        let mut imported = imported?;
        if !service_schemas.is_empty() {
            let schemas = service_schemas.join(", ");
            let what = format!("schemas that belong to the roles of services are left out: {schemas}");
            imported.notes.push(ImportFinding { line: 1, column: 1, what });
        }
        Ok(imported)
    }

    /// Returns the options of a session, as libpq sends them. If a setting occurs twice, the last value counts, so the
    /// user's options come first.
    fn session_options(&self, without_event_triggers: bool, more_options: &str) -> String {
        let user_options = self.url.options.clone().or_else(|| std::env::var("PGOPTIONS").ok()).unwrap_or_default();
        let pooler_guard = if self.session_start == SessionStart::RefusedByPoolers { "-c nself.session=1" } else { "" };
        let search_path = if self.session_start == SessionStart::ThroughPooler { "" } else { SEARCH_PATH };
        let event_triggers = if without_event_triggers { NO_EVENT_TRIGGERS } else { "" };
        let options = [user_options.as_str(), pooler_guard, search_path, event_triggers, more_options];
        options.into_iter().filter(|option| !option.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Runs a program to its end with `input` on stdin. `options` are the options of the session.
    fn run_with_input(&self, program: &str, arguments: &[&str], input: &str, options: &str) -> std::io::Result<Output> {
        use std::io::Write;
        let mut command = Command::new(program);
        command.args(arguments).arg(format!("--dbname={}", self.url.text));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PGCLIENTENCODING", "UTF8").env("PGAPPNAME", "nself");
        if let Some(password) = &self.url.password {
            command.env("PGPASSWORD", password);
        }
        if !options.is_empty() {
            command.env("PGOPTIONS", options);
        }
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        // A separate thread writes the input: a program that waits until its output is read reads no more input.
        std::thread::scope(|scope| {
            // Writing fails if the program exited early. The message of the program then names the reason.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
            child.wait_with_output()
        })
    }

    /// Returns whether a session can start without event triggers. A trigger on logins runs before the first statement
    /// of a session, so no statement can turn it off: the setting must be part of the start.
    fn can_start_without_event_triggers(&self) -> bool {
        *self.can_start_without_event_triggers.get_or_init(|| {
            let options = self.session_options(true, "");
            let output = self.run_with_input("psql", &["-X", "-w", "-qtA", "-c", "SELECT"], "", &options);
            output.is_ok_and(|output| output.status.success())
        })
    }

    /// Runs a program and returns its output. `more_options` are added to the options of the session.
    fn run_program(&self, program: &str, arguments: &[&str], input: &str, more_options: &str) -> ServerResult<String> {
        let without_event_triggers =
            self.session_start != SessionStart::ThroughPooler && self.can_start_without_event_triggers();
        let options = self.session_options(without_event_triggers, more_options);
        let output = self.run_with_input(program, arguments, input, &options).map_err(|error| {
            vec![
                failure(format!("{program} cannot be run: {error}"))
                    .hint("install the client programs of PostgreSQL, such as the Debian package postgresql-client"),
            ]
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let message = self.url.without_password(&String::from_utf8_lossy(&output.stderr));
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let finding = failure(format!("{program}: {message}"));
        Err(vec![match message.contains(POOLER_REFUSAL) {
            true => finding.hint("use the URL of the server itself instead of a pooler"),
            false => finding,
        }])
    }
}

/// Returns an error about a server or its programs.
pub(super) fn failure(message: String) -> Diagnostic {
    Diagnostic::error(Code::Io, FieldPath::root()).message(message)
}
