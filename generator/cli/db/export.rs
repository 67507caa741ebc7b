//! `nself db export`: the migrations in the form of other runners, for who has one already.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use ring::digest::{Context, SHA256};

use super::super::{SUCCESS, output};
use super::{Outcome, Selection};
use crate::database::history::{Migration, RunMode};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::Root;

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
    Refinery,
    Atlas,
    Hasura,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let definition = arguments.selection.only("a folder holds the migrations of one database")?;
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
    if arguments.format == Runner::Atlas {
        let sum = atlas_sum(&files);
        files.push(("atlas.sum".into(), sum));
    }
    let out = Root::named(&arguments.out);
    for (path, text) in &files {
        out.write(path, text.as_bytes()).map_err(|error| vec![error.into()])?;
        output::line(path);
    }
    Ok(SUCCESS)
}

/// The files of one migration.
fn form(runner: Runner, migration: &Migration) -> Result<Vec<(String, String)>, Diagnostic> {
    let (name, slug, number) = (&migration.name, migration.name.slug(), migration.name.number());
    let (up, down) = (migration.up.clone(), migration.down.clone());
    let alone = migration.plan.run != RunMode::Transaction;
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
        Runner::Hasura | Runner::Refinery if alone => {
            let runner = if runner == Runner::Hasura { "Hasura" } else { "refinery" };
            return Err(Diagnostic::error(Code::Unsupported, FieldPath::root())
                .message(format!("{name} builds an index by itself, and {runner} puts a transaction around every file"))
                .hint("use another runner, or nself's own"));
        }
        Runner::Refinery => vec![(format!("V{number}__{slug}.sql"), up)],
        // What is said of the whole file ends with an empty line.
        Runner::Atlas => {
            let before = if alone { "-- atlas:txmode none\n\n" } else { "" };
            vec![(format!("{name}.sql"), format!("{before}{up}"))]
        }
        Runner::Hasura => pair(format!("{number}_{slug}/up.sql"), format!("{number}_{slug}/down.sql"), ""),
    })
}

/// Atlas's integrity file: each line digests all names and files so far, the first one all lines (`sql/migrate`,
/// `NewHashFile` and `HashFile.Sum`).
fn atlas_sum(files: &[(String, String)]) -> String {
    let (mut all, mut so_far) = (Context::new(&SHA256), Context::new(&SHA256));
    let mut lines = String::new();
    for (name, text) in files {
        so_far.update(name.as_bytes());
        so_far.update(text.as_bytes());
        let line = STANDARD.encode(so_far.clone().finish());
        all.update(name.as_bytes());
        all.update(line.as_bytes());
        lines.push_str(&format!("{name} h1:{line}\n"));
    }
    format!("h1:{}\n{lines}", STANDARD.encode(all.finish()))
}
