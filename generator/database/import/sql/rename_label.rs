//! `ALTER TYPE … RENAME VALUE`. The server stores the values of an enumeration by their identity, so they follow the
//! rename: in defaults, also of arrays and of domains over the enumeration, and in the bounds of partitions.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::SyntaxNode;

use super::alter_type::label;
use super::reader::Reader;
use super::tree::{Parsed, Parts, unsupported};
use crate::database::lexer;
use crate::database::model::*;
use crate::values::Checked;

/// A label that gets a new text.
struct Renaming {
    from: Label,
    to: Label,
}

impl Reader {
    /// Reads RENAME VALUE. Also changes the label in defaults and bounds that are only a value: `'old'`, `'old'::status`
    /// or `'{old}'`.
    pub(super) fn rename_label(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let renaming = Renaming { from: label(&parts.take_any()?)?, to: label(&parts.take_any()?)? };
        parts.refuse_rest_except("RENAME VALUE TO")?;
        let Some(UserType::Enum(enumeration)) = self.schema.types.get_mut(name) else {
            return unsupported(node, format!("there is no enumeration `{name}`"));
        };
        if enumeration.values.contains(&renaming.to) {
            return unsupported(node, format!("the label `{}` already exists", renaming.to));
        }
        let Some(position) = enumeration.values.iter().position(|value| *value == renaming.from) else {
            return unsupported(node, format!("it has no label `{}`", renaming.from));
        };
        enumeration.values[position] = renaming.to.clone();
        let types = self.types_with_labels(name);
        self.rename_label_in_bounds(&types, &renaming);
        self.rename_label_in_defaults(&types, &renaming);
        self.require_no_label(&renaming.from, node)
    }

    /// Returns the names of an enumeration and of the domains over it.
    fn types_with_labels(&self, enumeration: &ObjectName) -> BTreeSet<ObjectName> {
        let holds_labels = |base: &TypeName| {
            let base = self.schema.without_domains(base);
            !base.is_array() && base.object().as_ref() == Some(enumeration)
        };
        let is_domain_over_it =
            |kind: &UserType| matches!(kind, UserType::Domain(domain) if holds_labels(&domain.base));
        let domains = self.schema.types.iter().filter(|(_, kind)| is_domain_over_it(kind)).map(|(name, _)| name);
        domains.chain([enumeration]).cloned().collect()
    }

    /// Changes a label in the defaults of columns and domains.
    fn rename_label_in_defaults(&mut self, types: &BTreeSet<ObjectName>, renaming: &Renaming) {
        let columns = self.schema.tables.values_mut().flat_map(|table| table.columns.values_mut());
        for column in columns.filter(|column| holds_labels(&column.kind, types)) {
            column.default.iter_mut().for_each(|default| renaming.apply(default, column.kind.is_array()));
        }
        for kind in self.schema.types.values_mut() {
            if let UserType::Domain(domain) = kind
                && holds_labels(&domain.base, types)
            {
                domain.default.iter_mut().for_each(|default| renaming.apply(default, domain.base.is_array()));
            }
        }
    }

    /// Changes a label in the bounds of partitions.
    fn rename_label_in_bounds(&mut self, types: &BTreeSet<ObjectName>, renaming: &Renaming) {
        // Maps a partitioned table to the types of its key; `None` for an expression.
        let key_types: BTreeMap<ObjectName, Vec<Option<TypeName>>> = self
            .schema
            .tables
            .iter()
            .filter_map(|(name, table)| {
                let columns = self.schema.columns_of(name);
                let kind = |key: &PartitionKey| Some(columns.get(key.column.as_ref()?)?.kind.clone());
                Some((name.clone(), table.partition_by.as_ref()?.columns.iter().map(kind).collect()))
            })
            .collect();
        let partitions = self.schema.tables.values_mut().filter_map(|table| table.partition_of.as_mut());
        let bounds = partitions.map(|partition| (&partition.table, &mut partition.bound));
        let attached_bounds = self.attached_tables.iter_mut().map(|table| (&table.partitioned, &mut table.bound));
        for (partitioned, bound) in bounds.chain(attached_bounds) {
            let Some(key_types) = key_types.get(partitioned) else { continue };
            let rename = |value: &mut Expression, kind: &Option<TypeName>| {
                if let Some(kind) = kind.as_ref().filter(|kind| holds_labels(kind, types)) {
                    renaming.apply(value, kind.is_array());
                }
            };
            match bound {
                // The key of a list is one column.
                Bound::In(values) => {
                    values.iter_mut().zip(key_types.iter().cycle()).for_each(|(value, kind)| rename(value, kind));
                }
                Bound::Range { from, to } => {
                    from.iter_mut().zip(key_types).for_each(|(value, kind)| rename(value, kind));
                    to.iter_mut().zip(key_types).for_each(|(value, kind)| rename(value, kind));
                }
                Bound::Hash { .. } | Bound::Default => {}
            }
        }
    }
}

/// Returns whether the values of a type, or of the elements of an array, are labels.
fn holds_labels(kind: &TypeName, types: &BTreeSet<ObjectName>) -> bool {
    kind.object().is_some_and(|object| types.contains(&object))
}

impl Renaming {
    /// Changes an expression that is only a string, perhaps with a cast after it.
    fn apply(&self, expression: &mut Expression, is_array: bool) {
        let text = expression.as_str();
        let tokens = lexer::tokens(text).unwrap_or_default();
        let Some(string) = tokens.first() else { return };
        let cast = &text[string.at + string.text.len()..];
        let is_only_string = cast.is_empty() || cast.trim_start().starts_with("::");
        let Some(content) = content_of_string(string.text).filter(|_| is_only_string) else { return };
        let new_content = if is_array {
            with_element(&content, self.from.as_str(), self.to.as_str())
        } else if content == self.from.as_str() {
            self.to.to_string()
        } else {
            return;
        };
        *expression = Expression::wrap(format!("{}{cast}", literal(&new_content)));
    }
}

/// Returns the content of a plain string such as `'it''s'`; `None` for other tokens.
fn content_of_string(token: &str) -> Option<String> {
    Some(token.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
}

/// Returns whether a token is a string that is a label, or an array with the label.
pub fn contains_label(token: &str, label: &Label) -> bool {
    let is_array_with_label = |content: &str| {
        content.trim_start().starts_with('{')
            && elements(content).iter().any(|part| element_value(part) == label.as_str())
    };
    content_of_string(token).is_some_and(|content| content == label.as_str() || is_array_with_label(&content))
}

/// Returns the text of an array, such as `{a,b}`, with a new value in place of an element.
fn with_element(array: &str, from: &str, to: &str) -> String {
    let is_plain = to.chars().all(|c| c.is_alphanumeric() || c == '_') && !to.eq_ignore_ascii_case("null");
    let new_element =
        if is_plain { to.to_owned() } else { format!("\"{}\"", to.replace('\\', "\\\\").replace('"', "\\\"")) };
    elements(array).into_iter().map(|part| if element_value(part) == from { &new_element } else { part }).collect()
}

/// Splits the text of an array into its elements and the signs and blanks between them.
fn elements(array: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = array;
    while let Some(first) = rest.chars().next() {
        let is_sign = |c: char| matches!(c, '{' | '}' | ',') || c.is_whitespace();
        let length = if is_sign(first) {
            first.len_utf8()
        } else {
            let (mut is_quoted, mut is_escaped) = (false, false);
            let end = rest.char_indices().find(|(_, c)| {
                let is_end = !is_quoted && !is_escaped && matches!(c, '{' | '}' | ',');
                is_quoted ^= *c == '"' && !is_escaped;
                is_escaped = *c == '\\' && !is_escaped;
                is_end
            });
            rest[..end.map_or(rest.len(), |(at, _)| at)].trim_end().len()
        };
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Returns the value of an element of an array, without its double quotes and backslashes.
fn element_value(element: &str) -> String {
    let content = element.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(element);
    let mut value = String::new();
    let mut characters = content.chars();
    while let Some(c) = characters.next() {
        value.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_arrays_are_renamed() {
        for (array, expected) in [
            ("{a,b}", "{z z,b}"),
            ("{ \"a\" , {b,a} }", "{ z z , {b,z z} }"),
            ("{\"a,b\",ab,\\a,a b}", "{\"a,b\",ab,z z,a b}"),
        ] {
            assert_eq!(with_element(array, "a", "z z"), expected.replace("z z", "\"z z\""), "{array}");
        }
        assert_eq!(with_element("{\"it\\\"s\",x}", "it\"s", "null"), "{\"null\",x}");
        assert_eq!(with_element("{\"x y\"}", "x y", "é"), "{é}");
    }
}
