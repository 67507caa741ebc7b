//! SQL of grants.

use std::collections::BTreeSet;

use super::role;
use crate::database::model::*;
use crate::values::SqlIdent;

/// An object on which roles have privileges.
#[derive(Clone, Copy)]
pub struct GrantTarget<'a> {
    /// Keyword in GRANT; a view is a table.
    pub kind: &'a str,
    /// Name in SQL.
    pub object: &'a str,
    /// The column, if the privileges concern one column of a table.
    pub column: Option<&'a SqlName>,
}

impl<'a> GrantTarget<'a> {
    pub fn new(kind: &'a str, object: &'a str) -> Self {
        GrantTarget { kind, object, column: None }
    }

    /// Returns one statement for each role: `verb` before the privileges, `to` before the role, `end` after it.
    fn statements<P: Privilege>(
        &self,
        verb: &str,
        grants: &Grants<P>,
        (to, end): (&str, &str),
    ) -> impl Iterator<Item = String> {
        let granted = grants.iter().filter(|(_, held)| !held.is_empty());
        let GrantTarget { kind, object, .. } = self;
        let statement = |(name, held): (&SqlIdent, &BTreeSet<P>)| {
            let held: Vec<String> = held.iter().map(|privilege| self.privilege(privilege.sql())).collect();
            format!("{verb} {} ON {kind} {object} {to} {}{end};", held.join(", "), role(name))
        };
        granted.map(statement).collect::<Vec<_>>().into_iter()
    }

    fn privilege(&self, word: &str) -> String {
        self.column.map_or_else(|| word.to_owned(), |column| format!("{word} ({})", quoted(column)))
    }
}

/// Returns the statements that change the privileges on an object.
pub fn change_grants<P: Privilege>(target: GrantTarget, from: Rights<P>, to: Rights<P>) -> Vec<String> {
    let lost = minus(from.grants, to.grants);
    // A revoked privilege takes its option with it.
    let lost_options = minus(&minus(from.options, to.options), &lost);
    let new_options = minus(to.options, from.options);
    let new = minus(&minus(to.grants, from.grants), &new_options);
    let sql = target.statements("REVOKE", &lost, ("FROM", ""));
    let sql = sql.chain(target.statements("REVOKE GRANT OPTION FOR", &lost_options, ("FROM", "")));
    let sql = sql.chain(target.statements("GRANT", &new, ("TO", "")));
    sql.chain(target.statements("GRANT", &new_options, ("TO", " WITH GRANT OPTION"))).collect()
}

/// Returns the statements that give the privileges on a new object.
pub fn grants<P: Privilege>(kind: &str, object: &str, rights: Rights<P>) -> Vec<String> {
    let none = Grants::new();
    change_grants(GrantTarget::new(kind, object), Rights::new(&none, &none), rights)
}

/// Returns the statements that give the privileges on a new column.
pub fn column_grants(table: &str, name: &SqlName, column: &Column) -> Vec<String> {
    let none = Grants::new();
    let target = GrantTarget { kind: "TABLE", object: table, column: Some(name) };
    change_grants(target, Rights::new(&none, &none), column.rights())
}

/// Returns the statements that change the privileges on a table and on its columns, for columns that `keeps` selects.
pub fn change_table_grants(object: &str, from: &Table, to: &Table, keeps: impl Fn(&SqlName) -> bool) -> Vec<String> {
    let target = GrantTarget::new("TABLE", object);
    let old = from.rights();
    let mut sql = change_grants(target, old, to.rights());
    // To revoke a privilege on the table revokes it on each column, too.
    let (lost, lost_options) = (minus(&from.grants, &to.grants), minus(&from.grant_options, &to.grant_options));
    let none = Grants::new();
    for (name, column) in to.columns.iter().filter(|(name, _)| keeps(name)) {
        let old = from.columns.get(name);
        let held = without(old.map_or(&none, |old| &old.grants), &lost);
        let options = without(&without(old.map_or(&none, |old| &old.grant_options), &lost), &lost_options);
        let target = GrantTarget { column: Some(name), ..target };
        let new = column.rights();
        sql.extend(change_grants(target, Rights::new(&held, &options), new));
    }
    sql
}

/// Returns the privileges on a column without those that are revoked on its table.
fn without(held: &Grants<ColumnPrivilege>, lost: &Grants<TablePrivilege>) -> Grants<ColumnPrivilege> {
    let is_lost = |role: &SqlIdent, privilege: &ColumnPrivilege| {
        lost.get(role).is_some_and(|lost| lost.iter().any(|lost| lost.sql() == privilege.sql()))
    };
    let rest = held.iter().map(|(role, held)| {
        (role.clone(), held.iter().copied().filter(|privilege| !is_lost(role, privilege)).collect::<BTreeSet<_>>())
    });
    rest.filter(|(_, held)| !held.is_empty()).collect()
}

/// Returns privileges as a list in SQL.
pub fn privileges<P: Privilege>(privileges: impl IntoIterator<Item = P>) -> String {
    privileges.into_iter().map(Privilege::sql).collect::<Vec<_>>().join(", ")
}
