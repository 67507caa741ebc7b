//! Plans changes of the columns of an existing table.

mod add;
mod identity;
mod retype;

use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::migrate::graph::ObjectKind;
use crate::database::migrate::step::DATA_LOST;
use crate::database::migrate::{Diff, MigrationStep, Phase, Planner};
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::values::SqlIdent;
use add::{add, not_null};
use identity::identity;
use retype::retype;

/// Columns that name the owner of a row.
pub const OWNERS: [&str; 2] = ["tenant_id", "source_account_id"];

/// Plans changes of a table's columns.
pub fn plan(planner: &mut Planner, diff: &Diff, name: &ObjectName, old: &Table, new: &Table, path: &FieldPath) {
    let path = path.key("columns");
    let forced = old.row_security == RowSecurity::Forced;
    let divided = new.partition_by.is_some();
    let rank = diff.new_graph.position(ObjectKind::Table, name);
    for (column, was) in &old.columns {
        match new.columns.get(column) {
            None => drop_column(planner, name, old, new, (column, was), &path),
            Some(is) => {
                let at = ColumnChange { forced, divided, table: name, column, columns: &path, rank };
                let rebuilt = diff.affected.rebuilds(&was.kind);
                if diff.affected.regenerated_of(name).contains(column) {
                    regenerate(planner, &at, was, is);
                } else {
                    change(planner, &at, new, was, is, rebuilt && was.kind == is.kind);
                }
            }
        }
    }
    for (column, is) in new.columns.iter().filter(|(column, _)| !old.columns.contains_key(*column)) {
        add(planner, &ColumnChange { forced, divided, table: name, column, columns: &path, rank }, is);
    }
}

/// A column that changes, with what its steps need to know about the table.
struct ColumnChange<'a> {
    /// Whether row security also binds the owner, who runs the migrations.
    forced: bool,
    divided: bool,
    table: &'a ObjectName,
    column: &'a SqlIdent,
    /// Path of the table's columns in the stack.
    columns: &'a FieldPath,
    rank: usize,
}

impl ColumnChange<'_> {
    fn path(&self) -> FieldPath {
        self.columns.key(self.column.as_str())
    }

    fn step(&self, phase: Phase, key: &str, what: &str) -> MigrationStep {
        let path = if key.is_empty() { self.path() } else { self.path().key(key) };
        let why = format!("{}.{} {what}", self.table, self.column);
        MigrationStep::new(phase, format!("{}.{}", self.table, self.column), path, why).rank(self.rank)
    }

    /// Wraps a statement that must see all rows, despite forced row security.
    fn on_all_rows(&self, sql: &str) -> String {
        if !self.forced {
            return sql.to_owned();
        }
        let alter = format!("ALTER TABLE {}", self.table.sql());
        format!("{alter} NO FORCE ROW LEVEL SECURITY;\n{sql}\n{alter} FORCE ROW LEVEL SECURITY;")
    }

    fn alter(&self) -> String {
        format!("ALTER TABLE {} ALTER COLUMN {}", self.table.sql(), quoted(self.column))
    }
}

/// Returns the hazard of changing a column that names the owner of a row.
fn owner_hazard(column: &SqlIdent) -> Option<Hazard> {
    OWNERS.contains(&column.as_str()).then_some(Hazard::TenantColumn)
}

fn drop_column(
    planner: &mut Planner,
    name: &ObjectName,
    old: &Table,
    new: &Table,
    (column, was): (&SqlIdent, &Column),
    path: &FieldPath,
) {
    let object = format!("{name}.{column}");
    let drop = format!("ALTER TABLE {} DROP COLUMN {};", name.sql(), quoted(column));
    let step = MigrationStep::new(Phase::Contract, object.clone(), path.clone(), format!("{object} is gone")).up(drop);
    if was.generated.is_some() {
        let add = format!("ALTER TABLE {} ADD COLUMN {};", name.sql(), ddl::column(column, was));
        let add = if was.comment.is_some() {
            let on = format!("{}.{}", name.sql(), quoted(column));
            format!("{add}\n{}", ddl::comment("COLUMN", &on, was.comment.as_ref()))
        } else {
            add
        };
        // In the phase Create: columns in its expression can be dropped later.
        let mut step = step.down(add);
        step.phase = Phase::Create;
        planner.push(step);
        return;
    }
    let alike = new
        .columns
        .iter()
        .find(|(other, is)| !old.columns.contains_key(*other) && is.kind == was.kind && is.generated.is_none());
    if let Some((other, _)) = alike.filter(|_| !planner.allows(&object, Hazard::DeletesData)) {
        let finding = planner
            .error(Code::RenameUnclear, path.key(other.as_str()))
            .message(format!("{object} is gone, and {name}.{other} is new with the same type"))
            .expected("a hint whether this is a rename or a removal")
            .hint(format!(
                "`renamed_from = \"{column}\"` keeps the values; `allow.\"{object}\".deletes_data = \"why\"` drops them"
            ));
        planner.findings.push(finding);
        return;
    }
    planner.push(step.never(DATA_LOST).hazard(Hazard::DeletesData).hazards(owner_hazard(column)));
}

/// Plans the change of a generated column. It is dropped and added, since its values can be computed again.
fn regenerate(planner: &mut Planner, at: &ColumnChange, was: &Column, is: &Column) {
    let table = at.table.sql();
    let drop = format!("ALTER TABLE {table} DROP COLUMN {};", quoted(at.column));
    let add = |column: &Column| format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(at.column, column));
    let mut back = add(was);
    if was.comment.is_some() {
        let on = format!("{table}.{}", quoted(at.column));
        back += &format!("\n{}", ddl::comment("COLUMN", &on, was.comment.as_ref()));
    }
    // It is dropped before the columns in its expression change, and added afterwards.
    planner.push(
        at.step(Phase::Create, "generated", "is computed otherwise")
            .rank(at.rank.saturating_sub(1))
            .up(drop.clone())
            .down(back),
    );
    planner.push(
        at.step(Phase::Create, "generated", "is computed otherwise")
            .rank(at.rank + 1)
            .up(add(is))
            .down(drop)
            .hazard(Hazard::Rewrite),
    );
}

fn change(planner: &mut Planner, at: &ColumnChange, table: &Table, was: &Column, is: &Column, rebuilt: bool) {
    if was.generated.is_some() && is.generated.is_none() {
        planner.push(
            at.step(Phase::Create, "generated", "keeps its values and is computed no more")
                .up(format!("{} DROP EXPRESSION;", at.alter()))
                .never("PostgreSQL cannot turn an existing column into a generated one"),
        );
    } else if was.generated.is_none() && is.generated.is_some() {
        planner.refuse(
            Code::ChangeRefused,
            at.path().key("generated"),
            format!("{}.{} holds values and cannot become a generated column", at.table, at.column),
            "add a generated column with another name",
        );
        return;
    }
    if was.kind != is.kind || was.collation != is.collation {
        retype(planner, at, table, was, is);
    } else if was.default != is.default && !rebuilt {
        default(planner, at, was, is);
    }
    identity(planner, at, was, is);
    match (was.nullable, is.nullable) {
        (true, false) => not_null(planner, at, is.backfill.as_ref()),
        (false, true) => planner.push(
            at.step(Phase::Create, "nullable", "may be NULL")
                .rank(at.rank + 1)
                .up(format!("{} DROP NOT NULL;", at.alter()))
                .down(format!("{} SET NOT NULL;", at.alter()))
                .hazard(Hazard::DropsConstraint)
                .hazards(owner_hazard(at.column)),
        ),
        _ => {}
    }
}

fn set_default(at: &ColumnChange, default: Option<&Expression>) -> String {
    match default {
        Some(default) => format!("{} SET DEFAULT ({default});", at.alter()),
        None => format!("{} DROP DEFAULT;", at.alter()),
    }
}

fn default(planner: &mut Planner, at: &ColumnChange, was: &Column, is: &Column) {
    planner.push(
        at.step(Phase::Create, "default", "has another default")
            .up(set_default(at, is.default.as_ref()))
            .down(set_default(at, was.default.as_ref()))
            .hazards(owner_hazard(at.column)),
    );
}
