//! Finds the fields of the stack from which a generated file, or one line of it, may come. Each backend's description
//! names the fields for its files. This module finds the lines that enclose a line, by the indentation that all writers
//! of files use.

use super::{Backend, Description};
use crate::diagnostic::FieldPath;
use crate::path;
use crate::plan::{Plan, Service};

/// A generated file, or one line of it with the lines that enclose it.
#[derive(Debug)]
pub struct GeneratedLine<'a> {
    /// Path of the file below the environment's folder.
    pub path: &'a str,
    /// The line, then the lines that enclose it, innermost first; empty for the whole file.
    enclosing: Vec<&'a str>,
    /// The innermost block that contains the line, for formats in which a record's name is one of its fields, as in
    /// `- name: PORT`.
    block: Vec<&'a str>,
    /// The first lines of the list items that contain the line, such as `- name: PORT`, innermost first.
    item_starts: Vec<&'a str>,
}

/// Returns the indentation of a line in bytes; the dash of a list item is part of it.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

fn is_word_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// Returns the first lines of the list items that contain the line with this index, innermost first. The lines
/// `- name: PORT` and `value: 1` below it belong to the item that begins with `- name: PORT`.
fn first_lines_of_items<'a>(lines: &[&'a str], index: usize) -> Vec<&'a str> {
    let mut first_lines = Vec::new();
    // The smallest indentation so far, and whether the item with this indentation was found.
    let (mut smallest_indentation, mut has_item) = (usize::MAX, false);
    for line in lines[..=index].iter().rev().filter(|line| !line.trim().is_empty()) {
        if indentation(line) < smallest_indentation {
            (smallest_indentation, has_item) = (indentation(line), false);
        }
        if indentation(line) == smallest_indentation && !has_item && line.trim_start().starts_with("- ") {
            first_lines.push(*line);
            has_item = true;
        }
    }
    first_lines
}

impl<'a> GeneratedLine<'a> {
    /// Returns the file as a whole.
    pub fn whole_file(path: &'a str) -> Self {
        GeneratedLine { path, enclosing: Vec::new(), block: Vec::new(), item_starts: Vec::new() }
    }

    /// Returns the line with this index, counted from 0, of a file with these lines.
    pub fn new(path: &'a str, lines: &[&'a str], index: usize) -> Self {
        let line_indentation = indentation(lines[index]);
        let mut enclosing = vec![lines[index]];
        // The indentation of the outermost enclosing line so far.
        let mut outermost_indentation = line_indentation;
        let mut block_start = index;
        // A line above encloses the line if it is indented less than every line between them.
        for (i, line) in lines[..index].iter().enumerate().rev() {
            let closes_block = line.trim_start().starts_with(['}', ']', ')']);
            if !line.trim().is_empty() && indentation(line) < outermost_indentation && !closes_block {
                if enclosing.len() == 1 {
                    block_start = i;
                }
                outermost_indentation = indentation(line);
                enclosing.push(line);
            }
        }
        let ends_block = |line: &&str| !line.trim().is_empty() && indentation(line) < line_indentation;
        let block_end = lines[index..].iter().position(ends_block).map_or(lines.len(), |length| index + length);
        let block = lines[block_start..block_end].to_vec();
        GeneratedLine { path, enclosing, block, item_starts: first_lines_of_items(lines, index) }
    }

    /// Returns the text of the line; `None` for the whole file.
    pub fn text(&self) -> Option<&'a str> {
        self.enclosing.first().copied()
    }

    /// Returns the keys of YAML or JSON that enclose the line and the key of the line, outermost first, such as
    /// `services`, `orders`, `image`.
    pub fn keys(&self) -> Vec<&'a str> {
        let key = |line: &&'a str| {
            let line = line.trim_start_matches([' ', '-']);
            Some(line.split_once(':')?.0.trim_matches('"')).filter(|key| !key.is_empty())
        };
        let mut keys: Vec<&str> = self.enclosing.iter().filter_map(key).collect();
        keys.reverse();
        keys
    }

    /// Returns the words of the line, then of the lines that enclose it, then of the whole block.
    pub fn words(&self) -> impl Iterator<Item = &'a str> + '_ {
        let lines = self.enclosing.iter().chain(&self.block);
        lines.flat_map(|line| line.split(|c| !is_word_character(c))).filter(|word| !word.is_empty())
    }

    /// Returns whether the line, a line that encloses it or the block has a word that is not part of a host name or a
    /// file name. The words of this method include dots: `shop` is not a word of `shop.example.com`.
    fn has_word(&self, word: &str) -> bool {
        let mut lines = self.enclosing.iter().chain(&self.block);
        lines.any(|line| line.split(|c| !is_word_character(c) && c != '.').any(|line_word| line_word == word))
    }

    /// Returns the words in the first lines of the list items that contain the line, innermost first.
    pub fn words_of_list_items(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.item_starts.iter().flat_map(|line| line.split(|c| !is_word_character(c))).filter(|word| !word.is_empty())
    }

    /// Returns the name in the block's list item: `PORT` of `- name: PORT`.
    pub fn item_name(&self) -> Option<&'a str> {
        let mut lines = self.block.iter().chain(&self.enclosing);
        let name = lines.find_map(|line| line.trim_start().strip_prefix("- name:"));
        name.map(|name| name.trim().trim_matches('"'))
    }
}

impl Backend {
    /// Returns the fields from which a line of one of the backend's files may come, the likeliest first. The last one
    /// is the whole stack.
    pub fn provenance(self, plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
        let Description { line_fields, file_fields, .. } = self.description();
        let mut fields = Vec::new();
        if !line.enclosing.is_empty() {
            fields.extend(line_fields(plan, line));
            fields.extend(service_or_database_field(plan, line));
        }
        fields.extend(file_fields(plan, line.path));
        fields.push(FieldPath::root());
        fields
    }
}

/// Returns the field of the first service or database that the line or an enclosing line names.
fn service_or_database_field(plan: &Plan, line: &GeneratedLine) -> Option<FieldPath> {
    line.words().find_map(|word| {
        // Names of roles and variables have `_` where the name of the service has `-`.
        let word_with_hyphens = word.replace('_', "-");
        if let Some(service) = service(plan, word).or_else(|| service(plan, &word_with_hyphens)) {
            return Some(service.origin.clone());
        }
        let database = plan.databases.iter().find(|(name, _)| name.as_str() == word && line.has_word(word));
        // The role that owns a database has the name of the service that declares the database.
        let owner = database.and_then(|(_, database)| database.owner.as_ref())?.as_str().replace('_', "-");
        service(plan, &owner).map(|service| service.origin.key("databases"))
    })
}

/// Returns the service with this name; `None` if the plan has none.
pub fn service<'a>(plan: &'a Plan, name: &str) -> Option<&'a Service> {
    plan.services.iter().find(|(service, _)| service.as_str() == name).map(|(_, service)| service.as_ref())
}

/// Returns the field that declares a service; empty for a service that the plan does not have.
pub fn field_of_service(plan: &Plan, name: &str) -> Vec<FieldPath> {
    service(plan, name).map(|service| service.origin.clone()).into_iter().collect()
}

/// A key of a service in a platform's file, and the fields of the stack that contain its value. Only keys whose names
/// differ from their fields are listed.
pub type KeyFields = (&'static str, &'static [&'static str]);

/// Returns the fields of the stack that may contain the value at a path of keys below a service in a platform's file,
/// innermost first, then the field of the service. For the keys `environment`, `PORT` and a table with
/// `("environment", &["env"])`, these are `services.orders.env.PORT`, `services.orders.PORT`, `services.orders.env` and
/// `services.orders`.
pub fn fields_of_service_keys(plan: &Plan, name: &str, keys: &[&str], table: &[KeyFields]) -> Vec<FieldPath> {
    let Some(service) = service(plan, name) else { return Vec::new() };
    let Some(key) = keys.first() else { return vec![service.origin.clone()] };
    let same_name = [*key];
    let names = table.iter().find(|(file_key, _)| file_key == key).map_or(same_name.as_slice(), |(_, names)| names);
    let mut fields = Vec::new();
    let inherited_origins = service.inherits_from();
    for origin in std::iter::once(&service.origin).chain(&inherited_origins) {
        if let Some(second_key) = keys.get(1) {
            fields.extend(names.iter().map(|name| origin.key(*name).key(*second_key)));
            fields.push(origin.key(*second_key));
        }
        fields.extend(names.iter().map(|name| origin.key(*name)));
    }
    fields.push(service.origin.clone());
    fields
}

/// Returns the fields about a secret: its declaration, then the fields of the services that use it.
pub fn fields_of_secret(plan: &Plan, name: &str) -> Vec<FieldPath> {
    let secret = plan.secrets.iter().find(|(secret, _)| secret.as_str() == name).map(|(_, secret)| secret);
    let readers = secret.into_iter().flat_map(|secret| secret.file_readers.iter().chain(&secret.variable_readers));
    let services = readers.filter_map(|reader| plan.services.get(reader));
    let fields_of_services = services.map(|service| service.origin.key("secrets").key(name));
    std::iter::once(path!("secrets", name)).chain(fields_of_services).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "services:\n  orders:\n    env:\n      - name: PORT\n        value: \"1\"\n  other: x\n";

    fn line(index: usize) -> GeneratedLine<'static> {
        let lines: Vec<&'static str> = FILE.lines().collect();
        GeneratedLine::new("kubernetes/a.yaml", &lines, index)
    }

    #[test]
    fn a_line_has_the_keys_and_the_block_that_enclose_it() {
        assert_eq!(line(4).keys(), ["services", "orders", "env", "value"]);
        assert_eq!(line(4).item_name(), Some("PORT"));
        assert_eq!(line(5).keys(), ["services", "other"]);
        assert_eq!(line(0).keys(), ["services"]);
        assert!(line(4).words().any(|word| word == "orders"));
        assert!(GeneratedLine::whole_file("a").keys().is_empty());
    }
}
