//! SQL that a server stores in its parsed form. On the server, such SQL follows the rename of an object, but its text
//! in a definition does not. So the import refuses to rename an object that such a text mentions.

use crate::database::identifiers::mentioned_names;
use crate::database::lexer;
use crate::database::model::*;

/// A text that the server stores in its parsed form.
pub(super) struct StoredText<'a> {
    /// The object of the text in messages, such as `the view totals`.
    pub(super) owner: String,
    pub(super) text: &'a str,
    /// The table whose columns the text mentions without the name of the table.
    pub(super) table: Option<&'a ObjectName>,
    /// Whether the text is the result type of a function.
    pub(super) is_result: bool,
    /// Whether the text is the default of a column or domain.
    pub(super) is_default: bool,
}

impl StoredText<'_> {
    /// Returns whether the text is a query or a statement, or contains one. In other expressions, FROM has a different
    /// meaning: `old.state IS DISTINCT FROM new.state`.
    pub(super) fn has_query(&self) -> bool {
        let words: Vec<_> = mentioned_names(self.text).collect();
        let is_statement = words.first().is_some_and(|word| word == "create");
        words.iter().any(|word| {
            matches!(word.as_ref(), "select" | "into" | "update" | "insert" | "delete")
                || (is_statement && word == "from")
        })
    }

    /// Returns whether the text mentions a type: after `::`, AS or a dot, or anywhere in the result of a function.
    pub(super) fn mentions_type(&self, name: &str) -> bool {
        let tokens = lexer::tokens(self.text).unwrap_or_default();
        let precedes_type = |text: &str| text == ":" || text == "." || text.eq_ignore_ascii_case("as");
        (0..tokens.len()).any(|i| {
            let is_place_of_type = i.checked_sub(1).is_some_and(|before| precedes_type(tokens[before].text));
            (is_place_of_type || self.is_result) && mentioned_names(tokens[i].text).any(|word| word == name)
        })
    }

    /// Returns whether the text mentions a table or view: anywhere in a query or in the result of a function, otherwise
    /// before a dot.
    pub(super) fn mentions_relation(&self, name: &str) -> bool {
        if self.has_query() || self.is_result {
            return mentioned_names(self.text).any(|word| word == name);
        }
        let tokens = lexer::tokens(self.text).unwrap_or_default();
        tokens.windows(2).any(|pair| pair[1].text == "." && mentioned_names(pair[0].text).any(|word| word == name))
    }
}

/// Returns all texts of a schema that the server stores in their parsed form.
pub(super) fn stored_texts(schema: &Schema) -> Vec<StoredText<'_>> {
    let mut list = TextList::default();
    for (name, table) in &schema.tables {
        list.add_table(name, table);
    }
    for (name, view) in &schema.views {
        for text in std::iter::once(view.query.as_str()).chain(view.column_defaults.values().map(Expression::as_str)) {
            list.add(format!("the view {name}"), text, None);
        }
        for (index, definition) in &view.indexes {
            list.add_index(&format!("the index {index} of {name}"), definition, name);
        }
    }
    for (name, function) in &schema.functions {
        list.add_function(name, function);
    }
    for (name, kind) in &schema.types {
        if let UserType::Domain(domain) = kind {
            list.add_domain(name, domain);
        }
    }
    for (key, object) in &schema.objects {
        list.add(format!("the {key}"), object.create.as_str(), None);
    }
    let TextList { mut texts, results, defaults } = list;
    texts.extend(results);
    texts.extend(defaults);
    texts
}

/// The texts of a schema in the order in which messages prefer them: results of functions and defaults follow the others.
#[derive(Default)]
struct TextList<'a> {
    texts: Vec<StoredText<'a>>,
    results: Vec<StoredText<'a>>,
    defaults: Vec<StoredText<'a>>,
}

impl<'a> TextList<'a> {
    fn add(&mut self, owner: String, text: &'a str, table: Option<&'a ObjectName>) {
        self.texts.push(StoredText { owner, text, table, is_result: false, is_default: false });
    }

    fn add_default(&mut self, owner: String, text: &'a str, table: Option<&'a ObjectName>) {
        self.defaults.push(StoredText { owner, text, table, is_result: false, is_default: true });
    }

    /// Adds the expressions of an index and its predicate.
    fn add_index(&mut self, owner: &str, index: &'a Index, table: &'a ObjectName) {
        let expressions = index.columns.iter().filter_map(|column| column.expression.as_ref());
        for text in expressions.chain(&index.predicate) {
            self.add(owner.to_owned(), text.as_str(), Some(table));
        }
    }

    fn add_table(&mut self, name: &'a ObjectName, table: &'a Table) {
        let mut add = |part: String, text| self.add(format!("{part} of {name}"), text, Some(name));
        for (column, definition) in &table.columns {
            if let Some(text) = &definition.generated {
                add(format!("the expression of the column {column}"), text.as_str());
            }
        }
        for text in table.partition_by.iter().flat_map(PartitionBy::expressions) {
            add("the partitions".into(), text.as_str());
        }
        for (check, condition) in &table.checks {
            add(format!("the check {check}"), condition.as_str());
        }
        for (key, exclude) in &table.excludes {
            let elements = exclude.elements.iter().map(|element| &element.expression);
            for text in elements.chain(&exclude.predicate) {
                add(format!("the constraint {key}"), text.as_str());
            }
        }
        for (policy, definition) in &table.policies {
            for text in definition.using.iter().chain(&definition.check) {
                add(format!("the policy {policy}"), text.as_str());
            }
        }
        for (trigger, definition) in &table.triggers {
            if let Some(text) = &definition.condition {
                add(format!("the trigger {trigger}"), text.as_str());
            }
        }
        for (index, definition) in &table.indexes {
            self.add_index(&format!("the index {index} of {name}"), definition, name);
        }
        let defaults =
            table.columns.iter().filter_map(|(column, definition)| Some((column, definition.default.as_ref()?)));
        for (column, text) in defaults {
            self.add_default(format!("the expression of the column {column} of {name}"), text.as_str(), Some(name));
        }
    }

    fn add_function(&mut self, name: &ObjectName, function: &'a Function) {
        if function.has_standard_body() {
            self.add(format!("the function {name}"), function.body.as_str(), None);
        }
        for text in function.arguments.iter().filter_map(|argument| argument.default.as_ref()) {
            self.add(format!("the function {name}"), text.as_str(), None);
        }
        if let Some(text) = &function.returns {
            let owner = format!("the result of the function {name}");
            let text = text.as_str();
            self.results.push(StoredText { owner, text, table: None, is_result: true, is_default: false });
        }
    }

    fn add_domain(&mut self, name: &ObjectName, domain: &'a Domain) {
        for text in domain.checks.values() {
            self.add(format!("the domain {name}"), text.as_str(), None);
        }
        if let Some(text) = &domain.default {
            self.add_default(format!("the domain {name}"), text.as_str(), None);
        }
    }
}
