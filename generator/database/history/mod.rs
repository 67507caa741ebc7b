//! The migrations of a database as files: numbered folders, a snapshot of the resulting schema, and a sum file in
//! which each line includes a digest of the lines before it.
//!
//! ```text
//! db/<name>/migrations/0007_slug/{up.sql,down.sql,plan.json}
//! db/<name>/schema/<kind>/<object>.json
//! db/<name>/nself.sum
//! ```

mod migration;
mod privileged;
mod read;
mod sum;

use std::collections::BTreeMap;

use crate::artifact::json;
use crate::database::migrate::StepGroups;
use crate::database::model::Schema;
use crate::database::snapshot::{self, Delta, Digests, ObjectDecoder, Objects};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::values::SqlIdent;
use crate::values::plugin_names::database_folder;

pub use migration::*;
pub use sum::*;

/// Name of the sum file.
pub const SUM_FILE: &str = "nself.sum";

/// Folder of the migrations.
const MIGRATIONS: &str = "migrations";

/// Folder of the snapshot, with a file for each object of the schema.
const SCHEMA: &str = "schema";

/// Name of the file with settings for git.
const ATTRIBUTES: &str = ".gitattributes";

/// Maps a path below the database's folder to the file's content.
pub type HistoryFiles = BTreeMap<String, Vec<u8>>;

/// All migrations of a database, and the objects of the resulting schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    pub migrations: Vec<Migration>,
    pub snapshot: Objects,
}

/// Creates the finding NS732 about a malformed file.
fn malformed_file(file: &str, message: impl Into<String>) -> Diagnostic {
    finding_at(Code::MigrationDamaged, file).message(message).hint("restore the file from version control")
}

/// Creates a finding about a file as a whole, so it has the place of the file's first character.
fn finding_at(code: Code, file: &str) -> Diagnostic {
    Diagnostic::error(code, FieldPath::root()).at(Some(Span { file: file.to_owned(), line: 1, column: 1 }))
}

impl History {
    /// Returns the lines of the sum file.
    pub fn sum(&self) -> Vec<SumLine> {
        let mut previous_chain = String::new();
        let lines = self.migrations.iter().map(|migration| {
            let line = migration.sum_line(&previous_chain);
            line.chain.as_str().clone_into(&mut previous_chain);
            line
        });
        lines.collect()
    }

    /// Returns the schema that results from the migrations.
    ///
    /// # Errors
    /// NS732 if the snapshot is malformed.
    pub fn schema(&self, database: &SqlIdent, decoder: &impl ObjectDecoder) -> Result<Schema, Diagnostic> {
        snapshot::schema(&self.snapshot, decoder)
            .map_err(|error| malformed_file(&format!("{}/{SCHEMA}", database_folder(database)), error))
    }

    /// Appends one migration for each group of steps, which together lead from the snapshot to the schema `new`. The schema
    /// counts as unchanged until the last of these migrations, which alone has the new digest and the changed objects.
    ///
    /// # Errors
    /// The reason why `slug` cannot be part of a migration's name.
    pub fn extend(&mut self, slug: &str, groups: &StepGroups, new: &Schema) -> Result<(), String> {
        let mut migrations = Migration::of_groups(slug, self.migrations.len(), groups)?;
        let new_objects = snapshot::objects(new);
        let changes = Delta::between(&self.snapshot, &new_objects);
        let mut digests = Digests::of_objects(&self.snapshot);
        let digest_before = digests.root();
        digests.apply(&changes);
        for migration in &mut migrations {
            (migration.plan.from, migration.plan.to) = (digest_before, digest_before);
        }
        if let Some(last) = migrations.last_mut() {
            last.plan.to = digests.root();
            last.plan.changes = changes;
        }
        self.migrations.extend(migrations);
        self.snapshot = new_objects;
        Ok(())
    }

    /// Returns all files of the history: migrations, snapshot, sum file and settings for git.
    pub fn files(&self) -> HistoryFiles {
        let mut files: HistoryFiles = self.migrations.iter().flat_map(Migration::files).collect();
        for (path, object) in &self.snapshot {
            files.insert(format!("{SCHEMA}/{path}.json"), json::pretty(object));
        }
        let sum: String = self.sum().iter().map(SumLine::text).collect();
        files.insert(SUM_FILE.into(), sum.into_bytes());
        // The sum file has digests of files with `\n` line endings, so git must not convert line endings.
        files.insert(ATTRIBUTES.into(), b"* text eol=lf\n".to_vec());
        files
    }
}
