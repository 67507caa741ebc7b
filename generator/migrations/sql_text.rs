//! The SQL that an import reads: a file, or the migrations of a folder as one text. Each line has its place in a file.

use std::path::Path;

use crate::database::import::migration_folder::{self, FolderContent, FolderFault};
use crate::database::lexer;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Span};
use crate::files::{
    EntryKind, FileError, FileKind, Folder, Root, SizeBudget, list_operator_folder, read_operator_file,
};

/// Text of one or several files.
pub struct SqlText {
    pub text: String,
    /// The number of lines before each file, and the path of the file, in the order of the text.
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
        let mut all = SqlText { text: String::new(), files: Vec::new() };
        let mut line_count = 0;
        for file in files {
            let name = path.join(&file.path).display().to_string();
            // An open quote would hide the beginning of the next file.
            if let Err(open) = lexer::tokens(&file.sql) {
                let (line, column) = lexer::position(&file.sql, open.at);
                let finding = Diagnostic::error(Code::NotImported, FieldPath::root())
                    .message(format!("PostgreSQL does not accept this SQL: the {} is not closed", open.what))
                    .at(Some(span(&name, line, column)));
                return Err(vec![finding]);
            }
            all.files.push((line_count, name));
            all.text += &file.sql;
            // The last statement of a file may have no `;`.
            all.text += "\n;\n";
            line_count += file.sql.matches('\n').count() + 2;
        }
        Ok(all)
    }

    /// Returns the place of a line and column of the text.
    pub fn span(&self, line: usize, column: usize) -> Span {
        let index = self.files.partition_point(|(lines_before, _)| *lines_before < line).saturating_sub(1);
        let (lines_before, name) = &self.files[index];
        span(name, line - lines_before, column)
    }
}

/// Reads the files of a folder that matter, without hidden files and packages of Node.js.
fn read_folder(path: &Path) -> Result<FolderContent, Vec<Diagnostic>> {
    let file_error = |error: FileError| vec![Diagnostic::from(error)];
    let Some(folder) = Root::named(path).open().map_err(file_error)? else { return Ok(FolderContent::default()) };
    let mut is_omitted = |path: &Path| {
        path.file_name().is_some_and(|name| name == "node_modules" || name.to_string_lossy().starts_with('.'))
    };
    let mut content = FolderContent::default();
    let mut total = SizeBudget::new(FileKind::Schema);
    for (relative, kind) in folder.list_all(&mut is_omitted).map_err(file_error)? {
        let name = relative.to_string_lossy().into_owned();
        if kind != EntryKind::Folder && migration_folder::is_read(&name) {
            let text = read_file(&folder, &relative, &mut total)?;
            content.texts.insert(name.clone(), text);
        }
        content.names.insert(name);
    }
    Ok(content)
}

fn read_file(folder: &Folder, path: &Path, total: &mut SizeBudget) -> Result<String, Vec<Diagnostic>> {
    let file_error = |error: FileError| vec![Diagnostic::from(error)];
    let bytes = folder.read(path, FileKind::Schema).map_err(file_error)?.unwrap_or_default();
    total.add(folder, path, &bytes).map_err(file_error)?;
    String::from_utf8(bytes).map_err(|_| {
        let message = format!("{} is not UTF-8 text", folder.path().join(path).display());
        vec![Diagnostic::error(Code::Io, FieldPath::root()).message(message)]
    })
}

fn folder_finding(folder: &Path, fault: FolderFault) -> Diagnostic {
    let FolderFault { place, what, hint } = fault;
    let (message, position) = match place {
        Some((file, line)) => (what, Some(span(&folder.join(file).display().to_string(), line, 1))),
        None => (format!("{}: {what}", folder.display()), None),
    };
    Diagnostic::error(Code::MigrationFolder, FieldPath::root()).message(message).hint(hint).at(position)
}

/// Reads a text of UTF-8.
pub fn read_text(file: &Path) -> Result<String, Vec<Diagnostic>> {
    let bytes = read_operator_file(file, FileKind::Schema).map_err(|error| vec![error.into()])?;
    String::from_utf8(bytes).map_err(|_| {
        let message = format!("{} is not UTF-8 text", file.display());
        vec![Diagnostic::error(Code::Io, FieldPath::root()).message(message)]
    })
}

/// Returns the place of a line and column of a file.
pub fn span(file: &str, line: usize, column: usize) -> Span {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { file: file.to_owned(), line: number(line), column: number(column) }
}
