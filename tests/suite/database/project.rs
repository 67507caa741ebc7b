//! A project with migrations, and the runner that it generates.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nself::database::history::{History, HistoryFiles};
use nself::values::Checked;
use nself::values::SqlIdent;

use super::server::{OWNER, Server};
use crate::support::{ProcessOutput, nself_in, run, stack};

pub const FIRST: &str = r#"tables.orders = { columns = { id = { type = "bigint" }, note = { type = "text", nullable = true } }, primary_key = ["id"] }"#;

pub const SECOND: &str = r#"tables.orders = {
  columns = { id = { type = "bigint" }, note = { type = "text", nullable = true }, state = { type = "text", default = "'new'" } },
  primary_key = ["id"], uniques.orders_note_key.columns = ["note"],
}"#;

/// A project with the database `orders`, whose rows the role `owner` reads and writes.
pub struct Project {
    pub folder: tempfile::TempDir,
}

impl Project {
    pub fn new(definition: &str) -> Project {
        let project = Project { folder: stack("{}") };
        project.define(definition);
        project.nself(&["db", "new"]);
        project
    }

    pub fn define(&self, definition: &str) {
        let text = format!(
            "let nself = import \"nself/main.ncl\" in\n{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\",\n\
             services.owner = {{ image = \"a/owner:1\", databases.main.name = \"orders\" }},\n\
             databases.orders = {{ {definition} }} }} | nself.Stack\n"
        );
        fs::write(self.folder.path().join("stack.ncl"), text).unwrap();
    }

    pub fn nself(&self, arguments: &[&str]) -> ProcessOutput {
        let output = nself_in(self.folder.path(), arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {}{}", output.stdout, output.stderr);
        output
    }

    /// Changes the definition, and writes the migration to it.
    pub fn add_migration(&self, definition: &str) {
        self.define(definition);
        self.nself(&["db", "new", "--name", "next"]);
    }

    /// Creates a different history with the same definitions.
    pub fn rewrite(&self, change: impl FnOnce(&mut History)) {
        let name = SqlIdent::new("orders").unwrap();
        let root = self.folder.path().join("db/orders");
        let files: HistoryFiles = crate::support::tree(&root).into_iter().collect();
        let mut history = History::parse(&name, &files).unwrap();
        change(&mut history);
        fs::remove_dir_all(root.join("migrations")).unwrap();
        for (path, bytes) in history.files() {
            fs::create_dir_all(root.join(&path).parent().unwrap()).unwrap();
            fs::write(root.join(path), bytes).unwrap();
        }
    }

    pub fn deploy(&self) -> PathBuf {
        self.nself(&["gen", "--env", "local"]);
        self.folder.path().join("deploy/local/migrations/orders")
    }

    pub fn runner(&self, server: &Server, database: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg(self.folder.path().join("deploy/local/migrations/orders/run.sh"));
        command.env("PGHOST", server.folder()).env("PGUSER", OWNER).env("PGDATABASE", database);
        command.env("NSELF_SUPERUSER", "postgres");
        command
    }

    pub fn migrate(&self, server: &Server, database: &str) -> ProcessOutput {
        self.deploy();
        run(&mut self.runner(server, database))
    }
}

pub fn applied_migrations(output: &ProcessOutput) -> usize {
    output.stdout.matches("applying ").count()
}

pub fn assert_refused(output: &ProcessOutput, why: &str) {
    assert!(output.code != 0 && output.stderr.contains(why), "{}{}", output.stdout, output.stderr);
}
