//! `nself db down`: the way back as a script for psql. It goes to where the server stands and nothing else: each
//! step looks whether the ledger ends with the migration that it takes back.

use std::fmt::Write;

use clap::Args;

use super::super::{SUCCESS, output};
use super::{Outcome, Selection};
use crate::database::history::{Migration, RunMode, SumLine};
use crate::database::ledger;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The last migration that stays; 0 takes back all.
    #[arg(long, value_name = "NUMBER")]
    to: usize,
    #[command(flatten)]
    selection: Selection,
}

const HEAD: &str = "\\set ON_ERROR_STOP on
\\pset tuples_only on
SET client_min_messages = warning;
SET standard_conforming_strings = on;
SET search_path = pg_catalog, pg_temp;
@ROLE@
DO $$ BEGIN
  IF NOT pg_try_advisory_lock(7241105402127946086) THEN RAISE EXCEPTION 'nself: a runner holds the lock'; END IF;
END $$;
";

pub fn run(arguments: &Arguments) -> Outcome {
    let definition = arguments.selection.only("a script is for one database")?;
    let history = arguments.selection.history(&definition.name)?;
    let findings = history.check_sql(&definition.name);
    if !findings.is_empty() {
        return Err(findings);
    }
    let sum = history.sum();
    let steps: Vec<(usize, &Migration, &SumLine)> =
        (1..).zip(history.migrations.iter().zip(&sum)).map(|(n, (one, line))| (n, one, line)).collect();
    if arguments.to > steps.len() {
        return Err(vec![
            Diagnostic::error(Code::OutOfRange, FieldPath::root())
                .message(format!("the history has {}", words::count(steps.len(), "migration")))
                .expected(format!("`--to` a number from 0 to {}", steps.len())),
        ]);
    }
    let back = steps[arguments.to..].iter().rev();
    let lost = back.clone().filter(|(_, one, _)| one.down.is_none()).map(|(_, one, _)| {
        Diagnostic::error(Code::ChangeRefused, definition.root())
            .message(format!("there is no way back from {} without a loss", one.name))
            .hint("go forward: change the definition, and `nself db new`")
    });
    let lost: Vec<Diagnostic> = lost.collect();
    if !lost.is_empty() {
        return Err(definition.located(lost));
    }
    let mut text = ledger::fill(HEAD);
    for (number, one, line) in back {
        step(&mut text, *number, one, line);
    }
    output::document(&text);
    Ok(SUCCESS)
}

/// One migration, in a transaction with its row of the ledger unless it is about an index by itself.
fn step(text: &mut String, number: usize, one: &Migration, line: &SumLine) {
    let name = &one.name;
    let alone = one.plan.run != RunMode::Transaction;
    let _ = writeln!(text, "\n\\echo taking back {name}");
    if !alone {
        text.push_str("BEGIN;\n");
    }
    let _ = write!(
        text,
        "DO $$ BEGIN
  IF (SELECT name || ' ' || chain FROM nself.ledger ORDER BY number DESC LIMIT 1) IS DISTINCT FROM '{name} {chain}' THEN
    RAISE EXCEPTION 'nself: the last migration of this database is not {name}';
  END IF;
END $$;\n",
        chain = line.chain
    );
    let extensions = one.removed_extensions();
    if extensions.is_empty() {
        let _ = writeln!(text, "SET search_path = public;\n{}", one.down.as_deref().unwrap_or_default());
    }
    for extension in extensions {
        let _ = write!(
            text,
            "DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = '{extension}') THEN
    RAISE EXCEPTION 'nself: the superuser makes the extension {extension} first: CREATE EXTENSION \"{extension}\" SCHEMA public';
  END IF;
END $$;\n"
        );
    }
    // Others compare the catalog with that of the last migration.
    let _ = writeln!(
        text,
        "RESET ROLE;\nSET search_path = pg_catalog, pg_temp;\nDELETE FROM nself.ledger WHERE number = {number};\nDELETE FROM nself.catalog;"
    );
    text.push_str(if alone { "" } else { "COMMIT;\n" });
}
