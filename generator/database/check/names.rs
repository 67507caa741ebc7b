//! Checks that every name is in a declared schema and that no two objects share a name.

use std::collections::BTreeMap;

use super::Check;
use crate::database::ddl;
use crate::database::default_names::identity_sequence_name;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Returns whether a schema belongs to the server, or has a name that the server refuses.
fn is_reserved(name: &SqlName) -> bool {
    name.as_str().starts_with("pg_") || name.as_str() == "information_schema"
}

/// A name that two objects share, with their paths in the stack.
struct SharedName {
    name: ObjectName,
    first: FieldPath,
    second: FieldPath,
}

fn is_composite(kind: &UserType) -> bool {
    matches!(kind, UserType::Composite(_))
}

impl Check<'_> {
    /// Reports declared schemas that belong to PostgreSQL, and objects whose schema is not declared.
    pub(super) fn check_schema_names(&mut self) {
        let schema = self.schema;
        let objects = schema.tables.keys().map(|name| ("tables", name));
        let objects = objects.chain(schema.views.keys().map(|name| ("views", name)));
        let objects = objects.chain(schema.types.keys().map(|name| ("types", name)));
        let objects = objects.chain(schema.sequences.keys().map(|name| ("sequences", name)));
        let objects = objects.chain(schema.functions.keys().map(|name| ("functions", name)));
        for name in schema.schemas.keys().filter(|name| is_reserved(name)) {
            let path = self.root.key("schemas").key(name.as_str());
            self.report(
                path,
                format!("the schema name `{name}` is reserved for PostgreSQL"),
                "choose a different name",
            );
        }
        for (kind, name) in objects {
            if !self.has_schema(name) {
                let path = self.object_path(kind, name);
                self.report(path, format!("there is no schema `{}`", name.schema()), "declare it in `schemas`");
            }
        }
    }

    /// Reports names that two objects share. Tables, views, sequences, indexes, keys and composite types of a schema
    /// share one namespace in PostgreSQL.
    pub(super) fn check_shared_names(&mut self) {
        let mut owners: BTreeMap<ObjectName, FieldPath> = BTreeMap::new();
        let mut duplicates: Vec<SharedName> = Vec::new();
        for (name, path) in self.relation_names() {
            match owners.get(&name) {
                Some(first) => duplicates.push(SharedName { first: first.clone(), second: path, name }),
                None => {
                    owners.insert(name, path);
                }
            }
        }
        let schema = self.schema;
        let mut type_names = self.relations_that_exclude_types();
        for name in schema.types.iter().filter(|(_, kind)| !is_composite(kind)).map(|(name, _)| name) {
            if let Some(first) = type_names.get(name) {
                let second = self.object_path("types", name);
                duplicates.push(SharedName { name: name.clone(), first: first.clone(), second });
            }
        }
        type_names.extend(schema.types.keys().map(|name| (name.clone(), self.object_path("types", name))));
        for (range, multirange) in schema.multiranges() {
            if let Some(first) = type_names.get(&multirange) {
                let second = self.object_path("types", range).key("range").key("multirange");
                duplicates.push(SharedName { name: multirange, first: first.clone(), second });
            }
        }
        for SharedName { name, first, second } in duplicates {
            self.findings.push(
                Diagnostic::error(Code::SchemaInvalid, second)
                    .message(format!("two objects of a schema have the name `{name}`"))
                    .hint("rename one of the two: tables, views, sequences, indexes and unique constraints of a schema share their names")
                    .counterpart(first, "the other object with this name"),
            );
        }
    }

    /// Returns the names in the namespace of tables, with the paths of their objects in the stack.
    fn relation_names(&self) -> Vec<(ObjectName, FieldPath)> {
        let schema = self.schema;
        let mut names = Vec::new();
        for (name, table) in &schema.tables {
            let path = self.object_path("tables", name);
            names.push((name.clone(), path.clone()));
            if !table.primary_key.is_empty() {
                names.push((name.in_same_schema(&ddl::primary_key_name(name, table)), path.key("primary_key")));
            }
            let groups = [
                ("uniques", table.uniques.keys().collect::<Vec<_>>()),
                ("excludes", table.excludes.keys().collect()),
                ("indexes", table.indexes.keys().collect()),
                ("partitions", table.partitions.keys().collect()),
            ];
            for (kind, parts) in groups {
                let path = path.key(kind);
                names.extend(parts.into_iter().map(|part| (name.in_same_schema(part), path.key(part.as_str()))));
            }
        }
        for (name, view) in &schema.views {
            let path = self.object_path("views", name);
            let indexes = path.key("indexes");
            names.push((name.clone(), path));
            names.extend(view.indexes.keys().map(|index| (name.in_same_schema(index), indexes.key(index.as_str()))));
        }
        names.extend(schema.sequences.keys().map(|name| (name.clone(), self.object_path("sequences", name))));
        let composites = schema.types.iter().filter(|(_, kind)| is_composite(kind));
        names.extend(composites.map(|(name, _)| (name.clone(), self.object_path("types", name))));
        names
    }

    /// Returns the relations whose names no type can have, with their paths in the stack: all relations except indexes.
    /// The server creates a row type for each of them, or refuses a relation with the name of a type.
    fn relations_that_exclude_types(&self) -> BTreeMap<ObjectName, FieldPath> {
        let schema = self.schema;
        let with_path = |kind: &'static str| move |name: &ObjectName| (name.clone(), self.object_path(kind, name));
        let mut relations: BTreeMap<ObjectName, FieldPath> = schema.tables.keys().map(with_path("tables")).collect();
        relations.extend(schema.views.keys().map(with_path("views")));
        relations.extend(schema.sequences.keys().map(with_path("sequences")));
        for (name, table) in &schema.tables {
            let path = self.object_path("tables", name);
            for partition in table.partitions.keys() {
                relations.insert(name.in_same_schema(partition), path.key("partitions").key(partition.as_str()));
            }
            for (column_name, _) in table.columns.iter().filter(|(_, column)| column.identity.is_some()) {
                let column_path = path.key("columns").key(column_name.as_str());
                relations.insert(identity_sequence_name(name, column_name), column_path.key("identity"));
            }
        }
        relations
    }
}
