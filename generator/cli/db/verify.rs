//! `nself db verify`: for CI. The files are those that were written, the history only grew, and it leads to the
//! definitions.

use std::process::Command;

use clap::Args;
use serde_json::json;

use super::super::{Format, SUCCESS, output};
use super::{Outcome, Selection};
use crate::database::allow;
use crate::database::history::{SUM_FILE, SumLine, check_extends};
use crate::database::snapshot;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::source::PlainDecoder;
use crate::values::SqlIdent;
use crate::words;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The git revision whose migrations others may have applied, such as origin/main.
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let selection = &arguments.selection;
    let mut findings = Vec::new();
    let mut stale = Vec::new();
    let mut count = 0;
    for definition in selection.definitions()? {
        let name = &definition.name;
        let history = match selection.history(name) {
            Ok(history) => history,
            Err(found) => {
                findings.extend(found);
                continue;
            }
        };
        count += history.migrations.len();
        let old = history.schema(name, &PlainDecoder).map_err(|finding| vec![finding])?;
        stale.extend(definition.located(allow::unknown(&old, &definition.schema, &definition.root())));
        if history.head != snapshot::objects(&definition.schema) {
            findings.extend(definition.located(vec![
                Diagnostic::error(Code::MigrationMissing, definition.root())
                    .message(format!("`{name}` has changes without a migration"))
                    .hint("`nself db new` writes it, `nself db diff` shows it"),
            ]));
        }
        if let Some(base) = &arguments.base {
            let before = sum_of(selection, base, name)?;
            findings.extend(check_extends(name, &before, &history.sum()));
        }
    }
    if !findings.is_empty() {
        findings.extend(stale);
        return Err(findings);
    }
    output::findings(&stale);
    match arguments.format {
        Format::Json => output::json(&json!({ "version": 1, "status": "fine", "migrations": count })),
        Format::Text => output::remark(&format!("{}, all as written", words::count(count, "migration"))),
    }
    Ok(SUCCESS)
}

/// The sum of a database in another revision; none when it was not there.
fn sum_of(selection: &Selection, revision: &str, name: &SqlIdent) -> Result<Vec<SumLine>, Vec<Diagnostic>> {
    let text = git(
        selection,
        &["ls-tree", "--name-only", "--end-of-options", revision, "--", &format!("db/{name}/{SUM_FILE}")],
    )?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let text =
        git(selection, &["cat-file", "--end-of-options", "blob", &format!("{revision}:./db/{name}/{SUM_FILE}")])?;
    SumLine::parse(&text).ok_or_else(|| {
        vec![
            Diagnostic::error(Code::MigrationDamaged, FieldPath::root())
                .message(format!("{revision}: db/{name}/{SUM_FILE}: a line is malformed")),
        ]
    })
}

/// Settings under which git runs no program that a checkout names: a repository inside of the checked-out files is not
/// used, and neither hooks nor a monitor of files start.
const GUARDS: [&str; 6] =
    ["-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];

/// Returns what git prints in the folder of the stack. Contents are read by `cat-file`, which converts nothing: `show`
/// starts the programs that attributes name.
pub fn git(selection: &Selection, arguments: &[&str]) -> Result<String, Vec<Diagnostic>> {
    let failed = |reason: String| {
        vec![
            Diagnostic::error(Code::Io, FieldPath::root())
                .message(format!("git {}: {reason}", arguments.join(" ")))
                .hint("--base takes a revision that exists here, such as origin/main"),
        ]
    };
    let output = Command::new("git")
        .args(GUARDS)
        .args(arguments)
        .current_dir(selection.project())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
