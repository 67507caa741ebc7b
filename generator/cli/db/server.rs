//! A running server, asked through PostgreSQL's own programs: psql for statements, pg_dump for what there is. The
//! password of a URL reaches them by the environment; it is in no argument, message or log.
//!
//! The user of a URL may have more rights than the owners of what it reads. So each session finds nothing but what the
//! server itself brings, and SQL of the project runs as a role that is made for it, in a database of its own.

use std::cell::OnceCell;
use std::process::{Command, Output, Stdio};

use crate::database::ddl;
use crate::database::import::sql::{self, Imported};
use crate::database::ledger::settings::{self, InputSettings};
use crate::database::ledger::{self, RunIn};
use crate::database::migrate::plan_unreviewed;
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::random_name as noise;
use crate::values::{Checked, SqlIdent};

type Asked<T> = Result<T, Vec<Diagnostic>>;

pub struct Server {
    /// Without a password.
    url: String,
    password: Option<String>,
    /// What the user tells the server when a session starts, by the URL.
    options: Option<String>,
    /// Whether sessions have a setting that a pooler does not hand on.
    marked: bool,
    /// Whether sessions begin without settings of nself's, as a pooler wants them.
    plain: bool,
    /// Whether the server takes a session without event triggers, once that is known.
    quiet: OnceCell<bool>,
}

/// A database that is there for a moment.
pub struct Scratch {
    /// As its owner, a role of its own without other rights: SQL of the project runs here.
    pub owner: Server,
    /// As the user of the URL: for statements of nself's own.
    pub admin: Server,
}

/// What sessions find: nothing that a role could have planted.
const SEARCH_PATH: &str = "-c search_path=pg_catalog,pg_temp";
/// Triggers of logins and of changes are code of others. Servers before 17 do not know the setting and have none of
/// logins; it is the superuser's, and for every other role the session has no more rights than the role.
const QUIET: &str = "-c event_triggers=off";

fn refused(message: String) -> Vec<Diagnostic> {
    vec![Diagnostic::error(Code::Io, FieldPath::root()).message(message)]
}

impl Server {
    /// # Errors
    /// What is no URL of a PostgreSQL server; the URL is never repeated, it may hold a password.
    pub fn new(url: &str) -> Asked<Server> {
        let wrong = |reason: &str| {
            vec![
                Diagnostic::error(Code::BadValue, FieldPath::root())
                    .message(format!("the URL {reason}"))
                    .expected("postgresql://user:password@host:5432/database, special signs as %40"),
            ]
        };
        let Some((scheme, rest)) =
            url.split_once("://").filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
        else {
            return Err(wrong("does not start with postgresql://"));
        };
        let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
        let (user, place) = before.rsplit_once('@').map_or((None, before), |(user, place)| (Some(user), place));
        if user.is_some_and(|user| user.contains(['/', '@'])) || query.is_some_and(|query| query.contains('@')) {
            return Err(wrong("has a sign in its user or password that has to be written as %40, %2F or %3F"));
        }
        let (user, mut password) = match user.and_then(|user| user.split_once(':')) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (user, None),
        };
        let (mut kept, mut options) = (Vec::new(), None);
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            match pair.split_once('=') {
                Some(("password", value)) => password = Some(value),
                Some(("options", value)) => options = Some(value),
                Some((key, _)) if key.contains("password") || key.contains('%') => {
                    return Err(wrong("has an option that may be a secret; only `password` is passed on unseen"));
                }
                _ => kept.push(pair),
            }
        }
        let plain = |text: Option<&str>| {
            text.map(|text| decoded(text).ok_or_else(|| wrong("has a `%` that begins no sign"))).transpose()
        };
        let (password, options) = (plain(password)?, plain(options)?);
        let user = user.map_or(String::new(), |user| format!("{user}@"));
        let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
        let url = format!("{scheme}://{user}{place}{query}");
        Ok(Server { url, password, options, marked: false, plain: false, quiet: OnceCell::new() })
    }

    /// The name of the database, if it is one that a definition could have.
    pub fn name(&self) -> SqlIdent {
        let place = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let place = place.split('?').next().unwrap_or_default();
        let name = place.split_once('/').map_or("", |(_, name)| name);
        SqlIdent::new(name).unwrap_or_else(|_| SqlIdent::wrap("database".into()))
    }

    /// The same server with another database.
    fn beside(&self, database: &str) -> Server {
        self.at(None, database)
    }

    /// The same server with another database, and another user if one is given.
    fn at(&self, user: Option<&str>, database: &str) -> Server {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
        let mut place = before.split('/').next().unwrap_or_default().to_owned();
        let mut query: Vec<&str> = query.map_or(Vec::new(), |query| query.split('&').collect());
        query.retain(|pair| !pair.starts_with("dbname="));
        if let Some(user) = user {
            let host = place.rsplit_once('@').map_or(place.as_str(), |(_, host)| host);
            place = format!("{user}@{host}");
            query.retain(|pair| !pair.starts_with("user="));
        }
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        Server {
            url: format!("{scheme}://{place}/{database}{query}"),
            password: self.password.clone(),
            options: self.options.clone(),
            marked: self.marked,
            plain: self.plain,
            quiet: OnceCell::new(),
        }
    }

    /// Works in a database of its own, which is gone afterwards.
    pub fn scratch<T>(&self, work: impl FnOnce(&Scratch) -> Asked<T>) -> Asked<T> {
        // One that a killed run left, in a container whose processes have the same numbers again, is in nobody's way.
        let random = || noise().map_err(|error| refused(format!("a name for the scratch database: {error}")));
        let name = format!("nself_scratch_{}", random()?);
        let rights = self.ask(
            "SELECT pg_catalog.concat_ws(' ', rolsuper, rolcreaterole) FROM pg_catalog.pg_roles WHERE rolname = current_user;",
        )?;
        // Who has no such rights has nothing that SQL of the project could take.
        let apart = rights.contains("true") || rights.split_whitespace().any(|word| word == "t");
        let password = format!("{}{}", random()?, random()?);
        let mut owner = self.at(apart.then_some(name.as_str()), &name);
        if apart {
            self.ask(&made_role(&name, &password, rights.starts_with('t')))?;
            owner.password = Some(password);
        }
        let of = if apart { format!("OWNER {name} ") } else { String::new() };
        let made = self.ask(&format!("CREATE DATABASE {name} {of}TEMPLATE template0;"));
        let worked = made.and_then(|_| {
            let worked = work(&Scratch { owner, admin: self.beside(&name) });
            self.ask(&format!("DROP DATABASE {name};")).and(worked)
        });
        let gone = if apart { self.ask(&format!("DROP ROLE {name};")) } else { Ok(String::new()) };
        let worked = worked?;
        gone?;
        Ok(worked)
    }

    /// The same, with a setting in its sessions that a pooler does not hand on.
    #[must_use]
    pub fn marked(self) -> Server {
        Server { marked: true, ..self }
    }

    /// The same, with sessions that begin without settings: a pooler knows none.
    #[must_use]
    pub fn plain(self) -> Server {
        Server { plain: true, ..self }
    }

    /// What a text means in its sessions.
    pub fn meaning(&self) -> Asked<InputSettings> {
        self.ask(&InputSettings::question()).map(|answer| InputSettings::read(&answer))
    }

    /// A schema as this server prints it: made in a database of its own from texts that mean what they mean elsewhere,
    /// read back, and gone again. What only the definition knows is kept.
    pub fn printed(&self, schema: &Schema, meaning: &InputSettings) -> Asked<Schema> {
        let empty = Schema::default();
        let groups = plan_unreviewed(&empty, schema, &FieldPath::root())?;
        let statements: Vec<&str> = groups.iter().flatten().map(|step| step.up.as_str()).collect();
        let extensions: String = schema.extensions.iter().map(|name| ddl::create_extension(name) + "\n").collect();
        let read = self.scratch(|scratch| {
            scratch.admin.ask(&extensions)?;
            scratch.owner.ask(
                &(meaning.statements() + &ledger::apply([(statements.join("\n").as_str(), RunIn::Transaction)])),
            )?;
            scratch.owner.compared()
        })?;
        let mut printed = crate::database::complete(read.schema, &FieldPath::root()).0;
        schema.copy_hints_to(&mut printed);
        Ok(printed)
    }

    /// The options of a session, as libpq passes them on. The later one wins, so the user's come first.
    fn session_options(&self, quiet: bool, more: &str) -> String {
        let own = self.options.clone().or_else(|| std::env::var("PGOPTIONS").ok()).unwrap_or_default();
        let marker = if self.marked { "-c nself.session=1" } else { "" };
        let search_path = if self.plain { "" } else { SEARCH_PATH };
        let quiet = if quiet { QUIET } else { "" };
        let all = [own.as_str(), marker, search_path, quiet, more];
        all.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn spawn(&self, program: &str, arguments: &[&str], input: &str, options: &str) -> std::io::Result<Output> {
        use std::io::Write;
        let mut command = Command::new(program);
        command.args(arguments).arg(format!("--dbname={}", self.url));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PGCLIENTENCODING", "UTF8").env("PGAPPNAME", "nself");
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        if !options.is_empty() {
            command.env("PGOPTIONS", options);
        }
        let mut child = command.spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            // A program that gave up says why itself.
            let _ = pipe.write_all(input.as_bytes());
        }
        child.wait_with_output()
    }

    /// Whether a session without event triggers begins; a login trigger runs before a session could turn it off.
    fn is_quiet(&self) -> bool {
        let begins = || {
            let options = self.session_options(true, "");
            let output = self.spawn("psql", &["-X", "-w", "-qtA", "-c", "SELECT"], "", &options);
            output.is_ok_and(|output| output.status.success())
        };
        !self.plain && *self.quiet.get_or_init(begins)
    }

    fn output(&self, program: &str, arguments: &[&str], input: &str, more: &str) -> Asked<String> {
        let options = self.session_options(self.is_quiet(), more);
        let ran = self.spawn(program, arguments, input, &options);
        let output = ran.map_err(|error| refused(format!("{program}: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = match &self.password {
            Some(password) if !password.is_empty() => said.replace(password.as_str(), "…"),
            _ => said,
        };
        let failed = Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{program}: {said}"));
        Err(vec![match said.contains(POOLER) {
            true => failed.hint("a pooler stands before this server; give the URL of the server itself"),
            false => failed,
        }])
    }

    /// What psql prints for these statements, each in its own transaction.
    pub fn ask(&self, statements: &str) -> Asked<String> {
        let arguments = ["-X", "-w", "-qtA", "-F", " ", "-v", "ON_ERROR_STOP=1", "-f", "-"];
        let path = if self.plain { "" } else { "SET search_path = pg_catalog, pg_temp;\n" };
        self.output("psql", &arguments, &format!("{path}{statements}"), "")
    }

    /// Everything that there is but nself's own ledger, as a definition to keep.
    pub fn schema(&self) -> Asked<Imported> {
        self.dumped(&settings::options_to_keep())
    }

    /// The same, to be compared with that of another server.
    pub fn compared(&self) -> Asked<Imported> {
        self.dumped(&settings::options())
    }

    /// pg_dump sees to its own settings, but leaves some to the server.
    fn dumped(&self, settings: &str) -> Asked<Imported> {
        let options =
            ["--schema-only", "--exclude-schema=nself", "--encoding=UTF8", "--no-password", "--lock-wait-timeout=10s"];
        let dump = self.output("pg_dump", &options, "", settings)?;
        sql::read(&dump).map_err(|lost| {
            let found = |lost: crate::database::import::ImportFinding| {
                Diagnostic::error(Code::NotImported, FieldPath::root()).message(lost.what)
            };
            lost.into_iter().map(found).collect()
        })
    }
}

/// What a pooler answers to settings at the start of a session.
pub const POOLER: &str = "unsupported startup parameter";

/// A role that may log in and nothing else. Its password is in no log of the server.
fn made_role(name: &str, password: &str, by_superuser: bool) -> String {
    let quietly =
        "SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n";
    // Only a member gives a database away, unless it is a superuser.
    let (quietly, member) = if by_superuser { (quietly, "") } else { ("", " ROLE CURRENT_USER") };
    format!(
        "{quietly}CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '{password}'{member};"
    )
}

/// `%40` is `@`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_out_of_the_url() {
        for (url, rest, password) in [
            (
                "postgres://me:s%40p@host:5433/shop?sslmode=require",
                "postgres://me@host:5433/shop?sslmode=require",
                Some("s@p"),
            ),
            (
                "postgresql:///shop?host=/run&user=me&password=x%2Fy",
                "postgresql:///shop?host=/run&user=me",
                Some("x/y"),
            ),
            ("postgresql://me@host/shop", "postgresql://me@host/shop", None),
        ] {
            let server = Server::new(url).unwrap_or_else(|_| panic!("{rest}"));
            assert_eq!((server.url.as_str(), server.password.as_deref()), (rest, password));
            assert_eq!(server.name().as_str(), "shop");
        }
        let server = Server::new("postgres://host/shop?a=b&options=-c%20work_mem%3D1MB&c=d");
        let server = server.map(|server| (server.url, server.options)).ok();
        let options = Some("-c work_mem=1MB".to_owned());
        assert_eq!(server, Some(("postgres://host/shop?a=b&c=d".to_owned(), options)));
        let other = Server::new("postgres://me:x@host/shop?sslmode=require").ok().map(|server| server.beside("b").url);
        assert_eq!(other.as_deref(), Some("postgres://me@host/b?sslmode=require"));
        for (url, expected) in [
            ("postgres://me:x@host:1/shop?sslmode=require&user=you", "postgres://it@host:1/b?sslmode=require"),
            ("postgres:///shop?host=/run&user=me&dbname=c", "postgres://it@/b?host=/run"),
        ] {
            let other = Server::new(url).ok().map(|server| server.at(Some("it"), "b").url);
            assert_eq!(other.as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_could_show_a_password_is_refused_without_it() {
        for url in [
            "postgres://me:tul/ip@host/shop",
            "postgres://me:tul?ip@host/shop",
            "host=a password=tulip",
            "mysql://me:tulip@host/a",
            "postgres://host/shop?sslpassword=tulip",
            "postgres://me:tulip%4@host/shop",
            "postgres://host/a?p%61ssword=tulip",
        ] {
            let Err(findings) = Server::new(url) else { panic!("{url}") };
            assert!(!format!("{findings:?}").contains("tul"), "{findings:?}");
        }
    }
}
