//! Maps byte offsets to lines and columns, and files to their names in messages.

use std::path::{Path, PathBuf};

use nickel_lang_core::files::{FileId, Files};

use super::node::{File, Mark};
use super::program::NickelProgram;

/// The files in which places were looked up. They are few, so a lookup compares each of them.
pub struct SourceMap {
    project: PathBuf,
    library: PathBuf,
    import_folders: Vec<PathBuf>,
    files: Vec<MappedFile>,
}

/// A file with the starts of its lines.
struct MappedFile {
    id: FileId,
    file: File,
    /// Byte offsets at which lines start.
    line_starts: Vec<u32>,
}

impl SourceMap {
    pub fn new(program: &NickelProgram) -> Self {
        let project = program.stack.parent().unwrap_or(Path::new("")).to_owned();
        SourceMap {
            project,
            library: program.library.clone(),
            import_folders: program.allow_imports.clone(),
            files: Vec::new(),
        }
    }

    /// Returns the place of a byte of a file; `None` in the standard library of Nickel.
    pub fn mark(&mut self, files: &Files, id: FileId, byte: u32) -> Option<Mark> {
        if files.is_stdlib(id) {
            return None;
        }
        let index = self.files.iter().position(|file| file.id == id).unwrap_or_else(|| {
            self.files.push(self.map_file(files, id));
            self.files.len() - 1
        });
        let line_starts = &self.files[index].line_starts;
        let line = line_starts.partition_point(|start| *start <= byte).max(1);
        let start = line_starts[line - 1] as usize;
        let text_before = files.source(id).get(start..byte as usize).unwrap_or_default();
        let column = text_before.chars().count() + 1;
        Some(Mark(u32::try_from(index).ok()?, u32::try_from(line).ok()?, u32::try_from(column).ok()?))
    }

    /// Returns whether a place is in a file of data, such as JSON.
    pub fn is_data(&self, mark: Mark) -> bool {
        let file = usize::try_from(mark.0).ok().and_then(|index| self.files.get(index));
        let extension = file.and_then(|file| Path::new(&file.file.shown).extension()?.to_str());
        extension.is_some_and(|extension| ["json", "yaml", "yml", "toml"].contains(&extension))
    }

    /// Returns a file with its name in messages and the starts of its lines.
    fn map_file(&self, files: &Files, id: FileId) -> MappedFile {
        let source = files.source(id);
        // A line starts after each line break. Since the numbers begin with 1, each is the offset of the next byte.
        let starts = source.bytes().zip(1_u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next);
        let path = Path::new(files.name(id));
        let file = match (path.strip_prefix(&self.library), path.strip_prefix(&self.project)) {
            (Ok(relative_path), _) => File { shown: with_slashes(relative_path), user: false },
            (_, Ok(relative_path)) => File { shown: with_slashes(relative_path), user: true },
            // Sources that Nickel creates have no file.
            _ if !path.is_absolute() => File { shown: String::new(), user: false },
            _ => File {
                shown: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                user: true,
            },
        };
        MappedFile { id, file, line_starts: std::iter::once(0).chain(starts).collect() }
    }

    /// Returns whether a place is in a file of the user.
    pub fn is_user(&self, mark: Mark) -> bool {
        usize::try_from(mark.0).ok().and_then(|index| self.files.get(index)).is_some_and(|mapped| mapped.file.user)
    }

    /// Returns whether a place is in a file of the library. Sources that Nickel creates have no name and are not in it.
    pub fn is_library(&self, mark: Mark) -> bool {
        usize::try_from(mark.0)
            .ok()
            .and_then(|index| self.files.get(index))
            .is_some_and(|mapped| !mapped.file.user && !mapped.file.shown.is_empty())
    }

    /// Replaces absolute paths in a message by paths relative to the project or the library.
    pub fn relative(&self, text: &str) -> String {
        // The root folder is left out, because removing `/` would change every path.
        let folders = [&self.library, &self.project].into_iter().chain(&self.import_folders);
        folders.filter(|folder| folder.parent().is_some()).fold(text.to_owned(), |text, folder| {
            let folder = format!("{}/", folder.display());
            if text.contains(&folder) { text.replace(&folder, "") } else { text }
        })
    }

    /// Returns the files in the order of their indexes in [`Mark`].
    pub fn into_files(self) -> Vec<File> {
        self.files.into_iter().map(|mapped| mapped.file).collect()
    }
}

/// Returns a path with `/` between its parts on every system.
fn with_slashes(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
