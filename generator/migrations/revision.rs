//! Migrations as they are in a revision of the project's git repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database::history::{HistoryFiles, SUM_FILE, SumLine};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::SqlIdent;
use crate::values::plugin_names::database_folder;

/// A git revision, such as `origin/main`, of the repository that contains a project.
pub struct Revision<'a> {
    pub project: PathBuf,
    pub name: &'a str,
}

/// Settings that keep git from running programs that files of the checkout configure: git then ignores hooks,
/// file system monitors, and bare repositories inside the checkout.
const SAFE_SETTINGS: [&str; 6] =
    ["-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];

impl Revision<'_> {
    /// Reads the sum file of a database; the result is empty if the revision does not have it.
    ///
    /// # Errors
    /// NS804 with the message of git, NS732 for a malformed sum file.
    pub fn sum(&self, database: &SqlIdent) -> Result<Vec<SumLine>, Vec<Diagnostic>> {
        let path = format!("{}/{SUM_FILE}", database_folder(database));
        let listing = self.git(&["ls-tree", "--name-only", "--end-of-options", self.name, "--", &path])?;
        if listing.is_empty() {
            return Ok(Vec::new());
        }
        SumLine::parse(&self.text(&path)?).ok_or_else(|| {
            vec![
                Diagnostic::error(Code::MigrationDamaged, FieldPath::root())
                    .message(format!("{path} has a malformed line in the revision {}", self.name))
                    .hint("correct the file in that revision, or choose a different --base"),
            ]
        })
    }

    /// Reads the files of a database: its migrations, schema snapshots and sum file. The paths are those in the folder of
    /// the database, such as `migrations/0007_orders/up.sql`.
    ///
    /// # Errors
    /// NS804 with the message of git.
    pub fn files(&self, database: &SqlIdent) -> Result<HistoryFiles, Vec<Diagnostic>> {
        let folder = format!("{}/", database_folder(database));
        let listing =
            self.git(&["ls-tree", "-r", "-z", "--name-only", "--end-of-options", self.name, "--", &folder])?;
        let mut files = HistoryFiles::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            let path_in_folder = path.strip_prefix(&folder).unwrap_or(path);
            if path_in_folder == SUM_FILE
                || path_in_folder.starts_with("migrations/")
                || path_in_folder.starts_with("schema/")
            {
                files.insert(path_in_folder.to_owned(), self.text(path)?.into_bytes());
            }
        }
        Ok(files)
    }

    /// Reads a file with `cat-file`, which prints the committed bytes. `git show` would run the filter programs that
    /// `.gitattributes` names.
    fn text(&self, path: &str) -> Result<String, Vec<Diagnostic>> {
        self.git(&["cat-file", "--end-of-options", "blob", &format!("{}:./{path}", self.name)])
    }

    /// Runs git in the project and returns what it prints.
    fn git(&self, arguments: &[&str]) -> Result<String, Vec<Diagnostic>> {
        run_git(&self.project, arguments).map_err(|reason| vec![self.failure(&reason, arguments)])
    }

    /// Returns the finding about a failed command of git: there is no repository, or the revision is probably wrong.
    fn failure(&self, reason: &str, arguments: &[&str]) -> Diagnostic {
        let finding = Diagnostic::error(Code::Io, FieldPath::root());
        if let Err(repository_error) = run_git(&self.project, &["rev-parse", "--git-dir"]) {
            return finding
                .message(format!(
                    "git finds no repository for the project, so it cannot read the revision `{}`: {repository_error}",
                    self.name
                ))
                .expected("a folder in a git repository")
                .hint("run the command in a clone of the repository");
        }
        finding
            .message(format!("git {} failed: {reason}", arguments.join(" ")))
            .hint("set --base to a revision that exists in this repository, such as origin/main")
    }
}

/// Runs git in a folder. Returns its output, or the message of its error.
fn run_git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").args(SAFE_SETTINGS).args(arguments).current_dir(folder).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
