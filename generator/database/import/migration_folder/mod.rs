//! Folders of migrations that other tools wrote: which of their files run on an empty database, in which order, and
//! which part of each file.

mod content;
mod flyway;
mod marks;
mod order;
mod sections;
mod tool;

use tool::MigrationTool;

pub use content::{FolderContent, FolderFault, is_read};

/// A file of migrations. `sql` has as many lines as the file, but lines that do not run on an empty database, such as those
/// that revert the migration, are blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationFile {
    pub path: String,
    pub sql: String,
}

/// Returns the migrations of a folder in the order in which their tool applies them.
///
/// # Errors
/// The folder has no migrations, migrations of several tools, migrations that are not SQL, or no clear order.
pub fn read(content: &FolderContent) -> Result<Vec<MigrationFile>, FolderFault> {
    tool::require_sql_only(content)?;
    let tool = MigrationTool::of_folder(content)?;
    let paths = order::ordered_paths(tool, content)?;
    let read_file = |path: String| {
        let text = content.texts.get(&path).map_or("", String::as_str);
        Ok(MigrationFile { sql: sections::upward_part(tool, &path, text)?, path })
    };
    paths.into_iter().map(read_file).collect()
}

#[cfg(test)]
mod tests;
