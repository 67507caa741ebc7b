//! Checks the files of a program before the evaluator reads them. The evaluator follows links: it could read a file
//! outside the project, or a pipe or device that never ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nickel_lang_core::ast::{Ast, Import, Node};
use nickel_lang_core::cache::{CacheHub, InputFormat};
use nickel_lang_core::files::FileId;
use nickel_lang_core::traverse::TraverseAlloc;

use super::imports::{RefusedImport, allowed_folders, is_library_file, path_of};
use super::program::NickelProgram;
use crate::files::{FileKind, Reason, real_path, stat_target};

/// A file that the program may not read.
pub struct RefusedFile {
    /// The import of the file. Its place is `None` for the stack itself, which nothing imports.
    pub import: RefusedImport,
    /// Why a file inside the project is refused; `None` for a file outside of it.
    pub reason: Option<Reason>,
}

/// Returns the first file that the stack or one of its imports reads although it may not; `None` if every file is allowed.
pub fn first_refused_file(program: &NickelProgram, cache: &mut CacheHub, stack: FileId) -> Option<RefusedFile> {
    let readable_folders = allowed_folders(program);
    let mut visited_files = BTreeSet::from([stack]);
    let mut files_to_visit = vec![stack];
    while let Some(id) = files_to_visit.pop() {
        // The evaluation reports a file that does not parse. Its imports are not read.
        if cache.parse_to_ast(id).is_err() {
            continue;
        }
        let Some(folder) = path_of(cache, id).and_then(Path::parent).map(Path::to_owned) else { continue };
        for (path, format, byte) in imports(cache, id) {
            // The evaluator searches in the same order: next to the importing file, then in the library.
            for candidate in [folder.join(&path), program.library.join(&path)] {
                let Ok(stat) = stat_target(&candidate) else { continue };
                if stat.is_folder() {
                    continue;
                }
                let reason = stat.check_file(FileKind::Stack).err();
                let is_inside = real_path(&candidate)
                    .is_ok_and(|real| readable_folders.iter().any(|folder| real.starts_with(folder)));
                if reason.is_some() || !is_inside {
                    let name = candidate.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let import = RefusedImport { place: Some((id, byte)), name };
                    return Some(RefusedFile { import, reason: if is_inside { reason } else { None } });
                }
                if format == InputFormat::Nickel
                    && let Ok(file) = cache.sources.get_or_add_file(&candidate, format)
                {
                    let file = file.inner();
                    if visited_files.insert(file) && !is_library_file(program, cache, file) {
                        files_to_visit.push(file);
                    }
                }
                break;
            }
        }
    }
    None
}

/// Returns the imports of a parsed file in the order of the text, each with the byte at which it begins.
fn imports(cache: &CacheHub, id: FileId) -> Vec<(PathBuf, InputFormat, u32)> {
    let mut imports = Vec::new();
    let mut collect_import = |ast: &Ast| {
        if let Node::Import(Import::Path { path, format }) = &ast.node {
            let byte = ast.pos.into_opt().map_or(0, |span| span.start.0);
            imports.push((PathBuf::from(path), *format, byte));
        }
        None::<()>
    };
    if let Some(ast) = cache.asts.get(id) {
        // Visits every node, because the closure never returns a value.
        let _ = ast.find_map(&mut collect_import);
    }
    imports.sort_by_key(|(_, _, byte)| *byte);
    imports
}
