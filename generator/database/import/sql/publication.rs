//! Changes of publications: their tables and options.

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, unsupported, without_comments};
use crate::database::model::*;
use crate::values::Checked;

/// The parts of the statement that creates a publication.
struct Publication {
    /// `CREATE PUBLICATION` and the name.
    start: String,
    /// Each table with its columns and rows, such as `TABLE orders (id)`. Only the first needs the word TABLE.
    tables: Vec<String>,
    /// Options such as `publish = 'insert'`.
    options: Vec<String>,
}

impl Publication {
    /// Reads the statement that creates a publication; `None` for a publication of all tables or of a schema.
    fn read(create: &str) -> Option<Publication> {
        let tree = SourceFile::parse(&format!("{create};")).syntax_node();
        let statement = tree.children().find(|node| node.kind() == SyntaxKind::CREATE_PUBLICATION)?;
        let child = |kind: SyntaxKind| statement.children().find(|part| part.kind() == kind);
        if child(SyntaxKind::FOR_ALL_PUBLICATION_OBJECTS).is_some() {
            return None;
        }
        Some(Publication {
            start: format!("CREATE PUBLICATION {}", child(SyntaxKind::PUBLICATION)?.text()),
            tables: child(SyntaxKind::FOR_PUBLICATION_OBJECTS)
                .map_or_else(|| Some(Vec::new()), |list| tables(&list))?,
            options: child(SyntaxKind::WITH_PARAMS).map_or_else(Vec::new, |clause| options(&clause)),
        })
    }

    /// Returns the statement that creates the publication.
    fn sql(mut self) -> String {
        if let Some(first) = self.tables.first_mut().filter(|first| !begins_with_table(first)) {
            *first = format!("TABLE {first}");
        }
        let mut sql = self.start;
        if !self.tables.is_empty() {
            sql += &format!(" FOR {}", self.tables.join(", "));
        }
        if !self.options.is_empty() {
            sql += &format!(" WITH ({})", self.options.join(", "));
        }
        sql
    }

    /// Removes a table; returns whether the publication had it.
    fn remove_table(&mut self, name: &ObjectName) -> bool {
        let count = self.tables.len();
        self.tables.retain(|table| name_of_table(table).as_ref() != Some(name));
        self.tables.len() < count
    }
}

/// Returns the tables in a clause of a publication; `None` if it also has other objects.
fn tables(clause: &SyntaxNode) -> Option<Vec<String>> {
    let is_table = |node: &SyntaxNode| node.kind() == SyntaxKind::PUBLICATION_OBJECT_TABLE;
    let text = |node: SyntaxNode| is_table(&node).then(|| without_comments(&node.text().to_string()));
    clause.children().map(text).collect()
}

/// Returns the options in a list in brackets.
fn options(clause: &SyntaxNode) -> Vec<String> {
    let options = clause.descendants().filter(|node| node.kind() == SyntaxKind::ATTRIBUTE_OPTION);
    options.map(|option| without_comments(&option.text().to_string())).collect()
}

fn begins_with_table(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("table"))
}

/// Returns the name of a table in the list of a publication.
fn name_of_table(text: &str) -> Option<ObjectName> {
    leading_name(if begins_with_table(text) { text.trim_start().get("table".len()..)? } else { text })
}

/// Returns the statement that creates a publication after `ALTER PUBLICATION … ADD`, `DROP` or `SET`.
pub fn with_change(create: &str, action: &SyntaxNode) -> Parsed<ObjectStatement> {
    let (Some(mut publication), Some(changed_tables)) = (Publication::read(create), tables_of_action(action)) else {
        return unsupported(action, "nself can represent only publications of tables that are named");
    };
    match action.kind() {
        SyntaxKind::ADD_PUBLICATION_OBJECTS => publication.tables.extend(changed_tables),
        SyntaxKind::SET_PUBLICATION_OBJECTS => publication.tables = changed_tables,
        SyntaxKind::DROP_PUBLICATION_OBJECTS => {
            for table in changed_tables {
                let is_removed = name_of_table(&table).is_some_and(|name| publication.remove_table(&name));
                if !is_removed {
                    return unsupported(action, format!("the publication has no `{table}`"));
                }
            }
        }
        _ => {
            let name = |option: &String| option.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
            for option in options(action) {
                publication.options.retain(|earlier| name(earlier) != name(&option));
                publication.options.push(option);
            }
        }
    }
    ObjectStatement::new(&publication.sql()).at(action)
}

/// Returns the tables that an action of ALTER PUBLICATION names; `None` if it also names other objects.
fn tables_of_action(action: &SyntaxNode) -> Option<Vec<String>> {
    if action.kind() == SyntaxKind::SET_OPTIONS { Some(Vec::new()) } else { tables(action) }
}

impl Reader {
    /// Removes a dropped table from the publications that list it, as the server does.
    pub(super) fn remove_from_publications(&mut self, table: &ObjectName) {
        for object in self.schema.objects.values_mut() {
            if !super::relation::has_class(object, &["PUBLICATION"]) {
                continue;
            }
            let Some(mut publication) = Publication::read(object.create.as_str()) else { continue };
            if publication.remove_table(table) {
                object.create = ObjectStatement::wrap(publication.sql());
            }
        }
    }
}
