//! Extensions that move to a different schema. The superuser's session moves them before the migration, and their objects
//! have names with the new schema then. Columns, views and other parts that the server stores in its parsed form follow,
//! so the old schema gets the new names before it is compared with the new one.

use super::rename::{adopt_texts, replace_name_in_sql, replace_object_name, replace_type_name};
use super::step::{Down, MigrationStep};
use crate::database::extension_catalogue::{function_names, operator_class_names, type_names};
use crate::database::model::*;

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
        adopt_texts(schema, new, &self.objects)
    }

    /// Puts the old names into the `down` statements, since they run after the extensions have moved back.
    pub fn restore_names(&self, steps: &mut [MigrationStep]) {
        for step in steps {
            if let Down::Sql(sql) = &mut step.down {
                for (from, to) in &self.objects {
                    let statement = sql.replace(&to.sql(), &from.sql());
                    *sql = match to.schema() {
                        // A plain word may be the name of a column.
                        PUBLIC_SCHEMA => replace_name_in_sql(&statement, to, from),
                        _ => replace_object_name(&statement, to, from),
                    };
                }
            }
        }
    }
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
