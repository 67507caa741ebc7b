//! The order in which a tool applies the files of its folder.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::content::{FolderContent, FolderFault, JOURNAL, base_name, parent_of};
use super::flyway::FlywayName;
use super::tool::MigrationTool;

/// A whole number of any length: the count of its digits, and its digits without leading zeros. The order of these pairs is
/// that of the values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Number(usize, String);

impl Number {
    /// Returns the number with these digits.
    fn new(digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        Number(digits.len(), digits.to_owned())
    }

    /// Returns the number with which a name begins, such as 3 for `003_orders.sql`.
    fn at_start_of(name: &str) -> Option<Self> {
        let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
        (end > 0).then(|| Number::new(&name[..end]))
    }
}

/// Returns the paths of the files that the tool applies to an empty database, in its order.
pub fn ordered_paths(tool: MigrationTool, content: &FolderContent) -> Result<Vec<String>, FolderFault> {
    // The files that revert migrations are left out.
    let sql_paths = content.texts.keys().filter(|path| path.ends_with(".sql"));
    let upward_paths: Vec<&String> =
        sql_paths.filter(|path| base_name(path) != "down.sql" && !path.ends_with(".down.sql")).collect();
    match tool {
        MigrationTool::Flyway => flyway_order(&upward_paths),
        MigrationTool::Drizzle => drizzle_order(&upward_paths, content),
        MigrationTool::Prisma => {
            require_one_folder(upward_paths.iter().map(|path| parent_of(parent_of(path))))?;
            // Prisma sorts the folders by name, and the paths are sorted so already.
            Ok(upward_paths.into_iter().cloned().collect())
        }
        MigrationTool::Hasura => {
            require_one_folder(upward_paths.iter().map(|path| parent_of(parent_of(path))))?;
            // Diesel writes the time with hyphens.
            sorted_by_number(&upward_paths, |path| Number::at_start_of(&base_name(parent_of(path)).replace('-', "")))
        }
        MigrationTool::Dbmate => {
            require_one_folder(upward_paths.iter().map(|path| parent_of(path)))?;
            // dbmate sorts the names as text.
            sorted_by_number(&upward_paths, |path| Number::at_start_of(base_name(path)))?;
            Ok(upward_paths.into_iter().cloned().collect())
        }
        MigrationTool::UpFiles | MigrationTool::Goose | MigrationTool::Numbered => {
            require_one_folder(upward_paths.iter().map(|path| parent_of(path)))?;
            sorted_by_number(&upward_paths, |path| Number::at_start_of(base_name(path)))
        }
    }
}

/// Refuses migrations in several folders, such as those of several databases.
fn require_one_folder<'a>(folders: impl Iterator<Item = &'a str>) -> Result<(), FolderFault> {
    let folders: BTreeSet<&str> = folders.collect();
    if folders.len() > 1 {
        let names: Vec<String> = folders.iter().map(|folder| format!("`{folder}/`")).collect();
        let what = format!("the folder has migrations in several folders: {}", names.join(", "));
        return Err(FolderFault::of_folder(what, "import one of these folders instead"));
    }
    Ok(())
}

/// Returns the paths, sorted by their numbers, which must differ. `number_of` reads the number of a path.
fn sorted_by_number(paths: &[&String], number_of: impl Fn(&str) -> Option<Number>) -> Result<Vec<String>, FolderFault> {
    let mut paths_by_number: BTreeMap<Number, &String> = BTreeMap::new();
    for path in paths {
        let Some(number) = number_of(path) else {
            let hint = "begin its name with a number that gives its place in the order";
            return Err(FolderFault::of_folder(format!("the name of {path} does not begin with a number"), hint));
        };
        if let Some(other_path) = paths_by_number.insert(number, path) {
            return Err(same_version_fault(other_path, path));
        }
    }
    Ok(paths_by_number.into_values().cloned().collect())
}

/// Returns the fault of two files with the same number.
fn same_version_fault(path: &str, other_path: &str) -> FolderFault {
    let hint = "give one of them a different number";
    FolderFault::of_folder(format!("{path} and {other_path} have the same number, so their order is not clear"), hint)
}

/// Returns versioned migrations by their versions, then repeatable ones by their descriptions.
fn flyway_order(paths: &[&String]) -> Result<Vec<String>, FolderFault> {
    let mut versioned: BTreeMap<Vec<Number>, &String> = BTreeMap::new();
    let mut repeatable: BTreeMap<&str, &String> = BTreeMap::new();
    for path in paths {
        let path_with_same_key = match FlywayName::of(base_name(path)) {
            Some(FlywayName::Versioned(version)) => {
                versioned.insert(version.into_iter().map(Number::new).collect(), path)
            }
            Some(FlywayName::Repeatable(description)) => repeatable.insert(description, path),
            Some(FlywayName::Baseline) => {
                let what = format!("{path} is a baseline, which replaces the migrations before it");
                return Err(FolderFault::of_folder(what, "remove the migrations that it replaces, and name it `V…`"));
            }
            Some(FlywayName::Undo) | None => None,
        };
        if let Some(other_path) = path_with_same_key {
            return Err(same_version_fault(other_path, path));
        }
    }
    Ok(versioned.into_values().chain(repeatable.into_values()).cloned().collect())
}

/// The part of Drizzle's journal that states the order.
#[derive(Deserialize)]
struct Journal {
    entries: Vec<JournalEntry>,
}

/// An entry of the journal: the position of a migration, and the name of its file without `.sql`.
#[derive(Deserialize)]
struct JournalEntry {
    idx: u64,
    tag: String,
}

/// Returns the migrations that the journal lists, sorted by their indexes (`idx`).
fn drizzle_order(paths: &[&String], content: &FolderContent) -> Result<Vec<String>, FolderFault> {
    require_one_folder(paths.iter().map(|path| parent_of(path)))?;
    let parent = paths.first().map_or("", |path| parent_of(path));
    let in_folder = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
    let journal_path = in_folder(&format!("meta/{JOURNAL}"));
    let text = content.texts.get(&journal_path).map_or("", String::as_str);
    let journal: Journal = serde_json::from_str(text).map_err(|error| {
        let what = format!("it is not a journal of Drizzle: {error}");
        FolderFault::at(&journal_path, error.line().max(1), what, "restore the file from the history of the project")
    })?;
    let mut entries = journal.entries;
    entries.sort_by_key(|entry| entry.idx);
    let listed_paths: Vec<String> = entries.iter().map(|entry| in_folder(&format!("{}.sql", entry.tag))).collect();
    let hint = "add the missing file, or correct the journal";
    if let Some(missing_path) = listed_paths.iter().find(|path| !content.texts.contains_key(*path)) {
        return Err(FolderFault::at(&journal_path, 1, format!("it lists {missing_path}, which does not exist"), hint));
    }
    if let Some(unlisted_path) = paths.iter().find(|path| !listed_paths.contains(path)) {
        return Err(FolderFault::at(&journal_path, 1, format!("it does not list {unlisted_path}"), hint));
    }
    Ok(listed_paths)
}
