//! `ALTER TYPE` and `ALTER DOMAIN`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::drop::DropOptions;
use super::reader::Reader;
use super::tree::{
    AtNode, Parsed, Parts, expression, ident, leading_keywords, object_name, string_content, type_name, unsupported,
};
use super::{collation, constraint, tree};
use crate::database::default_names;
use crate::database::model::*;
use crate::values::Checked;

/// Reads a label of an enumeration.
pub(super) fn label(node: &SyntaxNode) -> Parsed<Label> {
    let text = string_content(node)?;
    Label::new(&text).map_err(|reason| format!("the label `{text}`: {reason}")).at(node)
}

impl Reader {
    /// Reads ALTER TYPE or ALTER DOMAIN.
    pub(super) fn alter_type(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = object_name(&parts.take_any()?)?;
        let action = parts.take_any()?;
        if action.kind() == OWNER_TO {
            return self.alter_owner(node);
        }
        self.object_in_messages = format!("the type {name}");
        let adds_constraint = action.kind() == ADD_CONSTRAINT;
        if let Some(clause) = action.descendants().find(|part| adds_constraint && part.kind() == NOT_VALID) {
            let what = format!("NOT VALID of a check of the domain {name} is left out: nself checks the stored values");
            self.note_once(&clause, what);
        }
        match action.kind() {
            TYPE_RENAME_TO | DOMAIN_RENAME_TO => self.rename_type(&name, &action)?,
            SET_SCHEMA => self.move_type(&name, &action)?,
            RENAME_VALUE => self.rename_label(&name, &action)?,
            RENAME_ATTRIBUTE => self.rename_attribute(&name, &action)?,
            _ => match self.schema.types.get_mut(&name) {
                Some(UserType::Enum(enumeration)) if action.kind() == ADD_VALUE => add_label(enumeration, &action)?,
                Some(UserType::Composite(composite)) if action.kind() == ALTER_TYPE_ATTRIBUTE_ACTION_LIST => {
                    change_attributes(composite, &action)?;
                }
                Some(UserType::Domain(domain)) => change_domain(&name, domain, &action)?,
                Some(_) => {
                    return unsupported(&action, format!("nself cannot represent `{}`", leading_keywords(&action)));
                }
                None => return unsupported(node, format!("there is no type `{name}`")),
            },
        }
        parts.refuse_rest_except("ALTER TYPE DOMAIN ;")
    }

    /// Reads RENAME ATTRIBUTE.
    fn rename_attribute(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        DropOptions::take(&mut parts);
        let (from, to) = (ident(&parts.take_any()?)?, ident(&parts.take_any()?)?);
        parts.refuse_rest_except("RENAME ATTRIBUTE TO")?;
        self.require_no_mention(&name.in_same_schema(&from), node)?;
        let Some(UserType::Composite(kind)) = self.schema.types.get_mut(name) else {
            return unsupported(node, format!("there is no composite type `{name}`"));
        };
        if kind.attributes.iter().any(|attribute| attribute.name == to) {
            return unsupported(node, format!("there is already an attribute `{to}`"));
        }
        match kind.attributes.iter_mut().find(|attribute| attribute.name == from) {
            Some(attribute) => attribute.name = to,
            None => return unsupported(node, format!("there is no attribute `{from}`")),
        }
        Ok(())
    }
}

/// Reads ADD VALUE.
fn add_label(enumeration: &mut Enumeration, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let if_not_exists = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
    let before = parts.take_node(SyntaxKind::BEFORE_VALUE);
    let neighbour = before.clone().or_else(|| parts.take_node(SyntaxKind::AFTER_VALUE));
    let new_label = label(&parts.require(SyntaxKind::LITERAL)?)?;
    parts.refuse_rest_except("ADD VALUE")?;
    if enumeration.values.contains(&new_label) {
        return if if_not_exists {
            Ok(())
        } else {
            unsupported(node, format!("the label `{new_label}` already exists"))
        };
    }
    let position = match neighbour {
        None => enumeration.values.len(),
        Some(clause) => {
            let neighbour = label(&Parts::of(&clause).take_any()?)?;
            match enumeration.values.iter().position(|value| *value == neighbour) {
                // BEFORE takes the position of the neighbour, AFTER the next one.
                Some(position) => position + usize::from(before.is_none()),
                None => return unsupported(&clause, format!("it has no label `{neighbour}`")),
            }
        }
    };
    enumeration.values.insert(position, new_label);
    Ok(())
}

/// Reads ADD, DROP and ALTER ATTRIBUTE.
fn change_attributes(kind: &mut Composite, node: &SyntaxNode) -> Parsed<()> {
    use SyntaxKind::*;
    let mut list = Parts::of(node);
    for action in list.take_rest() {
        let mut parts = Parts::of(&action);
        let options = DropOptions::take(&mut parts);
        let name = ident(&parts.take_any()?)?;
        let position = kind.attributes.iter().position(|attribute| attribute.name == name);
        match (action.kind(), position) {
            (ADD_ATTRIBUTE, None) => {
                let attribute_type = type_name(&parts.take_any()?)?;
                let collation = collation::take_clause(&mut parts)?;
                kind.attributes.push(Attribute { name, kind: attribute_type, collation });
                parts.refuse_rest_except("ADD ATTRIBUTE")?;
            }
            (DROP_ATTRIBUTE, Some(position)) => {
                kind.attributes.remove(position);
                parts.refuse_rest_except("DROP ATTRIBUTE")?;
            }
            (DROP_ATTRIBUTE, None) => options.missing(&action, &format!("attribute `{name}`"))?,
            (ALTER_ATTRIBUTE, Some(position)) => {
                kind.attributes[position].kind = type_name(&parts.take_any()?)?;
                kind.attributes[position].collation = collation::take_clause(&mut parts)?;
                parts.refuse_rest_except("ALTER ATTRIBUTE SET DATA TYPE")?;
            }
            _ => return unsupported(&action, format!("nself cannot represent `{}`", leading_keywords(&action))),
        }
    }
    list.refuse_rest_except(",")
}

/// Reads an action of ALTER DOMAIN.
fn change_domain(name: &ObjectName, domain: &mut Domain, node: &SyntaxNode) -> Parsed<()> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    match node.kind() {
        SET_DEFAULT => domain.default = Some(constraint::default_expression(node)?),
        DROP_DEFAULT => domain.default = None,
        SET_NOT_NULL => domain.not_null = true,
        DROP_NOT_NULL => domain.not_null = false,
        VALIDATE_CONSTRAINT => {}
        DROP_CONSTRAINT => {
            let options = DropOptions::take(&mut parts);
            let check = ident(&parts.require(CONSTRAINT_NAME_REF)?)?;
            parts.refuse_rest_except("DROP CONSTRAINT")?;
            if domain.checks.remove(&check).is_none() {
                return options.missing(node, &format!("constraint `{check}`"));
            }
        }
        RENAME_CONSTRAINT => {
            let from = ident(&parts.require(CONSTRAINT_NAME_REF)?)?;
            let to = ident(&parts.require(CONSTRAINT_NAME)?)?;
            parts.refuse_rest_except("RENAME CONSTRAINT TO")?;
            let Some(condition) = domain.checks.remove(&from) else {
                return unsupported(node, format!("there is no constraint `{from}`"));
            };
            if domain.checks.insert(to.clone(), condition).is_some() {
                return unsupported(node, format!("there are two constraints `{to}`"));
            }
        }
        ADD_CONSTRAINT => {
            let mut clause = Parts::of(&parts.require(CHECK_CONSTRAINT)?);
            let declared_name = constraint::take_name(&mut clause)?;
            let condition = expression(&clause.take_any()?)?;
            // NOT VALID postpones the check of stored values, which are not part of a schema.
            clause.take_node(NOT_VALID);
            clause.refuse_rest_except("CHECK ( )")?;
            parts.refuse_rest_except("ADD")?;
            let is_taken = |candidate: &str| domain.checks.contains_key(candidate);
            let default_name = || default_names::free_default_name(name.name(), None, "check", is_taken);
            let check_name = declared_name.map_or_else(|| tree::name_at(&default_name(), node), Ok)?;
            if domain.checks.insert(check_name.clone(), condition).is_some() {
                return unsupported(node, format!("there are two constraints `{check_name}`"));
            }
        }
        _ => return unsupported(node, format!("nself cannot represent `{}`", leading_keywords(node))),
    }
    Ok(())
}
