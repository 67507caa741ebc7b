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
    /// The files that were read, and the paths at which a new file would change the result, both in one sorted list.
    pub inputs: Vec<Input>,
    /// The first import of a file outside the allowed folders.
    pub first_outside: Option<RefusedImport>,
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
    /// Collects the imports of an evaluated program from the evaluator's cache.
    pub fn of_program(program: &NickelProgram, cache: &CacheHub) -> Self {
        // Of the library, only the embedded files are allowed, which `library_path` checks.
        let user_folders: Vec<PathBuf> =
            allowed_folders(program).into_iter().filter(|folder| *folder != program.library).collect();
        let is_inside =
            |path: &Path| real_path(path).is_ok_and(|real| user_folders.iter().any(|folder| real.starts_with(folder)));

        let mut inputs = Vec::new();
        let mut outside_files = Vec::new();
        for (id, path) in files(cache) {
            match library_path(program, cache, id, path) {
                // The folder of the importing file is searched before the library, so a file that is created there
                // changes the result.
                Some(path_in_library) => {
                    let project_importers =
                        importers(cache, id).filter_map(|(importer, _)| Some((importer, path_of(cache, importer)?)));
                    let project_importers =
                        project_importers.filter(|(id, path)| library_path(program, cache, *id, path).is_none());
                    inputs.extend(project_importers.filter_map(|(_, path)| {
                        Some(Input { path: path.parent()?.join(path_in_library), exists: false })
                    }));
                }
                None => {
                    if !is_inside(path) {
                        outside_files.push(id);
                    }
                    inputs.push(Input { path: path.to_owned(), exists: true });
                }
            }
        }
        inputs.sort();
        inputs.dedup();
        Imports { inputs, first_outside: first_outside(program, cache, &outside_files) }
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
    let path_in_library = path.strip_prefix(&program.library).ok()?;
    library::is_embedded(path_in_library, cache.sources.source(id)).then_some(path_in_library)
}

/// Returns the first import of one of the files outside the project. Imports in these files do not count, since their names
/// would reveal the content of the files.
fn first_outside(program: &NickelProgram, cache: &CacheHub, outside_files: &[FileId]) -> Option<RefusedImport> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The first place in a file of the project that imports the file.
    let first_place = |id: &FileId| {
        let places = importers(cache, *id).filter(|(importer, _)| !outside_files.contains(importer));
        places.min().map(|place| (place, *id))
    };
    let first_import = outside_files.iter().filter_map(first_place).min();
    match (first_import, outside_files) {
        (_, []) => None,
        (Some((place, id)), _) => {
            Some(RefusedImport { place: Some(place), name: path_of(cache, id).map(name).unwrap_or_default() })
        }
        // No file of the project imports one of the files, so the stack file is outside itself.
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
