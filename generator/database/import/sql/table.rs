//! Tables, their columns and partitions.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{Parts, Placed, Take, Unsupported, expression, loss, number, object, type_name, type_text};
use super::{Reader, tree, types};
use crate::database::import::names;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

impl Reader {
    pub(super) fn create_table(&mut self, node: &SyntaxNode) -> Take<()> {
        let mut parts = Parts::of(node);
        let again = parts.node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object(&parts.must(SyntaxKind::TABLE_NAME)?)?;
        self.subject = format!("the table {name}");
        if again && self.schema.tables.contains_key(&name) {
            return loss(node, "it is there already, and which of the two is meant cannot be told");
        }
        if let Some(of) = parts.node(SyntaxKind::PARTITION_OF) {
            let mut of = Parts::of(&of);
            let whole = object(&of.must(SyntaxKind::TABLE_NAME_REF)?)?;
            of.end("PARTITION OF")?;
            let bound = bound(&mut parts)?;
            parts.end("CREATE TABLE ;")?;
            return self.partition(&whole, &name, bound, node);
        }
        let mut table = Table { unlogged: parts.node(SyntaxKind::UNLOGGED).is_some(), ..Table::default() };
        let list = parts.must(SyntaxKind::TABLE_ARG_LIST)?;
        if let Some(by) = parts.node(SyntaxKind::PARTITION_BY) {
            table.partition_by = Some(partition_by(&by)?);
        }
        self.place("tables", name.as_str(), node)?;
        self.schema.tables.insert(name.clone(), table);
        let mut list = Parts::of(&list);
        for column in list.nodes(SyntaxKind::COLUMN) {
            let taken = self.column(&name, Parts::of(&column)).and_then(|rest| rest.end(""));
            self.or_lose(taken);
        }
        for constraint in list.rest() {
            let taken = self.constraint(&name, &constraint, None);
            self.or_lose(taken);
        }
        let ended = list.end("( ) ,");
        self.or_lose(ended);
        parts.end("CREATE TABLE ;")
    }

    /// A column with what belongs to it; gives back what is left of its parts.
    pub(super) fn column(&mut self, table: &ObjectName, mut parts: Parts) -> Take<Parts> {
        use SyntaxKind::*;
        let node = parts.all().clone();
        let name = tree::ident(&parts.must(COLUMN_NAME)?)?;
        let Some(kind) = parts.kind() else {
            return loss(&node, format!("{table}.{name}: its type is not understood"));
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
        if let Some(found) = parts.node(COLLATE) {
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
        if let Some(found) = parts.node(DEFAULT_CONSTRAINT) {
            column.default = Some(default(&found)?);
        }
        if let Some(found) = parts.node(GENERATED_CONSTRAINT) {
            let sequence = generated(&mut column, &found)?;
            self.sequence_name(table, &name, sequence);
        }
        for found in parts.nodes(NOT_NULL_CONSTRAINT) {
            let mut not_null = Parts::of(&found);
            if let Some(given) = super::constraint::name(&mut not_null)? {
                let what =
                    format!("the name `{given}` of NOT NULL of {table}.{name} is left out: the server makes one");
                self.notes.push(Unsupported { at: tree::start(&found), what });
            }
            not_null.end("NOT NULL")?;
            column.nullable = false;
        }
        parts.node(NULL_CONSTRAINT);
        column.nullable &= column.identity.is_none();
        if self.table(table, &node)?.columns.insert(name.clone(), column).is_some() {
            return loss(&node, format!("there are two columns `{name}`"));
        }
        for kind in [PRIMARY_KEY_CONSTRAINT, UNIQUE_CONSTRAINT, CHECK_CONSTRAINT, REFERENCES_CONSTRAINT] {
            for found in parts.nodes(kind) {
                let taken = self.constraint(table, &found, Some(&name));
                self.or_lose(taken);
            }
        }
        Ok(parts)
    }

    /// Says when the sequence of an identity is called otherwise than the server would call it.
    pub(super) fn sequence_name(&mut self, table: &ObjectName, column: &SqlIdent, option: Option<SyntaxNode>) {
        let Some(option) = option else { return };
        let Ok(found) = Parts::of(&option).any() else { return };
        let given = tree::path(&found).pop().unwrap_or_default();
        if given != names::made(table.name(), Some(column.as_str()), "seq") {
            let what =
                format!("the name `{given}` of the sequence of {table}.{column} is left out: the server makes one");
            self.notes.push(Unsupported { at: tree::start(&option), what });
        }
    }

    pub(super) fn partition(
        &mut self,
        whole: &ObjectName,
        name: &ObjectName,
        bound: Bound,
        node: &SyntaxNode,
    ) -> Take<()> {
        if whole.schema() != name.schema() {
            return loss(node, format!("the partition is in another schema than {whole}"));
        }
        let part = tree::named(name.name(), node)?;
        self.parts.insert(name.clone(), (tree::start(node), whole.clone(), RowSecurity::Off));
        self.table(whole, node)?.partitions.insert(part, bound);
        Ok(())
    }
}

/// What stands after DEFAULT. NULL is kept too: of some types the server stores it.
pub fn default(node: &SyntaxNode) -> Take<Expression> {
    let mut parts = Parts::of(node);
    super::constraint::name(&mut parts)?;
    let found = parts.any()?;
    if found.kind() == SyntaxKind::COLLATE {
        return loss(&found, "write COLLATE before DEFAULT, so that it belongs to the column");
    }
    let text = expression(&found)?;
    parts.end("SET DEFAULT")?;
    Ok(text)
}

fn collation(node: &SyntaxNode) -> Take<Option<Collation>> {
    let mut parts = Parts::of(node);
    let found = parts.must(SyntaxKind::COLLATION_REF)?;
    parts.end("COLLATE")?;
    let names = tree::path(&found);
    match names.last().map(String::as_str) {
        Some("default") => Ok(None),
        Some("C") => Ok(Some(Collation::C)),
        Some("POSIX") => Ok(Some(Collation::Posix)),
        Some("ucs_basic") => Ok(Some(Collation::UcsBasic)),
        _ => loss(&found, format!("the collation `{}` has no place in the model", names.join("."))),
    }
}

/// Gives back the sequence of an identity, if it has a name of its own.
fn generated(column: &mut Column, node: &SyntaxNode) -> Take<Option<SyntaxNode>> {
    let mut parts = Parts::of(node);
    let mut sequence = None;
    super::constraint::name(&mut parts)?;
    if let Some(found) = parts.node(SyntaxKind::GENERATED_IDENTITY) {
        let mut found = Parts::of(&found);
        let (identity, name) = identity(&mut found)?;
        column.identity = Some(identity);
        sequence = name;
        found.end("AS IDENTITY")?;
    } else {
        let mut found = Parts::of(&parts.must(SyntaxKind::GENERATED_STORED)?);
        found.must(SyntaxKind::GENERATED_ALWAYS)?;
        found.must(SyntaxKind::STORED)?;
        column.generated = Some(expression(&found.any()?)?);
        found.end("AS ( )")?;
    }
    parts.end("GENERATED")?;
    Ok(sequence)
}

/// ALWAYS or BY DEFAULT, with a sequence that counts as it does by itself, and the name of that.
pub fn identity(parts: &mut Parts) -> Take<(Identity, Option<SyntaxNode>)> {
    let mut name = None;
    if let Some(list) = parts.node(SyntaxKind::SEQUENCE_OPTION_LIST) {
        let mut options = Parts::of(&list);
        name = options.node(SyntaxKind::OPTION_SEQUENCE_NAME);
        let sequence = types::sequence(&mut options)?;
        options.end("( )")?;
        if sequence != (Sequence { kind: sequence.kind, ..Sequence::default() }) {
            return loss(&list, "options of an identity's sequence have no place in the model");
        }
    }
    if parts.node(SyntaxKind::GENERATED_ALWAYS).is_some() {
        return Ok((Identity::Always, name));
    }
    parts.must(SyntaxKind::GENERATED_BY_DEFAULT)?;
    Ok((Identity::ByDefault, name))
}

fn partition_by(node: &SyntaxNode) -> Take<PartitionBy> {
    let mut parts = Parts::of(node);
    let found = parts.must(SyntaxKind::PARTITION_STRATEGY)?;
    let strategy = match tree::path(&found).concat().as_str() {
        "range" => Strategy::Range,
        "list" => Strategy::List,
        "hash" => Strategy::Hash,
        _ => return loss(&found, "this strategy has no place in the model"),
    };
    let mut list = Parts::of(&parts.must(SyntaxKind::PARTITION_ITEM_LIST)?);
    let mut columns: Vec<SqlIdent> = Vec::new();
    for item in list.nodes(SyntaxKind::PARTITION_ITEM) {
        let mut item = Parts::of(&item);
        let found = item.any()?;
        if found.kind() != SyntaxKind::NAME_REF {
            return loss(&found, "a table is divided by columns, expressions have no place in the model");
        }
        columns.push(tree::ident(&found)?);
        item.end("")?;
    }
    list.end("( ) ,")?;
    parts.end("PARTITION BY")?;
    Ok(PartitionBy { strategy, columns })
}

/// Which rows a partition holds.
pub fn bound(parts: &mut Parts) -> Take<Bound> {
    use SyntaxKind::*;
    let row = |node: &SyntaxNode| -> Take<Vec<Expression>> {
        let mut parts = Parts::of(node);
        let all = parts.rest().iter().map(expression).collect();
        parts.end("FROM TO IN FOR VALUES ( ) ,")?;
        all
    };
    if parts.node(PARTITION_DEFAULT).is_some() {
        return Ok(Bound::Default);
    }
    if let Some(found) = parts.node(PARTITION_FOR_VALUES_FROM) {
        let mut found = Parts::of(&found);
        let (from, to) = (found.must(PARTITION_FROM_VALUES)?, found.must(PARTITION_TO_VALUES)?);
        found.end("FOR VALUES FROM TO")?;
        return Ok(Bound::Range { from: row(&from)?, to: row(&to)? });
    }
    if let Some(found) = parts.node(PARTITION_FOR_VALUES_IN) {
        return row(&found).map(Bound::In);
    }
    let found = parts.must(PARTITION_FOR_VALUES_WITH)?;
    let mut list = Parts::of(&found);
    let (mut modulus, mut remainder) = (None, None);
    for part in list.nodes(HASH_PARTITION_BOUND) {
        let value = u32::try_from(number(&Parts::of(&part).any()?)?).map_err(|error| error.to_string()).at(&part)?;
        let word = tree::tokens(&part).next().map(|token| token.text().to_ascii_lowercase());
        *(if word.as_deref() == Some("modulus") { &mut modulus } else { &mut remainder }) = Some(value);
    }
    match (modulus, remainder) {
        (Some(modulus), Some(remainder)) => Ok(Bound::Hash { modulus, remainder }),
        _ => loss(&found, "a part of the bound is missing"),
    }
}
