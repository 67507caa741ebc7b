//! `nself db new`, `nself db sum` and `nself db rebase`: the commands that write migrations.

use clap::Args;

use super::super::{SUCCESS, output};
use super::{NO_DATABASES, Outcome, SelectionArguments};
use crate::migrations;
use crate::values::plugin_names::database_folder;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A word for the change, such as orders or orders_by_state; part of the migration's name.
    #[arg(long, value_name = "WORD")]
    name: Option<String>,
    /// Write an empty migration, for your own SQL.
    #[arg(long)]
    by_hand: bool,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

#[derive(Debug, Args)]
pub struct SumArguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
}

#[derive(Debug, Args)]
pub struct RebaseArguments {
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// The git revision whose migrations come first, such as origin/main.
    #[arg(long, value_name = "REV")]
    base: String,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let selection = arguments.selection.selection();
    let created = migrations::create(&selection, arguments.name.as_deref(), arguments.by_hand)?;
    output::findings(&arguments.selection.stack.complete_hints(created.warnings.clone()));
    if created.databases.is_empty() {
        output::remark(NO_DATABASES);
    }
    for database in &created.databases {
        let database_name = &database.database;
        if database.migrations().is_empty() {
            output::remark(&format!("{database_name}: no changes"));
        }
        for migration in database.migrations() {
            output::line(&format!("{}/migrations/{}", database_folder(database_name), migration.name));
            for step in &migration.plan.steps {
                let hazard_ids: Vec<&str> = step.hazards.iter().map(|hazard| hazard.id()).collect();
                let hazards =
                    if hazard_ids.is_empty() { String::new() } else { format!("  [{}]", hazard_ids.join(", ")) };
                output::line(&format!("  {}{hazards}", step.why));
            }
            if migration.down.is_none() && !migration.is_handwritten() {
                output::line("  cannot be reverted without losing data");
            }
        }
    }
    Ok(SUCCESS)
}

pub fn sum(arguments: &SumArguments) -> Outcome {
    for sealed in migrations::seal(&arguments.selection.selection())? {
        let count = words::count(sealed.migrations, "migration");
        output::remark(&format!("{}: {count} in nself.sum", sealed.database));
    }
    Ok(SUCCESS)
}

pub fn rebase(arguments: &RebaseArguments) -> Outcome {
    let created = migrations::rebase(&arguments.selection.selection(), &arguments.base)?;
    output::findings(&arguments.selection.stack.complete_hints(created.warnings.clone()));
    for database in &created.databases {
        let database_name = &database.database;
        for migration in database.migrations() {
            output::line(&format!("{}/migrations/{}", database_folder(database_name), migration.name));
        }
        let count = words::count(database.migrations().len(), "migration");
        output::remark(&format!("{database_name}: {count} after {} of {}", database.existing, arguments.base));
    }
    Ok(SUCCESS)
}
