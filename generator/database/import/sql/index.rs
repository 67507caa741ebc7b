//! `CREATE INDEX`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::derived_name::derived_name;
use super::reader::{AdoptedIndex, Reader};
use super::storage::{read_parameters, take_with_parameters};
use super::tree::{AtNode, Parsed, Parts, expression, ident, object_name, path, unsupported};
use super::{collation, tree};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads CREATE INDEX.
    pub(super) fn create_index(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let if_not_exists = parts.take_node(IF_NOT_EXISTS).is_some();
        let name = parts.take_node(INDEX);
        let on = parts.require(TABLE_RELATION_NAME)?;
        let table = object_name(&on)?;
        let name = name.map(|name| self.index_name(&name)).transpose()?;
        self.leave_out_tablespace(&mut parts);
        let (index, name_parts) = read_index(&mut parts)?;
        parts.refuse_rest_except("CREATE INDEX CONCURRENTLY ON ;")?;
        let is_partitioned = self.schema.tables.get(&table).is_some_and(|table| table.partition_by.is_some());
        let has_only = tree::tokens(&on).next().is_some_and(|token| token.text().eq_ignore_ascii_case("only"));
        // pg_dump writes ONLY for the index of a partitioned table, and attaches the indexes of its partitions later.
        if has_only && !is_partitioned {
            return unsupported(&on, "nself cannot represent `ONLY`");
        }
        let default_part = number_repeated_parts(name_parts).join("_");
        let name = name.map_or_else(|| self.default_relation_name(&table, Some(&default_part), "idx", node), Ok)?;
        if if_not_exists && self.is_relation_name_taken(&table.in_same_schema(&name)) {
            return Ok(());
        }
        self.record_declaration("indexes", table.in_same_schema(&name).as_str(), node)?;
        if let Some(view) = self.schema.views.get_mut(&table).filter(|view| view.materialized) {
            view.indexes.insert(name, index);
        } else {
            if is_partitioned && !has_only {
                self.adopt_indexes_of_partitions(&table, (&table, &name), &index);
            }
            self.table(&table, &on)?.indexes.insert(name, index);
        }
        Ok(())
    }

    /// Takes from each partition the index that the server attaches to a new index of the partitioned table, and records
    /// its name: of those with the same structure, the one that was declared first. `parent` is the table and the name of
    /// the new index.
    fn adopt_indexes_of_partitions(
        &mut self,
        partitioned: &ObjectName,
        parent: (&ObjectName, &SqlName),
        index: &Index,
    ) {
        let is_partition =
            |table: &Table| table.partition_of.as_ref().is_some_and(|partition| partition.table == *partitioned);
        let partitions = self.schema.tables.iter().filter(|(_, table)| is_partition(table));
        let partitions: Vec<ObjectName> = partitions.map(|(name, _)| name.clone()).collect();
        for partition in partitions {
            let declaration = |name: &SqlName| format!("indexes.{}", partition.in_same_schema(name));
            let indexes = self.schema.tables.get(&partition).into_iter().flat_map(|table| &table.indexes);
            let equal_indexes = indexes
                .filter(|(_, other)| other.comment.is_none() && other.structure(false) == index.structure(false))
                .map(|(name, _)| name);
            let adopted_index = equal_indexes.min_by_key(|name| self.declared_at.get(&declaration(name))).cloned();
            match (adopted_index, self.schema.tables.get_mut(&partition)) {
                (Some(name), Some(table)) => {
                    table.indexes.remove(&name);
                    self.declared_at.remove(&declaration(&name));
                    let (partitioned, parent_index) = (parent.0.clone(), parent.1.clone());
                    self.adopted_indexes.push(AdoptedIndex { partition, name, partitioned, parent_index });
                }
                _ => self.adopt_indexes_of_partitions(&partition, parent, index),
            }
        }
    }

    /// Reads the name of an index, without the schema of its table.
    fn index_name(&mut self, node: &SyntaxNode) -> Parsed<SqlName> {
        let names = path(node);
        self.object_in_messages = format!("the index {}", names.join("."));
        tree::name_at(names.last().map_or("", String::as_str), node)
    }
}

/// Reads the definition of an index, and returns it with the parts of its default name: the names of its columns.
fn read_index(parts: &mut Parts) -> Parsed<(Index, Vec<String>)> {
    use SyntaxKind::*;
    let mut index = Index { unique: parts.take_token("UNIQUE"), ..Index::default() };
    if let Some(clause) = parts.take_node(USING_METHOD) {
        let mut clause = Parts::of(&clause);
        index.using = read_method(&clause.require(ACCESS_METHOD_REF)?)?;
        clause.refuse_rest_except("USING")?;
    }
    let mut name_parts = Vec::new();
    // The parser gives the columns of an index the same kind of node as those of PARTITION BY.
    let mut list = Parts::of(&parts.require(PARTITION_ITEM_LIST)?);
    for item in list.take_all(PARTITION_ITEM) {
        name_parts.push(default_name_part(&Parts::of(&item).take_any()?));
        index.columns.push(index_column(&item)?);
    }
    list.refuse_rest_except("( ) ,")?;
    if let Some(clause) = parts.take_node(INDEX_INCLUDE_CLAUSE) {
        index.include = included_columns(&clause)?;
    }
    name_parts.extend(index.include.iter().map(ToString::to_string));
    index.nulls_not_distinct = parts.take_node(NULLS_NOT_DISTINCT).is_some();
    parts.take_node(NULLS_DISTINCT);
    index.storage = take_with_parameters(parts)?;
    if let Some(clause) = parts.take_node(WHERE_CLAUSE) {
        let mut clause = Parts::of(&clause);
        index.predicate = Some(expression(&clause.take_any()?)?);
        clause.refuse_rest_except("WHERE")?;
    }
    Ok((index, name_parts))
}

/// Reads the columns of INCLUDE.
fn included_columns(node: &SyntaxNode) -> Parsed<Vec<SqlName>> {
    let mut clause = Parts::of(node);
    let mut list = Parts::of(&clause.require(SyntaxKind::PARTITION_ITEM_LIST)?);
    let mut columns = Vec::new();
    for item in list.take_all(SyntaxKind::PARTITION_ITEM) {
        let mut item = Parts::of(&item);
        columns.push(ident(&item.require(SyntaxKind::NAME_REF)?)?);
        item.refuse_rest_except("")?;
    }
    list.refuse_rest_except("( ) ,")?;
    clause.refuse_rest_except("INCLUDE")?;
    Ok(columns)
}

/// Appends numbers to repeated parts of a default name, as the server does: `a`, `a` becomes `a`, `a1`.
fn number_repeated_parts(mut parts: Vec<String>) -> Vec<String> {
    for i in 0..parts.len() {
        let count = parts[..i].iter().filter(|other| **other == parts[i]).count();
        if count > 0 {
            parts[i] = format!("{}{count}", parts[i]);
        }
    }
    parts
}

/// Returns the part of a default name for a column or expression: the name that the server derives from it, such as
/// `lower` for `lower(name)`, else `expr`.
pub fn default_name_part(node: &SyntaxNode) -> String {
    derived_name(node).unwrap_or_else(|| "expr".to_owned())
}

/// Reads the name of an operator class. A class of the server has no schema in a definition.
pub fn operator_class(node: &SyntaxNode) -> Parsed<ObjectName> {
    let names = path(node);
    let (schema, name) = match names.as_slice() {
        [schema, name] if schema != "pg_catalog" => (schema.as_str(), name),
        [.., name] => (PUBLIC_SCHEMA, name),
        [] => return unsupported(node, "the name of the operator class is missing"),
    };
    ObjectName::new(ObjectName::new_in(schema, name).as_str()).at(node)
}

/// Reads a column of an index or of the key of a partitioned table.
pub fn index_column(node: &SyntaxNode) -> Parsed<IndexColumn> {
    use SyntaxKind::*;
    let mut parts = Parts::of(node);
    let mut column = IndexColumn::default();
    let (value, collation) = collation::take_collated(&mut parts)?;
    if let Some(collation) = collation {
        column.collation = index_collation(&collation)?;
    }
    match value.kind() {
        NAME_REF => column.column = Some(ident(&value)?),
        _ => column.expression = Some(expression(&value)?),
    }
    if let Some(class) = parts.take_node(OP_CLASS_REF) {
        column.opclass = Some(operator_class(&class)?);
    }
    if let Some(list) = parts.take_node(ATTRIBUTE_LIST) {
        column.opclass_options = read_parameters(&list)?;
    }
    parts.take_node(SORT_ASC);
    column.descending = parts.take_node(SORT_DESC).is_some();
    let (nulls_first, nulls_last) = (parts.take_node(NULLS_FIRST).is_some(), parts.take_node(NULLS_LAST).is_some());
    // Ascending columns have NULLs last by default, descending ones first. The default is not stored.
    column.nulls = match (column.descending, nulls_first, nulls_last) {
        (false, true, _) => Some(Nulls::First),
        (true, _, true) => Some(Nulls::Last),
        _ => None,
    };
    parts.refuse_rest_except("")?;
    Ok(column)
}

/// Reads the collation of an index column. `"default"` is refused: the default of the database can differ from the
/// collation of the column, which an index without COLLATE uses.
fn index_collation(node: &SyntaxNode) -> Parsed<Option<Collation>> {
    match collation::read_collation(node)? {
        None => unsupported(node, "nself cannot represent the default collation in an index; leave COLLATE out"),
        collation => Ok(collation),
    }
}

/// Reads the method of an index.
pub fn read_method(node: &SyntaxNode) -> Parsed<Method> {
    let name = path(node).concat();
    let methods = [
        Method::Btree,
        Method::Hash,
        Method::Gin,
        Method::Gist,
        Method::Spgist,
        Method::Brin,
        Method::Hnsw,
        Method::Ivfflat,
    ];
    match methods.iter().find(|method| method.sql() == name) {
        Some(method) => Ok(*method),
        None => unsupported(node, format!("nself cannot represent the index method `{name}`")),
    }
}
