//! `nself db export`: the migrations in the form of other runners, for who has one already.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::super::{FINE, output};
use super::{Outcome, Selection};
use crate::database::history::{Migration, Run};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long, value_enum)]
    format: Runner,
    /// The folder to write; what is in it stays.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    selection: Selection,
}

/// Runners whose folders are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Runner {
    GolangMigrate,
    Dbmate,
    Sqlx,
    Flyway,
    Hasura,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let mut definitions = arguments.selection.definitions()?;
    let (Some(definition), true) = (definitions.pop(), definitions.is_empty()) else {
        return Err(vec![
            Diagnostic::error(Code::UnknownDatabase, FieldPath::root())
                .message("a folder holds the migrations of one database")
                .hint("name it with --database"),
        ]);
    };
    let history = arguments.selection.history(&definition.name)?;
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for migration in &history.migrations {
        match form(arguments.format, migration) {
            Ok(found) => files.extend(found),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    for (path, text) in &files {
        write(&arguments.out.join(path), text)?;
        output::result(&format!("{path}\n"));
    }
    Ok(FINE)
}

fn write(path: &Path, text: &str) -> Result<(), Vec<Diagnostic>> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).and_then(|()| fs::write(path, text)).map_err(|error| {
        vec![Diagnostic::error(Code::Io, FieldPath::root()).message(format!("{}: {error}", path.display()))]
    })
}

/// The files of one migration.
fn form(runner: Runner, migration: &Migration) -> Result<Vec<(String, String)>, Diagnostic> {
    let (name, slug, number) = (&migration.name, migration.name.slug(), migration.name.number());
    let (up, down) = (migration.up.clone(), migration.down.clone());
    let alone = migration.plan.run != Run::Transaction;
    let pair = |up_name: String, down_name: String, before: &str| {
        let down = down.as_ref().map(|down| (down_name, format!("{before}{down}")));
        std::iter::once((up_name, format!("{before}{up}"))).chain(down).collect()
    };
    Ok(match runner {
        // A file is one query of several statements, which is one transaction, or one statement by itself.
        Runner::GolangMigrate => pair(format!("{number:06}_{slug}.up.sql"), format!("{number:06}_{slug}.down.sql"), ""),
        Runner::Sqlx => {
            let before = if alone { "-- no-transaction\n" } else { "" };
            pair(format!("{name}.up.sql"), format!("{name}.down.sql"), before)
        }
        Runner::Dbmate => {
            let option = if alone { " transaction:false" } else { "" };
            let down = down.unwrap_or_else(|| "DO $$ BEGIN RAISE EXCEPTION 'there is no way back'; END $$;\n".into());
            let text = format!("-- migrate:up{option}\n{up}\n-- migrate:down{option}\n{down}");
            vec![(format!("{name}.sql"), text)]
        }
        Runner::Flyway => {
            let mut files = vec![(format!("V{number:04}__{slug}.sql"), up)];
            if alone {
                files.push((format!("V{number:04}__{slug}.sql.conf"), "executeInTransaction=false\n".into()));
            }
            files
        }
        Runner::Hasura if alone => {
            return Err(Diagnostic::error(Code::Unsupported, FieldPath::root())
                .message(format!("{name} builds an index by itself, and Hasura puts a transaction around every file"))
                .hint("use another runner, or nself's own"));
        }
        Runner::Hasura => pair(format!("{number}_{slug}/up.sql"), format!("{number}_{slug}/down.sql"), ""),
    })
}
