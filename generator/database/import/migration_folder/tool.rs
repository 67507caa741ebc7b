//! The tools whose folders are known, and how a folder shows which of them wrote it.

use std::collections::BTreeMap;

use super::content::{FolderContent, FolderFault, JOURNAL, PRISMA_LOCK, base_name, parent_of};
use super::flyway::FlywayName;
use super::marks::{dbmate_command, goose_command};

/// A tool, or a form of files that several tools share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MigrationTool {
    /// `<name>/migration.sql`.
    Prisma,
    /// `meta/_journal.json` and the files that it names.
    Drizzle,
    /// `V<version>__<description>.sql` and `R__<description>.sql`.
    Flyway,
    /// `<number>_<name>/up.sql`, also of Diesel.
    Hasura,
    /// `<number>_<name>.up.sql`: golang-migrate, and sqlx with files to revert.
    UpFiles,
    /// Files with the line `-- migrate:up`.
    Dbmate,
    /// Files with the line `-- +goose Up`.
    Goose,
    /// `<number>_<name>.sql` without a mark: sqlx.
    Numbered,
}

/// Extensions of files of programming languages, in which some tools can have migrations.
const PROGRAMS: [&str; 12] = ["class", "cs", "ex", "exs", "go", "groovy", "java", "js", "kt", "py", "rb", "ts"];

impl MigrationTool {
    /// Returns the name in messages.
    pub fn in_words(self) -> &'static str {
        match self {
            MigrationTool::Prisma => "Prisma",
            MigrationTool::Drizzle => "Drizzle",
            MigrationTool::Flyway => "Flyway",
            MigrationTool::Hasura => "Hasura",
            MigrationTool::UpFiles => "golang-migrate or sqlx",
            MigrationTool::Dbmate => "dbmate",
            MigrationTool::Goose => "goose",
            MigrationTool::Numbered => "sqlx",
        }
    }

    /// Returns the tool that wrote a folder.
    ///
    /// # Errors
    /// The folder has no file of a known form, or files of several forms.
    pub fn of_folder(content: &FolderContent) -> Result<Self, FolderFault> {
        // Maps a tool to its first file; the key `None` is for files of no known form.
        let mut first_paths: BTreeMap<Option<MigrationTool>, &str> = BTreeMap::new();
        for (path, text) in content.texts.iter().filter(|(path, _)| path.ends_with(".sql")) {
            first_paths.entry(tool_of_file(path, text, content)).or_insert(path);
        }
        match first_paths.keys().collect::<Vec<_>>().as_slice() {
            [Some(tool)] => return Ok(*tool),
            [] => {
                let hint = "give the folder that contains the migrations as .sql files";
                return Err(FolderFault::of_folder("the folder has no .sql files", hint));
            }
            _ => {}
        }
        let description = |(tool, path): (Option<MigrationTool>, &str)| match tool {
            Some(tool) => format!("migrations of {} ({path})", tool.in_words()),
            None => format!("SQL that belongs to no known tool ({path})"),
        };
        let parts: Vec<String> = first_paths.into_iter().map(description).collect();
        Err(FolderFault::of_folder(
            format!("the folder has {}, so the order of its files is not clear", parts.join(" and ")),
            "give the folder that contains only the migrations of one tool, or one .sql file",
        ))
    }
}

/// Returns the tool that writes files of this form; `None` if no known tool does.
fn tool_of_file(path: &str, text: &str, content: &FolderContent) -> Option<MigrationTool> {
    let (base, parent) = (base_name(path), parent_of(path));
    let starts_with_digit = |name: &str| name.starts_with(|c: char| c.is_ascii_digit());
    let journal = if parent.is_empty() { format!("meta/{JOURNAL}") } else { format!("{parent}/meta/{JOURNAL}") };
    match base {
        "migration.sql" if !parent.is_empty() => Some(MigrationTool::Prisma),
        "up.sql" | "down.sql" if starts_with_digit(base_name(parent)) => Some(MigrationTool::Hasura),
        _ if content.names.contains(&journal) => Some(MigrationTool::Drizzle),
        _ if base.ends_with(".up.sql") || base.ends_with(".down.sql") => Some(MigrationTool::UpFiles),
        _ if FlywayName::of(base).is_some() => Some(MigrationTool::Flyway),
        _ if text.lines().any(|line| goose_command(line).is_some()) => Some(MigrationTool::Goose),
        _ if text.lines().any(|line| dbmate_command(line).is_some()) => Some(MigrationTool::Dbmate),
        _ if starts_with_digit(base) => Some(MigrationTool::Numbered),
        _ => None,
    }
}

/// Refuses migrations that are programs, and databases other than PostgreSQL.
pub fn require_sql_only(content: &FolderContent) -> Result<(), FolderFault> {
    let is_program = |name: &&String| {
        let (base, parent) = (base_name(name), parent_of(name));
        let Some((stem, extension)) = base.rsplit_once('.') else { return false };
        // Alembic keeps its migrations in a folder `versions`.
        let is_numbered = base.starts_with(|c: char| c.is_ascii_digit()) || base_name(parent) == "versions";
        let is_flyway = FlywayName::of(&format!("{stem}.sql")).is_some();
        PROGRAMS.contains(&extension) && (is_numbered || is_flyway)
    };
    if let Some(name) = content.names.iter().find(is_program) {
        let hint = match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("py") => {
                "print the SQL and import it as one file: `alembic upgrade head --sql` of Alembic, `manage.py sqlmigrate` \
                 of Django for each migration in order"
            }
            Some("rb") => "set `config.active_record.schema_format = :sql`, and import db/structure.sql as one file",
            _ => "apply the migrations to a server, and import the server with --url",
        };
        return Err(FolderFault::of_folder(format!("the migration {name} is a program, not SQL"), hint));
    }
    let is_lock = |(name, _): &(&String, &String)| base_name(name) == PRISMA_LOCK;
    for (name, text) in content.texts.iter().filter(is_lock) {
        // `None` for a line that does not name the provider.
        let is_postgresql =
            |line: &str| line.trim().strip_prefix("provider").map(|value| value.contains("\"postgresql\""));
        if let Some(line_index) = text.lines().position(|line| is_postgresql(line) == Some(false)) {
            let what = "the migrations are for a database other than PostgreSQL";
            return Err(FolderFault::at(name, line_index + 1, what, "import migrations for PostgreSQL"));
        }
    }
    Ok(())
}
