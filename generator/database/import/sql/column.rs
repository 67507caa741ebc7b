//! Columns with their clauses, in `CREATE TABLE` and `ALTER TABLE … ADD COLUMN`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{AtNode, Parsed, Parts, Unsupported, expression, type_name, type_text, unsupported};
use super::{collation, constraint, sequence, storage, tree};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads a column with its constraints and adds it to its table; returns the parts that have not been read.
    pub(super) fn add_column(&mut self, table: &ObjectName, mut parts: Parts) -> Parsed<Parts> {
        use SyntaxKind::*;
        let node = parts.syntax_node().clone();
        let name = tree::ident(&parts.require(COLUMN_NAME)?)?;
        let Some(type_node) = parts.take_type() else {
            return unsupported(&node, format!("{table}.{name}: the syntax of its type is unknown"));
        };
        let serial_integer = serial_type(&type_text(&type_node)?);
        let kind = match serial_integer {
            Some(integer) => TypeName::new(integer).at(&node)?,
            None => type_name(&type_node)?,
        };
        let mut column = Column { nullable: serial_integer.is_none(), ..Column::of_type(kind) };
        if serial_integer.is_some() {
            column.default = Some(self.add_serial_sequence(table, &name, &column.kind, &node)?);
        }
        read_default_and_storage(&mut column, &mut parts)?;
        if let Some(clause) = parts.take_node(GENERATED_CONSTRAINT) {
            let sequence_name_option = read_generated(&mut column, &clause)?;
            if column.identity.is_some() {
                self.record_identity(table, &name, &node, sequence_name_option);
            }
        }
        for clause in parts.take_all(NOT_NULL_CONSTRAINT) {
            self.read_not_null(table, &name, &clause)?;
            column.nullable = false;
        }
        // NULL is the default, and an identity column is always NOT NULL.
        parts.take_node(NULL_CONSTRAINT);
        column.nullable &= column.identity.is_none();
        if self.table(table, &node)?.columns.insert(name.clone(), column).is_some() {
            return unsupported(&node, format!("there are two columns `{name}`"));
        }
        let order = self.column_order.entry(table.clone()).or_default();
        // The order may include a dropped column with the same name.
        order.retain(|column| *column != name);
        order.push(name.clone());
        for kind in [PRIMARY_KEY_CONSTRAINT, UNIQUE_CONSTRAINT, CHECK_CONSTRAINT, REFERENCES_CONSTRAINT] {
            for clause in parts.take_all(kind) {
                let result = self.add_constraint(table, &clause, Some(&name));
                self.record_error(result);
            }
        }
        Ok(parts)
    }

    /// Adds the sequence of a `serial` column, and returns the column's default.
    fn add_serial_sequence(
        &mut self,
        table: &ObjectName,
        column: &SqlName,
        kind: &TypeName,
        node: &SyntaxNode,
    ) -> Parsed<Expression> {
        let (sequence, default) =
            sequence::serial_sequence(table, column, |name| self.is_relation_name_taken(name)).at(node)?;
        let kind = sequence::sequence_kind(kind).unwrap_or_default();
        let owned_by = Some(ColumnOf { table: table.clone(), column: column.clone() });
        self.record_declaration("sequences", sequence.as_str(), node)?;
        self.schema.sequences.insert(sequence.clone(), Sequence { kind, owned_by, ..Sequence::default() });
        self.grant_defaults(&GrantObject::Sequence(sequence.clone()), sequence.schema(), node);
        Ok(default)
    }

    /// Reads NOT NULL of a column. A name of the constraint is left out with a note.
    fn read_not_null(&mut self, table: &ObjectName, column: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        if let Some(name) = constraint::take_name(&mut parts)? {
            let what = format!("the name `{name}` of NOT NULL of {table}.{column} is left out: the server chooses one");
            self.notes.push(Unsupported { at: tree::start_offset(node), what });
        }
        parts.refuse_rest_except("NOT NULL")
    }
}

/// Returns the integer type of a column whose declared type is `serial` or one of its variants.
fn serial_type(text: &str) -> Option<&'static str> {
    match text {
        "smallserial" | "serial2" => Some("smallint"),
        "serial" | "serial4" => Some("integer"),
        "bigserial" | "serial8" => Some("bigint"),
        _ => None,
    }
}

/// Reads DEFAULT, COLLATE, STORAGE and COMPRESSION of a column.
fn read_default_and_storage(column: &mut Column, parts: &mut Parts) -> Parsed<()> {
    use SyntaxKind::*;
    if let Some(clause) = parts.take_node(COLLATE) {
        let mut clause = Parts::of(&clause);
        column.collation = collation::read_collation(&clause.require(COLLATION_REF)?)?;
        clause.refuse_rest_except("COLLATE")?;
    }
    if let Some(clause) = parts.take_node(DEFAULT_CONSTRAINT) {
        // COLLATE after DEFAULT belongs to the column.
        let (default, collation) = constraint::default_and_collation(&clause)?;
        column.default = Some(default);
        if let Some(collation) = collation {
            column.collation = collation::read_collation(&collation)?;
        }
    }
    if let Some(clause) = parts.take_node(STORAGE) {
        column.storage = storage::read_column_storage(&clause)?;
    }
    if let Some(clause) = parts.take_node(COMPRESSION_METHOD) {
        column.compression = storage::read_compression(&clause)?;
    }
    Ok(())
}

/// Reads GENERATED, and returns the option that names the sequence of an identity column, if there is one.
fn read_generated(column: &mut Column, node: &SyntaxNode) -> Parsed<Option<SyntaxNode>> {
    let mut parts = Parts::of(node);
    let mut name_option = None;
    // The server ignores a name of this constraint.
    constraint::take_name(&mut parts)?;
    if let Some(clause) = parts.take_node(SyntaxKind::GENERATED_IDENTITY) {
        let mut clause = Parts::of(&clause);
        name_option = read_identity(column, &mut clause)?;
        clause.refuse_rest_except("AS IDENTITY")?;
    } else {
        let mut clause = Parts::of(&parts.require(SyntaxKind::GENERATED_STORED)?);
        clause.require(SyntaxKind::GENERATED_ALWAYS)?;
        // Without STORED or VIRTUAL, PostgreSQL 18 computes the column when it is read; older versions require STORED.
        column.is_virtual = clause.take_node(SyntaxKind::STORED).is_none();
        clause.take_node(SyntaxKind::VIRTUAL);
        column.generated = Some(expression(&clause.take_any()?)?);
        clause.refuse_rest_except("AS ( )")?;
    }
    parts.refuse_rest_except("GENERATED")?;
    Ok(name_option)
}

/// Reads ALWAYS or BY DEFAULT with the options of the sequence. Returns the option `SEQUENCE NAME`, if there is one.
pub fn read_identity(column: &mut Column, parts: &mut Parts) -> Parsed<Option<SyntaxNode>> {
    let mut name_option = None;
    if let Some(list) = parts.take_node(SyntaxKind::SEQUENCE_OPTION_LIST) {
        let mut options = Parts::of(&list);
        name_option = options.take_node(SyntaxKind::OPTION_SEQUENCE_NAME);
        let sequence = sequence::sequence_options(&mut options)?;
        options.refuse_rest_except("( )")?;
        column.identity_options = IdentityOptions::from(&sequence);
    }
    if parts.take_node(SyntaxKind::GENERATED_ALWAYS).is_some() {
        column.identity = Some(Identity::Always);
        return Ok(name_option);
    }
    parts.require(SyntaxKind::GENERATED_BY_DEFAULT)?;
    column.identity = Some(Identity::ByDefault);
    Ok(name_option)
}
