//! Types, domains and sequences.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{
    AtNode, Parsed, Parts, expression, number, object_from_path, object_name, path, string_content, type_name,
    unsupported,
};
use super::{collation, constraint, tree};
use crate::database::import::names;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads CREATE TYPE.
    pub(super) fn create_type(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let name = object_name(&parts.require(SyntaxKind::TYPE_NAME)?)?;
        self.object_in_messages = format!("the type {name}");
        let kind = if let Some(definition) = parts.take_node(SyntaxKind::ENUM_TYPE) {
            let mut definition = Parts::of(&definition);
            let mut list = Parts::of(&definition.require(SyntaxKind::VARIANT_LIST)?);
            let mut values = Vec::new();
            for variant in list.take_all(SyntaxKind::VARIANT) {
                let text = string_content(&variant)?;
                let label = Label::new(&text).map_err(|reason| format!("the label `{text}`: {reason}"));
                values.push(label.at(&variant)?);
            }
            list.refuse_rest_except("( ) ,")?;
            definition.refuse_rest_except("AS ENUM")?;
            UserType::Enum(Enumeration { values, ..Enumeration::default() })
        } else if let Some(definition) = parts.take_node(SyntaxKind::COMPOSITE_TYPE) {
            let mut definition = Parts::of(&definition);
            let mut list = Parts::of(&definition.require(SyntaxKind::COMPOSITE_FIELD_LIST)?);
            let mut attributes = Vec::new();
            for field in list.take_all(SyntaxKind::COMPOSITE_FIELD_DEF) {
                let mut field = Parts::of(&field);
                let name = tree::ident(&field.require(SyntaxKind::COMPOSITE_FIELD)?)?;
                let kind = type_name(&field.take_any()?)?;
                let collation = collation::take_clause(&mut field)?;
                field.refuse_rest_except("")?;
                attributes.push(Attribute { name, kind, collation });
            }
            list.refuse_rest_except("( ) ,")?;
            definition.refuse_rest_except("AS")?;
            UserType::Composite(Composite { attributes, ..Composite::default() })
        } else {
            return unsupported(node, "nself can represent enumerations, domains and composite types only");
        };
        parts.refuse_rest_except("CREATE TYPE ;")?;
        self.record_declaration("types", name.as_str(), node)?;
        self.schema.types.insert(name, kind);
        Ok(())
    }

    /// Reads CREATE DOMAIN.
    pub(super) fn create_domain(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let name = object_name(&parts.require(SyntaxKind::DOMAIN)?)?;
        self.object_in_messages = format!("the domain {name}");
        let Some(kind) = parts.take_type() else { return unsupported(node, "the syntax of its type is unknown") };
        let mut domain = Domain {
            base: type_name(&kind)?,
            collation: collation::take_clause(&mut parts)?,
            not_null: false,
            default: None,
            checks: Default::default(),
            comment: None,
            renamed_from: None,
        };
        domain.not_null = parts.take_node(SyntaxKind::NOT_NULL_CONSTRAINT).is_some();
        parts.take_node(SyntaxKind::NULL_CONSTRAINT);
        if let Some(clause) = parts.take_node(SyntaxKind::DEFAULT_CONSTRAINT) {
            let (default, collation) = constraint::default_and_collation(&clause)?;
            domain.default = Some(default);
            if let Some(collation) = collation {
                domain.collation = collation::read_collation(&collation)?;
            }
        }
        for clause in parts.take_all(SyntaxKind::CHECK_CONSTRAINT) {
            let mut parts = Parts::of(&clause);
            let check_name = constraint::take_name(&mut parts)?;
            let condition = expression(&parts.take_any()?)?;
            parts.refuse_rest_except("CHECK ( )")?;
            let default_name =
                || names::free_default_name(name.name(), None, "check", |taken| domain.checks.contains_key(taken));
            let check = check_name.map_or_else(|| tree::name_at(&default_name(), &clause), Ok)?;
            domain.checks.insert(check, condition);
        }
        parts.refuse_rest_except("CREATE DOMAIN AS ;")?;
        self.record_declaration("types", name.as_str(), node)?;
        self.schema.types.insert(name, UserType::Domain(domain));
        Ok(())
    }

    /// Reads CREATE SEQUENCE.
    pub(super) fn create_sequence(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(SyntaxKind::IF_NOT_EXISTS).is_some();
        let name = object_name(&parts.require(SyntaxKind::SEQUENCE)?)?;
        self.object_in_messages = format!("the sequence {name}");
        if if_not_exists && self.schema.sequences.contains_key(&name) {
            return Ok(());
        }
        let sequence = sequence_options(&mut parts)?;
        parts.refuse_rest_except("CREATE SEQUENCE ;")?;
        self.record_declaration("sequences", name.as_str(), node)?;
        self.schema.sequences.insert(name, sequence);
        Ok(())
    }

    /// Reads ALTER SEQUENCE.
    pub(super) fn alter_sequence(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let if_exists = parts.take_node(SyntaxKind::IF_EXISTS).is_some();
        let reference = parts.require(SyntaxKind::SEQUENCE_REF)?;
        let name = object_name(&reference)?;
        self.object_in_messages = format!("the sequence {name}");
        self.take_owner(&mut parts)?;
        if let Some(action) = parts.take_node(SyntaxKind::SEQUENCE_RENAME_TO) {
            self.rename_sequence(&name, &action)?;
            return parts.refuse_rest_except("ALTER SEQUENCE ;");
        }
        // The next value of a sequence is no part of a schema.
        parts.take_node(SyntaxKind::OPTION_RESTART);
        if !self.schema.sequences.contains_key(&name) {
            if if_exists && !self.is_sequence_of_identity(&name) {
                return Ok(());
            }
            if self.is_sequence_of_identity(&name) {
                return parts.refuse_rest_except("ALTER SEQUENCE ;");
            }
        }
        let Some(sequence) = self.schema.sequences.get_mut(&name) else {
            return unsupported(&reference, format!("there is no sequence `{name}`"));
        };
        change_sequence(sequence, &mut parts)?;
        parts.refuse_rest_except("ALTER SEQUENCE ;")
    }

    /// Returns whether a name is the one that the server gives the sequence of an identity column.
    pub(super) fn is_sequence_of_identity(&self, name: &ObjectName) -> bool {
        self.schema.tables.iter().filter(|(table, _)| table.schema() == name.schema()).any(|(table, definition)| {
            let mut identities = definition.columns.iter().filter(|(_, column)| column.identity.is_some());
            identities.any(|(column, _)| names::default_name(table.name(), Some(column.as_str()), "seq") == name.name())
        })
    }
}

/// Changes the options of a sequence that ALTER SEQUENCE names; the others stay as they are.
fn change_sequence(sequence: &mut Sequence, parts: &mut Parts) -> Parsed<()> {
    let node = parts.syntax_node().clone();
    let old = sequence.clone();
    let has = |kind: SyntaxKind| node.children().any(|part| part.kind() == kind);
    let new = sequence_options(parts)?;
    use SyntaxKind::*;
    if has(OPTION_AS_TYPE) {
        sequence.kind = new.kind;
    }
    if has(OPTION_INCREMENT) {
        sequence.increment = new.increment;
    }
    if has(OPTION_MIN_VALUE) || has(OPTION_NO_MIN_VALUE) {
        sequence.min = new.min;
    }
    if has(OPTION_MAX_VALUE) || has(OPTION_NO_MAX_VALUE) {
        sequence.max = new.max;
    }
    if has(OPTION_CACHE) {
        sequence.cache = new.cache;
    }
    if has(OPTION_CYCLE) || has(OPTION_NO_CYCLE) {
        sequence.cycle = new.cycle;
    }
    if has(OPTION_OWNED_BY) {
        sequence.owned_by.clone_from(&new.owned_by);
    }
    let is_descending = |sequence: &Sequence| sequence.increment.unwrap_or(1) < 0;
    if is_descending(&old) != is_descending(sequence) {
        return unsupported(&node, "nself cannot follow a sequence that changes its direction; drop and create it");
    }
    // The server keeps the first value of the sequence, also if it was a default that changes now.
    let first = if has(OPTION_START) { &new } else { &old };
    let start = first.start.unwrap_or(first.default_start());
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

/// Returns the name of the sequence of a `serial` column, and the default of the column.
pub fn serial_sequence(
    table: &ObjectName,
    column: &SqlName,
    is_taken: impl Fn(&ObjectName) -> bool,
) -> Result<(ObjectName, Expression), String> {
    let text = names::free_default_name(table.name(), Some(column.as_str()), "seq", |name| {
        SqlName::new(name).is_ok_and(|name| is_taken(&table.in_same_schema(&name)))
    });
    let name = table.in_same_schema(&SqlName::new(&text)?);
    Ok((name.clone(), Expression::new(&format!("nextval({}::regclass)", literal(&name.spelled())))?))
}
