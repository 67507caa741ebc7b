//! The part of a file that runs on an empty database. Everything else becomes blanks, so that all lines keep their
//! numbers.

use super::content::FolderFault;
use super::marks::{dbmate_command, goose_command};
use super::tool::MigrationTool;

/// The mark between two statements of Drizzle.
const BREAKPOINT: &str = "--> statement-breakpoint";

/// Returns the part of a file that applies the migration, without the part that reverts it.
pub fn upward_part(tool: MigrationTool, path: &str, text: &str) -> Result<String, FolderFault> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match tool {
        MigrationTool::Goose => goose_part(path, text),
        MigrationTool::Dbmate => dbmate_part(path, text),
        MigrationTool::Flyway => match text.lines().position(|line| line.contains("${")) {
            Some(line_index) => {
                let what = "the file contains a placeholder of Flyway, whose value nself does not know";
                Err(FolderFault::at(path, line_index + 1, what, "replace `${…}` with its value"))
            }
            None => Ok(text.to_owned()),
        },
        MigrationTool::Prisma | MigrationTool::Drizzle => {
            // A `;` and blanks replace the mark, so that what follows keeps its column.
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

/// Returns the part of a file of goose that applies the migration.
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

/// Returns the part of a file of dbmate that applies the migration.
fn dbmate_part(path: &str, text: &str) -> Result<String, FolderFault> {
    marked_part(path, text, "-- migrate:up", |_, line| {
        Ok(dbmate_command(line).map(|command| if command == "up" { Mark::Up } else { Mark::Down }))
    })
}

/// Returns the lines after the mark `up_mark` and before the mark of the part that reverts; the other lines become blank.
/// `mark_of` takes the number and the text of a line, and returns its mark, or `None` for SQL.
fn marked_part(
    path: &str,
    text: &str,
    up_mark: &str,
    mark_of: impl Fn(usize, &str) -> Result<Option<Mark>, FolderFault>,
) -> Result<String, FolderFault> {
    let mut out = String::new();
    // Whether the lines apply the migration, not revert it; `None` before the first mark.
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
                let what = format!("this line is before `{up_mark}`, so it belongs to no part of the file");
                return Err(FolderFault::at(path, i + 1, what, "move it below that line"));
            }
            None => {}
        }
    }
    if !has_upward_part {
        let hint = "add the line above the SQL that applies the migration";
        return Err(FolderFault::at(path, 1, format!("the file has no line `{up_mark}`"), hint));
    }
    Ok(out)
}
