//! Refuses changes that would rewrite the rows of a table while a column has such rows as values: the server does not
//! convert those values, so it refuses the changes, too.

use super::diff::Diff;
use super::planner::Planner;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// Refuses a change that would rewrite the rows of a table, if a column has such rows as values. `change` is the beginning
/// of a sentence about the change, and `otherwise` is a different way to make it. Returns whether it was refused.
pub fn refuse_rewrite(
    planner: &mut Planner,
    diff: &Diff,
    (table, path): (&ObjectName, FieldPath),
    (change, otherwise): (&str, &str),
) -> bool {
    let Some(column) = diff.stored_rows.column_of(table) else { return false };
    refuse(planner, (table, column), path, (change, otherwise));
    true
}

/// Refuses a new column with values for existing rows, if a column has rows of the table as values. Returns whether it was
/// refused.
pub fn refuse_new_values(
    planner: &mut Planner,
    diff: &Diff,
    (name, table, path): (&ObjectName, &Table, FieldPath),
    column: &Column,
) -> bool {
    let Some(holder) = diff.stored_rows.column_of_rewritten_rows(name, table) else { return false };
    let otherwise = match column {
        Column { identity: Some(_), .. } => "use `default = \"nextval('…')\"` with `backfill` instead of `identity`",
        Column { generated: Some(_), is_virtual: false, .. } => "compute the value in a view",
        _ if has_values_of_domain(diff.new, &column.kind) => "use the base type of the domain",
        Column { default: Some(_), backfill: None, .. } => {
            "repeat the default as `backfill`, which fills the rows after the column is added"
        }
        _ => return false,
    };
    refuse(planner, (name, holder), path, ("a column with a value for existing rows cannot be added", otherwise));
    true
}

fn refuse(
    planner: &mut Planner,
    (table, column): (&ObjectName, &str),
    path: FieldPath,
    (change, otherwise): (&str, &str),
) {
    let message = format!("{change} while {column} has rows of {table} as values, which PostgreSQL does not convert");
    let hint = format!("{otherwise}, or give {column} a different type, such as jsonb, in an earlier migration");
    planner.refuse(Code::ChangeRefused, path, message, &hint);
}

/// Returns whether the server gives a new column of a type a value or checks its values: for a domain with a default or a
/// condition.
fn has_values_of_domain(schema: &Schema, kind: &TypeName) -> bool {
    let mut kind = kind;
    // The number of steps is limited, since a wrong definition can have a domain that is based on itself.
    for _ in 0..schema.types.len() {
        let Some(UserType::Domain(domain)) = kind.object().and_then(|object| schema.types.get(&object)) else { break };
        if kind.is_array() {
            break;
        }
        if domain.default.is_some() || domain.not_null || !domain.checks.is_empty() {
            return true;
        }
        kind = &domain.base;
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::database::migrate::plan_with_all_hazards;
    use crate::database::model::Schema;
    use crate::diagnostic::FieldPath;

    type Edit = Box<dyn Fn(&mut Value)>;

    /// Returns the messages about a change of the table `t`, whose rows are values of `u.x` with a type.
    fn messages(kind: &str, change: impl Fn(&mut Value)) -> Vec<String> {
        let old = json!({
            "types": {
                "part": { "composite": { "attributes": [{ "name": "row", "type": "t" }] } },
                "plain": { "domain": { "type": "part" } },
                "small": { "domain": { "type": "integer", "checks": { "c": "VALUE < 9" } } },
                "state": { "enum": { "values": ["new", "paid"] } },
            },
            "tables": {
                "t": { "columns": {
                    "a": { "type": "integer" },
                    "g": { "type": "integer", "generated": "1" },
                    "s": { "type": "state" },
                } },
                "u": { "columns": { "x": { "type": kind, "nullable": true } } },
            },
        });
        let mut new = old.clone();
        change(&mut new);
        let [old, new] = [old, new].map(|schema| serde_json::from_value::<Schema>(schema).unwrap());
        match plan_with_all_hazards(&old, &new, &FieldPath::root()) {
            Ok(_) => Vec::new(),
            Err(findings) => findings.into_iter().map(|finding| finding.message).collect(),
        }
    }

    #[test]
    fn a_table_whose_rows_are_values_is_not_rewritten() {
        let column = |name: &'static str, column: Value| {
            move |schema: &mut Value| schema["tables"]["t"]["columns"][name] = column.clone()
        };
        let changes: [(&str, Edit, bool); 14] = [
            ("a wider type", Box::new(column("a", json!({ "type": "bigint" }))), true),
            ("a generated column", Box::new(column("g", json!({ "type": "integer", "generated": "2" }))), true),
            ("a default", Box::new(column("n", json!({ "type": "integer", "default": "1" }))), true),
            ("an identity", Box::new(column("n", json!({ "type": "integer", "identity": "always" }))), true),
            ("a new generated column", Box::new(column("n", json!({ "type": "integer", "generated": "a" }))), true),
            ("a domain", Box::new(column("n", json!({ "type": "small", "nullable": true }))), true),
            (
                "labels",
                Box::new(|schema: &mut Value| schema["types"]["state"]["enum"]["values"] = json!(["paid"])),
                true,
            ),
            ("logging", Box::new(|schema: &mut Value| schema["tables"]["t"]["unlogged"] = json!(true)), true),
            ("a nullable column", Box::new(column("n", json!({ "type": "integer", "nullable": true }))), false),
            ("a backfill", Box::new(column("n", json!({ "type": "integer", "default": "1", "backfill": "1" }))), false),
            ("a different default", Box::new(column("a", json!({ "type": "integer", "default": "3" }))), false),
            (
                "a label",
                Box::new(|schema: &mut Value| schema["types"]["state"]["enum"]["values"] = json!(["new", "paid", "x"])),
                false,
            ),
            (
                "the other table",
                Box::new(|schema: &mut Value| {
                    schema["tables"]["u"]["columns"]["y"] = json!({ "type": "integer", "default": "1" })
                }),
                false,
            ),
            (
                "a virtual column",
                Box::new(column("n", json!({ "type": "integer", "generated": "a", "virtual": true }))),
                false,
            ),
        ];
        for (name, change, is_refused) in &changes {
            for kind in ["t", "t[]", "part", "plain"] {
                let found = messages(kind, change);
                let is_expected = |message: &String| message.contains("while u.x has rows of t as values");
                assert_eq!(found.len(), usize::from(*is_refused), "{name} {kind}: {found:?}");
                assert!(found.iter().all(is_expected), "{name} {kind}: {found:?}");
            }
            assert_eq!(messages("jsonb", change), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_partition_counts_as_its_table() {
        let schema = |kind: &str, fields: Value| -> Schema {
            let mut columns = json!({ "k": { "type": "integer" }, "v": { "type": "integer" } });
            columns.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            serde_json::from_value(json!({ "tables": {
                "p": {
                    "columns": columns,
                    "partition_by": { "strategy": "list", "columns": ["k"] },
                    "partitions": { "p1": { "in": ["1"] } },
                },
                "u": { "columns": { "x": { "type": kind, "nullable": true } } },
            }}))
            .unwrap()
        };
        let is_refused = |kind: &str, fields: Value| {
            plan_with_all_hazards(&schema(kind, json!({})), &schema(kind, fields), &FieldPath::root()).is_err()
        };
        let (wider, value) =
            (json!({ "v": { "type": "bigint" } }), json!({ "n": { "type": "integer", "default": "1" } }));
        assert!(is_refused("p", wider.clone()) && is_refused("p1", wider.clone()) && is_refused("p1", value.clone()));
        assert!(!is_refused("p", value) && !is_refused("jsonb", wider));
    }
}
