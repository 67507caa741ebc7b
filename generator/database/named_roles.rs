//! The roles that a definition or a migration names, in grants, default privileges and policies.

use std::collections::BTreeSet;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::model::Schema;
use super::{lexer, parse};
use crate::diagnostic::FieldPath;
use crate::values::{Checked, SqlIdent};

/// Returns every role that a definition names, each with the field that contains the name.
pub fn named_roles<'a>(schema: &'a Schema, path: &FieldPath) -> Vec<(FieldPath, &'a SqlIdent)> {
    let mut names: Vec<(FieldPath, &SqlIdent)> = Vec::new();
    let mut add = |path: FieldPath, role: &'a SqlIdent| names.push((path, role));
    for (name, namespace) in &schema.schemas {
        let path = path.key("schemas").key(name.as_str());
        namespace.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
        let path = path.key("default_privileges");
        namespace.default_privileges.roles().for_each(|role| add(path.key(role.as_str()), role));
    }
    let database_privileges = path.key("default_privileges");
    schema.default_privileges.roles().for_each(|role| add(database_privileges.key(role.as_str()), role));
    for (name, table) in &schema.tables {
        let path = path.key("tables").key(name.as_str());
        table.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
        for (column, definition) in &table.columns {
            let path = path.key("columns").key(column.as_str());
            definition.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
            let path = path.key("identity_grants");
            definition.identity_grants.keys().for_each(|role| add(path.key(role.as_str()), role));
        }
        for (policy, definition) in &table.policies {
            let path = path.key("policies").key(policy.as_str()).key("roles");
            definition.roles.iter().for_each(|role| add(path.clone(), role));
        }
    }
    for (name, view) in &schema.views {
        let path = path.key("views").key(name.as_str());
        view.grants.keys().for_each(|role| add(path.key("grants").key(role.as_str()), role));
        for (column, grants) in &view.column_grants {
            let path = path.key("column_grants").key(column.as_str());
            grants.keys().for_each(|role| add(path.key(role.as_str()), role));
        }
    }
    for (name, sequence) in &schema.sequences {
        let path = path.key("sequences").key(name.as_str()).key("grants");
        sequence.grants.keys().for_each(|role| add(path.key(role.as_str()), role));
    }
    for (name, kind) in &schema.types {
        // The field of the grants depends on the kind of the type, so the place is the type.
        let path = path.key("types").key(name.as_str());
        kind.rights().grants.keys().for_each(|role| add(path.clone(), role));
    }
    for (name, function) in &schema.functions {
        let path = path.key("functions").key(name.as_str()).key("grants");
        function.grants.keys().for_each(|role| add(path.key(role.as_str()), role));
    }
    names
}

/// Words of statements that name roles. A text without them need not be parsed.
const WORDS: [&str; 5] = ["grant", "revoke", "role", "owner", "policy"];

/// Words in the place of a role that are no names.
const KEYWORDS: [SyntaxKind; 4] =
    [SyntaxKind::CURRENT_ROLE_KW, SyntaxKind::CURRENT_USER_KW, SyntaxKind::SESSION_USER_KW, SyntaxKind::GROUP_KW];

/// Returns the roles that statements name: `app` and `readers` for `GRANT SELECT ON t TO app, readers`. `public` and
/// keywords such as `CURRENT_USER` are left out, and so are names that no role of a stack can have.
pub fn roles_in_sql(text: &str) -> BTreeSet<SqlIdent> {
    let lower = text.to_ascii_lowercase();
    if !WORDS.iter().any(|word| lower.contains(word)) {
        return BTreeSet::new();
    }
    let find = || {
        let tree = SourceFile::parse(text).syntax_node();
        let references = tree.descendants().filter(|node| node.kind() == SyntaxKind::ROLE_REF && !is_privilege(node));
        let tokens = references.flat_map(|node| node.descendants_with_tokens()).filter_map(|item| item.into_token());
        let names = tokens.filter(|token| !KEYWORDS.contains(&token.kind())).map(|token| match token.text() {
            quoted if quoted.starts_with('"') => lexer::unquoted_name(quoted).into_owned(),
            plain => plain.to_ascii_lowercase(),
        });
        names.filter_map(|name| SqlIdent::new(&name).ok()).filter(|role| role.as_str() != "public").collect()
    };
    parse::with_enough_stack(text, find)
}

/// Returns whether the parser read a privilege as a role, such as `USAGE` in `GRANT USAGE ON SCHEMA s TO app`.
fn is_privilege(role: &SyntaxNode) -> bool {
    let is_in_list = role.ancestors().any(|node| node.kind() == SyntaxKind::REVOKE_COMMAND_LIST);
    let statement = role.ancestors().take_while(|node| node.kind() != SyntaxKind::SOURCE_FILE).last();
    let has_object = |node: SyntaxNode| node.descendants_with_tokens().any(|part| part.kind() == SyntaxKind::ON_KW);
    is_in_list && statement.is_some_and(has_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_in_every_statement_that_names_them() {
        for (text, expected) in [
            ("GRANT SELECT ON t TO app, \"readers\" WITH GRANT OPTION;", &["app", "readers"][..]),
            ("GRANT USAGE, CREATE ON SCHEMA s TO app;", &["app"]),
            ("GRANT EXECUTE ON FUNCTION f(), g(integer) TO app;", &["app"]),
            ("revoke all on schema s from App, public, current_user;", &["app"]),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE data IN SCHEMA s GRANT USAGE ON TYPES TO GROUP app;", &["app", "data"]),
            ("CREATE POLICY p ON t TO app USING (true);", &["app"]),
            ("ALTER TABLE t OWNER TO app;", &["app"]),
            ("GRANT app TO other;", &["app", "other"]),
            ("SELECT 'GRANT SELECT ON t TO app'; -- GRANT a TO b", &[]),
            ("CREATE TABLE t (role text, owner text);", &[]),
        ] {
            let roles = roles_in_sql(text);
            assert_eq!(roles.iter().map(SqlIdent::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
