//! `CREATE TABLE`: columns and partitions.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{AtNode, Parsed, Parts, Unsupported, expression, number, object, type_name, type_text, unsupported};
use super::{Reader, tree, types};
use crate::database::import::names;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

impl Reader {
    pub(super) fn create_table(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let again = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object(&parts.require(SyntaxKind::TABLE_NAME)?)?;
        self.subject = format!("the table {name}");
        if again && self.schema.tables.contains_key(&name) {
            return unsupported(node, "it exists already, and the two definitions may differ");
        }
        if let Some(of) = parts.take_node(SyntaxKind::PARTITION_OF) {
            let mut of = Parts::of(&of);
            let whole = object(&of.require(SyntaxKind::TABLE_NAME_REF)?)?;
            of.expect_end("PARTITION OF")?;
            let bound = bound(&mut parts)?;
            parts.expect_end("CREATE TABLE ;")?;
            return self.partition(&whole, &name, bound, node);
        }
        let mut table = Table { unlogged: parts.take_node(SyntaxKind::UNLOGGED).is_some(), ..Table::default() };
        let list = parts.require(SyntaxKind::TABLE_ARG_LIST)?;
        if let Some(by) = parts.take_node(SyntaxKind::PARTITION_BY) {
            table.partition_by = Some(partition_by(&by)?);
        }
        self.place("tables", name.as_str(), node)?;
        self.schema.tables.insert(name.clone(), table);
        let mut list = Parts::of(&list);
        for column in list.take_all(SyntaxKind::COLUMN) {
            let taken = self.column(&name, Parts::of(&column)).and_then(|rest| rest.expect_end(""));
            self.record_error(taken);
        }
        for constraint in list.take_rest() {
            let taken = self.constraint(&name, &constraint, None);
            self.record_error(taken);
        }
        let ended = list.expect_end("( ) ,");
        self.record_error(ended);
        parts.expect_end("CREATE TABLE ;")
    }

    /// Reads a column with its constraints; returns the parts that remain.
    pub(super) fn column(&mut self, table: &ObjectName, mut parts: Parts) -> Parsed<Parts> {
        use SyntaxKind::*;
        let node = parts.syntax_node().clone();
        let name = tree::ident(&parts.require(COLUMN_NAME)?)?;
        let Some(kind) = parts.take_type() else {
            return unsupported(&node, format!("{table}.{name}: the syntax of its type is unknown"));
        };
        let text = type_text(&kind)?;
        let counted = ["serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"];
        let serial = counted.contains(&text.as_str());
        let kind = match text.as_str() {
            "smallserial" | "serial2" => TypeName::new("smallint").at(&kind)?,
            "serial" | "serial4" => TypeName::new("integer").at(&kind)?,
            "bigserial" | "serial8" => TypeName::new("bigint").at(&kind)?,
            _ => type_name(&kind)?,
        };
        let mut column = Column {
            kind,
            nullable: !serial,
            default: None,
            identity: None,
            generated: None,
            collation: None,
            comment: None,
            renamed_from: None,
            backfill: None,
            using: None,
        };
        if let Some(found) = parts.take_node(COLLATE) {
            column.collation = collation(&found)?;
        }
        if serial {
            let taken = |name: &ObjectName| self.relation_taken(name);
            let (sequence, default) = types::serial(table, &name, taken).at(&node)?;
            let kind = types::kind_of(&column.kind).unwrap_or_default();
            let owned_by = Some(ColumnOf { table: table.clone(), column: name.clone() });
            self.place("sequences", sequence.as_str(), &node)?;
            self.schema.sequences.insert(sequence, Sequence { kind, owned_by, ..Sequence::default() });
            column.default = Some(default);
        }
        if let Some(found) = parts.take_node(DEFAULT_CONSTRAINT) {
            column.default = Some(default(&found)?);
        }
        if let Some(found) = parts.take_node(GENERATED_CONSTRAINT) {
            let sequence = generated(&mut column, &found)?;
            self.sequence_name(table, &name, sequence);
        }
        for found in parts.take_all(NOT_NULL_CONSTRAINT) {
            let mut not_null = Parts::of(&found);
            if let Some(given) = super::constraint::name(&mut not_null)? {
                let what =
                    format!("the name `{given}` of NOT NULL of {table}.{name} is left out: the server chooses one");
                self.notes.push(Unsupported { at: tree::start(&found), what });
            }
            not_null.expect_end("NOT NULL")?;
            column.nullable = false;
        }
        parts.take_node(NULL_CONSTRAINT);
        column.nullable &= column.identity.is_none();
        if self.table(table, &node)?.columns.insert(name.clone(), column).is_some() {
            return unsupported(&node, format!("there are two columns `{name}`"));
        }
        for kind in [PRIMARY_KEY_CONSTRAINT, UNIQUE_CONSTRAINT, CHECK_CONSTRAINT, REFERENCES_CONSTRAINT] {
            for found in parts.take_all(kind) {
                let taken = self.constraint(table, &found, Some(&name));
                self.record_error(taken);
            }
        }
        Ok(parts)
    }

    /// Adds a note if the sequence of an identity has a name other than the default, which is left out.
    pub(super) fn sequence_name(&mut self, table: &ObjectName, column: &SqlIdent, option: Option<SyntaxNode>) {
        let Some(option) = option else { return };
        let Ok(found) = Parts::of(&option).take_any() else { return };
        let given = tree::path(&found).pop().unwrap_or_default();
        if given != names::default_name(table.name(), Some(column.as_str()), "seq") {
            let what =
                format!("the name `{given}` of the sequence of {table}.{column} is left out: the server chooses one");
            self.notes.push(Unsupported { at: tree::start(&option), what });
        }
    }

    pub(super) fn partition(
        &mut self,
        whole: &ObjectName,
        name: &ObjectName,
        bound: Bound,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        if whole.schema() != name.schema() {
            return unsupported(node, format!("the partition is in another schema than {whole}"));
        }
        let part = tree::named(name.name(), node)?;
        self.partitions.insert(name.clone(), (tree::start(node), whole.clone(), RowSecurity::Off));
        self.table(whole, node)?.partitions.insert(part, bound);
        Ok(())
    }
}

/// Reads the expression after DEFAULT. NULL is kept: for some types the server stores it.
pub fn default(node: &SyntaxNode) -> Parsed<Expression> {
    let mut parts = Parts::of(node);
    super::constraint::name(&mut parts)?;
    let found = parts.take_any()?;
    if found.kind() == SyntaxKind::COLLATE {
        return unsupported(&found, "write COLLATE before DEFAULT, so that it belongs to the column");
    }
    let text = expression(&found)?;
    parts.expect_end("SET DEFAULT")?;
    Ok(text)
}

fn collation(node: &SyntaxNode) -> Parsed<Option<Collation>> {
    let mut parts = Parts::of(node);
    let found = parts.require(SyntaxKind::COLLATION_REF)?;
    parts.expect_end("COLLATE")?;
    let names = tree::path(&found);
    match names.last().map(String::as_str) {
        Some("default") => Ok(None),
        Some("C") => Ok(Some(Collation::C)),
        Some("POSIX") => Ok(Some(Collation::Posix)),
        Some("ucs_basic") => Ok(Some(Collation::UcsBasic)),
        _ => unsupported(&found, format!("nself cannot represent the collation `{}`", names.join("."))),
    }
}

/// Reads GENERATED, and returns the option that names the sequence of an identity.
fn generated(column: &mut Column, node: &SyntaxNode) -> Parsed<Option<SyntaxNode>> {
    let mut parts = Parts::of(node);
    let mut sequence = None;
    super::constraint::name(&mut parts)?;
    if let Some(found) = parts.take_node(SyntaxKind::GENERATED_IDENTITY) {
        let mut found = Parts::of(&found);
        let (identity, name) = identity(&mut found)?;
        column.identity = Some(identity);
        sequence = name;
        found.expect_end("AS IDENTITY")?;
    } else {
        let mut found = Parts::of(&parts.require(SyntaxKind::GENERATED_STORED)?);
        found.require(SyntaxKind::GENERATED_ALWAYS)?;
        found.require(SyntaxKind::STORED)?;
        column.generated = Some(expression(&found.take_any()?)?);
        found.expect_end("AS ( )")?;
    }
    parts.expect_end("GENERATED")?;
    Ok(sequence)
}

/// Reads ALWAYS or BY DEFAULT, and the option that names the sequence. Other options must have their default values.
pub fn identity(parts: &mut Parts) -> Parsed<(Identity, Option<SyntaxNode>)> {
    let mut name = None;
    if let Some(list) = parts.take_node(SyntaxKind::SEQUENCE_OPTION_LIST) {
        let mut options = Parts::of(&list);
        name = options.take_node(SyntaxKind::OPTION_SEQUENCE_NAME);
        let sequence = types::sequence(&mut options)?;
        options.expect_end("( )")?;
        if sequence != (Sequence { kind: sequence.kind, ..Sequence::default() }) {
            return unsupported(&list, "nself cannot represent options of an identity's sequence");
        }
    }
    if parts.take_node(SyntaxKind::GENERATED_ALWAYS).is_some() {
        return Ok((Identity::Always, name));
    }
    parts.require(SyntaxKind::GENERATED_BY_DEFAULT)?;
    Ok((Identity::ByDefault, name))
}

fn partition_by(node: &SyntaxNode) -> Parsed<PartitionBy> {
    let mut parts = Parts::of(node);
    let found = parts.require(SyntaxKind::PARTITION_STRATEGY)?;
    let strategy = match tree::path(&found).concat().as_str() {
        "range" => Strategy::Range,
        "list" => Strategy::List,
        "hash" => Strategy::Hash,
        _ => return unsupported(&found, "nself cannot represent this partition strategy"),
    };
    let mut list = Parts::of(&parts.require(SyntaxKind::PARTITION_ITEM_LIST)?);
    let mut columns: Vec<SqlIdent> = Vec::new();
    for item in list.take_all(SyntaxKind::PARTITION_ITEM) {
        let mut item = Parts::of(&item);
        let found = item.take_any()?;
        if found.kind() != SyntaxKind::NAME_REF {
            return unsupported(&found, "nself can represent partitions by columns, but not by expressions");
        }
        columns.push(tree::ident(&found)?);
        item.expect_end("")?;
    }
    list.expect_end("( ) ,")?;
    parts.expect_end("PARTITION BY")?;
    Ok(PartitionBy { strategy, columns })
}

/// Reads the bound of a partition.
pub fn bound(parts: &mut Parts) -> Parsed<Bound> {
    use SyntaxKind::*;
    let row = |node: &SyntaxNode| -> Parsed<Vec<Expression>> {
        let mut parts = Parts::of(node);
        let all = parts.take_rest().iter().map(expression).collect();
        parts.expect_end("FROM TO IN FOR VALUES ( ) ,")?;
        all
    };
    if parts.take_node(PARTITION_DEFAULT).is_some() {
        return Ok(Bound::Default);
    }
    if let Some(found) = parts.take_node(PARTITION_FOR_VALUES_FROM) {
        let mut found = Parts::of(&found);
        let (from, to) = (found.require(PARTITION_FROM_VALUES)?, found.require(PARTITION_TO_VALUES)?);
        found.expect_end("FOR VALUES FROM TO")?;
        return Ok(Bound::Range { from: row(&from)?, to: row(&to)? });
    }
    if let Some(found) = parts.take_node(PARTITION_FOR_VALUES_IN) {
        return row(&found).map(Bound::In);
    }
    let found = parts.require(PARTITION_FOR_VALUES_WITH)?;
    let mut list = Parts::of(&found);
    let (mut modulus, mut remainder) = (None, None);
    for part in list.take_all(HASH_PARTITION_BOUND) {
        let value =
            u32::try_from(number(&Parts::of(&part).take_any()?)?).map_err(|error| error.to_string()).at(&part)?;
        let word = tree::tokens(&part).next().map(|token| token.text().to_ascii_lowercase());
        *(if word.as_deref() == Some("modulus") { &mut modulus } else { &mut remainder }) = Some(value);
    }
    match (modulus, remainder) {
        (Some(modulus), Some(remainder)) => Ok(Bound::Hash { modulus, remainder }),
        _ => unsupported(&found, "the bound is incomplete"),
    }
}
