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
        let mut owners: BTreeMap<String, FieldPath> = BTreeMap::new();
        // The name, the path of the second object, and the path of the first one.
        let mut duplicates = Vec::new();
        let mut claim = |name: ObjectName, path: FieldPath| {
            if let Some(first) = owners.get(name.as_str()) {
                duplicates.push((name, path, first.clone()));
            } else {
                owners.insert(name.to_string(), path);
            }
        };
        let schema = self.schema;
        for (name, table) in &schema.tables {
            let path = self.object_path("tables", name);
            claim(name.clone(), path.clone());
            if !table.primary_key.is_empty() {
                claim(name.in_same_schema(&ddl::primary_key_name(name, table)), path.key("primary_key"));
            }
            let groups = [
                ("uniques", table.uniques.keys().collect::<Vec<_>>()),
                ("excludes", table.excludes.keys().collect()),
                ("indexes", table.indexes.keys().collect()),
                ("partitions", table.partitions.keys().collect()),
            ];
            for (kind, names) in groups {
                for part in names {
                    claim(name.in_same_schema(part), path.key(kind).key(part.as_str()));
                }
            }
        }
        for (name, view) in &schema.views {
            let path = self.object_path("views", name);
            claim(name.clone(), path.clone());
            for index in view.indexes.keys() {
                claim(name.in_same_schema(index), path.key("indexes").key(index.as_str()));
            }
        }
        for name in schema.sequences.keys() {
            claim(name.clone(), self.object_path("sequences", name));
        }
        let (composites, other_types): (Vec<_>, Vec<_>) =
            schema.types.iter().partition(|(_, kind)| matches!(kind, UserType::Composite(_)));
        for (name, _) in composites {
            claim(name.clone(), self.object_path("types", name));
        }
        let mut type_names = self.relations_that_exclude_types();
        for (name, _) in other_types {
            if let Some(first) = type_names.get(name) {
                duplicates.push((name.clone(), self.object_path("types", name), first.clone()));
            }
        }
        type_names.extend(schema.types.keys().map(|name| (name.clone(), self.object_path("types", name))));
        for (range, multirange) in schema.multiranges() {
            if let Some(first) = type_names.get(&multirange) {
                let path = self.object_path("types", range).key("range").key("multirange");
                duplicates.push((multirange, path, first.clone()));
            }
        }
        for (name, path, first) in duplicates {
            self.findings.push(
                Diagnostic::error(Code::SchemaInvalid, path)
                    .message(format!("two objects of a schema have the name `{name}`"))
                    .hint("rename one of the two: tables, views, sequences, indexes and unique constraints of a schema share their names")
                    .counterpart(first, "the other object with this name"),
            );
        }
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
