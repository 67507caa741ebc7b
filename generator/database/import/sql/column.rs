//! Columns with their clauses, in `CREATE TABLE` and `ALTER TABLE`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, Unsupported, expression, type_name, type_text, unsupported};
use super::{collation, constraint, tree, types};
use crate::database::import::names;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads a column with its constraints; returns the parts that remain.
    pub(super) fn column(&mut self, table: &ObjectName, mut parts: Parts) -> Parsed<Parts> {
        use SyntaxKind::*;
        let node = parts.syntax_node().clone();
        let name = tree::ident(&parts.require(COLUMN_NAME)?)?;
        let Some(kind) = parts.take_type() else {
            return unsupported(&node, format!("{table}.{name}: the syntax of its type is unknown"));
        };
        let serial = serial_type(&type_text(&kind)?);
        let kind = match serial {
            Some(kind) => TypeName::new(kind).at(&node)?,
            None => type_name(&kind)?,
        };
        let mut column = Column { nullable: serial.is_none(), ..Column::of_type(kind) };
        if let Some(clause) = parts.take_node(COLLATE) {
            let mut clause = Parts::of(&clause);
            column.collation = collation::collation(&clause.require(COLLATION_REF)?)?;
            clause.expect_end("COLLATE")?;
        }
        if serial.is_some() {
            column.default = Some(self.serial_sequence(table, &name, &column.kind, &node)?);
        }
        if let Some(clause) = parts.take_node(DEFAULT_CONSTRAINT) {
            column.default = Some(constraint::default(&clause)?);
        }
        if let Some(clause) = parts.take_node(GENERATED_CONSTRAINT) {
            let sequence = generated(&mut column, &clause)?;
            self.sequence_name(table, &name, sequence);
        }
        for clause in parts.take_all(NOT_NULL_CONSTRAINT) {
            self.not_null(table, &name, &clause)?;
            column.nullable = false;
        }
        parts.take_node(NULL_CONSTRAINT);
        column.nullable &= column.identity.is_none();
        if self.table(table, &node)?.columns.insert(name.clone(), column).is_some() {
            return unsupported(&node, format!("there are two columns `{name}`"));
        }
        for kind in [PRIMARY_KEY_CONSTRAINT, UNIQUE_CONSTRAINT, CHECK_CONSTRAINT, REFERENCES_CONSTRAINT] {
            for clause in parts.take_all(kind) {
                let result = self.constraint(table, &clause, Some(&name));
                self.record_error(result);
            }
        }
        Ok(parts)
    }

    /// Adds the sequence of a `serial` column, and returns the column's default.
    fn serial_sequence(
        &mut self,
        table: &ObjectName,
        column: &SqlName,
        kind: &TypeName,
        node: &SyntaxNode,
    ) -> Parsed<Expression> {
        let (sequence, default) = types::serial(table, column, |name| self.relation_taken(name)).at(node)?;
        let kind = types::kind_of(kind).unwrap_or_default();
        let owned_by = Some(ColumnOf { table: table.clone(), column: column.clone() });
        self.place("sequences", sequence.as_str(), node)?;
        self.schema.sequences.insert(sequence, Sequence { kind, owned_by, ..Sequence::default() });
        Ok(default)
    }

    /// Reads NOT NULL of a column, and adds a note if it has a name, which is left out.
    fn not_null(&mut self, table: &ObjectName, column: &SqlName, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        if let Some(name) = constraint::name(&mut parts)? {
            let what = format!("the name `{name}` of NOT NULL of {table}.{column} is left out: the server chooses one");
            self.notes.push(Unsupported { at: tree::start(node), what });
        }
        parts.expect_end("NOT NULL")
    }

    /// Adds a note if the sequence of an identity has a name other than the default, which is left out.
    pub(super) fn sequence_name(&mut self, table: &ObjectName, column: &SqlName, option: Option<SyntaxNode>) {
        let Some(option) = option else { return };
        let Ok(name) = Parts::of(&option).take_any() else { return };
        let sequence = tree::path(&name).pop().unwrap_or_default();
        if sequence != names::default_name(table.name(), Some(column.as_str()), "seq") {
            let what = format!(
                "the name `{sequence}` of the sequence of {table}.{column} is left out: the server chooses one"
            );
            self.notes.push(Unsupported { at: tree::start(&option), what });
        }
    }
}

/// Returns the type of a column that is declared as `serial` or a similar word.
fn serial_type(text: &str) -> Option<&'static str> {
    match text {
        "smallserial" | "serial2" => Some("smallint"),
        "serial" | "serial4" => Some("integer"),
        "bigserial" | "serial8" => Some("bigint"),
        _ => None,
    }
}

/// Reads GENERATED, and returns the option that names the sequence of an identity.
fn generated(column: &mut Column, node: &SyntaxNode) -> Parsed<Option<SyntaxNode>> {
    let mut parts = Parts::of(node);
    let mut sequence = None;
    constraint::name(&mut parts)?;
    if let Some(clause) = parts.take_node(SyntaxKind::GENERATED_IDENTITY) {
        let mut clause = Parts::of(&clause);
        sequence = identity(column, &mut clause)?;
        clause.expect_end("AS IDENTITY")?;
    } else {
        let mut clause = Parts::of(&parts.require(SyntaxKind::GENERATED_STORED)?);
        clause.require(SyntaxKind::GENERATED_ALWAYS)?;
        clause.require(SyntaxKind::STORED)?;
        column.generated = Some(expression(&clause.take_any()?)?);
        clause.expect_end("AS ( )")?;
    }
    parts.expect_end("GENERATED")?;
    Ok(sequence)
}

/// Reads ALWAYS or BY DEFAULT with the options of the sequence, and returns the option that names the sequence.
pub fn identity(column: &mut Column, parts: &mut Parts) -> Parsed<Option<SyntaxNode>> {
    let mut name = None;
    if let Some(list) = parts.take_node(SyntaxKind::SEQUENCE_OPTION_LIST) {
        let mut options = Parts::of(&list);
        name = options.take_node(SyntaxKind::OPTION_SEQUENCE_NAME);
        let sequence = types::sequence(&mut options)?;
        options.expect_end("( )")?;
        column.identity_options = IdentityOptions::from(&sequence);
    }
    if parts.take_node(SyntaxKind::GENERATED_ALWAYS).is_some() {
        column.identity = Some(Identity::Always);
        return Ok(name);
    }
    parts.require(SyntaxKind::GENERATED_BY_DEFAULT)?;
    column.identity = Some(Identity::ByDefault);
    Ok(name)
}
