//! Checks grants: a role may pass on only privileges that it has.

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    /// Reports grant options that the server refuses, and privileges of a schema or column that have no effect.
    pub(super) fn check_grants(&mut self) {
        let schema = self.schema;
        for (name, namespace) in &schema.schemas {
            let path = self.root.key("schemas").key(name.as_str());
            self.check_grant_options(namespace.rights(), &path);
            let defaults = &namespace.default_privileges;
            if !defaults.schemas.is_empty() || defaults.private_functions || defaults.private_types {
                let message = "`schemas`, `private_functions` and `private_types` concern the whole database";
                self.report(
                    path.key("default_privileges"),
                    message,
                    "move them to `default_privileges` of the database",
                );
            }
            if namespace.private && name.as_str() != PUBLIC_SCHEMA {
                let message = "only the schema public has a right for everyone to take away";
                self.report(path.key("private"), message, "leave `private` out");
            }
        }
        for (name, table) in &schema.tables {
            let path = self.object_path("tables", name);
            self.check_grant_options(table.rights(), &path);
            for (name, column) in &table.columns {
                let path = path.key("columns").key(name.as_str());
                self.check_grant_options(column.rights(), &path);
                self.check_grant_options(column.identity_rights(), &path.key("identity_grants"));
                if column.identity.is_none() && *column.identity_rights().grants != Grants::new() {
                    let message = "only a column with `identity` has such a sequence";
                    self.report(path.key("identity_grants"), message, "grant on the sequence in `sequences`");
                }
            }
        }
        for (name, view) in &schema.views {
            let path = self.object_path("views", name);
            self.check_grant_options(view.rights(), &path);
            for column in view.granted_columns() {
                self.check_grant_options(view.column_rights(column), &path.key("column_grants").key(column.as_str()));
            }
        }
        for (name, sequence) in &schema.sequences {
            self.check_grant_options(sequence.rights(), &self.object_path("sequences", name));
        }
        for (name, kind) in &schema.types {
            self.check_grant_options(kind.rights(), &self.object_path("types", name));
        }
        for (name, function) in &schema.functions {
            self.check_grant_options(function.rights(), &self.object_path("functions", name));
        }
    }

    /// Reports grant options for privileges that a role does not have, and grant options of all roles.
    fn check_grant_options<P: Privilege>(&mut self, rights: Rights<P>, path: &FieldPath) {
        let path = path.key("grant_options");
        for (role, privileges) in minus(rights.options, rights.grants) {
            let words: Vec<&str> = privileges.into_iter().map(Privilege::sql).collect();
            let message = format!("`{role}` cannot grant {} to others without having it", words.join(", "));
            self.report(path.key(role.as_str()), message, "add the privilege to `grants`");
        }
        if rights.options.keys().any(|role| role.as_str() == PUBLIC_ROLE) {
            self.report(
                path.key(PUBLIC_ROLE),
                "PostgreSQL refuses a grant option for all roles",
                "list the roles instead of `public`",
            );
        }
    }
}
