//! Storage parameters of tables, indexes and operator classes; storage, compression and statistics of columns.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, number, tokens, unsupported};
use crate::database::model::*;
use crate::values::Checked;

/// Takes the clause `WITH (…)` with storage parameters from the parts of a statement.
pub fn take_with_parameters(parts: &mut Parts) -> Parsed<StorageParameters> {
    let Some(clause) = parts.take_node(SyntaxKind::WITH_PARAMS) else { return Ok(StorageParameters::new()) };
    let mut clause = Parts::of(&clause);
    let parameters = read_parameters(&clause.require(SyntaxKind::ATTRIBUTE_LIST)?)?;
    clause.refuse_rest_except("WITH")?;
    Ok(parameters)
}

/// Reads a list of parameters in brackets, such as `(fillfactor = 70, autovacuum_enabled)`. A parameter without a value
/// is `true`, as on the server.
pub fn read_parameters(node: &SyntaxNode) -> Parsed<StorageParameters> {
    let mut list = Parts::of(node);
    let mut parameters = StorageParameters::new();
    for option in list.take_all(SyntaxKind::ATTRIBUTE_OPTION) {
        let words: Vec<String> = tokens(&option).map(|token| token.text().to_owned()).collect();
        let (name, value) = match words.iter().position(|word| word == "=") {
            Some(equals_sign) => (words[..equals_sign].concat(), words[equals_sign + 1..].concat()),
            None => (words.concat(), "true".into()),
        };
        let name = ParameterName::new(&name.replace('"', "").to_ascii_lowercase());
        let value = ParameterValue::new(value.trim_matches('\''));
        let message = |reason| format!("a storage parameter: {reason}");
        parameters.insert(name.map_err(message).at(&option)?, value.map_err(message).at(&option)?);
    }
    list.refuse_rest_except("( ) ,")?;
    Ok(parameters)
}

/// Reads SET STATISTICS; `None` for the default.
pub fn read_statistics(node: &SyntaxNode) -> Parsed<Option<u16>> {
    let mut parts = Parts::of(node);
    if parts.take_token("DEFAULT") {
        parts.refuse_rest_except("SET STATISTICS")?;
        return Ok(None);
    }
    let value = number(&parts.take_any()?)?;
    parts.refuse_rest_except("SET STATISTICS")?;
    // -1 also means the default, and does not fit into `u16`. The server lowers values above 10000 to 10000.
    Ok(u16::try_from(value.min(10_000)).ok())
}

/// Reads STORAGE of a column; `None` for the default of the type.
pub fn read_column_storage(node: &SyntaxNode) -> Parsed<Option<ColumnStorage>> {
    match last_word(node).as_str() {
        "default" => Ok(None),
        "plain" => Ok(Some(ColumnStorage::Plain)),
        "external" => Ok(Some(ColumnStorage::External)),
        "extended" => Ok(Some(ColumnStorage::Extended)),
        "main" => Ok(Some(ColumnStorage::Main)),
        other => unsupported(node, format!("PostgreSQL has no storage `{other}`")),
    }
}

/// Reads COMPRESSION of a column; `None` for the server's default.
pub fn read_compression(node: &SyntaxNode) -> Parsed<Option<ColumnCompression>> {
    match last_word(node).as_str() {
        "default" => Ok(None),
        "pglz" => Ok(Some(ColumnCompression::Pglz)),
        "lz4" => Ok(Some(ColumnCompression::Lz4)),
        other => unsupported(node, format!("PostgreSQL has no compression method `{other}`")),
    }
}

/// Returns the last word of a clause in lower case, without quotes.
fn last_word(node: &SyntaxNode) -> String {
    let last = tokens(node).last().map(|token| token.text().to_ascii_lowercase());
    last.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
}

/// Applies SET or RESET of ALTER TABLE or ALTER INDEX to storage parameters.
pub fn change_parameters(parameters: &mut StorageParameters, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let listed_parameters = read_parameters(&parts.require(SyntaxKind::ATTRIBUTE_LIST)?)?;
    parts.refuse_rest_except("SET RESET")?;
    match node.kind() {
        SyntaxKind::SET_OPTIONS => parameters.extend(listed_parameters),
        _ => parameters.retain(|name, _| !listed_parameters.contains_key(name)),
    }
    Ok(())
}

/// Reads ALTER INDEX … ALTER COLUMN … SET STATISTICS, which numbers the columns from 1.
pub fn read_index_statistics(index: &mut Index, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let value = read_statistics(&parts.require(SyntaxKind::SET_STATISTICS)?)?;
    let number = number(&parts.take_any()?)?;
    parts.refuse_rest_except("ALTER COLUMN")?;
    let column = usize::try_from(number - 1).ok().and_then(|number| index.columns.get_mut(number));
    match column {
        Some(column) => column.statistics = value,
        None => return unsupported(node, format!("the index has no column {number}")),
    }
    Ok(())
}

impl Reader {
    /// Returns an index of a table or materialised view, or an error at the node if there is no such index.
    pub(super) fn index(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<&mut Index> {
        let tables = self.schema.tables.iter_mut().map(|(owner, table)| (owner, &mut table.indexes));
        let views = self.schema.views.iter_mut().map(|(owner, view)| (owner, &mut view.indexes));
        let mut indexes =
            tables.chain(views).flat_map(|(owner, indexes)| indexes.iter_mut().map(move |index| (owner, index)));
        match indexes.find(|(owner, (index, _))| owner.in_same_schema(index) == *name) {
            Some((_, (_, index))) => Ok(index),
            None => unsupported(node, format!("there is no index `{name}`; indexes of constraints do not count")),
        }
    }
}
