//! A PostgreSQL server with the generated scripts of backups and the variables that the plan gives them. It listens on a
//! socket in a folder, and the target is a folder or a bucket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{self, ProcessOutput, run, tool};

/// How long the tests wait for something that takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Site {
    folder: tempfile::TempDir,
    /// The root file system of the server and of the scripts.
    root: PathBuf,
    bin: String,
    /// The folder of the data in the folder of the site.
    pub data: &'static str,
    /// Variables of the target.
    target: Vec<(String, String)>,
    receiver: Option<Child>,
}

impl Site {
    /// Starts PostgreSQL 15 of this machine, 17 in the root file system of Debian 13, which has no zstd, or 18 in that of Debian
    /// testing; `None` without the tools.
    pub fn start(version: u32) -> Option<Site> {
        let rclone = tool("backups/bin/rclone")?;
        tool("stamps/packages")?;
        let root = match version {
            17 => tool("trixie")?,
            18 => {
                tool("stamps/newest_server")?;
                tool("forky")?
            }
            _ => PathBuf::from("/"),
        };
        let folder = tempfile::tempdir_in(root.join("tmp")).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["tools", "volume", "scratch", "spool", "scripts", "target"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::copy(rclone, at("tools/rclone")).unwrap();
        for script in fs::read_dir(support::root().join("golden/backups/out/prod/backups/scripts")).unwrap() {
            let script = script.unwrap();
            fs::copy(script.path(), at("scripts").join(script.file_name())).unwrap();
        }
        fs::write(at("password"), "a password: with \\ and :\n").unwrap();
        fs::write(at("key"), "the key of the backups\n").unwrap();
        let bin = format!("/usr/lib/postgresql/{version}/bin");
        let data = if version == 18 { "volume/18/docker" } else { "volume/pgdata" };
        let mut site = Site { folder, root, bin, data, target: Vec::new(), receiver: None };
        let owned = run(Command::new("chroot").arg(&site.root).args(["chown", "-R", "postgres", &site.inner("")]));
        assert_eq!(owned.code, 0, "{}", owned.stderr);
        site.target.push(("RCLONE_CONFIG_STORE_TYPE".to_owned(), "local".to_owned()));
        site.target.push(("NSELF_BACKUP_PLACE".to_owned(), format!("store:{}", site.inner("target"))));
        site.run_or_panic(&["initdb", "-U", "postgres", "--auth=trust", "--data-checksums", "-D", &site.data()]);
        site.start_server();
        site.sql("CREATE ROLE backup_wal LOGIN REPLICATION");
        Some(site)
    }

    /// Stores backups in a bucket instead of the folder.
    pub fn store_in(&mut self, endpoint: &str, access_key: &str, secret_key: &str) {
        fs::write(self.path("access"), access_key).unwrap();
        fs::write(self.path("secret"), secret_key).unwrap();
        let file = |name: &str| self.inner(name);
        let target = [
            ("RCLONE_CONFIG_STORE_TYPE", "s3".to_owned()),
            ("RCLONE_CONFIG_STORE_PROVIDER", "Other".to_owned()),
            ("RCLONE_CONFIG_STORE_NO_CHECK_BUCKET", "true".to_owned()),
            ("RCLONE_CONFIG_STORE_ENDPOINT", endpoint.to_owned()),
            ("NSELF_BACKUP_PLACE", "store:ledger-backups/ledger/prod".to_owned()),
            ("NSELF_BACKUP_ACCESS_KEY_FILE", file("access")),
            ("NSELF_BACKUP_SECRET_KEY_FILE", file("secret")),
            ("NSELF_BACKUP_AUTHORITY_FILE", file("store.pem")),
        ];
        self.target = target.map(|(name, value)| (name.to_owned(), value)).into();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns a path inside the root file system of the server.
    fn inner(&self, name: &str) -> String {
        let path = self.path(name);
        let path = path.strip_prefix(&self.root).unwrap_or(&path);
        format!("/{}", path.display()).trim_end_matches('/').to_owned()
    }

    fn data(&self) -> String {
        self.inner(self.data)
    }

    /// Returns a command of the server's user, with the variables of the site.
    fn as_postgres(&self) -> Command {
        let mut command = Command::new("chroot");
        command.arg(&self.root).args(["runuser", "-u", "postgres", "--", "env"]).current_dir("/");
        command.args(self.variables());
        command
    }

    fn variables(&self) -> Vec<String> {
        let at = |name: &str| self.inner(name);
        let own = [
            ("PATH", format!("{}:/usr/bin:/bin", self.bin)),
            ("PGHOST", at("")),
            ("PGUSER", "backup_wal".to_owned()),
            ("PGPASSWORD_FILE", at("password")),
            ("PGDATA", self.data()),
            ("NSELF_BACKUP_TOOLS", at("tools")),
            ("NSELF_BACKUP_KEY_FILE", at("key")),
            ("NSELF_BACKUP_SPOOL", at("spool")),
            ("NSELF_BACKUP_SCRATCH", at("scratch")),
            ("NSELF_BACKUP_METRICS", at("metrics")),
            ("NSELF_BACKUP_METRICS_PORT", "0".to_owned()),
            ("NSELF_BACKUP_INTERVAL", "1".to_owned()),
            ("NSELF_BACKUP_FILES", "volume-uploads".to_owned()),
        ];
        let own = own.map(|(name, value)| format!("{name}={value}")).into_iter();
        own.chain(self.target.iter().map(|(name, value)| format!("{name}={value}"))).collect()
    }

    /// Runs a script with further variables, such as `LABEL=first`.
    pub fn script(&self, name: &str, variables: &[&str]) -> ProcessOutput {
        run(self.as_postgres().args(variables).arg("sh").arg(self.inner(&format!("scripts/{name}"))))
    }

    /// Returns a variable with which scripts read a clock that is an hour behind.
    pub fn clock_set_back(&self) -> String {
        fs::create_dir(self.path("clock")).unwrap();
        let date = self.path("clock/date");
        fs::write(&date, "#!/bin/sh\nexec /usr/bin/date -d '1 hour ago' \"$@\"\n").unwrap();
        fs::set_permissions(&date, fs::Permissions::from_mode(0o755)).unwrap();
        format!("PATH={}:{}:/usr/bin:/bin", self.inner("clock"), self.bin)
    }

    fn run_or_panic(&self, arguments: &[&str]) {
        let output = run(self.as_postgres().args(arguments));
        assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
    }

    pub fn start_server(&self) {
        let options = format!("-c listen_addresses= -c unix_socket_directories={}", self.inner(""));
        let log = self.inner("log");
        // The server would keep the pipes of the test open.
        let mut command = self.as_postgres();
        command.args(["pg_ctl", "-w", "-o", &options, "-l", &log, "-D", &self.data(), "start"]);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{}", fs::read_to_string(self.path("log")).unwrap_or_default());
    }

    pub fn stop_server(&self) {
        self.run_or_panic(&["pg_ctl", "-w", "-m", "fast", "-D", &self.data(), "stop"]);
    }

    /// Kills the server without a chance to write anything, like a machine that loses its power.
    pub fn kill_server(&self) {
        let pid = fs::read_to_string(self.path(self.data).join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        run(Command::new("pkill").args(["-KILL", "-P", pid]));
        run(Command::new("kill").args(["-KILL", pid]));
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, sql: &str) -> String {
        let output = run(self.as_postgres().args([
            "psql",
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-c",
            sql,
        ]));
        assert_eq!(output.code, 0, "{sql}: {}", output.stderr);
        output.stdout.trim().to_owned()
    }

    pub fn pgbench(&self, arguments: &[&str]) {
        let mut all = vec!["pgbench", "-U", "postgres", "-d", "postgres"];
        all.extend(arguments);
        self.run_or_panic(&all);
    }

    /// The server's clock in UTC, as `TARGET_TIME` takes it.
    pub fn now(&self) -> String {
        self.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    }

    /// Starts the script that receives the log.
    pub fn receive(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("receiver.log")).unwrap();
        let mut command = self.as_postgres();
        command.arg("sh").arg(self.inner("scripts/receive.sh"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.receiver = Some(command.spawn().unwrap());
    }

    /// Waits until the receiver has ended, which it does without a server.
    pub fn await_end_of_receiver(&mut self) {
        let mut receiver = self.receiver.take().unwrap();
        self.eventually("the receiver ends", || receiver.try_wait().unwrap().is_some());
    }

    pub fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = std::time::Instant::now();
        while !holds() {
            let log = || fs::read_to_string(self.path("receiver.log")).unwrap_or_default();
            assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the target has everything that was committed so far.
    pub fn await_stored(&self) {
        let now = self.now();
        std::thread::sleep(Duration::from_millis(1100));
        self.eventually("the log is stored", || self.stored_until().is_some_and(|stored| stored.as_str() > &now[..19]));
    }

    /// The time up to which the target is complete, as `list.sh` prints it.
    fn stored_until(&self) -> Option<String> {
        let listed = self.script("list.sh", &[]).stdout;
        let (_, time) = listed.lines().last()?.split_once(" reaches ")?;
        Some(time.trim_end_matches(['.', 'Z']).to_owned())
    }

    /// The names of all complete backups, the oldest first.
    pub fn backups(&self) -> Vec<String> {
        let listed = self.script("list.sh", &[]).stdout;
        let names = listed.lines().filter(|line| line.starts_with("20")).filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect()
    }

    /// The files of the target whose path contains a text.
    pub fn target_files(&self, part: &str) -> Vec<PathBuf> {
        let files = walkdir::WalkDir::new(self.path("target")).into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file()).map(|entry| entry.path().to_path_buf());
        let mut files: Vec<PathBuf> = files.filter(|path| path.display().to_string().contains(part)).collect();
        files.sort();
        files
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Every process of the site has its folder in a variable or an argument; it ends with the server.
        if self.path(self.data).join("postmaster.pid").exists() {
            self.kill_server();
        }
        if let Some(mut receiver) = self.receiver.take() {
            run(Command::new("kill").args(["-TERM", &receiver.id().to_string()]));
            let _ = receiver.wait();
        }
    }
}
