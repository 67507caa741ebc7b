//! Checks objects that a definition keeps as their statements.

use super::Check;
use super::column_order::{INSERT_BY_POSITION, inserts_by_position, selects_all_columns};
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    /// Reports missing names, wrong keys and refused properties of an object that is kept as its SQL.
    pub(super) fn check_object(&mut self, key: &ObjectKey, object: &SqlObject) {
        let path = self.root.key("objects").key(key.as_str());
        // The decoder has reported a statement without names.
        let Some(identity) = object.identity() else { return };
        self.check_dependencies(&object.depends_on, &path);
        if identity.key != key.as_str() {
            let hint = format!("call it `objects.\"{}\"`", escaped_for_nickel(&identity.key));
            self.report(path.clone(), format!("the statement creates the object `{}`", identity.key), &hint);
        }
        if let Some(name) = &identity.name
            && !self.has_schema(name)
        {
            self.report(
                path.key("create"),
                format!("there is no schema `{}`", name.schema()),
                "declare it in `schemas`",
            );
        }
        let schema = self.schema;
        for relation in object_statement::relations(object.create.as_str()) {
            if !schema.tables.contains_key(&relation)
                && !schema.views.contains_key(&relation)
                && !self.is_partition(&relation)
            {
                let message = format!("there is no table or view `{relation}`");
                self.report(path.key("create"), message, "declare it, or remove the object");
            }
        }
        if identity.class.words == "PUBLICATION" {
            self.check_published_tables(object, &path.key("create"));
        }
        self.check_names(&identity, object, &path.key("create"));
        if identity.class.words == "RULE" && selects_all_columns(object.create.as_str()) {
            self.report(
                path.key("create"),
                "`*` is not allowed: the server would store the columns that the table has now",
                "name the columns",
            );
        }
        if identity.class.words == "RULE" && inserts_by_position(object.create.as_str()) {
            self.report(path.key("create"), INSERT_BY_POSITION, "name the columns after the table");
        }
        if !object.mappings.is_empty() && identity.class.words != "TEXT SEARCH CONFIGURATION" {
            self.report(path.key("mappings"), "only a text search configuration has mappings", "leave `mappings` out");
        }
        for (token_kind, _) in object.mappings.iter().filter(|(_, dictionaries)| dictionaries.is_empty()) {
            self.report(
                path.key("mappings").key(token_kind.as_str()),
                "the list is empty",
                "name a dictionary, such as `simple`",
            );
        }
    }

    /// Reports tables that a publication cannot contain.
    fn check_published_tables(&mut self, object: &SqlObject, path: &FieldPath) {
        let schema = self.schema;
        for relation in object_statement::relations(object.create.as_str()) {
            if schema.tables.get(&relation).is_some_and(|table| table.unlogged) {
                let message = format!("`{relation}` is not in the write-ahead log, so a publication cannot contain it");
                self.report(
                    path.clone(),
                    message,
                    "remove `unlogged` from the table, or the table from the publication",
                );
            }
        }
    }

    /// Reports types and functions that neither every server nor the definition has.
    fn check_names(&mut self, identity: &ObjectIdentity, object: &SqlObject, path: &FieldPath) {
        for kind in &identity.types {
            self.check_type(kind, path);
        }
        let schema = self.schema;
        let has_function = |name: &ObjectName| schema.functions_named(name).next().is_some();
        for name in object_statement::functions_with_schemas(object.create.as_str()) {
            // An extension may have the function.
            if !schema.extension_may_have(&name) && self.has_schema(&name) && !has_function(&name) {
                let message = format!("there is no function `{name}`");
                self.report(path.clone(), message, "declare it in `functions`");
            }
        }
    }

    /// Returns whether the schema of an object is declared.
    pub(super) fn has_schema(&self, name: &ObjectName) -> bool {
        name.schema() == PUBLIC_SCHEMA || self.schema.schemas.keys().any(|declared| declared.as_str() == name.schema())
    }

    /// Returns whether a table lists a partition with this name in `partitions`.
    pub(super) fn is_partition(&self, name: &ObjectName) -> bool {
        self.schema.table_of_partition(name).is_some()
    }

    /// Reports a collation that neither every server nor the definition has.
    pub(super) fn check_collation(&mut self, collation: Option<&Collation>, path: &FieldPath) {
        let Some(name) = collation.and_then(Collation::object) else { return };
        let key = ObjectKey::of_collation(&name);
        if !self.schema.objects.contains_key(&key) {
            let hint = format!("declare it as `objects.\"{}\"`", escaped_for_nickel(key.as_str()));
            self.report(path.key("collation"), format!("there is no collation `{name}`"), &hint);
        }
    }
}
