//! A running server, asked through PostgreSQL's own programs: psql for statements, pg_dump for what there is. The
//! password of a URL reaches them by the environment; it is in no argument, message or log.

use std::process::{Command, Stdio};

use crate::database::import::sql::{self, Imported};
use crate::database::ledger::settings::{self, Meaning};
use crate::database::model::Schema;
use crate::database::plan::plan_unreviewed;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::random_name as noise;
use crate::stack::{Checked, SqlIdent};

type Asked<T> = Result<T, Vec<Diagnostic>>;

pub struct Server {
    /// Without a password.
    url: String,
    password: Option<String>,
    /// What the user tells the server when a session starts, by the URL.
    options: Option<String>,
    /// Whether sessions have a setting that a pooler does not hand on.
    marked: bool,
}

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
        Ok(Server { url: format!("{scheme}://{user}{place}{query}"), password, options, marked: false })
    }

    /// The name of the database, if it is one that a definition could have.
    pub fn name(&self) -> SqlIdent {
        let place = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let place = place.split('?').next().unwrap_or_default();
        let name = place.split_once('/').map_or("", |(_, name)| name);
        SqlIdent::new(name).unwrap_or_else(|_| SqlIdent::wrap("database".into()))
    }

    /// The same server with another database.
    pub fn beside(&self, database: &str) -> Server {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
        let place = before.split('/').next().unwrap_or_default();
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        Server {
            url: format!("{scheme}://{place}/{database}{query}"),
            password: self.password.clone(),
            options: self.options.clone(),
            marked: self.marked,
        }
    }

    /// Works in a database of its own, which is gone afterwards.
    pub fn scratch<T>(&self, work: impl FnOnce(&Server) -> Asked<T>) -> Asked<T> {
        // One that a killed run left, in a container whose processes have the same numbers again, is in nobody's way.
        let noise = noise().map_err(|error| refused(format!("a name for the scratch database: {error}")))?;
        let name = format!("nself_scratch_{noise}");
        self.ask(&format!("CREATE DATABASE {name} TEMPLATE template0;"))?;
        let worked = work(&self.beside(&name));
        let gone = self.ask(&format!("DROP DATABASE {name};"));
        let worked = worked?;
        gone?;
        Ok(worked)
    }

    /// The same, with a setting in its sessions that a pooler does not hand on.
    #[must_use]
    pub fn marked(self) -> Server {
        Server { marked: true, ..self }
    }

    /// What a text means in its sessions.
    pub fn meaning(&self) -> Asked<Meaning> {
        self.ask(&Meaning::question()).map(|answer| Meaning::read(&answer))
    }

    /// A schema as this server prints it: made in a database of its own from texts that mean what they mean elsewhere,
    /// read back, and gone again. What only the definition knows is kept.
    pub fn printed(&self, schema: &Schema, meaning: &Meaning) -> Asked<Schema> {
        let empty = Schema::default();
        let groups = plan_unreviewed(&empty, schema, &FieldPath::root())?;
        let statements: Vec<&str> = groups.iter().flatten().map(|step| step.up.as_str()).collect();
        let read = self.scratch(|scratch| {
            // As the runner's session begins.
            let session = "SET standard_conforming_strings = on;\nSET search_path = public;\n";
            let meaning = meaning.statements();
            scratch.ask(&format!("{session}{meaning}BEGIN;\n{}\nCOMMIT;", statements.join("\n")))?;
            scratch.compared()
        })?;
        let mut printed = crate::database::complete(read.schema, &FieldPath::root()).0;
        schema.lend_to(&mut printed);
        Ok(printed)
    }

    fn output(&self, program: &str, arguments: &[&str], input: &str, more: &str) -> Asked<String> {
        use std::io::Write;
        let mut command = Command::new(program);
        command.args(arguments).arg(format!("--dbname={}", self.url));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PGCLIENTENCODING", "UTF8").env("PGAPPNAME", "nself");
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        // The later one wins, so the user's come first.
        let mut options = self.options.clone().or_else(|| std::env::var("PGOPTIONS").ok()).unwrap_or_default();
        for one in [if self.marked { "-c nself.session=1" } else { "" }, more] {
            if !options.is_empty() && !one.is_empty() {
                options.push(' ');
            }
            options += one;
        }
        if !options.is_empty() {
            command.env("PGOPTIONS", options);
        }
        let ran = command.spawn().and_then(|mut child| {
            if let Some(mut pipe) = child.stdin.take() {
                // A program that gave up says why itself.
                let _ = pipe.write_all(input.as_bytes());
            }
            child.wait_with_output()
        });
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
        Err(vec![match said.contains("unsupported startup parameter") {
            true => failed.hint("a pooler stands before this server; give the URL of the server itself"),
            false => failed,
        }])
    }

    /// What psql prints for these statements, each in its own transaction.
    pub fn ask(&self, statements: &str) -> Asked<String> {
        self.output("psql", &["-X", "-w", "-qtA", "-F", " ", "-v", "ON_ERROR_STOP=1", "-f", "-"], statements, "")
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
            let found = |lost: crate::database::import::Lost| {
                Diagnostic::error(Code::NotImported, FieldPath::root()).message(lost.what)
            };
            lost.into_iter().map(found).collect()
        })
    }
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
