//! The files that a Nickel program read or looked for, and whether it was allowed to read them. A file whose real path is
//! unknown counts as outside the project.

use std::path::{Path, PathBuf};

use nickel_lang_core::cache::{CacheHub, SourcePath};
use nickel_lang_core::files::FileId;

use super::library;
use super::node::Input;
use super::program::NickelProgram;
use crate::files::real_path;

/// The files that a Nickel program read.
pub struct Imports {
    /// Files that were read, and paths at which a new file would change the result, sorted.
    pub inputs: Vec<Input>,
    /// The first import that is not allowed.
    pub outside: Option<RefusedImport>,
}

/// An import of a file that the program may not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedImport {
    /// The importing file and the byte at which its import begins; `None` for the stack itself.
    pub place: Option<(FileId, u32)>,
    /// The file's name without its folders.
    pub name: String,
}

impl Imports {
    pub fn of_program(program: &NickelProgram, cache: &CacheHub) -> Self {
        // Of the library, only the embedded files are allowed, which `library_path` checks.
        let allowed: Vec<PathBuf> =
            allowed_folders(program).into_iter().filter(|folder| *folder != program.library).collect();
        let is_inside =
            |path: &Path| real_path(path).is_ok_and(|real| allowed.iter().any(|folder| real.starts_with(folder)));

        let mut inputs = Vec::new();
        let mut outside = Vec::new();
        for (id, path) in files(cache) {
            match library_path(program, cache, id, path) {
                // The folder of the importing file is searched before the library, so a file that is created there
                // changes the result.
                Some(name) => {
                    let project_importers =
                        importers(cache, id).filter_map(|(importer, _)| Some((importer, path_of(cache, importer)?)));
                    let project_importers =
                        project_importers.filter(|(id, path)| library_path(program, cache, *id, path).is_none());
                    inputs.extend(
                        project_importers
                            .filter_map(|(_, path)| Some(Input { path: path.parent()?.join(name), exists: false })),
                    );
                }
                None => {
                    if !is_inside(path) {
                        outside.push(id);
                    }
                    inputs.push(Input { path: path.to_owned(), exists: true });
                }
            }
        }
        inputs.sort();
        inputs.dedup();
        Imports { inputs, outside: first_outside(program, cache, &outside) }
    }
}

/// Returns the real paths of the folders whose files a program may read: the project, the library and the allowed
/// folders.
pub fn allowed_folders(program: &NickelProgram) -> Vec<PathBuf> {
    let project = program.stack.parent().unwrap_or(Path::new("")).to_owned();
    let folders = [&project, &program.library].into_iter().chain(&program.allow_imports);
    folders.filter_map(|folder| real_path(folder).ok()).collect()
}

/// Returns whether a file belongs to the library.
pub fn is_library_file(program: &NickelProgram, cache: &CacheHub, id: FileId) -> bool {
    path_of(cache, id).is_some_and(|path| library_path(program, cache, id, path).is_some())
}

/// Returns the path of a library file below the library's folder; `None` for any other file.
fn library_path<'a>(program: &NickelProgram, cache: &CacheHub, id: FileId, path: &'a Path) -> Option<&'a Path> {
    let name = path.strip_prefix(&program.library).ok()?;
    library::is_embedded(name, cache.sources.source(id)).then_some(name)
}

/// Returns the first import of a file outside the project. A file that only other outside files import is not named,
/// since that would reveal their content.
fn first_outside(program: &NickelProgram, cache: &CacheHub, outside: &[FileId]) -> Option<RefusedImport> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let from_inside = |id: &FileId| {
        let places = importers(cache, *id).filter(|(importer, _)| !outside.contains(importer));
        places.min().map(|place| (place, *id))
    };
    let first_with_place = outside.iter().filter_map(from_inside).min();
    match (first_with_place, outside) {
        (_, []) => None,
        (Some((place, id)), _) => {
            Some(RefusedImport { place: Some(place), name: path_of(cache, id).map(name).unwrap_or_default() })
        }
        // No file of the project imports the file, so it is the stack file itself.
        (None, _) => Some(RefusedImport { place: None, name: name(&program.stack) }),
    }
}

/// Returns the files that import a file, each with the byte of its first import.
fn importers(cache: &CacheHub, id: FileId) -> impl Iterator<Item = (FileId, u32)> + '_ {
    let places = cache.import_data.rev_imports.get(&id).into_iter().flatten();
    places.map(|(importer, place)| (*importer, place.into_opt().map_or(0, |span| span.start.0)))
}

/// Returns the path of a file; `None` for a source that Nickel creates.
pub fn path_of(cache: &CacheHub, id: FileId) -> Option<&Path> {
    match cache.sources.file_paths.get(&id)? {
        SourcePath::Path(path, _) => Some(path),
        _ => None,
    }
}

/// Returns all files that were read, in the order of their paths.
fn files(cache: &CacheHub) -> Vec<(FileId, &Path)> {
    let mut files: Vec<(FileId, &Path)> =
        cache.sources.file_paths.keys().filter_map(|id| Some((*id, path_of(cache, *id)?))).collect();
    files.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
    files
}
