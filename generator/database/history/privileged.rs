//! Migrations that create or remove extensions. Only a superuser can do that, so the runner uses fixed statements, into
//! which it inserts names of extensions from the snapshots. No SQL of a migration runs with more rights than the owner of
//! the database has.

use std::collections::BTreeSet;

use super::{History, MIGRATIONS, Migration, finding_at};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic};
use crate::values::plugin_names::database_folder;
use crate::values::{ExtensionName, SqlIdent};

impl Migration {
    /// Returns the extensions that the migration removes; none unless it is privileged.
    pub fn removed_extensions(&self) -> BTreeSet<ExtensionName> {
        match self.plan.privileged {
            true => snapshot::extensions(&self.plan.changes.unset).collect(),
            false => BTreeSet::new(),
        }
    }

    /// Returns whether the migration's SQL has a `DROP EXTENSION` for each of these extensions, of which there is at least
    /// one, and no other statement.
    fn only_removes(&self, extensions: &BTreeSet<ExtensionName>) -> bool {
        let lines = self.up.lines().map(str::trim);
        let statement_lines =
            lines.filter(|line| !(line.is_empty() || line.starts_with("--") || line.starts_with("SET LOCAL ")));
        let expected: BTreeSet<String> = extensions.iter().map(|name| format!("DROP EXTENSION \"{name}\";")).collect();
        let statements: BTreeSet<String> = statement_lines.map(str::to_owned).collect();
        !expected.is_empty() && statements == expected
    }
}

impl History {
    /// Returns for each migration the extensions that must be created before it. A change that was split into several
    /// migrations needs all of its extensions before the first of them.
    pub fn required_extensions(&self) -> Vec<BTreeSet<ExtensionName>> {
        let mut required_extensions = vec![BTreeSet::new(); self.migrations.len()];
        for (i, migration) in self.migrations.iter().enumerate() {
            let index_in_change = migration.plan.part.0.saturating_sub(1);
            let start_of_change = i.saturating_sub(index_in_change);
            required_extensions[start_of_change].extend(snapshot::extensions(migration.plan.changes.set.keys()));
        }
        required_extensions
    }

    /// Returns a finding for each migration that claims the rights of a superuser and does more than remove
    /// extensions.
    pub(super) fn check_privileged(&self, database: &SqlIdent) -> impl Iterator<Item = Diagnostic> {
        let misused_migrations = self.migrations.iter().filter(|migration| {
            migration.plan.privileged
                && (migration.is_handwritten() || !migration.only_removes(&migration.removed_extensions()))
        });
        misused_migrations.map(move |migration| {
            finding_at(
                Code::MigrationPrivileged,
                &format!("{}/{MIGRATIONS}/{}/plan.json", database_folder(database), migration.name),
            )
            .message(format!("{} is marked as privileged but does more than remove extensions", migration.name))
            .expected("`privileged` only in migrations in which nself removes extensions")
            .hint("remove `privileged` from the file, or move the other statements to a separate migration")
        })
    }
}
