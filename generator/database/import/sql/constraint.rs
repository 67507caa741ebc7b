//! Constraints of columns and tables. A constraint without a name gets the name that the server would choose.

use std::collections::BTreeSet;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::storage::take_with_parameters;
use super::tree::{
    AtNode, Parsed, Parts, expression, ident, idents, leading_keywords, object_name, tokens, unsupported,
};
use super::{collation, index, tree};
use crate::database::ddl;
use crate::database::ddl::default_key_name;
use crate::database::default_names;
use crate::database::identifiers;
use crate::database::model::*;
use crate::values::Checked;

/// Takes the name of a constraint, if it has one.
pub fn take_name(parts: &mut Parts) -> Parsed<Option<SqlName>> {
    let Some(clause) = parts.take_node(SyntaxKind::CONSTRAINT_NAME_CLAUSE) else { return Ok(None) };
    let mut clause = Parts::of(&clause);
    let name = ident(&clause.require(SyntaxKind::CONSTRAINT_NAME)?)?;
    clause.refuse_rest_except("CONSTRAINT")?;
    Ok(Some(name))
}

/// Reads the expression after DEFAULT. `NULL` is kept, since the server stores this default for some types, such as
/// domains.
pub fn default_expression(node: &SyntaxNode) -> Parsed<Expression> {
    let mut parts = Parts::of(node);
    take_name(&mut parts)?;
    let text = expression(&parts.take_any()?)?;
    parts.refuse_rest_except("SET DEFAULT")?;
    Ok(text)
}

/// Reads DEFAULT in the definition of a column or domain, and the collation after it, which belongs to the column:
/// pg_dump writes `DEFAULT 'x'::text COLLATE "C"`.
pub fn default_and_collation(node: &SyntaxNode) -> Parsed<(Expression, Option<SyntaxNode>)> {
    let mut parts = Parts::of(node);
    take_name(&mut parts)?;
    let (value, collation) = collation::take_collated(&mut parts)?;
    parts.refuse_rest_except("DEFAULT")?;
    Ok((expression(&value)?, collation))
}

/// Takes DEFERRABLE and INITIALLY DEFERRED, and also their opposites, which are the default.
pub fn take_deferrable(parts: &mut Parts) -> Deferrable {
    let is_deferrable = parts.take_node(SyntaxKind::DEFERRABLE_CONSTRAINT_OPTION).is_some();
    let is_deferred = parts.take_node(SyntaxKind::INITIALLY_DEFERRED_CONSTRAINT_OPTION).is_some();
    parts.take_node(SyntaxKind::INITIALLY_IMMEDIATE_CONSTRAINT_OPTION);
    parts.take_node(SyntaxKind::NOT_DEFERRABLE_CONSTRAINT_OPTION);
    match (is_deferrable, is_deferred) {
        (_, true) => Deferrable::Deferred,
        (true, false) => Deferrable::Immediate,
        (false, false) => Deferrable::No,
    }
}

/// Takes the columns of a key, its included columns, its storage parameters, and whether NULLs are equal. `column` is the
/// column at which the key is written, if any.
fn take_key(reader: &mut Reader, parts: &mut Parts, column: Option<&SqlName>) -> Parsed<Unique> {
    let mut parameters = Parts::of(&parts.require(SyntaxKind::INDEX_PARAMETERS)?);
    reader.leave_out_tablespace(&mut parameters);
    let storage = take_with_parameters(&mut parameters)?;
    let mut unique = Unique { columns: column.into_iter().cloned().collect(), storage, ..Unique::default() };
    if let Some(list) = parameters.take_node(SyntaxKind::CONSTRAINT_COLUMN_REF_LIST) {
        unique.columns = idents(&list, SyntaxKind::COLUMN_NAME_REF)?;
    }
    if let Some(include) = parameters.take_node(SyntaxKind::CONSTRAINT_INCLUDE_CLAUSE) {
        let mut include = Parts::of(&include);
        unique.include = idents(&include.require(SyntaxKind::COLUMN_REF_LIST)?, SyntaxKind::COLUMN_NAME_REF)?;
        include.refuse_rest_except("INCLUDE")?;
    }
    unique.nulls_not_distinct = parameters.take_node(SyntaxKind::NULLS_NOT_DISTINCT).is_some();
    parameters.take_node(SyntaxKind::NULLS_DISTINCT);
    parameters.refuse_rest_except("")?;
    Ok(unique)
}

/// The parts that all kinds of constraints have.
struct ConstraintClause<'a> {
    table: &'a ObjectName,
    node: &'a SyntaxNode,
    /// The name, if the constraint has one.
    name: Option<SqlName>,
    /// The column at which the constraint is written, such as `id` in `id integer PRIMARY KEY`; `None` for a constraint
    /// of the table.
    column: Option<&'a SqlName>,
}

impl Reader {
    /// Reads a constraint and adds it to its table. `column` is the column at which the constraint is written, if any.
    pub(super) fn add_constraint(
        &mut self,
        table: &ObjectName,
        node: &SyntaxNode,
        column: Option<&SqlName>,
    ) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let clause = ConstraintClause { table, node, name: take_name(&mut parts)?, column };
        match node.kind() {
            PRIMARY_KEY_CONSTRAINT => self.add_primary_key(clause, parts),
            UNIQUE_CONSTRAINT => self.add_unique(clause, parts),
            CHECK_CONSTRAINT => self.add_check(clause, parts),
            REFERENCES_CONSTRAINT | FOREIGN_KEY_CONSTRAINT => self.add_foreign_key(clause, parts),
            EXCLUDE_CONSTRAINT => self.add_exclude(clause, parts),
            _ => unsupported(node, format!("nself cannot represent `{}`", leading_keywords(node))),
        }
    }

    fn add_primary_key(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        let ConstraintClause { table, node, name, column } = clause;
        let (name, unique) = match self.take_used_index(table, &mut parts)? {
            Some((index, unique)) => (name.or(Some(index)), unique),
            None => (name, take_key(self, &mut parts, column)?),
        };
        let deferrable = take_deferrable(&mut parts);
        parts.refuse_rest_except("PRIMARY KEY")?;
        let name = name.map_or_else(|| self.default_relation_name(table, None, "pkey", node), Ok)?;
        // A partition in `tables` lists only the columns that differ from its table, so a column that is NOT NULL
        // already is not added there.
        let columns = self.schema.columns_of(table);
        let is_nullable = |name: &&SqlName| columns.get(*name).is_some_and(|column| column.nullable);
        for column in unique.columns.iter().filter(is_nullable) {
            self.column_mut(table, column, node)?.nullable = false;
        }
        self.require_free_constraint_name(table, &name, node)?;
        let target = self.table(table, node)?;
        if !target.primary_key.is_empty() {
            return unsupported(node, "there are two primary keys");
        }
        target.primary_key = unique.columns;
        target.primary_key_include = unique.include;
        target.primary_key_deferrable = deferrable;
        target.primary_key_storage = unique.storage;
        target.primary_key_name = Some(name).filter(|name| *name != default_key_name(table));
        Ok(())
    }

    /// Takes USING INDEX from the parts, and removes the index that it names from the table, since the index becomes
    /// the constraint. Returns the name of the index, which is the default name of the constraint, and its columns.
    fn take_used_index(&mut self, table: &ObjectName, parts: &mut Parts) -> Parsed<Option<(SqlName, Unique)>> {
        let Some(clause) = parts.take_node(SyntaxKind::USING_INDEX_NAME) else { return Ok(None) };
        let mut clause_parts = Parts::of(&clause);
        let name = ident(&clause_parts.require(SyntaxKind::INDEX_REF)?)?;
        clause_parts.refuse_rest_except("USING INDEX")?;
        let indexes = &mut self.table(table, &clause)?.indexes;
        let Some(index) = indexes.get(&name) else {
            return unsupported(&clause, format!("the table has no index `{name}`"));
        };
        let columns: Vec<SqlName> = index.columns.iter().filter_map(|column| column.column.clone()).collect();
        let plain_index =
            Index { comment: None, ..ddl::unique_index(&columns, &index.include, index.nulls_not_distinct) };
        if (Index { comment: None, storage: StorageParameters::new(), ..index.clone() }) != plain_index {
            return unsupported(
                &clause,
                format!("the index `{name}` cannot become a constraint: it is not a plain unique index over columns"),
            );
        }
        let unique = Unique {
            columns,
            include: index.include.clone(),
            nulls_not_distinct: index.nulls_not_distinct,
            deferrable: Deferrable::No,
            storage: index.storage.clone(),
        };
        indexes.remove(&name);
        self.declared_at.remove(&format!("indexes.{}", table.in_same_schema(&name)));
        Ok(Some((name, unique)))
    }

    fn add_unique(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        let ConstraintClause { table, node, name, column } = clause;
        let (name, mut unique) = match self.take_used_index(table, &mut parts)? {
            Some((index, unique)) => (name.or(Some(index)), unique),
            None => (name, take_key(self, &mut parts, column)?),
        };
        unique.deferrable = take_deferrable(&mut parts);
        parts.refuse_rest_except("UNIQUE")?;
        let columns: Vec<&str> = unique.columns.iter().chain(&unique.include).map(SqlName::as_str).collect();
        let name = name.map_or_else(|| self.default_relation_name(table, Some(&columns.join("_")), "key", node), Ok)?;
        self.require_free_constraint_name(table, &name, node)?;
        self.table(table, node)?.uniques.insert(name, unique);
        Ok(())
    }

    fn add_check(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        let ConstraintClause { table, node, name, .. } = clause;
        let text = expression(&parts.take_any()?)?;
        let not_valid = parts.take_node(SyntaxKind::NOT_VALID).is_some();
        let no_inherit = parts.take_node(SyntaxKind::NO_INHERIT).is_some();
        parts.refuse_rest_except("CHECK ( )")?;
        // As on the server, the default name contains the column if the check mentions exactly one column.
        let identifiers_in_check: BTreeSet<_> = identifiers::mentioned_names(text.as_str()).collect();
        let columns = &self.table(table, node)?.columns;
        let mentioned_columns: Vec<&str> =
            columns.keys().map(SqlName::as_str).filter(|column| identifiers_in_check.contains(*column)).collect();
        let only_column = match mentioned_columns.as_slice() {
            [column] => Some((*column).to_owned()),
            _ => None,
        };
        let only_column = only_column.as_deref();
        let name = name.map_or_else(|| self.default_constraint_name(table, only_column, "check", node), Ok)?;
        self.require_free_constraint_name(table, &name, node)?;
        self.table(table, node)?.checks.insert(name, CheckConstraint { expression: text, not_valid, no_inherit });
        Ok(())
    }

    fn add_foreign_key(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        use SyntaxKind::*;
        let ConstraintClause { table, node, name, column } = clause;
        let referenced_table = object_name(&parts.require(TABLE_NAME_REF)?)?;
        // A constraint of the table has its columns in the first list and the referenced columns in the second one. A
        // constraint at a column has the referenced columns without a list.
        let mut column_lists = parts.take_all(FOREIGN_KEY_COLUMN_LIST).into_iter();
        let (columns, referenced_columns) = match column {
            Some(column) => {
                let referenced_columns =
                    parts.take_all(COLUMN_NAME_REF).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
                (vec![column.clone()], referenced_columns)
            }
            None => {
                let own_columns =
                    column_lists.next().map_or_else(|| unsupported(node, "the columns of the key are missing"), Ok)?;
                let referenced_columns = column_lists.next().map(|list| idents(&list, COLUMN_NAME_REF)).transpose()?;
                (idents(&own_columns, COLUMN_NAME_REF)?, referenced_columns.unwrap_or_default())
            }
        };
        parts.take_node(MATCH_SIMPLE);
        let match_full = parts.take_node(MATCH_FULL).is_some();
        let (on_delete, on_delete_columns) =
            parts.take_node(ON_DELETE_ACTION).map(|node| foreign_key_action(&node)).transpose()?.unwrap_or_default();
        let (on_update, _) =
            parts.take_node(ON_UPDATE_ACTION).map(|node| foreign_key_action(&node)).transpose()?.unwrap_or_default();
        let deferrable = take_deferrable(&mut parts);
        let not_valid = parts.take_node(NOT_VALID).is_some();
        parts.refuse_rest_except("FOREIGN KEY REFERENCES ( )")?;
        let column_names: Vec<&str> = columns.iter().map(SqlName::as_str).collect();
        let name =
            name.map_or_else(|| self.default_constraint_name(table, Some(&column_names.join("_")), "fkey", node), Ok)?;
        // A key without referenced columns refers to the primary key, which may come later in the file.
        if referenced_columns.is_empty() {
            self.foreign_keys_to_primary_key.push((tree::start_offset(node), table.clone(), name.clone()));
        }
        let references = Target { table: referenced_table, columns: referenced_columns };
        let key = ForeignKey {
            columns,
            references,
            on_delete,
            on_delete_columns,
            on_update,
            deferrable,
            match_full,
            not_valid,
        };
        self.require_free_constraint_name(table, &name, node)?;
        self.table(table, node)?.foreign_keys.insert(name, key);
        Ok(())
    }

    fn add_exclude(&mut self, clause: ConstraintClause, mut parts: Parts) -> Parsed<()> {
        use SyntaxKind::*;
        let ConstraintClause { table, node, name, .. } = clause;
        let mut method = Method::Btree;
        if let Some(clause) = parts.take_node(CONSTRAINT_INDEX_METHOD) {
            let mut clause = Parts::of(&clause);
            method = index::read_method(&clause.require(ACCESS_METHOD_REF)?)?;
            clause.refuse_rest_except("USING")?;
        }
        let mut list = Parts::of(&parts.require(CONSTRAINT_EXCLUSION_LIST)?);
        let mut elements = Vec::new();
        let mut name_parts = Vec::new();
        for element in list.take_all(CONSTRAINT_EXCLUSION) {
            let mut element = Parts::of(&element);
            let operator_node = element.require(OP)?;
            let value = element.take_any()?;
            let operator: String = tokens(&operator_node).map(|token| token.text().to_owned()).collect();
            name_parts.push(index::default_name_part(&value));
            elements.push(ExcludeElement {
                expression: expression(&value)?,
                with: Operator::new(&operator).at(&operator_node)?,
            });
            element.refuse_rest_except("WITH")?;
        }
        list.refuse_rest_except("( ) ,")?;
        let predicate = match parts.take_node(WHERE_CONDITION_CLAUSE) {
            Some(clause) => Some(expression(&Parts::of(&clause).take_any()?)?),
            None => None,
        };
        let storage = take_with_parameters(&mut parts)?;
        self.leave_out_tablespace(&mut parts);
        let deferrable = take_deferrable(&mut parts);
        parts.refuse_rest_except("EXCLUDE")?;
        let name =
            name.map_or_else(|| self.default_relation_name(table, Some(&name_parts.join("_")), "excl", node), Ok)?;
        self.require_free_constraint_name(table, &name, node)?;
        self.table(table, node)?
            .excludes
            .insert(name, Exclude { using: method, elements, predicate, deferrable, storage });
        Ok(())
    }

    /// Returns the default name of an index, or of a constraint with an index: `table_part_label`, such as
    /// `orders_number_key`. No relation has this name yet.
    pub(super) fn default_relation_name(
        &self,
        table: &ObjectName,
        part: Option<&str>,
        label: &str,
        node: &SyntaxNode,
    ) -> Parsed<SqlName> {
        let is_taken =
            |name: &str| SqlName::new(name).is_ok_and(|name| self.is_relation_name_taken(&table.in_same_schema(&name)));
        tree::name_at(&default_names::free_default_name(table.name(), part, label, is_taken), node)
    }

    /// Returns the default name of a check or foreign key: `table_part_label`, such as `orders_customer_id_fkey`. No
    /// check or foreign key of the schema has this name yet.
    fn default_constraint_name(
        &self,
        table: &ObjectName,
        part: Option<&str>,
        label: &str,
        node: &SyntaxNode,
    ) -> Parsed<SqlName> {
        let is_taken = |name: &str| {
            let mut tables_of_schema = self.schema.tables.iter().filter(|(other, _)| other.schema() == table.schema());
            tables_of_schema.any(|(_, table)| table.checks.contains_key(name) || table.foreign_keys.contains_key(name))
        };
        tree::name_at(&default_names::free_default_name(table.name(), part, label, is_taken), node)
    }
}

/// Reads the action after ON DELETE or ON UPDATE, and the columns in brackets after SET NULL or SET DEFAULT.
fn foreign_key_action(node: &SyntaxNode) -> Parsed<(Action, Vec<SqlName>)> {
    // The first two words are ON DELETE or ON UPDATE.
    let words = tokens(node).skip(2).map(|token| token.text().to_ascii_lowercase());
    let words: Vec<String> = words.take_while(|word| word != "(").collect();
    let action = match words.join(" ").as_str() {
        "no action" => Action::NoAction,
        "restrict" => Action::Restrict,
        "cascade" => Action::Cascade,
        "set null" => Action::SetNull,
        "set default" => Action::SetDefault,
        _ => return unsupported(node, format!("nself cannot represent `{}`", leading_keywords(node))),
    };
    let list = node.descendants().find(|part| part.kind() == SyntaxKind::COLUMN_REF_LIST);
    let columns = list.map(|list| idents(&list, SyntaxKind::COLUMN_NAME_REF)).transpose()?;
    Ok((action, columns.unwrap_or_default()))
}
