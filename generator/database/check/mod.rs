//! Checks a definition without a server: references to missing objects, columns that do not match, invalid SQL.

mod bound_value;
mod column_order;
mod columns_in_text;
mod comparable;
mod default_value;
mod expression_type;
mod expressions;
mod extension;
mod function_result;
mod grants;
mod index_method;
mod key_actions;
mod keys;
pub mod migration_sql;
mod names;
mod object;
mod partition_bounds;
mod partition_values;
mod plpgsql;
mod query_columns;
mod query_output;
mod query_scope;
mod query_shape;
mod routine;
mod row_result;
mod seeds;
mod signature;
mod sql_result;
mod storage;
mod table;
mod trigger;
mod type_cycles;
mod types;
mod view_output;
mod virtual_columns;

use std::collections::BTreeSet;

use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::Checked;

pub use routine::{mend_of_search_path, unsafe_search_path};

/// Returns all findings about a definition to which the convention has been applied.
pub fn check(schema: &Schema, root: &FieldPath) -> Vec<Diagnostic> {
    let mut check = Check { schema, root, changing_functions: schema.changing_functions(), findings: Vec::new() };
    check.check_schema_names();
    check.check_extensions();
    check.check_shared_names();
    check.check_types();
    check.check_type_cycles();
    check.check_sequences();
    check.check_grants();
    for (name, table) in &schema.tables {
        check.check_table(name, table);
    }
    check.check_partition_bounds();
    for (name, view) in &schema.views {
        check.check_view(name, view);
    }
    for (name, function) in &schema.functions {
        check.check_function(name, function);
    }
    check.check_overloads();
    check.check_seeds();
    for (key, object) in &schema.objects {
        check.check_object(key, object);
    }
    check.findings
}

/// A definition that is being checked, and the findings so far.
struct Check<'a> {
    schema: &'a Schema,
    /// Path of the definition in the stack.
    root: &'a FieldPath,
    /// Declared functions whose result for the same arguments can change.
    changing_functions: BTreeSet<String>,
    findings: Vec<Diagnostic>,
}

/// Common names of types that PostgreSQL does not have, each with the type that PostgreSQL has for such values.
const TYPES_OF_OTHER_SERVERS: [(&str, &str); 11] = [
    ("blob", "bytea"),
    ("datetime", "timestamptz"),
    ("double", "double precision"),
    ("guid", "uuid"),
    ("longtext", "text"),
    ("mediumtext", "text"),
    ("number", "numeric"),
    ("nvarchar", "text"),
    ("object", "jsonb"),
    ("string", "text"),
    ("tinyint", "smallint"),
];

impl Check<'_> {
    /// Returns the path of an object in the stack. `kind` is the field of the definition, such as `tables`.
    fn object_path(&self, kind: &str, name: &ObjectName) -> FieldPath {
        self.root.key(kind).key(name.as_str())
    }

    /// Adds an error with the code `SchemaInvalid`.
    fn report(&mut self, path: FieldPath, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Diagnostic::error(Code::SchemaInvalid, path).message(message).hint(hint));
    }

    /// Reports names in `depends_on` that no object has. `path` is that of the object with the field.
    fn check_dependencies(&mut self, names: &BTreeSet<ObjectName>, path: &FieldPath) {
        for name in names {
            let schema = self.schema;
            let exists = schema.tables.contains_key(name)
                || schema.views.contains_key(name)
                || schema.functions.contains_key(name)
                || schema.types.contains_key(name)
                || schema.sequences.contains_key(name)
                || schema.objects.contains_key(name);
            if !exists {
                self.report(
                    path.key("depends_on"),
                    format!("there is no object `{name}`"),
                    "declare it, or remove it from `depends_on`",
                );
            }
        }
    }

    /// Returns whether a type does not exist: neither PostgreSQL nor the definition has it, and no extension can have
    /// it.
    fn is_unknown_type(&self, kind: &TypeName) -> bool {
        kind.object().is_some_and(|object| !self.declares_type(&object) && !self.schema.extension_may_have(&object))
    }

    /// Returns whether the definition has a type of this name, such as the row type of a table.
    fn declares_type(&self, name: &ObjectName) -> bool {
        let schema = self.schema;
        let has_row_type =
            schema.tables.contains_key(name) || schema.views.contains_key(name) || self.is_partition(name);
        has_row_type || schema.has_type(name)
    }

    /// Reports a type that does not exist, that only arguments of functions can have, or that takes no modifiers.
    fn check_type(&mut self, kind: &TypeName, path: &FieldPath) {
        if kind.is_polymorphic() {
            let message =
                format!("only arguments of functions can have the type `{kind}`, which stands for several types");
            self.report(path.clone(), message, "name one type");
        }
        if PSEUDO_TYPES.contains(&kind.base()) {
            let message = format!("only the result of a function can have the type {}", kind.base());
            self.report(path.clone(), message, "use a type with values");
        }
        let Some(object) = kind.object() else { return };
        if TypeName::refusal(kind.as_str()).is_some() {
            // The decoder has reported the type.
            return;
        }
        let schema = self.schema;
        if self.declares_type(&object) && kind.has_modifiers() {
            let message = format!("`{object}` takes no modifier in brackets");
            self.report(path.clone(), message, format!("write `{}`", kind.without_modifiers()));
        }
        if !self.is_unknown_type(kind) {
            return;
        }
        let declared = schema.types.keys().map(ObjectName::as_str);
        let known = declared.chain(BUILT_IN_TYPES.iter().copied());
        let names = known.chain(TYPES_OF_OTHER_SERVERS.iter().map(|(name, _)| *name));
        let suggestion = crate::words::nearest(object.as_str(), names).map(|near| {
            let of_other_server = TYPES_OF_OTHER_SERVERS.iter().find(|(name, _)| *name == near);
            of_other_server.map_or(near, |(_, name)| *name)
        });
        let hint = match (self.type_of_extension(&object), suggestion) {
            (Some(name), _) => format!("write `{name}`, with the schema of its extension"),
            (None, Some(name)) => format!("did you mean `{name}`?"),
            (None, None) => "declare it in `types`, or its extension in `extensions`".to_owned(),
        };
        self.findings.push(
            Diagnostic::error(Code::SchemaInvalid, path.clone())
                .lacks(self.object_path("types", &object))
                .message(format!("there is no type `{object}`"))
                .hint(hint),
        );
    }
}
