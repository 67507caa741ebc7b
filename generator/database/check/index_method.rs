//! Checks what the methods of indexes support: the types of columns, several columns and additional ones.

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Built-in types, arrays aside, without a default operator class for btree (`pg_opclass` of PostgreSQL 15 to 18).
const WITHOUT_ORDER: [&str; 13] = [
    "box",
    "circle",
    "json",
    "jsonpath",
    "line",
    "lseg",
    "path",
    "pg_snapshot",
    "point",
    "polygon",
    "refcursor",
    "xid",
    "xml",
];
/// Types without an order that hash supports, and types with an order that it does not support.
const ONLY_HASHED: [&str; 1] = ["xid"];
const NOT_HASHED: [&str; 5] = ["bit", "money", "tsquery", "tsvector", "varbit"];
/// The built-in types that the other methods support by default.
const GIN_TYPES: [&str; 2] = ["jsonb", "tsvector"];
const GIST_TYPES: [&str; 6] = ["box", "circle", "point", "polygon", "tsquery", "tsvector"];
const SPGIST_TYPES: [&str; 7] = ["box", "cidr", "inet", "point", "polygon", "text", "varchar"];
/// Types with an order that brin does not support by default, and a type without one that it supports.
const NOT_IN_BRIN: [&str; 6] = ["boolean", "jsonb", "money", "tsquery", "tsvector", "xid8"];
const ONLY_IN_BRIN: [&str; 1] = ["box"];

/// Extensions whose operator classes are for types of the extension, or are never the default.
const WITHOUT_DEFAULT_CLASSES: [&str; 13] = [
    "citext",
    "cube",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "ltree",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "unaccent",
    "uuid-ossp",
    "vector",
    "xml2",
];

impl Check<'_> {
    /// Returns whether an index of a method certainly needs an operator class for a type.
    fn lacks_default_class(&self, method: Method, kind: &TypeName) -> bool {
        let schema = self.schema;
        let kind = schema.without_domains(kind);
        let (base, is_range) = (kind.base(), kind.base().ends_with("range") && !kind.base().ends_with("multirange"));
        let is_multirange = kind.base().ends_with("multirange");
        let declares_classes = schema.objects.keys().any(|key| key.as_str().starts_with("operator class"));
        let is_harmless = |name: &crate::values::ExtensionName| WITHOUT_DEFAULT_CLASSES.contains(&name.as_str());
        let is_ordering = matches!(method, Method::Btree | Method::Hash);
        let may_have_class = declares_classes || (!is_ordering && !schema.extensions.keys().all(is_harmless));
        let is_enumeration =
            kind.object().is_some_and(|object| matches!(schema.types.get(&object), Some(UserType::Enum(_))));
        let is_known = kind.is_built_in() || is_enumeration;
        if may_have_class || !is_known || kind.is_polymorphic() || PSEUDO_TYPES.contains(&base) {
            return false;
        }
        let has_order = !WITHOUT_ORDER.contains(&base);
        if kind.is_array() {
            // gin stores the elements of arrays in their order.
            return match method {
                Method::Gin => !has_order,
                Method::Gist | Method::Spgist | Method::Brin => true,
                _ => false,
            };
        }
        match method {
            Method::Btree => !has_order,
            Method::Hash => !(has_order || ONLY_HASHED.contains(&base)) || NOT_HASHED.contains(&base),
            Method::Gin => !GIN_TYPES.contains(&base),
            Method::Gist => !is_range && !is_multirange && !GIST_TYPES.contains(&base),
            Method::Spgist => !is_range && !SPGIST_TYPES.contains(&base),
            Method::Brin => {
                is_enumeration
                    || is_multirange
                    || NOT_IN_BRIN.contains(&base)
                    || !(has_order || ONLY_IN_BRIN.contains(&base))
            }
            Method::Hnsw | Method::Ivfflat => false,
        }
    }

    /// Reports a type that a method does not support without an operator class.
    pub(super) fn check_default_class(&mut self, method: Method, kind: &TypeName, what: &str, path: &FieldPath) {
        if !self.lacks_default_class(method, kind) {
            return;
        }
        let word = method.sql();
        let message = format!("{what} has the type {kind}, which {word} does not support without an operator class");
        let is_text = TEXT_TYPES.contains(&kind.base());
        let hint = match (method, kind.base()) {
            (Method::Btree | Method::Hash, "json") => "use jsonb instead of json".to_owned(),
            (Method::Btree | Method::Hash, "xml") => "use text instead of xml".to_owned(),
            (Method::Btree, "xid") => "use xid8 instead of xid".to_owned(),
            (Method::Btree | Method::Hash, _) => "use a column of a different type".to_owned(),
            (Method::Gin, "json") => "use jsonb instead of json".to_owned(),
            (Method::Gin, _) if is_text => {
                "add the extension pg_trgm and `opclass = \"gin_trgm_ops\"`, or remove `using`".to_owned()
            }
            (Method::Gist, "jsonb") => "set `using = 'gin`".to_owned(),
            (Method::Gin | Method::Gist, _) if !self.lacks_default_class(Method::Btree, kind) => {
                format!("add the extension btree_{word}, or remove `using`")
            }
            _ => "use a column of a different type, or a different `using`".to_owned(),
        };
        self.report(path.clone(), message, hint);
    }

    /// Reports several columns, or additional ones, of a method that does not support them.
    pub(super) fn check_shape_of_index(&mut self, index: &Index, path: &FieldPath) {
        let word = index.using.sql();
        if matches!(index.using, Method::Hash | Method::Spgist) && index.columns.len() > 1 {
            let message = format!("an index with {word} has one column");
            self.report(path.clone(), message, "write an index for each column, or remove `using`");
        }
        if matches!(index.using, Method::Hash | Method::Gin | Method::Brin) && !index.include.is_empty() {
            let message = format!("an index with {word} cannot have additional columns");
            self.report(path.key("include"), message, "remove `include`, or `using`");
        }
    }

    /// Reports columns of keys, indexes and exclusion constraints whose types their method does not support.
    pub(super) fn check_types_in_indexes(&mut self, table: &Table, path: &FieldPath) {
        let kind_of = |name: &SqlName| table.columns.get(name).map(|column| column.kind.clone());
        let mut used: Vec<(Method, TypeName, String, FieldPath)> = Vec::new();
        let mut add = |method: Method, name: &SqlName, path: FieldPath| {
            used.extend(kind_of(name).map(|kind| (method, kind, format!("`{name}`"), path)));
        };
        for name in &table.primary_key {
            add(Method::Btree, name, path.key("primary_key"));
        }
        for (key, unique) in &table.uniques {
            for name in &unique.columns {
                add(Method::Btree, name, path.key("uniques").key(key.as_str()).key("columns"));
            }
        }
        for (key, index) in &table.indexes {
            for column in index.columns.iter().filter(|column| column.opclass.is_none()) {
                if let Some(name) = &column.column {
                    add(index.using, name, path.key("indexes").key(key.as_str()).key("columns"));
                }
            }
        }
        for (key, exclude) in &table.excludes {
            for (i, element) in exclude.elements.iter().enumerate() {
                let path = path.key("excludes").key(key.as_str()).key("elements").index(i);
                let text = element.expression.as_str().trim();
                let name = table.columns.keys().find(|name| quoted_if_needed(name.as_str()) == text);
                name.into_iter().for_each(|name| add(exclude.using, name, path.clone()));
            }
        }
        if let Some(partitioning) = &table.partition_by {
            let method = if partitioning.strategy == Strategy::Hash { Method::Hash } else { Method::Btree };
            for (i, key) in partitioning.columns.iter().enumerate().filter(|(_, key)| key.opclass.is_none()) {
                let path = path.key("partition_by").key("columns").index(i);
                if let Some(name) = &key.column {
                    add(method, name, path);
                }
            }
        }
        for (method, kind, what, path) in used {
            self.check_default_class(method, &kind, &what, &path);
        }
    }

    /// Reports a column that a key lists twice.
    pub(super) fn check_repeated_columns(&mut self, table: &Table, path: &FieldPath) {
        let uniques = table
            .uniques
            .iter()
            .map(|(key, unique)| (&unique.columns, path.key("uniques").key(key.as_str()).key("columns")));
        let references = table.foreign_keys.iter().map(|(key, foreign)| {
            (&foreign.references.columns, path.key("foreign_keys").key(key.as_str()).key("references").key("columns"))
        });
        let keys = uniques.chain(references).chain([(&table.primary_key, path.key("primary_key"))]);
        for (columns, path) in keys.collect::<Vec<_>>() {
            let repeated = columns.iter().enumerate().find(|(i, name)| columns[..*i].contains(name));
            if let Some((_, name)) = repeated {
                self.report(path, format!("the key has the column `{name}` twice"), "list each column once");
            }
        }
    }
}
