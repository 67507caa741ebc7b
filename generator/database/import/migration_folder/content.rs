//! The files of a folder, and the reasons why it cannot be imported.

use std::collections::{BTreeMap, BTreeSet};

/// The names of all files of a folder, relative to it and with `/`, and the texts of the files that are needed to read it
/// (see [`is_read`]), by name.
#[derive(Debug, Default)]
pub struct FolderContent {
    pub names: BTreeSet<String>,
    pub texts: BTreeMap<String, String>,
}

/// The reason why a folder, or a line of one of its files, cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFault {
    /// Path of the file and number of the line; `None` for a fault of the whole folder.
    pub place: Option<(String, usize)>,
    pub what: String,
    pub hint: String,
}

impl FolderFault {
    /// Returns a fault of the whole folder.
    pub(super) fn of_folder(what: impl Into<String>, hint: impl Into<String>) -> Self {
        FolderFault { place: None, what: what.into(), hint: hint.into() }
    }

    /// Returns a fault of a line of a file.
    pub(super) fn at(path: &str, line: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        FolderFault { place: Some((path.to_owned(), line)), what: what.into(), hint: hint.into() }
    }
}

/// The journal of Drizzle, which lists the migrations in their order.
pub(super) const JOURNAL: &str = "_journal.json";
/// The file in which Prisma records the kind of the database.
pub(super) const PRISMA_LOCK: &str = "migration_lock.toml";

/// Returns whether the text of a file is needed to read the folder.
pub fn is_read(name: &str) -> bool {
    let base = base_name(name);
    base.ends_with(".sql") || base == JOURNAL || base == PRISMA_LOCK
}

/// Returns the name of a file without its folder.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, base)| base)
}

/// Returns the folder of a file; an empty text for the folder that is read.
pub(super) fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
