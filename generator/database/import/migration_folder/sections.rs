//! The part of a file that runs on an empty database. Everything else becomes blanks, so that all lines keep their
//! numbers.

use super::content::FolderFault;
use super::marks::{dbmate_command, goose_command};
use super::tool::MigrationTool;

/// The mark between two statements of Drizzle.
const BREAKPOINT: &str = "--> statement-breakpoint";

/// Returns the part of a file that changes a database forward.
pub fn upward_part(tool: MigrationTool, path: &str, text: &str) -> Result<String, FolderFault> {
    // The mark of the encoding, with which some editors begin a file.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match tool {
        MigrationTool::Goose => goose_part(path, text),
        MigrationTool::Dbmate => dbmate_part(path, text),
        MigrationTool::Flyway => match text.lines().position(|line| line.contains("${")) {
            Some(line) => {
                let what = "the file contains a placeholder of Flyway, whose value nself does not know";
                Err(FolderFault::at(path, line + 1, what, "replace `${…}` with its value"))
            }
            None => Ok(text.to_owned()),
        },
        MigrationTool::Prisma | MigrationTool::Drizzle => {
            Ok(text.replace(BREAKPOINT, &format!("{:<1$}", ";", BREAKPOINT.len())))
        }
        MigrationTool::Hasura | MigrationTool::UpFiles | MigrationTool::Numbered => Ok(text.to_owned()),
    }
}

/// A line that divides a file of goose or dbmate.
enum Mark {
    Up,
    Down,
    /// The end of a statement, even without `;` before it.
    EndOfStatement,
    /// A line without an effect on the schema.
    Other,
}

fn goose_part(path: &str, text: &str) -> Result<String, FolderFault> {
    marked_part(path, text, "-- +goose Up", |number, line| match goose_command(line) {
        None => Ok(None),
        Some("Up") => Ok(Some(Mark::Up)),
        Some("Down") => Ok(Some(Mark::Down)),
        Some("StatementEnd") => Ok(Some(Mark::EndOfStatement)),
        Some("NO TRANSACTION" | "StatementBegin") => Ok(Some(Mark::Other)),
        Some(command) => {
            let what = format!("`+goose {command}` is not supported");
            Err(FolderFault::at(path, number, what, "rewrite the migration without this command"))
        }
    })
}

fn dbmate_part(path: &str, text: &str) -> Result<String, FolderFault> {
    marked_part(path, text, "-- migrate:up", |_, line| {
        Ok(dbmate_command(line).map(|command| if command == "up" { Mark::Up } else { Mark::Down }))
    })
}

/// Returns the lines between the mark `up` and the one of the part that reverts. `mark_of` reads the number and text of
/// a line.
fn marked_part(
    path: &str,
    text: &str,
    up: &str,
    mark_of: impl Fn(usize, &str) -> Result<Option<Mark>, FolderFault>,
) -> Result<String, FolderFault> {
    let mut out = String::new();
    // Whether the lines run forward; `None` before the first mark.
    let mut is_upward: Option<bool> = None;
    let mut has_upward_part = false;
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        match mark_of(i + 1, line)? {
            Some(Mark::Up) => (is_upward, has_upward_part) = (Some(true), true),
            Some(Mark::Down) => is_upward = Some(false),
            Some(Mark::EndOfStatement) if is_upward == Some(true) => out.push(';'),
            Some(Mark::EndOfStatement | Mark::Other) => {}
            None if is_upward == Some(true) => out.push_str(line),
            None if is_upward.is_none() && !line.trim().is_empty() && !line.trim().starts_with("--") => {
                let what = format!("this line is before `{up}`, so it belongs to no part of the file");
                return Err(FolderFault::at(path, i + 1, what, "move it below that line"));
            }
            None => {}
        }
    }
    if !has_upward_part {
        let hint = "add the line above the SQL that applies the migration";
        return Err(FolderFault::at(path, 1, format!("the file has no line `{up}`"), hint));
    }
    Ok(out)
}
