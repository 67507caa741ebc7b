//! Sequences.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree;
use super::tree::{
    AtNode, Parsed, Parts, Unsupported, number, object_from_path, object_name, path, start_offset, type_name,
    unsupported,
};
use crate::database::default_names::{free_default_name, identity_sequence_name};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads CREATE SEQUENCE.
    pub(super) fn create_sequence(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object_name(&parts.require(SyntaxKind::SEQUENCE)?)?;
        self.object_in_messages = format!("the sequence {name}");
        if if_not_exists && self.is_relation_name_taken(&name) {
            return Ok(());
        }
        if let Some(clause) = parts.take_node(SyntaxKind::UNLOGGED) {
            // The end of the file shows whether the sequence belongs to an unlogged table, which makes it unlogged,
            // too.
            self.unlogged_sequences.push((start_offset(&clause), name.clone()));
        }
        let sequence = sequence_options(&mut parts)?;
        parts.refuse_rest_except("CREATE SEQUENCE ;")?;
        self.record_declaration("sequences", name.as_str(), node)?;
        self.schema.sequences.insert(name.clone(), sequence);
        self.grant_defaults(&GrantObject::Sequence(name.clone()), name.schema(), node);
        Ok(())
    }

    /// Reads ALTER SEQUENCE.
    pub(super) fn alter_sequence(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_exists = parts.take_node(SyntaxKind::IF_EXISTS).is_some();
        let reference = parts.require(SyntaxKind::SEQUENCE_REF)?;
        let name = object_name(&reference)?;
        self.object_in_messages = format!("the sequence {name}");
        let is_missing = || !self.is_relation_name_taken(&name) && self.identity_of_sequence(&name).is_none();
        if if_exists && is_missing() {
            return Ok(());
        }
        self.take_owner(&mut parts)?;
        if let Some(action) = parts.take_node(SyntaxKind::SEQUENCE_RENAME_TO) {
            self.rename_sequence(&name, &action)?;
            return parts.refuse_rest_except("ALTER SEQUENCE ;");
        }
        if let Some(action) = parts.take_node(SyntaxKind::SET_SCHEMA) {
            self.move_sequence(&name, &action)?;
            return parts.refuse_rest_except("ALTER SEQUENCE ;");
        }
        // The next value of a sequence is no part of a schema.
        if let Some(option) = parts.take_node(SyntaxKind::OPTION_RESTART) {
            self.note_restart(&option, &name.to_string());
        }
        if !self.schema.sequences.contains_key(&name)
            && let Some(owner) = self.identity_of_sequence(&name)
        {
            change_identity_options(self.column_mut(&owner.table, &owner.column, &reference)?, &mut parts)?;
            return parts.refuse_rest_except("ALTER SEQUENCE ;");
        }
        let Some(sequence) = self.schema.sequences.get_mut(&name) else {
            return unsupported(&reference, format!("there is no sequence `{name}`"));
        };
        change_sequence(sequence, &mut parts)?;
        parts.refuse_rest_except("ALTER SEQUENCE ;")
    }

    /// Adds a note about RESTART.
    pub(super) fn note_restart(&mut self, node: &SyntaxNode, sequence: &str) {
        self.note_once(
            node,
            format!("RESTART of {sequence} is left out: the next value of a sequence is no part of a definition"),
        );
    }

    /// Records the name of an identity column's sequence: the one that an option names, else the server's default. A
    /// name that differs from the default is left out with a note.
    pub(super) fn record_identity(
        &mut self,
        table: &ObjectName,
        column: &SqlName,
        node: &SyntaxNode,
        option: Option<SyntaxNode>,
    ) {
        let name_node = option.as_ref().and_then(|option| Parts::of(option).take_any().ok());
        let declared_name = name_node.and_then(|name| path(&name).pop());
        let is_taken =
            |name: &str| SqlName::new(name).is_ok_and(|name| self.is_relation_name_taken(&table.in_same_schema(&name)));
        let default_name = free_default_name(table.name(), Some(column.as_str()), "seq", is_taken);
        let different_name = declared_name.as_ref().filter(|name| **name != default_name);
        if let (Some(sequence), Some(option)) = (different_name, &option) {
            let what = format!(
                "the name `{sequence}` of the sequence of {table}.{column} is left out: the server chooses one"
            );
            self.notes.push(Unsupported { at: start_offset(option), what });
        }
        let sequence = ObjectName::new_in(table.schema(), &declared_name.unwrap_or(default_name));
        self.identity_sequences.insert(sequence.clone(), ColumnOf { table: table.clone(), column: column.clone() });
        self.grant_defaults(&GrantObject::Sequence(sequence), table.schema(), node);
    }

    /// Returns the identity column to which a sequence belongs, by the recorded name of the sequence, else by its
    /// default name.
    pub(super) fn identity_of_sequence(&self, name: &ObjectName) -> Option<ColumnOf> {
        let has_identity = |owner: &&ColumnOf| {
            let column = self.schema.tables.get(&owner.table).and_then(|table| table.columns.get(&owner.column));
            column.is_some_and(|column| column.identity.is_some())
        };
        if let Some(owner) = self.identity_sequences.get(name).filter(has_identity) {
            return Some(owner.clone());
        }
        let tables = self.schema.tables.iter().filter(|(table, _)| table.schema() == name.schema());
        tables.into_iter().find_map(|(table, definition)| {
            let mut identities = definition.columns.iter().filter(|(_, column)| column.identity.is_some());
            let (column, _) = identities.find(|(column, _)| identity_sequence_name(table, column) == *name)?;
            Some(ColumnOf { table: table.clone(), column: column.clone() })
        })
    }

    /// Returns the names of the sequences of all identity columns in schemas.
    pub(super) fn identity_sequences_in(&self, schemas: &[SqlName]) -> Vec<ObjectName> {
        let is_in_schemas = |name: &ObjectName| schemas.iter().any(|schema| schema.as_str() == name.schema());
        let tables = self.schema.tables.iter().filter(|(table, _)| is_in_schemas(table));
        let identities = tables.flat_map(|(table, definition)| {
            let identities = definition.columns.iter().filter(|(_, column)| column.identity.is_some());
            identities.map(move |(column, _)| (table, column))
        });
        let sequence_name = |(table, column): (&ObjectName, &SqlName)| {
            let mut recorded_sequences = self.identity_sequences.iter();
            let is_owner = |owner: &ColumnOf| owner.table == *table && owner.column == *column;
            let default_name = || identity_sequence_name(table, column);
            recorded_sequences.find(|(_, owner)| is_owner(owner)).map_or_else(default_name, |(name, _)| name.clone())
        };
        identities.map(sequence_name).collect()
    }
}

/// Changes the options of the sequence of an identity column. The column itself has the type of the sequence.
pub fn change_identity_options(column: &mut Column, parts: &mut Parts) -> Parsed<()> {
    use SyntaxKind::{OPTION_AS_TYPE, OPTION_OWNED_BY};
    let options = parts.syntax_node().children();
    if let Some(option) = options.into_iter().find(|option| matches!(option.kind(), OPTION_AS_TYPE | OPTION_OWNED_BY)) {
        let what = "nself cannot represent this change of an identity column's sequence; change the column";
        return unsupported(&option, what);
    }
    let mut sequence = Sequence::from(column.identity_options);
    change_sequence(&mut sequence, parts)?;
    column.identity_options = IdentityOptions::from(&sequence);
    Ok(())
}

/// Changes the options of a sequence that ALTER SEQUENCE names. Other options stay as they are.
fn change_sequence(sequence: &mut Sequence, parts: &mut Parts) -> Parsed<()> {
    let node = parts.syntax_node().clone();
    let earlier_sequence = sequence.clone();
    let names_option = |kind: SyntaxKind| node.children().any(|part| part.kind() == kind);
    let options = sequence_options(parts)?;
    use SyntaxKind::*;
    if names_option(OPTION_AS_TYPE) {
        sequence.kind = options.kind;
    }
    if names_option(OPTION_INCREMENT) {
        sequence.increment = options.increment;
    }
    if names_option(OPTION_MIN_VALUE) || names_option(OPTION_NO_MIN_VALUE) {
        sequence.min = options.min;
    }
    if names_option(OPTION_MAX_VALUE) || names_option(OPTION_NO_MAX_VALUE) {
        sequence.max = options.max;
    }
    if names_option(OPTION_CACHE) {
        sequence.cache = options.cache;
    }
    if names_option(OPTION_CYCLE) || names_option(OPTION_NO_CYCLE) {
        sequence.cycle = options.cycle;
    }
    if names_option(OPTION_OWNED_BY) {
        sequence.owned_by.clone_from(&options.owned_by);
    }
    let is_descending = |sequence: &Sequence| sequence.increment.unwrap_or(1) < 0;
    if is_descending(&earlier_sequence) != is_descending(sequence) {
        return unsupported(&node, "nself cannot follow a sequence that changes its direction; drop and create it");
    }
    // The server keeps the first value of the sequence, also if it was a default that changes now.
    let sequence_with_start = if names_option(OPTION_START) { &options } else { &earlier_sequence };
    let start = sequence_with_start.start.unwrap_or(sequence_with_start.default_start());
    sequence.start = Some(start).filter(|start| *start != sequence.default_start());
    Ok(())
}

/// Reads the column after OWNED BY; `None` for NONE.
fn read_owned_by(node: &SyntaxNode) -> Parsed<Option<ColumnOf>> {
    let mut parts = Parts::of(node);
    let Some(reference) = parts.take_node(SyntaxKind::QUALIFIED_COLUMN_NAME_REF) else {
        parts.require(SyntaxKind::OWNED_BY_NONE)?;
        parts.refuse_rest_except("OWNED BY")?;
        return Ok(None);
    };
    let names = path(&reference);
    let Some((column, table)) = names.split_last() else {
        return unsupported(node, "the name of the column is missing");
    };
    Ok(Some(ColumnOf { table: object_from_path(table, &reference)?, column: tree::name_at(column, &reference)? }))
}

/// Takes the options of a sequence.
pub fn sequence_options(parts: &mut Parts) -> Parsed<Sequence> {
    use SyntaxKind::*;
    let mut sequence = Sequence::default();
    if let Some(node) = parts.take_node(OPTION_AS_TYPE) {
        let mut option = Parts::of(&node);
        let kind = type_name(&option.take_any()?)?;
        sequence.kind = sequence_kind(&kind)
            .map_or_else(|| unsupported(&node, "a sequence needs the type smallint, integer or bigint"), Ok)?;
    }
    let mut take_value = |kind: SyntaxKind| -> Parsed<Option<i64>> {
        let Some(node) = parts.take_node(kind) else { return Ok(None) };
        number(&Parts::of(&node).take_any()?).map(Some)
    };
    // A value that equals the server's default is left out.
    sequence.increment = take_value(OPTION_INCREMENT)?.filter(|by| *by != 1);
    sequence.min = take_value(OPTION_MIN_VALUE)?;
    sequence.max = take_value(OPTION_MAX_VALUE)?;
    let default_start = sequence.default_start();
    sequence.start = take_value(OPTION_START)?.filter(|start| *start != default_start);
    let cache = take_value(OPTION_CACHE)?.filter(|count| *count != 1);
    sequence.cache = cache
        .map(|count| u32::try_from(count).map_err(|error| error.to_string()))
        .transpose()
        .at(parts.syntax_node())?;
    sequence.cycle = parts.take_node(OPTION_CYCLE).is_some();
    for default_option in [OPTION_NO_CYCLE, OPTION_NO_MIN_VALUE, OPTION_NO_MAX_VALUE] {
        parts.take_node(default_option);
    }
    if let Some(node) = parts.take_node(OPTION_OWNED_BY) {
        sequence.owned_by = read_owned_by(&node)?;
    }
    Ok(sequence)
}

/// Returns the kind of sequence for a type; `None` if a sequence cannot have the type.
pub fn sequence_kind(kind: &TypeName) -> Option<SequenceKind> {
    match kind.as_str() {
        "smallint" => Some(SequenceKind::Smallint),
        "integer" => Some(SequenceKind::Integer),
        "bigint" => Some(SequenceKind::Bigint),
        _ => None,
    }
}

/// Returns the name of the sequence of a `serial` column, and the default of the column: `orders_id_seq` and
/// `nextval('orders_id_seq'::regclass)`.
pub fn serial_sequence(
    table: &ObjectName,
    column: &SqlName,
    is_taken: impl Fn(&ObjectName) -> bool,
) -> Result<(ObjectName, Expression), String> {
    let default_name = free_default_name(table.name(), Some(column.as_str()), "seq", |name| {
        SqlName::new(name).is_ok_and(|name| is_taken(&table.in_same_schema(&name)))
    });
    let name = table.in_same_schema(&SqlName::new(&default_name)?);
    Ok((name.clone(), Expression::new(&format!("nextval({}::regclass)", literal(&name.spelled())))?))
}
