//! The SQL that an import reads: the text of a file, or the migrations of a folder joined to one text. A line of the text
//! can be traced to its file.

use std::path::Path;

use crate::database::import::migration_folder::{self, FolderContent, FolderFault};
use crate::database::lexer;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::files::{
    EntryKind, FileError, FileKind, Folder, Root, SizeBudget, list_operator_folder, read_operator_file,
};

/// The text of one file, or the joined text of several files.
pub struct SqlText {
    pub text: String,
    /// For each file, in the order of the text: the number of lines of `text` before it, and its path.
    files: Vec<(usize, String)>,
}

impl SqlText {
    /// Reads a file, or a folder of migrations.
    ///
    /// # Errors
    /// NS780 for a folder whose migrations or their order are not clear, NS714 for a file with an open quote, NS804 if a
    /// file cannot be read, NS813 if one is too large.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        if list_operator_folder(path).is_none() {
            return Ok(SqlText { text: read_text(path)?, files: vec![(0, path.display().to_string())] });
        }
        let files = migration_folder::read(&read_folder(path)?).map_err(|fault| vec![folder_finding(path, fault)])?;
        let mut sql_text = SqlText { text: String::new(), files: Vec::new() };
        let mut line_count = 0;
        for file in files {
            let name = path.join(&file.path).display().to_string();
            // An unclosed quote would hide the beginning of the next file.
            if let Err(unclosed) = lexer::tokens(&file.sql) {
                let (line, column) = lexer::position(&file.sql, unclosed.at);
                let finding = Diagnostic::error(Code::NotImported, FieldPath::root())
                    .message(format!("PostgreSQL does not accept this SQL: the {} is not closed", unclosed.what))
                    .at(Some(span(&name, line, column)));
                return Err(vec![finding]);
            }
            sql_text.files.push((line_count, name));
            sql_text.text += &file.sql;
            // The last statement of a file may have no `;`.
            sql_text.text += "\n;\n";
            line_count += file.sql.matches('\n').count() + 2;
        }
        Ok(sql_text)
    }

    /// Returns the place, in one of the files, of a line and column of the text.
    pub fn span(&self, line: usize, column: usize) -> Span {
        let index = self.files.partition_point(|(lines_before, _)| *lines_before < line).saturating_sub(1);
        let (lines_before, name) = &self.files[index];
        span(name, line - lines_before, column)
    }
}

/// Returns the names of all files and folders in a folder, and the texts of the files that can be migrations. Leaves out
/// hidden files and the packages of Node.js.
fn read_folder(path: &Path) -> Result<FolderContent, Vec<Diagnostic>> {
    let file_error = |error: FileError| vec![Diagnostic::from(error)];
    let Some(folder) = Root::named(path).open().map_err(file_error)? else { return Ok(FolderContent::default()) };
    let mut is_omitted = |path: &Path, _: EntryKind| {
        path.file_name().is_some_and(|name| name == "node_modules" || name.to_string_lossy().starts_with('.'))
    };
    let mut content = FolderContent::default();
    let mut size_budget = SizeBudget::new(FileKind::Schema);
    for (relative, kind) in folder.list_all(&mut is_omitted).map_err(file_error)? {
        let name = relative.to_string_lossy().into_owned();
        if kind != EntryKind::Folder && migration_folder::is_read(&name) {
            let text = read_file(&folder, &relative, &mut size_budget)?;
            content.texts.insert(name.clone(), text);
        }
        content.names.insert(name);
    }
    Ok(content)
}

/// Reads a file in a folder as UTF-8 text. The sizes of all files together may not exceed the budget.
fn read_file(folder: &Folder, path: &Path, size_budget: &mut SizeBudget) -> Result<String, Vec<Diagnostic>> {
    let file_error = |error: FileError| vec![Diagnostic::from(error)];
    let bytes = folder.read(path, FileKind::Schema).map_err(file_error)?.unwrap_or_default();
    size_budget.add(folder, path, &bytes).map_err(file_error)?;
    String::from_utf8(bytes).map_err(|_| {
        let message = format!("{} is not UTF-8 text", folder.path().join(path).display());
        vec![Diagnostic::error(Code::Io, FieldPath::root()).message(message)]
    })
}

/// Returns the finding NS780 about a folder whose migrations are not clear.
fn folder_finding(folder: &Path, fault: FolderFault) -> Diagnostic {
    let FolderFault { place, what, hint } = fault;
    let (message, position) = match place {
        Some((file, line)) => (what, Some(span(&folder.join(file).display().to_string(), line, 1))),
        None => (format!("{}: {what}", folder.display()), None),
    };
    Diagnostic::error(Code::MigrationFolder, FieldPath::root()).message(message).hint(hint).at(position)
}

/// Reads a file as UTF-8 text.
pub fn read_text(file: &Path) -> Result<String, Vec<Diagnostic>> {
    let bytes = read_operator_file(file, FileKind::Schema).map_err(|error| vec![error.into()])?;
    String::from_utf8(bytes).map_err(|_| {
        let message = format!("{} is not UTF-8 text", file.display());
        vec![Diagnostic::error(Code::Io, FieldPath::root()).message(message)]
    })
}

/// Returns the place of a line and column of a file.
pub fn span(file: &str, line: usize, column: usize) -> Span {
    let to_u32 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file: file.to_owned(), line: to_u32(line), column: to_u32(column) }
}
