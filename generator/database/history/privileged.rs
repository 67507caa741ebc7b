//! What migrations need that only a superuser may do: extensions come and go. The names come from the snapshots and
//! the runner has its own statements for them, so that no text of a migration runs with more rights than its owner has.

use std::collections::BTreeSet;

use super::{History, MIGRATIONS, Migration, at};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic};
use crate::values::{ExtensionName, SqlIdent};

impl Migration {
    /// Extensions that it removes, if that is all it is for.
    pub fn removed_extensions(&self) -> BTreeSet<ExtensionName> {
        match self.plan.privileged {
            true => snapshot::extensions(&self.plan.changes.unset).collect(),
            false => BTreeSet::new(),
        }
    }

    /// Whether its statements remove these extensions and do nothing else.
    fn only_removes(&self, extensions: &BTreeSet<ExtensionName>) -> bool {
        let words = self.up.lines().map(str::trim);
        let statements =
            words.filter(|line| !(line.is_empty() || line.starts_with("--") || line.starts_with("SET LOCAL ")));
        let expected: BTreeSet<String> = extensions.iter().map(|name| format!("DROP EXTENSION \"{name}\";")).collect();
        let found: BTreeSet<String> = statements.map(str::to_owned).collect();
        !expected.is_empty() && found == expected
    }
}

impl History {
    /// Extensions that each migration needs: those of its change, before the first part of the change.
    pub fn required_extensions(&self) -> Vec<BTreeSet<ExtensionName>> {
        let mut needed = vec![BTreeSet::new(); self.migrations.len()];
        for (i, migration) in self.migrations.iter().enumerate() {
            let first = i.saturating_sub(migration.plan.part.0.saturating_sub(1));
            needed[first].extend(snapshot::extensions(migration.plan.changes.set.keys()));
        }
        needed
    }

    /// Migrations that claim the superuser's rights for anything but the removal of extensions.
    pub(super) fn check_privileged(&self, database: &SqlIdent) -> impl Iterator<Item = Diagnostic> {
        let wrong = self.migrations.iter().filter(|migration| {
            migration.plan.privileged
                && (migration.plan.by_hand || !migration.only_removes(&migration.removed_extensions()))
        });
        wrong.map(move |migration| {
            at(Code::MigrationPrivileged, &format!("db/{database}/{MIGRATIONS}/{}/plan.json", migration.name))
                .message(format!("{} is marked as privileged and does not only remove extensions", migration.name))
                .expected("`privileged` in migrations that nself wrote to remove extensions, and in no other one")
                .hint("remove `privileged` from the file, or put the other statements into a migration of their own")
        })
    }
}
