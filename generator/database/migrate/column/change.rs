//! A column of an existing table that is added or changes.

use crate::database::hazard::Hazard;
use crate::database::migrate::diff::TableChange;
use crate::database::migrate::security;
use crate::database::migrate::step::{MigrationStep, Phase};
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Columns that name the owner of a row: a tenant or an application.
const OWNER_COLUMNS: [&str; 2] = [TENANT_COLUMN, APP_COLUMN];

/// A column that is added or changes, with its table.
pub struct ColumnChange<'a> {
    pub table: &'a TableChange<'a>,
    pub column: &'a SqlName,
    /// Position of the steps in their phase: that of the table among all objects.
    pub order_in_phase: usize,
}

impl ColumnChange<'_> {
    /// Returns the column's path in the stack.
    pub fn path(&self) -> FieldPath {
        self.table.path.key("columns").key(self.column.as_str())
    }

    /// Returns a step about a field of the column, or about the column itself if the field is empty. `predicate`
    /// completes a sentence that begins with the column, such as "is computed differently".
    pub fn step(&self, phase: Phase, field: &str, predicate: &str) -> MigrationStep {
        let path = if field.is_empty() { self.path() } else { self.path().key(field) };
        let object = self.object();
        let why = format!("{object} {predicate}");
        MigrationStep::new(phase, object, path, why).order_in_phase(self.order_in_phase)
    }

    /// Returns the column's name in messages and in `allow`: `orders.total`.
    pub fn object(&self) -> String {
        format!("{}.{}", self.table.name, self.column)
    }

    /// Returns the SQL of a statement that must see all rows. Forced row security of the table is off while the
    /// statement runs.
    pub fn without_forced_row_security(&self, sql: &str) -> String {
        security::without_forced_row_security([(self.table.name, Some(self.table.old))], sql)
    }

    /// Returns the SQL of an UPDATE that must see all rows. Deferred constraints and triggers are checked at once, since the
    /// server refuses to alter a table with pending checks.
    pub fn update_all_rows(&self, new: &Schema, update: &str) -> String {
        let update = self.without_forced_row_security(update);
        let mut tables = new.tables.values().chain([self.table.old]);
        if tables.any(Table::has_deferred_constraint) {
            return format!("SET CONSTRAINTS ALL IMMEDIATE;\n{update}");
        }
        update
    }

    /// Returns the start of a statement that alters the column: `ALTER TABLE "public"."orders" ALTER COLUMN "total"`.
    pub fn alter_column_prefix(&self) -> String {
        format!("ALTER TABLE {} ALTER COLUMN {}", self.table.name.sql(), quoted(self.column))
    }

    /// Returns a statement that sets or drops the default.
    pub fn set_default(&self, default: Option<&Expression>) -> String {
        match default {
            Some(default) => format!("{} SET DEFAULT ({default});", self.alter_column_prefix()),
            None => format!("{} DROP DEFAULT;", self.alter_column_prefix()),
        }
    }

    /// Returns the hazard of a changed column that names the owner of a row; `None` for any other column.
    pub fn owner_hazard(&self) -> Option<Hazard> {
        OWNER_COLUMNS.contains(&self.column.as_str()).then_some(Hazard::TenantColumn)
    }
}
