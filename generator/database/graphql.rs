//! A database as Hasura serves it: every table, view and function that it can, relationships from foreign keys,
//! permissions from `api` with the convention's row filter. In the words of Hasura's metadata, version 3.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::model::*;
use super::{ACCESS_POLICY, APP_COLUMN, TENANT_COLUMN, TENANT_POLICY};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::{Checked, SqlIdent, VariableName};

/// The sessions' variables by which rows of the conventions are told apart.
pub const TENANT_VARIABLE: &str = "X-Hasura-Tenant-Id";
pub const APP_VARIABLE: &str = "X-Hasura-Source-Account-Id";

/// One database of a Hasura.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name in Hasura.
    pub name: String,
    /// The variable that holds its URL.
    pub variable: VariableName,
    pub tables: Vec<Tracked>,
    pub functions: Vec<Function>,
}

/// A table or view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tracked {
    pub table: Name,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub object_relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub array_relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub insert_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub select_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub update_permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_permissions: Vec<Permission>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    pub function: Name,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    pub name: String,
    pub schema: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relationship {
    pub name: String,
    pub using: Using,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Using {
    pub foreign_key_constraint_on: On,
}

/// Columns of the table itself, or of another one that refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum On {
    Column(SqlIdent),
    Columns(Vec<SqlIdent>),
    OtherColumn { column: SqlIdent, table: Name },
    OtherColumns { columns: Vec<SqlIdent>, table: Name },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permission {
    pub role: SqlIdent,
    pub permission: Rule,
}

/// Column to a comparison with a variable of the session.
pub type Filter = BTreeMap<SqlIdent, Equal>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Equal {
    #[serde(rename = "_eq")]
    pub value: SessionVariable,
}

/// What of it a kind of permission has, it has; the others are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// What new or changed rows meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Filter>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<SqlIdent, SessionVariable>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<SqlIdent>>,
    /// Which rows there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
}

fn named(name: &ObjectName) -> Name {
    Name { name: name.name().to_owned(), schema: name.schema().to_owned() }
}

/// What is served of a schema, tables before views, each by name.
pub fn tracked(schema: &Schema) -> (Vec<Tracked>, Vec<Function>) {
    let mut tables: BTreeMap<&ObjectName, Tracked> =
        schema.tables.keys().map(|name| (name, Tracked { table: named(name), ..Tracked::default() })).collect();
    relate(schema, &mut tables);
    for (name, table) in &schema.tables {
        let Some(tracked) = tables.get_mut(name) else { continue };
        for (role, api) in &table.api {
            permit(table, role, api, tracked);
        }
    }
    let views = schema.views.keys().map(|name| Tracked { table: named(name), ..Tracked::default() });
    // Hasura takes a function for a field when it gives rows of a table; one that writes would be a query with effects.
    let served = |function: &super::model::Function| {
        let rows = function.returns.as_ref().and_then(|returns| returns.as_str().strip_prefix("SETOF "));
        let table = rows.and_then(|name| ObjectName::new(name.trim()).ok());
        let table = table.is_some_and(|name| schema.tables.contains_key(&name) || schema.views.contains_key(&name));
        table && function.volatility != Volatility::Volatile
    };
    let functions = schema.functions.iter().filter(|(_, function)| served(function));
    let functions = functions.map(|(name, _)| Function { function: named(name) }).collect();
    (tables.into_values().chain(views).collect(), functions)
}

/// Both directions of each foreign key. A name depends on the table's own columns and keys only, and the constraint's name
/// is what is left when another has it.
fn relate(schema: &Schema, tables: &mut BTreeMap<&ObjectName, Tracked>) {
    let mut taken: BTreeMap<&ObjectName, BTreeSet<String>> = BTreeMap::new();
    for (name, table) in &schema.tables {
        taken.insert(name, table.columns.keys().map(ToString::to_string).collect());
    }
    let mut choose = |of: &ObjectName, candidates: &[String]| -> Option<String> {
        let taken = taken.get_mut(of)?;
        let free = candidates.iter().find(|name| !taken.contains(*name))?;
        taken.insert(free.clone());
        Some(free.clone())
    };
    // First what a table says itself.
    for (name, table) in &schema.tables {
        for (constraint, key) in &table.foreign_keys {
            let candidates = [to_one(key), constraint.to_string()];
            let on = match key.columns.as_slice() {
                [column] => On::Column(column.clone()),
                columns => On::Columns(columns.to_vec()),
            };
            if let (Some(chosen), Some(tracked)) = (choose(name, &candidates), tables.get_mut(name)) {
                let using = Using { foreign_key_constraint_on: on };
                tracked.object_relationships.push(Relationship { name: chosen, using });
            }
        }
    }
    for (name, table) in &schema.tables {
        for (constraint, key) in &table.foreign_keys {
            let target = &key.references.table;
            let several = table.foreign_keys.values().filter(|other| other.references.table == *target).count() > 1;
            let by = format!("{}_by_{}", name.name(), to_one(key));
            let plain = if several { by.clone() } else { name.name().to_owned() };
            let candidates = [plain, by, format!("{}_by_{constraint}", name.name())];
            let of = named(name);
            let on = match key.columns.as_slice() {
                [column] => On::OtherColumn { column: column.clone(), table: of },
                columns => On::OtherColumns { columns: columns.to_vec(), table: of },
            };
            if let (Some(chosen), Some(tracked)) = (choose(target, &candidates), tables.get_mut(target)) {
                let relationship = Relationship { name: chosen, using: Using { foreign_key_constraint_on: on } };
                let one = is_unique(table, &key.columns);
                let list = if one { &mut tracked.object_relationships } else { &mut tracked.array_relationships };
                list.push(relationship);
            }
        }
    }
}

/// `author_id` is an author; several columns without the convention's are what they refer to.
fn to_one(key: &ForeignKey) -> String {
    let own: Vec<&SqlIdent> =
        key.columns.iter().filter(|column| ![TENANT_COLUMN, APP_COLUMN].contains(&column.as_str())).collect();
    match own.as_slice() {
        [column] => column.as_str().strip_suffix("_id").filter(|stem| !stem.is_empty()),
        _ => None,
    }
    .unwrap_or(key.references.table.name())
    .to_owned()
}

/// Whether at most one row has these values.
fn is_unique(table: &Table, columns: &[SqlIdent]) -> bool {
    let set = |columns: &[SqlIdent]| columns.iter().cloned().collect::<BTreeSet<_>>();
    let wanted = set(columns);
    set(&table.primary_key) == wanted || table.uniques.values().any(|unique| set(&unique.columns) == wanted)
}

/// The convention's column and the variable that fills it.
fn owner(table: &Table) -> Option<(&'static str, &'static str)> {
    match table.scope {
        Some(Scope::Tenant) => Some((TENANT_COLUMN, TENANT_VARIABLE)),
        Some(Scope::App) => Some((APP_COLUMN, APP_VARIABLE)),
        Some(Scope::Shared) | None => None,
    }
}

fn permit(table: &Table, role: &SqlIdent, api: &Api, tracked: &mut Tracked) {
    let mut set = api.rows.clone();
    if let Some((column, variable)) = owner(table) {
        set.insert(SqlIdent::wrap(column.into()), SessionVariable::wrap(variable.into()));
    }
    let equal = |(column, value): (&SqlIdent, &SessionVariable)| (column.clone(), Equal { value: value.clone() });
    let rows: Filter = set.iter().map(equal).collect();
    let all: Vec<SqlIdent> =
        if api.columns.is_empty() { table.columns.keys().cloned().collect() } else { api.columns.clone() };
    let written = |column: &&SqlIdent| {
        let own = |it: &Column| it.generated.is_none() && it.identity != Some(Identity::Always);
        table.columns.get(*column).is_some_and(own) && !set.contains_key(*column)
    };
    let insert: Vec<SqlIdent> = all.iter().filter(written).cloned().collect();
    let update = insert.iter().filter(|column| !table.primary_key.contains(column)).cloned().collect();
    let select = all.iter().filter(|column| table.columns.contains_key(*column)).cloned().collect();
    let mut give = |right: ApiRight, rule: Rule| {
        if api.may.contains(&right) {
            let permission = Permission { role: role.clone(), permission: rule };
            match right {
                ApiRight::Select => tracked.select_permissions.push(permission),
                ApiRight::Insert => tracked.insert_permissions.push(permission),
                ApiRight::Update => tracked.update_permissions.push(permission),
                ApiRight::Delete => tracked.delete_permissions.push(permission),
            }
        }
    };
    let (check, filter) = (Some(rows.clone()), Some(rows));
    give(ApiRight::Select, Rule { columns: Some(select), filter: filter.clone(), ..Rule::default() });
    give(ApiRight::Insert, Rule { check: check.clone(), set: set.clone(), columns: Some(insert), ..Rule::default() });
    give(ApiRight::Update, Rule { check, columns: Some(update), filter: filter.clone(), ..Rule::default() });
    give(ApiRight::Delete, Rule { filter, ..Rule::default() });
}

/// What contradicts itself, or would show rows that policies hide.
pub fn check(schema: &Schema, root: &FieldPath, findings: &mut Vec<Diagnostic>) {
    for (name, table) in &schema.tables {
        let path = root.key("tables").key(name.as_str());
        for (role, api) in &table.api {
            let path = path.key("api").key(role.as_str());
            if schema.served_by.is_none() {
                findings.push(
                    Diagnostic::error(Code::SchemaInvalid, path.clone())
                        .message("nobody serves the tables of this database")
                        .expected("`served_by = \"hasura\"` beside `tables`"),
                );
            }
            if role.as_str() == "admin" {
                findings.push(
                    Diagnostic::error(Code::SchemaInvalid, path.clone()).message("`admin` may everything already"),
                );
            }
            let columns = api.columns.iter().map(|column| (path.key("columns"), column));
            for (path, column) in columns.chain(api.rows.keys().map(|column| (path.key("rows"), column))) {
                if !table.columns.contains_key(column) {
                    findings.push(
                        Diagnostic::error(Code::SchemaInvalid, path)
                            .message(format!("{name} has no column `{column}`")),
                    );
                }
            }
            if let Some((column, variable)) = owner(table)
                && api.rows.contains_key(column)
            {
                findings.push(
                    Diagnostic::error(Code::Tenancy, path.key("rows").key(column))
                        .message(format!("`{column}` is compared with {variable} in every permission"))
                        .hint("leave it out; the convention adds it"),
                );
            }
            // Policies say it in SQL, which has no place there; whoever serves past them says it again.
            let own = |policy: &&SqlIdent| ![TENANT_POLICY, ACCESS_POLICY].contains(&policy.as_str());
            if let Some(policy) = table.policies.keys().find(own)
                && api.rows.is_empty()
            {
                findings.push(
                    Diagnostic::error(Code::Tenancy, path.clone())
                        .message(format!("the policy `{policy}` hides rows, and the API would show them to `{role}`"))
                        .expected("`rows`, which say in the API's words which rows the role has")
                        .hint(format!("`api.{role}.rows = {{ owner_id = \"X-Hasura-User-Id\" }}`")),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[&str], table: &str) -> ForeignKey {
        let columns: Vec<SqlIdent> = columns.iter().map(|name| SqlIdent::wrap((*name).into())).collect();
        let target = serde_json::json!({ "table": table, "columns": columns });
        serde_json::from_value(serde_json::json!({ "columns": columns, "references": target })).unwrap()
    }

    #[test]
    fn one_row_is_called_after_the_column_that_names_it() {
        for (columns, name) in [
            (&["author_id"] as &[&str], "author"),
            (&["tenant_id", "author_id"], "author"),
            (&["country"], "people"),
            (&["_id"], "people"),
            (&["a", "b"], "people"),
        ] {
            assert_eq!(to_one(&key(columns, "people")), name, "{columns:?}");
        }
    }
}
