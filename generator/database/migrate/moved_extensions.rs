//! Extensions that move to a different schema. The superuser's session moves them before the migration, and their objects
//! have names with the new schema then. Columns, views and other parts that the server stores in its parsed form follow,
//! so the old schema gets the new names before it is compared with the new one.

use serde_json::Value;

use super::rename::{replace_object_name, replace_type_name};
use super::step::{Down, MigrationStep};
use crate::database::extension_catalogue::{function_names, operator_class_names, type_names};
use crate::database::lexer;
use crate::database::model::*;
use crate::values::Checked;

/// The objects of the extensions that move, each with its old and its new name.
pub struct MovedExtensions {
    types: Vec<(ObjectName, ObjectName)>,
    /// Types, functions and operator classes.
    objects: Vec<(ObjectName, ObjectName)>,
}

impl MovedExtensions {
    pub fn of(old: &Schema, new: &Schema) -> MovedExtensions {
        let mut moved = MovedExtensions { types: Vec::new(), objects: Vec::new() };
        for (name, old_extension) in &old.extensions {
            let Some(new_extension) = new.extensions.get(name) else { continue };
            let (from, to) = (old_extension.schema_of(name), new_extension.schema_of(name));
            if from == to {
                continue;
            }
            let names = |object: &&str| (ObjectName::new_in(from, object), ObjectName::new_in(to, object));
            let types = type_names(name.as_str()).iter().map(names);
            let types: Vec<_> = types.filter(|(name, _)| !old.has_type(name)).collect();
            let others = function_names(name.as_str()).iter().chain(operator_class_names(name.as_str()));
            moved.objects.extend(types.iter().cloned().chain(others.map(names)));
            moved.types.extend(types);
        }
        moved
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Returns the old schema with the new names.
    pub fn renamed(&self, old: &Schema, new: &Schema) -> Schema {
        let mut schema = old.clone();
        for (from, to) in &self.types {
            replace_type_name(&mut schema, from, to);
        }
        let (Ok(mut old_value), Ok(new_value)) = (serde_json::to_value(&schema), serde_json::to_value(new)) else {
            return schema;
        };
        self.adopt(&mut old_value, &new_value);
        let Ok(mut renamed) = serde_json::from_value::<Schema>(old_value) else { return schema };
        for (name, table) in &mut renamed.tables {
            // The decoded value does not tell how the definition declares the partition.
            table.partition_of = schema.tables.get(name).and_then(|table| table.partition_of.clone());
        }
        renamed
    }

    /// Replaces each text of the old value by that of the new value, if both differ only in names of the extensions.
    /// Texts that the server keeps as they are written, such as comments and most bodies of functions, stay.
    fn adopt(&self, old: &mut Value, new: &Value) {
        const KEPT: [&str; 4] = ["comment", "column_comments", "settings", "grants"];
        match (old, new) {
            (Value::String(old), Value::String(new)) if old != new && self.with_new_names(old.as_str()) == *new => {
                old.clone_from(new);
            }
            (Value::Array(old), Value::Array(new)) => {
                old.iter_mut().zip(new).for_each(|(old, new)| self.adopt(old, new));
            }
            (Value::Object(old), Value::Object(new)) => {
                self.adopt_keys(old, new);
                let has_text_body = old.get("body").and_then(Value::as_str).is_some_and(|body| {
                    old.get("language").is_none_or(|language| language != "sql")
                        || !Body::wrap(body.into()).is_standard()
                });
                for (key, old) in old.iter_mut() {
                    let is_kept = KEPT.contains(&key.as_str()) || (key == "body" && has_text_body);
                    if let Some(new) = new.get(key).filter(|_| !is_kept) {
                        self.adopt(old, new);
                    }
                }
            }
            _ => {}
        }
    }

    /// Gives the entries of an old object the keys of the new object, if they differ only in names of the extensions. The
    /// key of an aggregate has the types of its arguments.
    fn adopt_keys(&self, old: &mut serde_json::Map<String, Value>, new: &serde_json::Map<String, Value>) {
        let removed = old.keys().filter(|key| !new.contains_key(*key));
        let renames: Vec<(String, String)> = removed
            .map(|key| (key.clone(), self.with_new_names(key)))
            .filter(|(_, renamed)| new.contains_key(renamed) && !old.contains_key(renamed))
            .collect();
        for (key, renamed) in renames {
            let value = old.remove(&key);
            old.extend(value.map(|value| (renamed, value)));
        }
    }

    fn with_new_names(&self, text: &str) -> String {
        self.objects.iter().fold(text.to_owned(), |text, (from, to)| replace_object_name(&text, from, to))
    }

    /// Gives the statements that revert steps the old names: they run after the extensions moved back.
    pub fn restore_names(&self, steps: &mut [MigrationStep]) {
        for step in steps {
            if let Down::Sql(sql) = &mut step.down {
                for (from, to) in &self.objects {
                    *sql = match to.schema() {
                        PUBLIC_SCHEMA => with_name_in_public(sql, to, from),
                        _ => replace_object_name(sql, to, from),
                    };
                }
            }
        }
    }
}

/// Replaces the name of an object in `public`. A plain word may be the name of a column, unless it is the type in a cast.
fn with_name_in_public(sql: &str, from: &ObjectName, to: &ObjectName) -> String {
    let mut sql = sql.replace(&from.sql(), &to.sql());
    let tokens = lexer::tokens(&sql).unwrap_or_default();
    let is_cast = |pair: &&[lexer::Token]| pair[0].text.ends_with(':') && pair[1].text == from.name();
    let places: Vec<usize> = tokens.windows(2).filter(is_cast).map(|pair| pair[1].at).collect();
    for at in places.into_iter().rev() {
        sql.replace_range(at..at + from.name().len(), &to.spelled());
    }
    sql
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::database::migrate::plan;
    use crate::diagnostic::FieldPath;

    /// Returns a schema with citext and hstore in a schema, and objects that use their types.
    fn schema(place: &str) -> Schema {
        let prefix = if place == "public" { String::new() } else { format!("{place}.") };
        let extension = |name: &str| json!({ "name": name, "schema": place });
        serde_json::from_value(json!({
            "schemas": { "ext": {} },
            "extensions": [extension("citext"), extension("pg_trgm")],
            "types": { "d": { "domain": { "type": format!("{prefix}citext") } } },
            "tables": { "t": {
                "columns": {
                    "m": { "type": format!("{prefix}citext[]"), "nullable": true },
                    "n": { "type": "text", "default": format!("'a'::{prefix}citext::text") },
                },
                "indexes": { "i": { "columns": [{ "column": "n", "opclass": format!("{prefix}gin_trgm_ops") }], "using": "gin" } },
            }},
            "views": { "v": { "query": format!("SELECT m, 'a'::{prefix}citext AS x FROM t") } },
            "functions": { "f": {
                "arguments": [{ "type": format!("{prefix}citext") }], "returns": format!("{prefix}citext"),
                "language": "sql", "body": format!("SELECT 'a'::{prefix}citext"),
            }},
        }))
        .unwrap()
    }

    #[test]
    fn parts_of_parsed_sql_follow_an_extension() {
        for (from, to) in [("public", "ext"), ("ext", "public")] {
            let groups = plan(&schema(from), &schema(to), &FieldPath::root()).unwrap();
            let steps: Vec<_> = groups.into_iter().flatten().collect();
            let statements: Vec<&str> = steps.iter().flat_map(|step| step.up.lines()).collect();
            let moves = |name: &str, to: &str| format!("ALTER EXTENSION \"{name}\" SET SCHEMA \"{to}\"");
            assert!(statements[0].contains(&moves("citext", to)), "{statements:#?}");
            assert!(statements[1].contains(&moves("pg_trgm", to)), "{statements:#?}");
            // The body of a function is a text for the server.
            assert!(statements[2].starts_with("CREATE OR REPLACE FUNCTION \"public\".\"f\""), "{statements:#?}");
            assert_eq!(steps.iter().filter(|step| !step.up.is_empty()).count(), 3, "{steps:#?}");
            let downs: Vec<String> = steps
                .iter()
                .rev()
                .filter_map(|step| match &step.down {
                    Down::Sql(sql) => Some(sql.clone()),
                    _ => None,
                })
                .collect();
            assert!(
                downs[0].contains(&moves("pg_trgm", from)) && downs[1].contains(&moves("citext", from)),
                "{downs:#?}"
            );
            let type_before = format!("\"{from}\".\"citext\"");
            assert!(downs[2].contains(&type_before), "{downs:#?}");
        }
    }
}
