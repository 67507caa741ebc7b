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
    /// Returns a target without a column.
    pub fn new(kind: &'a str, object: &'a str) -> Self {
        GrantTarget { kind, object, column: None }
    }

    /// Returns one statement for each role, such as `GRANT SELECT ON TABLE orders TO app;`: `verb` is before the
    /// privileges, `preposition` is before the role, and `end` is after it.
    fn statements<P: Privilege>(
        &self,
        verb: &str,
        grants: &Grants<P>,
        (preposition, end): (&str, &str),
    ) -> impl Iterator<Item = String> {
        let nonempty = grants.iter().filter(|(_, privileges)| !privileges.is_empty());
        let GrantTarget { kind, object, .. } = self;
        let statement = |(name, privileges): (&SqlIdent, &BTreeSet<P>)| {
            let privileges: Vec<String> = privileges.iter().map(|privilege| self.privilege(privilege.sql())).collect();
            format!("{verb} {} ON {kind} {object} {preposition} {}{end};", privileges.join(", "), role(name))
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
    if from == to {
        return Vec::new();
    }
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

/// The old and the new privileges on a column.
pub struct ColumnRights<'a> {
    pub column: &'a SqlName,
    pub old: Rights<'a, ColumnPrivilege>,
    pub new: Rights<'a, ColumnPrivilege>,
}

/// Returns the statements that change the privileges on a table or view, and on columns of it.
pub fn change_relation_grants<'a>(
    object: &str,
    from: Rights<TablePrivilege>,
    to: Rights<TablePrivilege>,
    columns: impl IntoIterator<Item = ColumnRights<'a>>,
) -> Vec<String> {
    let target = GrantTarget::new("TABLE", object);
    let mut sql = change_grants(target, from, to);
    // Revoking a privilege on the table also revokes it on each column, so a column that keeps the privilege gets it
    // again.
    let (revoked, revoked_options) = (minus(from.grants, to.grants), minus(from.options, to.options));
    for ColumnRights { column, old, new } in columns {
        let grants = without_revoked(old.grants, &revoked);
        let options = without_revoked(&without_revoked(old.options, &revoked), &revoked_options);
        let target = GrantTarget { column: Some(column), ..target };
        sql.extend(change_grants(target, Rights::new(&grants, &options), new));
    }
    sql
}

/// Returns the statements that change the privileges on a table, and on its columns for which `includes` returns true.
pub fn change_table_grants(object: &str, from: &Table, to: &Table, includes: impl Fn(&SqlName) -> bool) -> Vec<String> {
    let none = Grants::new();
    let no_rights = Rights::new(&none, &none);
    let columns = to.columns.iter().filter(|(name, _)| includes(name)).map(|(column, new)| ColumnRights {
        column,
        old: from.columns.get(column).map_or(no_rights, Column::rights),
        new: new.rights(),
    });
    change_relation_grants(object, from.rights(), to.rights(), columns)
}

/// Returns the statements that change the privileges on a view and its columns. For a new view, `from` is `None`.
pub fn change_view_grants(name: &ObjectName, from: Option<&View>, to: &View) -> Vec<String> {
    let none = Grants::new();
    let granted_columns: BTreeSet<&SqlName> =
        from.iter().flat_map(|from| from.granted_columns()).chain(to.granted_columns()).collect();
    let no_column_grants = Grants::new();
    let columns = granted_columns.into_iter().map(|column| ColumnRights {
        column,
        old: from.map_or(Rights::new(&no_column_grants, &no_column_grants), |from| from.column_rights(column)),
        new: to.column_rights(column),
    });
    let old = from.map_or(Rights::new(&none, &none), View::rights);
    change_relation_grants(&name.sql(), old, to.rights(), columns)
}

/// Returns the statement that changes the privileges on the sequence of an identity column, whose name the server chose;
/// `None` if nothing changes.
pub fn change_identity_grants(
    table: &ObjectName,
    column: &SqlName,
    from: Rights<SequencePrivilege>,
    to: Rights<SequencePrivilege>,
) -> Option<String> {
    // The `format` of PostgreSQL below replaces `%s` with the name of the sequence.
    let changes = change_grants(GrantTarget::new("SEQUENCE", "%s"), from, to);
    if changes.is_empty() {
        return None;
    }
    let (table, column) = (literal(&table.sql()), literal(column.as_str()));
    let execute = |change: &String| {
        format!("EXECUTE pg_catalog.format({}, pg_catalog.pg_get_serial_sequence({table}, {column}));", literal(change))
    };
    Some(super::do_block(&format!("BEGIN {} END", changes.iter().map(execute).collect::<Vec<_>>().join(" "))))
}

/// Returns the statements that change the default privileges of a schema, whose name `schema` is quoted for SQL, or, for
/// `None`, of the whole database.
pub fn change_default_privileges(
    schema: Option<&str>,
    from: &DefaultPrivileges,
    to: &DefaultPrivileges,
) -> Vec<String> {
    let place = schema.map_or_else(String::new, |schema| format!("IN SCHEMA {schema} "));
    let alter = |change: &str| format!("ALTER DEFAULT PRIVILEGES {place}{change}");
    let mut sql = default_grants(&alter, "TABLES", &from.tables, &to.tables);
    sql.extend(default_grants(&alter, "SEQUENCES", &from.sequences, &to.sequences));
    sql.extend(default_grants(&alter, "FUNCTIONS", &from.functions, &to.functions));
    sql.extend(default_grants(&alter, "TYPES", &from.types, &to.types));
    sql.extend(default_grants(&alter, "SCHEMAS", &from.schemas, &to.schemas));
    for (right, from, to) in [
        ("EXECUTE ON FUNCTIONS", from.private_functions, to.private_functions),
        ("USAGE ON TYPES", from.private_types, to.private_types),
    ] {
        match (from, to) {
            (false, true) => sql.push(alter(&format!("REVOKE {right} FROM PUBLIC;"))),
            (true, false) => sql.push(alter(&format!("GRANT {right} TO PUBLIC;"))),
            _ => {}
        }
    }
    sql
}

/// Returns the statements that change default privileges on a kind of object, such as TABLES. `alter` puts the words ALTER
/// DEFAULT PRIVILEGES before a statement.
fn default_grants<P: Privilege>(
    alter: &impl Fn(&str) -> String,
    kind: &str,
    from: &Grants<P>,
    to: &Grants<P>,
) -> Vec<String> {
    let statements = |verb: &str, grants: Grants<P>, preposition: &str| {
        let grants = grants.into_iter().filter(|(_, privileges)| !privileges.is_empty());
        let statement = |(name, granted): (SqlIdent, BTreeSet<P>)| {
            alter(&format!("{verb} {} ON {kind} {preposition} {};", privileges(granted), role(&name)))
        };
        grants.map(statement).collect::<Vec<_>>()
    };
    [statements("REVOKE", minus(from, to), "FROM"), statements("GRANT", minus(to, from), "TO")].concat()
}

/// Returns the privileges on a column without those that are revoked on its table.
fn without_revoked(grants: &Grants<ColumnPrivilege>, revoked: &Grants<TablePrivilege>) -> Grants<ColumnPrivilege> {
    let is_revoked = |role: &SqlIdent, privilege: &ColumnPrivilege| {
        revoked.get(role).is_some_and(|privileges| privileges.iter().any(|other| other.sql() == privilege.sql()))
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
