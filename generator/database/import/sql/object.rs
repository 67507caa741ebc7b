//! Reads CREATE, ALTER and DROP of objects that a definition keeps as their SQL.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, ident, object_name, start_offset, summary, unsupported, without_comments};
use super::{publication, storage};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

impl Reader {
    /// Reads a statement that creates, changes or drops an object of a class.
    pub(super) fn change_object(&mut self, class: &'static ObjectClass, node: &SyntaxNode) -> Parsed<()> {
        self.object_in_messages = summary(node);
        match node.kind() {
            kind if kind == class.create => self.create_object(node),
            kind if kind == class.drop => self.drop_sql_object(class, node),
            _ => self.alter_object(class, node),
        }
    }

    /// Reads CREATE of an object, and stores its SQL.
    fn create_object(&mut self, node: &SyntaxNode) -> Parsed<()> {
        // The text of an object in a definition has neither clause, since the definition has each object once. Both are
        // read below.
        let ignored = [SyntaxKind::OR_REPLACE, SyntaxKind::IF_NOT_EXISTS];
        let text: String = node
            .children_with_tokens()
            .filter(|part| !ignored.contains(&part.kind()))
            .map(|part| part.to_string())
            .collect();
        let text = without_comments(&aggregate_with_argument_list(node).unwrap_or(text));
        let statement = text.trim_end_matches(';').trim();
        let create = ObjectStatement::new(statement).at(node)?;
        let object = SqlObject { create, mappings: Default::default(), depends_on: Default::default(), comment: None };
        let Some(identity) = object.identity() else { return unsupported(node, "the name of the object is missing") };
        let key = ObjectKey::new(&identity.key).at(node)?;
        self.declared_at.entry(format!("objects.{key}")).or_insert_with(|| start_offset(node));
        let or_replace = node.children().any(|part| part.kind() == SyntaxKind::OR_REPLACE);
        let if_not_exists = node.children().any(|part| part.kind() == SyntaxKind::IF_NOT_EXISTS);
        match self.schema.objects.get_mut(&key) {
            Some(_) if if_not_exists => {}
            Some(earlier) if or_replace => earlier.create = object.create,
            Some(_) => return unsupported(node, format!("there is already an object `{key}`")),
            None => drop(self.schema.objects.insert(key, object)),
        }
        Ok(())
    }

    /// Returns the object to which the target of COMMENT ON refers, such as `COLLATION german`.
    pub(super) fn object_of_reference(
        &mut self,
        class: &'static ObjectClass,
        node: &SyntaxNode,
    ) -> Parsed<&mut SqlObject> {
        let text = without_comments(&node.text().to_string());
        // The text begins with the words of the class, such as TEXT SEARCH DICTIONARY.
        let mut reference = text.as_str();
        for word in class.words.split(' ') {
            reference = reference.trim_start().get(word.len()..).unwrap_or_default();
        }
        self.object_of_text(class, reference, node)
    }

    /// Returns the object to which a text refers, such as `german` in `DROP COLLATION german`.
    fn object_of_text(&mut self, class: &'static ObjectClass, text: &str, node: &SyntaxNode) -> Parsed<&mut SqlObject> {
        let key = key_of_text(class, text, node)?;
        if !self.schema.objects.contains_key(&key) {
            self.refused.record_missing_key(key.as_str());
        }
        match self.schema.objects.get_mut(&key) {
            Some(object) => Ok(object),
            None if class.words == "PUBLICATION" => {
                let what = format!(
                    "there is no object `{key}`; if a different program creates it, put `CREATE PUBLICATION {};` in front",
                    text.split_whitespace().next().unwrap_or_default()
                );
                unsupported(node, what)
            }
            None => unsupported(node, format!("there is no object `{key}`")),
        }
    }

    /// Reads DROP of one or several objects.
    fn drop_sql_object(&mut self, class: &'static ObjectClass, node: &SyntaxNode) -> Parsed<()> {
        let has_option = |kind: SyntaxKind| node.children().any(|part| part.kind() == kind);
        let (if_exists, cascade) = (has_option(SyntaxKind::IF_EXISTS), has_option(SyntaxKind::CASCADE));
        let ignored = [SyntaxKind::IF_EXISTS, SyntaxKind::CASCADE, SyntaxKind::RESTRICT];
        let parts: Vec<SyntaxNode> = node.children().filter(|part| !ignored.contains(&part.kind())).collect();
        // DROP RULE has one rule in two nodes, its name and its table. DROP OPERATOR has one node, a list of operators.
        let references: Vec<String> = match node.kind() {
            SyntaxKind::DROP_RULE => {
                vec![parts.iter().map(|part| part.text().to_string()).collect::<Vec<_>>().join(" ")]
            }
            SyntaxKind::DROP_OPERATOR => {
                parts.iter().flat_map(SyntaxNode::children).map(|part| part.text().to_string()).collect()
            }
            _ => parts.iter().map(|part| part.text().to_string()).collect(),
        };
        for reference in references {
            let key = key_of_text(class, &reference, node)?;
            if self.schema.objects.remove(&key).is_none() {
                if if_exists {
                    continue;
                }
                return unsupported(node, format!("there is no object `{key}`"));
            }
            self.declared_at.remove(&format!("objects.{key}"));
            if cascade {
                return unsupported(node, "CASCADE may also drop other objects; drop those by their names before");
            }
        }
        Ok(())
    }

    /// Reads ALTER of an object: its owner, the mappings of a text search configuration, the tables of a publication.
    fn alter_object(&mut self, class: &'static ObjectClass, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        if node.children().any(|part| part.kind() == SyntaxKind::OWNER_TO) {
            return self.take_owner(&mut parts);
        }
        let name = parts.take_any()?;
        let mut action = parts.take_any()?;
        let mut reference = name.text().to_string();
        if action.kind() == SyntaxKind::ON_RELATION {
            // A rule has its table after its name.
            reference = format!("{reference} {}", action.text());
            action = parts.take_any()?;
        }
        match action.kind() {
            SyntaxKind::ADD_MAPPING | SyntaxKind::ALTER_MAPPING => {
                read_mapping(self.object_of_text(class, &reference, &name)?, &action)
            }
            SyntaxKind::ADD_PUBLICATION_OBJECTS
            | SyntaxKind::SET_PUBLICATION_OBJECTS
            | SyntaxKind::DROP_PUBLICATION_OBJECTS
            | SyntaxKind::SET_OPTIONS
                if class.create == SyntaxKind::CREATE_PUBLICATION =>
            {
                let object = self.object_of_text(class, &reference, &name)?;
                object.create = publication::with_change(object.create.as_str(), &action)?;
                Ok(())
            }
            SyntaxKind::SET_STATISTICS if storage::read_statistics(&action)?.is_none() => Ok(()),
            SyntaxKind::SET_STATISTICS => {
                let what = "a definition has no field for the precision of extended statistics; leave the statement out, or set that \
                     of the columns with ALTER TABLE";
                unsupported(&action, what)
            }
            kind if RENAMES.contains(&kind) => self.rename_object(class, &reference, &action),
            _ => unsupported(node, format!("nself cannot represent `{}`", summary(node))),
        }
    }
}

/// Kinds of the clauses that give an object a new name or schema.
const RENAMES: [SyntaxKind; 8] = [
    SyntaxKind::SET_SCHEMA,
    SyntaxKind::STATISTICS_RENAME_TO,
    SyntaxKind::PUBLICATION_RENAME_TO,
    SyntaxKind::AGGREGATE_RENAME_TO,
    SyntaxKind::RULE_RENAME_TO,
    SyntaxKind::COLLATION_RENAME_TO,
    SyntaxKind::TEXT_SEARCH_DICTIONARY_RENAME_TO,
    SyntaxKind::TEXT_SEARCH_CONFIGURATION_RENAME_TO,
];

/// Rewrites a CREATE AGGREGATE in the old syntax, which has the type of its argument in the option BASETYPE, to the
/// syntax with a list of arguments: `total (BASETYPE = integer, SFUNC = add)` becomes `total(integer) (SFUNC = add)`.
/// Returns `None` for other statements.
fn aggregate_with_argument_list(node: &SyntaxNode) -> Option<String> {
    use SyntaxKind::{AGGREGATE_NAME, ATTRIBUTE_LIST, ATTRIBUTE_OPTION, CREATE_AGGREGATE, PARAM_LIST};
    let child = |kind: SyntaxKind| node.children().find(|part| part.kind() == kind);
    if node.kind() != CREATE_AGGREGATE || child(PARAM_LIST).is_some() {
        return None;
    }
    let options = child(ATTRIBUTE_LIST)?;
    let options = options.children().filter(|part| part.kind() == ATTRIBUTE_OPTION).map(|part| part.text().to_string());
    let (base_type, other_options): (Vec<String>, Vec<String>) =
        options.partition(|option| option.trim_start().to_ascii_lowercase().starts_with("basetype"));
    let argument = base_type.first()?.split_once('=')?.1.trim();
    let is_any = argument.trim_matches(['"', '\'']).eq_ignore_ascii_case("any");
    let argument = if is_any { "*" } else { argument };
    Some(format!("CREATE AGGREGATE {}({argument}) ({})", child(AGGREGATE_NAME)?.text(), other_options.join(", ")))
}

/// Returns the key of the object to which a text refers, such as `collation german` for `german`.
pub(super) fn key_of_text(class: &'static ObjectClass, text: &str, node: &SyntaxNode) -> Parsed<ObjectKey> {
    match ObjectIdentity::of_reference(class, text) {
        Some(identity) => ObjectKey::new(&identity.key).at(node),
        None => unsupported(node, format!("nself cannot read the name of the {}", class.title())),
    }
}

/// Reads ADD MAPPING or ALTER MAPPING of a text search configuration: the dictionaries for kinds of tokens.
fn read_mapping(object: &mut SqlObject, action: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(action);
    let tokens: Vec<SqlIdent> = parts
        .take_all(SyntaxKind::TEXT_SEARCH_TOKEN_KIND)
        .iter()
        .map(|token| SqlIdent::new(ident(token)?.as_str()).at(token))
        .collect::<Parsed<_>>()?;
    let dictionaries: Vec<ObjectName> = parts
        .take_all(SyntaxKind::TEXT_SEARCH_DICTIONARY_REF)
        .iter()
        .map(|name| {
            let dictionary = object_name(name)?;
            // A definition has the names of built-in dictionaries without a schema, as if they were in `public`.
            Ok(match dictionary.schema() {
                "pg_catalog" => ObjectName::new_in(PUBLIC_SCHEMA, dictionary.name()),
                _ => dictionary,
            })
        })
        .collect::<Parsed<_>>()?;
    parts.refuse_rest_except("ADD ALTER MAPPING FOR WITH ,")?;
    if tokens.is_empty() || dictionaries.is_empty() {
        return unsupported(action, "nself cannot represent this change of a mapping");
    }
    for token in tokens {
        object.mappings.insert(token, dictionaries.clone());
    }
    Ok(())
}
