//! A temporary PostgreSQL on a socket in a folder, with sessions that stay open, so that a case takes milliseconds.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nself::database::ledger::catalog_query;

use crate::support::{ProcessOutput, run, tool};

/// PostgreSQL 15 of Debian 12, 17 of Debian 13 in its root file system, or 18 from an npm package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V15,
    V17,
    V18,
}

impl Version {
    /// Returns the version that `NSELF_SERVER` names.
    pub fn chosen() -> Version {
        match std::env::var("NSELF_SERVER").as_deref() {
            Ok("18") => Version::V18,
            Ok("17") => Version::V17,
            Ok("15") | Err(_) => Version::V15,
            Ok(other) => panic!("NSELF_SERVER={other}: 15, 17 or 18"),
        }
    }

    fn number(self) -> &'static str {
        match self {
            Version::V15 => "15",
            Version::V17 => "17",
            Version::V18 => "18",
        }
    }
}

/// The role that owns the database `orders` if the stack defines it.
pub const OWNER: &str = "orders_migrations";

pub struct Server {
    version: Version,
    root: PathBuf,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server with the roles `owner`, `reader`, `writer` and [`OWNER`], and with `fsync` off.
    pub fn start(version: Version) -> Option<Server> {
        Server::start_with(version, "")
    }

    /// Starts a server with additional options for `postgres`, separated by blanks.
    pub fn start_with(version: Version, further: &str) -> Option<Server> {
        let (root, folder) = match version {
            Version::V15 => {
                tool("stamps/packages")?;
                (PathBuf::from("/"), tempfile::tempdir().unwrap())
            }
            Version::V17 => {
                let root = tool("trixie")?;
                let folder = tempfile::tempdir_in(root.join("tmp")).unwrap();
                (root, folder)
            }
            Version::V18 => {
                // Copied, since the user of the server cannot read the folder of the tools.
                let native = tool("servers/native")?;
                let folder = tempfile::tempdir().unwrap();
                let copied = Command::new("cp").arg("-RH").arg(native).arg(folder.path()).status().unwrap();
                assert!(copied.success());
                (PathBuf::from("/"), folder)
            }
        };
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let server = Server { version, root, folder };
        let empty = tool("data-folders")?.join(version.number());
        let copied = Command::new("cp").arg("-a").arg(empty).arg(server.folder().join("data")).status().unwrap();
        assert!(copied.success());
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off -c full_page_writes=off \
             -c synchronous_commit=off -c autovacuum=off -c max_connections=60 -c log_min_messages=fatal -c jit=off {further}",
            server.inner("")
        );
        server.run_or_panic(
            "pg_ctl",
            &["-w", "-o", &options, "-l", &server.inner("log"), "-D", &server.inner("data"), "start"],
        );
        let mut session = server.session("postgres", "postgres");
        session.run_or_panic("CREATE ROLE owner LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE writer LOGIN;");
        session.run_or_panic(&format!("CREATE ROLE {OWNER} LOGIN;"));
        Some(server)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a path inside the server's root file system.
    pub fn inner(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        let path = path.strip_prefix(&self.root).unwrap_or(&path);
        format!("/{}", path.display()).trim_end_matches('/').to_owned()
    }

    fn command(&self, program: &str) -> Command {
        let bin = match self.version {
            Version::V15 | Version::V17 => format!("/usr/lib/postgresql/{}/bin/{program}", self.version.number()),
            Version::V18 => self.folder.path().join("native/bin").join(program).display().to_string(),
        };
        let mut command = match self.version {
            Version::V15 | Version::V18 => Command::new("runuser"),
            Version::V17 => {
                let mut command = Command::new("chroot");
                command.arg(&self.root).arg("runuser");
                command
            }
        };
        command.args(["-u", "postgres", "--", &bin]).current_dir("/");
        command
    }

    fn run_or_panic(&self, program: &str, arguments: &[&str]) {
        // The server inherits the output, so it is discarded.
        let mut command = self.command(program);
        let status = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    }

    /// Creates a database that belongs to `owner`.
    pub fn database(&self, name: &str) {
        self.database_of(name, "owner");
    }

    /// Creates a database that belongs to the role of its migrations.
    pub fn database_for_migrations(&self, name: &str) {
        self.database_of(name, OWNER);
    }

    pub fn database_of(&self, name: &str, owner: &str) {
        let mut session = self.session("postgres", "postgres");
        session.run_or_panic(&format!("CREATE DATABASE {name} OWNER {owner};"));
        self.session("postgres", name).run_or_panic(&format!("ALTER SCHEMA public OWNER TO {owner};"));
    }

    /// Runs the setup job of an environment; all passwords are `secret`.
    pub fn first_start(&self, environment: &Path) {
        let read = |name: &str| fs::read_to_string(environment.join("postgres/setup").join(name)).unwrap();
        let text = read("setup.sql").replace("\\ir revoke.sql", &read("revoke.sql"));
        let secrets: Vec<&str> =
            text.lines().filter(|line| line.starts_with("\\set password `cat /run/secrets/")).collect();
        let text = secrets.iter().fold(text.clone(), |text, line| text.replace(line, "\\set password secret"));
        let output = self.psql("postgres", "postgres", &text);
        assert_eq!(output.code, 0, "{}", output.stderr);
    }

    /// Runs psql with these statements on standard input, and returns its output.
    pub fn psql(&self, user: &str, database: &str, text: &str) -> ProcessOutput {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.folder());
        run(psql.args(["-U", user, "-d", database, "-f"]).arg(file.path()))
    }

    /// Returns a database's schema as printed by pg_dump of the same version.
    pub fn dump(&self, database: &str) -> String {
        self.dump_with(database, &[])
    }

    /// Returns a database's schema as printed by pg_dump of the same version with further options.
    pub fn dump_with(&self, database: &str, options: &[&str]) -> String {
        let arguments = ["--schema-only", "-U", "owner", "-h", &self.inner(""), database];
        let output = run(self.command("pg_dump").args(arguments).args(options));
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout
    }

    /// Returns a whole database, with its rows, as printed by pg_dump of the same version.
    pub fn dump_whole(&self, database: &str) -> String {
        let output = run(self.command("pg_dump").args(["-U", "postgres", "-h", &self.inner(""), database]));
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout
    }

    /// Starts a standby of this server.
    pub fn standby(&self) -> Server {
        let folder = match self.version {
            Version::V15 | Version::V18 => tempfile::tempdir().unwrap(),
            Version::V17 => tempfile::tempdir_in(self.root.join("tmp")).unwrap(),
        };
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let standby = Server { version: self.version, root: self.root.clone(), folder };
        let data = standby.inner("data");
        standby
            .run_or_panic("pg_basebackup", &["-h", &self.inner(""), "-U", "postgres", "-R", "-c", "fast", "-D", &data]);
        let options =
            format!("-c listen_addresses='' -c unix_socket_directories={} -c max_connections=60", standby.inner(""));
        standby.run_or_panic("pg_ctl", &["-w", "-o", &options, "-l", &standby.inner("log"), "-D", &data, "start"]);
        standby
    }

    /// Starts a PgBouncer with these settings in front of this server, on a separate socket.
    pub fn pooler(&self, settings: &str) -> Option<Pooler> {
        let root = tool("trixie")?;
        if !root.join("usr/sbin/pgbouncer").exists() {
            tool("stamps/pooler")?;
        }
        assert_eq!(self.version, Version::V17, "both are in one root file system");
        let folder = tempfile::tempdir_in(root.join("tmp")).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let inner = format!("/{}", folder.path().strip_prefix(&root).unwrap().display());
        let settings = settings
            .replace("host=postgres port=5432", &format!("host={}", self.inner("")))
            .replace("listen_addr = *", "listen_addr =")
            .replace("unix_socket_dir =", &format!("unix_socket_dir = {inner}"))
            .replace("/run/secrets/pgbouncer_users", &format!("{inner}/users"));
        fs::write(folder.path().join("pgbouncer.ini"), settings).unwrap();
        fs::write(
            folder.path().join("users"),
            format!("\"postgres\" \"secret\"\n\"owner\" \"secret\"\n\"{OWNER}\" \"secret\"\n"),
        )
        .unwrap();
        // No wrapper process, so that killing it kills the pooler.
        let mut command = Command::new("chroot");
        command.arg("--userspec=postgres:postgres").arg(&root);
        command.args(["/usr/sbin/pgbouncer", &format!("{inner}/pgbouncer.ini")]);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let pooler = Pooler { child, folder };
        let socket = pooler.folder().join(".s.PGSQL.5432");
        for _ in 0..200 {
            if socket.exists() {
                return Some(pooler);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{}", fs::read_to_string(pooler.folder().join("log")).unwrap());
    }

    pub fn session(&self, user: &str, database: &str) -> Session {
        Session::new(self.folder.path(), user, database)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.inner("data");
        let mut stop = self.command("pg_ctl");
        let _ =
            stop.args(["-m", "immediate", "-D", &data, "stop"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// A running PgBouncer on a socket; its users have the password `secret`.
pub struct Pooler {
    child: Child,
    folder: tempfile::TempDir,
}

impl Pooler {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A psql session that stays open until the value is dropped.
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// True after the server has prepared [`catalog_query`], whose parsing and planning take longer than its execution.
    has_catalog: bool,
}

const MARK: &str = "-----answered-----";

impl Session {
    fn new(socket: &Path, user: &str, database: &str) -> Session {
        let mut child = Command::new("sh")
            .args(["-c", "exec psql -X -qtA -v VERBOSITY=terse -h \"$0\" -U \"$1\" -d \"$2\" 2>&1"])
            .arg(socket)
            .args([user, database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut session = Session { child, input, output, has_catalog: false };
        session.run_or_panic("SET client_min_messages = warning;");
        session
    }

    /// Runs statements and returns the output, or the error if the server refused one.
    pub fn try_run(&mut self, sql: &str) -> Result<String, String> {
        writeln!(self.input, "{sql}\n\\echo {MARK}").unwrap();
        self.input.flush().unwrap();
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return Err(format!("{text}psql ended"));
            }
            if line.trim_end() == MARK {
                break;
            }
            text.push_str(&line);
        }
        if text.contains("ERROR:") || text.contains("FATAL:") { Err(text) } else { Ok(text) }
    }

    pub fn run_or_panic(&mut self, sql: &str) -> String {
        self.try_run(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// Runs statements in one transaction.
    pub fn transaction(&mut self, sql: &str) -> Result<String, String> {
        self.try_run(&format!("BEGIN;\n{sql}\nCOMMIT;"))
    }

    /// Drops everything that the role of this session owns.
    pub fn reset(&mut self) {
        // Everyone may use the schema public of a new database, and it has a comment.
        self.run_or_panic(
            "DROP OWNED BY CURRENT_USER CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;
             COMMENT ON SCHEMA public IS 'standard public schema';",
        );
    }

    pub fn catalog(&mut self) -> String {
        if !std::mem::replace(&mut self.has_catalog, true) {
            self.run_or_panic(&format!("PREPARE catalog AS {}", catalog_query()));
        }
        self.run_or_panic("EXECUTE catalog;")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
