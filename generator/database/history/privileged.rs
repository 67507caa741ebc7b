//! Migrations that create, move, update or remove extensions. Only a superuser can do that, so the runner uses fixed
//! statements, into which it inserts names, schemas and versions of extensions from the snapshots. No SQL of a migration
//! runs with more rights than the owner of the database has.

use std::collections::BTreeSet;

use super::{History, MIGRATIONS, Migration, finding_at};
use crate::database::extension_catalogue::{in_order_of_creation, in_order_of_removal};
use crate::database::model::{Extension, Extensions, RequiredExtension};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic};
use crate::values::plugin_names::database_folder;
use crate::values::{Checked, ExtensionName, SqlIdent};

impl Migration {
    /// Returns the extensions that the migration removes, in the order of their removal; none unless it is privileged.
    pub fn removed_extensions(&self) -> Vec<ExtensionName> {
        let unset = self.plan.changes.unset.iter().filter(|_| self.plan.privileged);
        in_order_of_removal(&unset.filter_map(|path| snapshot::extension_name(path)).collect())
    }

    /// Returns whether the migration's SQL has a `DROP EXTENSION` for each of these extensions, of which there is at least
    /// one, and no other statement.
    fn only_removes(&self, extensions: &[ExtensionName]) -> bool {
        let lines = self.up.lines().map(str::trim);
        let statement_lines =
            lines.filter(|line| !(line.is_empty() || line.starts_with("--") || line.starts_with("SET LOCAL ")));
        let expected: BTreeSet<String> = extensions.iter().map(|name| format!("DROP EXTENSION \"{name}\";")).collect();
        let statements: BTreeSet<String> = statement_lines.map(str::to_owned).collect();
        !expected.is_empty() && statements == expected
    }
}

impl History {
    /// Returns for each migration the extensions that must be created, moved or updated before it, in this order. A
    /// change that was split into several migrations needs all of its extensions before the first of them.
    pub fn required_extensions(&self) -> Vec<Vec<RequiredExtension>> {
        let mut required_extensions = vec![Vec::new(); self.migrations.len()];
        // The extensions after the migrations so far.
        let mut extensions = Extensions::new();
        for (i, migration) in self.migrations.iter().enumerate() {
            let index_in_change = migration.plan.part.0.saturating_sub(1);
            let start_of_change = i.saturating_sub(index_in_change);
            let mut changed = snapshot::extensions(&migration.plan.changes.set);
            for name in in_order_of_creation(&changed.keys().cloned().collect()) {
                let Some(new) = changed.remove(&name) else { continue };
                let extension = with_schema_if_moved(&name, extensions.get(&name), new.clone());
                required_extensions[start_of_change].push(RequiredExtension { name: name.clone(), extension });
                extensions.insert(name, new);
            }
            for name in migration.plan.changes.unset.iter().filter_map(|path| snapshot::extension_name(path)) {
                extensions.remove(&name);
            }
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

/// Returns the new form of an extension, with an explicit schema if the extension moves back to its default schema.
fn with_schema_if_moved(name: &ExtensionName, old: Option<&Extension>, mut new: Extension) -> Extension {
    if old.is_some_and(|old| old.schema_of(name) != new.schema_of(name)) {
        new.schema = Some(SqlIdent::wrap(new.schema_of(name).to_owned()));
    }
    new
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::database::model::{MigrationName, Schema};
    use crate::database::snapshot::Delta;

    /// Returns a history with a migration for each list of extensions.
    fn history(lists: &[serde_json::Value]) -> History {
        let mut history = History::default();
        for (i, list) in lists.iter().enumerate() {
            let schema: Schema = serde_json::from_value(json!({ "extensions": list })).unwrap();
            let objects = snapshot::objects(&schema);
            let name = MigrationName::numbered(i + 1, "step").unwrap();
            let mut migration = Migration::handwritten(name, &objects);
            migration.plan.changes = Delta::between(&history.snapshot, &objects);
            history.migrations.push(migration);
            history.snapshot = objects;
        }
        history
    }

    #[test]
    fn a_migration_requires_new_moved_and_updated_extensions_in_the_order_of_their_creation() {
        let history = history(&[
            json!(["postgis", "pgrouting", { "name": "citext", "schema": "ext" }]),
            json!(["postgis", "pgrouting", { "name": "citext", "schema": "ext", "version": "1.6" }]),
            json!(["postgis", { "name": "pgrouting", "schema": "ext" }, "citext"]),
            json!(["citext"]),
        ]);
        let required = history.required_extensions();
        assert_eq!(
            serde_json::to_value(required).unwrap(),
            json!([
                [{ "name": "citext", "schema": "ext" }, "postgis", "pgrouting"],
                [{ "name": "citext", "schema": "ext", "version": "1.6" }],
                [{ "name": "citext", "schema": "public" }, { "name": "pgrouting", "schema": "ext" }],
                [],
            ])
        );
        let mut last = history.migrations[3].clone();
        last.plan.privileged = true;
        assert_eq!(
            last.removed_extensions().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["pgrouting", "postgis"]
        );
    }
}
