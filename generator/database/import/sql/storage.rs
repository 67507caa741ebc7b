//! Storage parameters of tables, indexes and operator classes, and the statistics of columns.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, number, tokens, unsupported};
use crate::database::model::*;
use crate::values::Checked;

/// Takes WITH with storage parameters from the parts of a statement.
pub fn with_parameters(parts: &mut Parts) -> Parsed<StorageParameters> {
    let Some(clause) = parts.take_node(SyntaxKind::WITH_PARAMS) else { return Ok(StorageParameters::new()) };
    let mut clause = Parts::of(&clause);
    let parameters = parameters(&clause.require(SyntaxKind::ATTRIBUTE_LIST)?)?;
    clause.expect_end("WITH")?;
    Ok(parameters)
}

/// Reads a list of parameters in brackets. A parameter without a value is `true`, as on the server.
pub fn parameters(node: &SyntaxNode) -> Parsed<StorageParameters> {
    let mut list = Parts::of(node);
    let mut all = StorageParameters::new();
    for option in list.take_all(SyntaxKind::ATTRIBUTE_OPTION) {
        let words: Vec<String> = tokens(&option).map(|token| token.text().to_owned()).collect();
        let (name, value) = match words.iter().position(|word| word == "=") {
            Some(sign) => (words[..sign].concat(), words[sign + 1..].concat()),
            None => (words.concat(), "true".into()),
        };
        let name = ParameterName::new(&name.replace('"', "").to_ascii_lowercase());
        let value = ParameterValue::new(value.trim_matches('\''));
        let what = |reason| format!("a storage parameter: {reason}");
        all.insert(name.map_err(what).at(&option)?, value.map_err(what).at(&option)?);
    }
    list.expect_end("( ) ,")?;
    Ok(all)
}

/// Reads SET STATISTICS; `None` for the default.
pub fn statistics(node: &SyntaxNode) -> Parsed<Option<u16>> {
    let mut parts = Parts::of(node);
    if parts.take_token("DEFAULT") {
        parts.expect_end("SET STATISTICS")?;
        return Ok(None);
    }
    let value = number(&parts.take_any()?)?;
    parts.expect_end("SET STATISTICS")?;
    // -1 is the default.
    Ok(u16::try_from(value).ok())
}

/// Applies SET or RESET of ALTER TABLE or ALTER INDEX to storage parameters.
pub fn change_parameters(all: &mut StorageParameters, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let listed = parameters(&parts.require(SyntaxKind::ATTRIBUTE_LIST)?)?;
    parts.expect_end("SET RESET")?;
    match node.kind() {
        SyntaxKind::SET_OPTIONS => all.extend(listed),
        _ => all.retain(|name, _| !listed.contains_key(name)),
    }
    Ok(())
}

/// Reads ALTER INDEX … ALTER COLUMN … SET STATISTICS, which numbers the columns from 1.
pub fn index_statistics(index: &mut Index, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let value = statistics(&parts.require(SyntaxKind::SET_STATISTICS)?)?;
    let place = number(&parts.take_any()?)?;
    parts.expect_end("ALTER COLUMN")?;
    let column = usize::try_from(place - 1).ok().and_then(|place| index.columns.get_mut(place));
    match column {
        Some(column) => column.statistics = value,
        None => return unsupported(node, format!("the index has no column {place}")),
    }
    Ok(())
}

impl Reader {
    /// Returns an index of a table or materialised view that must exist.
    pub(super) fn index(&mut self, name: &ObjectName, node: &SyntaxNode) -> Parsed<&mut Index> {
        let tables = self.schema.tables.iter_mut().map(|(owner, table)| (owner, &mut table.indexes));
        let views = self.schema.views.iter_mut().map(|(owner, view)| (owner, &mut view.indexes));
        let mut indexes =
            tables.chain(views).flat_map(|(owner, indexes)| indexes.iter_mut().map(move |index| (owner, index)));
        match indexes.find(|(owner, (index, _))| owner.beside(index) == *name) {
            Some((_, (_, index))) => Ok(index),
            None => unsupported(node, format!("there is no index `{name}`; indexes of constraints do not count")),
        }
    }
}
