//! Texts that the server stores in its parsed form. They follow renamed objects, so they are equal to the texts of the new
//! schema if both differ only in the names of those objects.

use serde_json::Value;

use super::new_names::replace_object_name;
use crate::database::identifiers::is_name_of_object;
use crate::database::lexer::{self, Token};
use crate::database::model::*;
use crate::values::Checked;

/// Returns an old schema in which each text that differs from that of the new schema only in names of renamed objects is
/// replaced by the new one. `names` are the old and new names.
pub fn adopt_texts(old: Schema, new: &Schema, names: &[(ObjectName, ObjectName)]) -> Schema {
    let (Ok(mut old_value), Ok(new_value)) = (serde_json::to_value(&old), serde_json::to_value(new)) else {
        return old;
    };
    let renamed_objects = RenamedObjects { names };
    renamed_objects.adopt_keys(&mut old_value, &new_value);
    renamed_objects.adopt(&mut old_value, &new_value);
    let Ok(mut schema) = serde_json::from_value::<Schema>(old_value) else { return old };
    for (name, table) in &mut schema.tables {
        // The decoded value does not tell how the definition declares the partition.
        table.partition_of = old.tables.get(name).and_then(|table| table.partition_of.clone());
    }
    schema
}

/// The old and new names of objects.
struct RenamedObjects<'a> {
    names: &'a [(ObjectName, ObjectName)],
}

impl RenamedObjects<'_> {
    /// Replaces each text of the old value by that of the new value, if both differ only in names of renamed objects.
    /// Texts that the server keeps as they are written, such as comments and most bodies of functions, stay, and so do
    /// single words, which may be names of columns.
    fn adopt(&self, old: &mut Value, new: &Value) {
        const KEPT: [&str; 4] = ["comment", "column_comments", "settings", "grants"];
        match (old, new) {
            (Value::String(old), Value::String(new)) if self.differs_in_names(old.as_str(), new) => {
                old.clone_from(new);
            }
            (Value::Array(old), Value::Array(new)) => {
                old.iter_mut().zip(new).for_each(|(old, new)| self.adopt(old, new));
            }
            (Value::Object(old), Value::Object(new)) => {
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

    /// Replaces keys of `objects` by those of the new schema, if they differ only in names of renamed objects: the key of an
    /// aggregate contains the types of its arguments.
    fn adopt_keys(&self, old: &mut Value, new: &Value) {
        let objects =
            (old.get_mut("objects").and_then(Value::as_object_mut), new.get("objects").and_then(Value::as_object));
        let (Some(old), Some(new)) = objects else { return };
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

    /// Returns whether two texts differ only in the names.
    fn differs_in_names(&self, old: &str, new: &str) -> bool {
        old != new
            && !(is_word(old) && is_word(new))
            && (self.with_new_names(old) == *new || self.with_new_types(old) == *new)
    }

    /// Returns a text with the new names. A name with another schema cannot be that of a column.
    fn with_new_names(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (from, to)| match from.schema() == to.schema() {
            true => replace_name_in_sql(&text, from, to),
            false => replace_object_name(&text, from, to),
        })
    }

    /// Returns a text in which only the types in casts have new names, since columns can have the same names.
    fn with_new_types(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (from, to)| replace_name_in_sql(&text, from, to))
    }
}

/// Returns whether a text is one word, such as the name of a column.
fn is_word(text: &str) -> bool {
    lexer::tokens(text).is_ok_and(|tokens| tokens.len() == 1)
}

/// Replaces the name of a type, sequence or table in a statement. Other objects can have the same name, so it is replaced
/// only as the type in a cast, and in a literal that names an object, as in `nextval('orders_id_seq')`.
pub fn replace_name_in_sql(sql: &str, from: &ObjectName, to: &ObjectName) -> String {
    let (spelled, as_literal) = (from.spelled(), literal(&from.spelled()));
    let tokens = lexer::tokens(sql).unwrap_or_default();
    let is_name_at = |at: usize| {
        let rest = sql[at..].strip_prefix(spelled.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || "_$\".".contains(c)))
    };
    let mut places = Vec::new();
    for (index, token) in tokens.iter().enumerate().skip(1) {
        let is_cast = tokens[index - 1].text.ends_with(':') || is_type_of_cast(&tokens, index);
        if is_cast && is_name_at(token.at) {
            places.push((token.at..token.at + spelled.len(), to.spelled()));
        } else if token.text == as_literal && is_name_of_object(&tokens, index) {
            places.push((token.at..token.at + as_literal.len(), literal(&to.spelled())));
        }
    }
    let mut sql = sql.to_owned();
    for (place, name) in places.into_iter().rev() {
        sql.replace_range(place, &name);
    }
    sql
}

/// Returns whether the token is the first one of the type in `CAST(x AS type)`.
fn is_type_of_cast(tokens: &[Token], index: usize) -> bool {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    if !text(index - 1).eq_ignore_ascii_case("as") {
        return false;
    }
    // The number of brackets that close before the token and open further to the left.
    let mut depth = 0_usize;
    let opening = (0..index - 1).rev().find(|i| match text(*i) {
        ")" => {
            depth += 1;
            false
        }
        "(" if depth > 0 => {
            depth -= 1;
            false
        }
        symbol => symbol == "(",
    });
    opening.and_then(|i| i.checked_sub(1)).is_some_and(|i| text(i).eq_ignore_ascii_case("cast"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::database::migrate::{Down, plan, plan_with_all_hazards};
    use crate::diagnostic::FieldPath;

    /// Returns a schema with a type and a sequence of these names, and objects whose texts mention them.
    fn schema(kind: &str, sequence: &str, condition: &str) -> Schema {
        let renamed_from = |old: &str, name: &str| if old == name { Value::Null } else { old.into() };
        serde_json::from_value(json!({
            "types": {
                kind: { "enum": { "values": ["a", "b"], "renamed_from": renamed_from("e", kind) } },
                "d": { "domain": { "type": kind, "default": format!("'a'::{kind}"), "checks": { "k": format!("VALUE <> 'b'::{kind}") } } },
            },
            "sequences": { sequence: { "renamed_from": renamed_from("q", sequence) } },
            "tables": { "t": {
                "columns": {
                    "x": { "type": kind, "default": format!("'a'::{kind}") },
                    "n": { "type": "text", "default": format!("'n' || currval('{sequence}')") },
                    "g": { "type": "boolean", "generated": format!("x = 'a'::{kind}") },
                },
                "checks": { "c": condition },
                "indexes": { "i": { "columns": [{ "column": "n" }], "where": format!("x = 'a'::{kind}") } },
            }},
            "functions": { "f": { "returns": "text", "language": "sql", "body": format!("RETURN 'a'::{kind}::text") } },
        }))
        .unwrap()
    }

    #[test]
    fn texts_follow_renamed_objects_without_a_change() {
        let before = schema("e", "q", "x <> 'b'::e");
        let groups = plan(&before, &schema("e2", "q2", "x <> 'b'::e2"), &FieldPath::root()).unwrap();
        let statements: Vec<String> = groups.into_iter().flatten().map(|step| step.up).collect();
        assert!(statements.iter().all(|sql| sql.contains("RENAME TO")) && statements.len() == 2, "{statements:#?}");
    }

    #[test]
    fn a_step_after_the_renames_is_reverted_before_them() {
        let before = schema("e", "q", "x <> 'b'::e");
        let after = schema("e2", "q", "x = 'a'::e2");
        let groups = plan_with_all_hazards(&before, &after, &FieldPath::root()).unwrap();
        let steps: Vec<_> = groups.into_iter().flatten().collect();
        let mut downs = steps.iter().filter_map(|step| match &step.down {
            Down::Sql(sql) => Some(sql.as_str()),
            _ => None,
        });
        let check = downs.find(|sql| sql.contains("ADD CONSTRAINT \"c\""));
        assert!(check.is_some_and(|sql| sql.contains("x <> 'b'::e2")), "{steps:#?}");
    }

    #[test]
    fn words_that_may_be_columns_are_not_replaced() {
        let (old, new) = (ObjectName::new_in("public", "e"), ObjectName::new_in("public", "f"));
        let replaced = |sql: &str| replace_name_in_sql(sql, &old, &new);
        assert_eq!(
            replaced("e > 'a'::e AND nextval('e') > 1 AND n = 'e'"),
            "e > 'a'::f AND nextval('f') > 1 AND n = 'e'"
        );
        assert_eq!(
            replaced("SELECT e AS e, CAST(g(e, (x)) AS e), cast(n AS e[]), (CAST(e AS text)) FROM e"),
            "SELECT e AS e, CAST(g(e, (x)) AS f), cast(n AS f[]), (CAST(e AS text)) FROM e"
        );
        assert_eq!(replaced("DROP FUNCTION \"public\".\"e\"()"), "DROP FUNCTION \"public\".\"e\"()");
        let (old, new) = (ObjectName::new_in("x", "e"), ObjectName::new_in("x", "f"));
        assert_eq!(
            replace_name_in_sql("'a'::x.e || 'b'::x.ee || 'c'::e", &old, &new),
            "'a'::x.f || 'b'::x.ee || 'c'::e"
        );
    }
}
