//! Changes of a column's type, identity and generation.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, type_name, unsupported};
use super::{collation, column, sequence};
use crate::database::lexer::{self, TokenKind};
use crate::database::migrate::with_partitions;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads TYPE of a column. USING has no effect on the schema.
    pub(super) fn retype_column(&mut self, table: &ObjectName, name: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let Some(type_node) = parts.take_type() else {
            return unsupported(node, format!("{table}.{name}: the syntax of its type is unknown"));
        };
        let kind = type_name(&type_node)?;
        let collation = match parts.take_node(SyntaxKind::COLLATE) {
            Some(clause) => collation::read_collation(&Parts::of(&clause).require(SyntaxKind::COLLATION_REF)?)?,
            None => None,
        };
        parts.take_node(SyntaxKind::USING_EXPR);
        parts.refuse_rest_except("SET DATA TYPE")?;
        self.require_no_pending_attachment(table, node)?;
        self.column_mut(table, name, node)?;
        for table in with_partitions(&self.schema, table) {
            let columns = self.schema.tables.get_mut(&table).map(|table| &mut table.columns);
            let Some(column) = columns.and_then(|columns| columns.get_mut(name)) else { continue };
            if column.kind != kind {
                // The stored default keeps the old type.
                column.default =
                    column.default.take().map(|default| typed_string(default, &column.kind)).transpose().at(node)?;
            }
            *column = Column { kind: kind.clone(), collation: collation.clone(), ..column.with_default_storage() };
        }
        Ok(())
    }
}

/// Adds the type to a default that is only a string, as the server stores it: `'new'` becomes `'new'::text`. Returns
/// other defaults unchanged.
fn typed_string(default: Expression, kind: &TypeName) -> Result<Expression, String> {
    let tokens = lexer::tokens(default.as_str()).unwrap_or_default();
    let is_string = matches!(tokens.as_slice(), [token] if token.kind == TokenKind::Literal);
    let base_type = match kind.base() {
        "char" => "bpchar",
        name => name,
    };
    let brackets = if kind.is_array() { "[]" } else { "" };
    if is_string { Expression::new(&format!("{default}::{base_type}{brackets}")) } else { Ok(default) }
}

/// Changes the identity of a column, or makes a generated column an ordinary one. Returns false for other actions.
pub fn change_identity(column: &mut Column, node: &SyntaxNode) -> Parsed<bool> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    match node.kind() {
        DROP_IDENTITY => {
            parts.take_node(IF_EXISTS);
            (column.identity, column.identity_options) = (None, IdentityOptions::default());
            parts.refuse_rest_except("DROP IDENTITY")?;
        }
        DROP_EXPRESSION => {
            parts.take_node(IF_EXISTS);
            if column.is_virtual {
                return unsupported(node, "PostgreSQL cannot make a virtual column a plain one");
            }
            column.generated = None;
            parts.refuse_rest_except("DROP EXPRESSION")?;
        }
        // The next value of the sequence is no part of a schema.
        RESTART => {}
        SET_GENERATED_OPTIONS if column.identity.is_none() => {
            return unsupported(node, "the column is no identity column");
        }
        SET_GENERATED_OPTIONS => {
            for option in parts.take_rest() {
                match option.kind() {
                    SET_GENERATED => {
                        let options = column.identity_options;
                        let mut parts = Parts::of(&option);
                        column::read_identity(column, &mut parts)?;
                        column.identity_options = options;
                        parts.refuse_rest_except("SET GENERATED")?;
                    }
                    SET_SEQUENCE_OPTION => {
                        let mut parts = Parts::of(&option);
                        // The next value of the sequence is no part of a schema.
                        parts.take_node(OPTION_RESTART);
                        sequence::change_identity_options(column, &mut parts)?;
                        parts.refuse_rest_except("SET")?;
                    }
                    RESTART => {}
                    _ => return Ok(false),
                }
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
