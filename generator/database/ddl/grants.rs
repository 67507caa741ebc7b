//! SQL of grants. `grants` are the privileges of roles on an object; `options` are those privileges that the roles may
//! grant to others.

use std::collections::BTreeSet;

use super::role;
use crate::database::model::*;
use crate::values::SqlIdent;

/// An object on which roles have privileges.
#[derive(Clone, Copy)]
pub struct GrantTarget<'a> {
    /// Keyword in GRANT, such as TABLE (for tables and views).
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

    /// Returns one statement for each role, such as `GRANT SELECT ON TABLE orders TO app;`: `verb` is before the
    /// privileges, `to` is before the role, and `end` is after it.
    fn statements<P: Privilege>(
        &self,
        verb: &str,
        grants: &Grants<P>,
        (to, end): (&str, &str),
    ) -> impl Iterator<Item = String> {
        let nonempty = grants.iter().filter(|(_, privileges)| !privileges.is_empty());
        let GrantTarget { kind, object, .. } = self;
        let statement = |(name, privileges): (&SqlIdent, &BTreeSet<P>)| {
            let privileges: Vec<String> = privileges.iter().map(|privilege| self.privilege(privilege.sql())).collect();
            format!("{verb} {} ON {kind} {object} {to} {}{end};", privileges.join(", "), role(name))
        };
        nonempty.map(statement).collect::<Vec<_>>().into_iter()
    }

    /// Returns a privilege in SQL, with the column if there is one: `SELECT (id)`.
    fn privilege(&self, word: &str) -> String {
        self.column.map_or_else(|| word.to_owned(), |column| format!("{word} ({})", quoted(column)))
    }
}

/// Returns the statements that change the privileges on an object.
pub fn change_grants<P: Privilege>(target: GrantTarget, from: Rights<P>, to: Rights<P>) -> Vec<String> {
    let revoked = minus(from.grants, to.grants);
    // Revoking a privilege also revokes the right to grant it.
    let revoked_options = minus(&minus(from.options, to.options), &revoked);
    let granted_options = minus(to.options, from.options);
    // WITH GRANT OPTION also grants the privilege.
    let granted = minus(&minus(to.grants, from.grants), &granted_options);
    let sql = target.statements("REVOKE", &revoked, ("FROM", ""));
    let sql = sql.chain(target.statements("REVOKE GRANT OPTION FOR", &revoked_options, ("FROM", "")));
    let sql = sql.chain(target.statements("GRANT", &granted, ("TO", "")));
    sql.chain(target.statements("GRANT", &granted_options, ("TO", " WITH GRANT OPTION"))).collect()
}

/// Returns the statements that grant the privileges on a new object.
pub fn grants<P: Privilege>(kind: &str, object: &str, rights: Rights<P>) -> Vec<String> {
    let none = Grants::new();
    change_grants(GrantTarget::new(kind, object), Rights::new(&none, &none), rights)
}

/// Returns the statements that grant the privileges on a new column.
pub fn column_grants(table: &str, name: &SqlName, column: &Column) -> Vec<String> {
    let none = Grants::new();
    let target = GrantTarget { kind: "TABLE", object: table, column: Some(name) };
    change_grants(target, Rights::new(&none, &none), column.rights())
}

/// Returns the statements that change the privileges on a table, and on its columns for which `includes` returns true.
pub fn change_table_grants(object: &str, from: &Table, to: &Table, includes: impl Fn(&SqlName) -> bool) -> Vec<String> {
    let target = GrantTarget::new("TABLE", object);
    let old = from.rights();
    let mut sql = change_grants(target, old, to.rights());
    // Revoking a privilege on the table also revokes it on each column.
    let (revoked, revoked_options) = (minus(&from.grants, &to.grants), minus(&from.grant_options, &to.grant_options));
    let no_grants = Grants::new();
    for (name, column) in to.columns.iter().filter(|(name, _)| includes(name)) {
        let old = from.columns.get(name);
        let grants = without(old.map_or(&no_grants, |old| &old.grants), &revoked);
        let options = without(&without(old.map_or(&no_grants, |old| &old.grant_options), &revoked), &revoked_options);
        let target = GrantTarget { column: Some(name), ..target };
        let new = column.rights();
        sql.extend(change_grants(target, Rights::new(&grants, &options), new));
    }
    sql
}

/// Returns the privileges on a column without those that are revoked on its table.
fn without(grants: &Grants<ColumnPrivilege>, revoked: &Grants<TablePrivilege>) -> Grants<ColumnPrivilege> {
    let is_revoked = |role: &SqlIdent, privilege: &ColumnPrivilege| {
        revoked.get(role).is_some_and(|on_table| on_table.iter().any(|other| other.sql() == privilege.sql()))
    };
    let remaining = grants.iter().map(|(role, privileges)| {
        (
            role.clone(),
            privileges.iter().copied().filter(|privilege| !is_revoked(role, privilege)).collect::<BTreeSet<_>>(),
        )
    });
    remaining.filter(|(_, privileges)| !privileges.is_empty()).collect()
}

/// Returns privileges as a list in SQL: `SELECT, INSERT`.
pub fn privileges<P: Privilege>(privileges: impl IntoIterator<Item = P>) -> String {
    privileges.into_iter().map(Privilege::sql).collect::<Vec<_>>().join(", ")
}
