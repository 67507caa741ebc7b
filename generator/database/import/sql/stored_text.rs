//! SQL that a server stores in its parsed form. On the server, such SQL follows the rename of an object, but its text
//! in a definition does not. So the import refuses to rename an object that such a text mentions.

use squawk_syntax::SyntaxNode;

use super::reader::Reader;
use super::rename_label::contains_label;
use super::tree::{Parsed, unsupported};
use crate::database::identifiers::{mentioned_names, mentions_column};
use crate::database::lexer;
use crate::database::migrate::sequences_of_nextval;
use crate::database::model::*;

/// A text that the server stores in its parsed form.
struct StoredText<'a> {
    /// The object of the text in messages, such as `the view totals`.
    owner: String,
    text: &'a str,
    /// The table whose columns the text mentions without the name of the table.
    table: Option<&'a ObjectName>,
    /// Whether the text is the result type of a function.
    is_result: bool,
    /// Whether the text is the default of a column or domain.
    is_default: bool,
}

impl StoredText<'_> {
    /// Returns whether the text is a query or a statement, or contains one. In other expressions, FROM has a different
    /// meaning: `old.state IS DISTINCT FROM new.state`.
    fn has_query(&self) -> bool {
        let words: Vec<_> = mentioned_names(self.text).collect();
        let is_statement = words.first().is_some_and(|word| word == "create");
        words.iter().any(|word| {
            matches!(word.as_ref(), "select" | "into" | "update" | "insert" | "delete")
                || (is_statement && word == "from")
        })
    }

    /// Returns whether the text mentions a type: after `::`, AS or a dot, or anywhere in the result of a function.
    fn mentions_type(&self, name: &str) -> bool {
        let tokens = lexer::tokens(self.text).unwrap_or_default();
        let precedes_type = |text: &str| text == ":" || text == "." || text.eq_ignore_ascii_case("as");
        (0..tokens.len()).any(|i| {
            let is_place_of_type = i.checked_sub(1).is_some_and(|before| precedes_type(tokens[before].text));
            (is_place_of_type || self.is_result) && mentioned_names(tokens[i].text).any(|word| word == name)
        })
    }

    /// Returns whether the text mentions a table or view: anywhere in a query or in the result of a function, otherwise
    /// before a dot.
    fn mentions_relation(&self, name: &str) -> bool {
        if self.has_query() || self.is_result {
            return mentioned_names(self.text).any(|word| word == name);
        }
        let tokens = lexer::tokens(self.text).unwrap_or_default();
        tokens.windows(2).any(|pair| pair[1].text == "." && mentioned_names(pair[0].text).any(|word| word == name))
    }
}

/// Returns all texts of a schema that the server stores in their parsed form.
fn stored_texts(schema: &Schema) -> Vec<StoredText<'_>> {
    let mut texts = Vec::new();
    let mut defaults = Vec::new();
    let mut add = |owner: String, text, table| {
        texts.push(StoredText { owner, text, table, is_result: false, is_default: false });
    };
    let mut add_default = |owner: String, text, table| {
        defaults.push(StoredText { owner, text, table, is_result: false, is_default: true });
    };
    for (name, table) in &schema.tables {
        let mut add = |part: String, text| add(format!("{part} of {name}"), text, Some(name));
        for (column, definition) in &table.columns {
            if let Some(text) = &definition.default {
                add_default(format!("the expression of the column {column} of {name}"), text.as_str(), Some(name));
            }
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
        for (index, definition) in &table.indexes {
            add_texts_of_index(definition, |text| add(format!("the index {index}"), text));
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
    }
    for (name, view) in &schema.views {
        for text in std::iter::once(view.query.as_str()).chain(view.column_defaults.values().map(Expression::as_str)) {
            add(format!("the view {name}"), text, None);
        }
        for (index, definition) in &view.indexes {
            add_texts_of_index(definition, |text| add(format!("the index {index} of {name}"), text, Some(name)));
        }
    }
    for (name, function) in &schema.functions {
        if function.has_standard_body() {
            add(format!("the function {name}"), function.body.as_str(), None);
        }
        let defaults = function.arguments.iter().filter_map(|argument| argument.default.as_ref());
        for text in defaults {
            add(format!("the function {name}"), text.as_str(), None);
        }
    }
    for (name, kind) in &schema.types {
        if let UserType::Domain(domain) = kind {
            for text in domain.checks.values() {
                add(format!("the domain {name}"), text.as_str(), None);
            }
            if let Some(text) = &domain.default {
                add_default(format!("the domain {name}"), text.as_str(), None);
            }
        }
    }
    for (key, object) in &schema.objects {
        add(format!("the {key}"), object.create.as_str(), None);
    }
    let results = schema.functions.iter().filter_map(|(name, function)| {
        let text = function.returns.as_ref()?.as_str();
        let owner = format!("the result of the function {name}");
        Some(StoredText { owner, text, table: None, is_result: true, is_default: false })
    });
    texts.extend(results);
    texts.extend(defaults);
    texts
}

/// Calls a function with each expression of an index, and with its predicate.
fn add_texts_of_index<'a>(index: &'a Index, mut add: impl FnMut(&'a str)) {
    let expressions = index.columns.iter().filter_map(|column| column.expression.as_ref());
    expressions.chain(&index.predicate).for_each(|text| add(text.as_str()));
}

impl Reader {
    /// Refuses the rename of a table or view that a stored text mentions.
    pub(super) fn require_no_mention_of_relation(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        refuse_mention(texts.iter().find(|text| text.mentions_relation(name.name())), name.as_str(), node)
    }

    /// Refuses the rename of a type that a stored text other than a default mentions: after `::` or AS, or in the result
    /// of a function. `follows_results` permits mentions in results.
    pub(super) fn require_no_mention_of_type(
        &self,
        name: &ObjectName,
        follows_results: bool,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        let is_followed = |text: &StoredText| text.is_default || (follows_results && text.is_result);
        let mentions_type = |text: &&StoredText| !is_followed(text) && text.mentions_type(name.name());
        refuse_mention(texts.iter().find(mentions_type), name.as_str(), node)
    }

    /// Refuses the rename of a sequence that a stored text mentions elsewhere than in `nextval('…')` of a default.
    pub(super) fn require_no_mention_of_sequence(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        let mentions = |text: &str| mentioned_names(text).any(|word| word == name.name());
        let mentions_sequence = |text: &&StoredText| {
            let mut rest = text.text.to_owned();
            let followed_sequences = if text.is_default { sequences_of_nextval(text.text) } else { Vec::new() };
            followed_sequences.into_iter().rev().for_each(|(range, _)| rest.replace_range(range, "''"));
            mentions(&rest)
        };
        refuse_mention(texts.iter().find(mentions_sequence), name.as_str(), node)
    }

    /// Returns the name, for a message, of an object that uses a type: a table, a function, a different type or the
    /// object of a stored text.
    pub(super) fn user_of_type(&self, name: &ObjectName) -> Option<String> {
        let is_type = |kind: &TypeName| kind.object().as_ref() == Some(name);
        let Schema { tables, functions, types, .. } = &self.schema;
        let table = tables.iter().find(|(_, table)| table.columns.values().any(|column| is_type(&column.kind)));
        let function =
            || functions.iter().find(|(_, function)| function.arguments.iter().any(|argument| is_type(&argument.kind)));
        let kind = || {
            types.iter().find(|(_, kind)| match kind {
                UserType::Domain(domain) => is_type(&domain.base),
                UserType::Composite(kind) => kind.attributes.iter().any(|attribute| is_type(&attribute.kind)),
                UserType::Range(range) => is_type(&range.subtype),
                UserType::Enum(_) => false,
            })
        };
        let text = || {
            let mut texts = stored_texts(&self.schema).into_iter();
            texts.find(|text| mentioned_names(text.text).any(|word| word == name.name())).map(|text| text.owner)
        };
        let table = table.map(|(table, _)| format!("the table {table}"));
        table
            .or_else(|| function().map(|(function, _)| format!("the function {function}")))
            .or_else(|| kind().map(|(kind, _)| format!("the type {kind}")))
            .or_else(text)
    }

    /// Refuses the rename of a function that a stored text mentions. `follows_defaults` permits mentions in defaults.
    pub(super) fn require_no_mention_of_function(
        &self,
        name: &ObjectName,
        follows_defaults: bool,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        let mentions_function = |text: &&StoredText| {
            !(follows_defaults && text.is_default) && mentioned_names(text.text).any(|word| word == name.name())
        };
        refuse_mention(texts.iter().find(mentions_function), name.as_str(), node)
    }

    /// Refuses a change of an object that a stored text mentions.
    pub(super) fn require_no_mention(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        refuse_mention(
            texts.iter().find(|text| mentioned_names(text.text).any(|word| word == name.name())),
            name.as_str(),
            node,
        )
    }

    /// Refuses the rename of a column that a query mentions. In other expressions of the table, `rename_column`
    /// replaces the name.
    pub(super) fn require_no_query_with_column(
        &self,
        table: &ObjectName,
        column: &SqlName,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let column_set = [column.clone()].into();
        let texts = stored_texts(&self.schema);
        let uses_column = |text: &&StoredText| {
            text.has_query()
                && mentions_column(text.text, &column_set)
                && (text.table == Some(table) || text.mentions_relation(table.name()))
        };
        refuse_mention(texts.iter().find(uses_column), &format!("{table}.{column}"), node)
    }

    /// Refuses the rename of a label that a stored text contains as a string or in an array.
    pub(super) fn require_no_label(&self, label: &Label, node: &SyntaxNode) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        let has_label = |text: &&StoredText| {
            lexer::tokens(text.text).unwrap_or_default().iter().any(|token| contains_label(token.text, label))
        };
        refuse_mention(texts.iter().find(has_label), label.as_str(), node)
    }

    /// Refuses `DROP … CASCADE` of an object that a stored text mentions, since the server may drop the text's object.
    pub(super) fn require_no_dependent(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let texts = stored_texts(&self.schema);
        match texts.iter().find(|text| text.mentions_relation(name.name())) {
            Some(text) => unsupported(
                node,
                format!(
                    "CASCADE may also drop a part of {}, which mentions `{name}`; drop that part first",
                    text.owner
                ),
            ),
            None => Ok(()),
        }
    }
}

/// Returns an error if a stored text mentions the object that a statement changes.
fn refuse_mention(mentioning_text: Option<&StoredText>, name: &str, node: &SyntaxNode) -> Parsed<()> {
    match mentioning_text {
        Some(text) => unsupported(
            node,
            format!(
                "nself cannot follow this change of `{name}`, because {} mentions it: drop the latter before the change and create it again afterwards",
                text.owner
            ),
        ),
        None => Ok(()),
    }
}
