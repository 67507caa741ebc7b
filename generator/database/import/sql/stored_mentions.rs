//! Objects that a statement changes and a stored text mentions. The import refuses such a change, because it cannot tell
//! how the server would change the text.

use squawk_syntax::SyntaxNode;

use super::reader::Reader;
use super::rename_label::contains_label;
use super::stored_text::{StoredText, stored_texts};
use super::tree::{Parsed, unsupported};
use crate::database::identifiers::{mentioned_names, mentions_column};
use crate::database::lexer;
use crate::database::migrate::sequences_of_nextval;
use crate::database::model::*;

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
