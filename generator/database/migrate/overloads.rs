//! Functions that have the same name but different arguments. A definition chooses their keys freely, so the old schema
//! gets the keys of the new one before the two are compared.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::database::model::*;

/// Returns the old schema in which each function has the key of the same function in the new schema.
pub fn rename_function_keys<'a>(old: Cow<'a, Schema>, new: &Schema) -> Cow<'a, Schema> {
    let mut has_names = old.functions.values().chain(new.functions.values()).map(|function| function.name.is_some());
    if !has_names.any(|has_name| has_name) {
        return old;
    }
    let mut schema = old.into_owned();
    let mut functions: BTreeMap<ObjectName, Function> = BTreeMap::new();
    let mut removed_functions = Vec::new();
    for (key, mut function) in std::mem::take(&mut schema.functions) {
        let mut new_functions = new.functions.iter();
        match new_functions.find(|(new_key, new)| function.is_same_routine(&key, new, new_key)) {
            Some((new_key, new)) => {
                function.name.clone_from(&new.name);
                functions.insert(new_key.clone(), function);
            }
            None => removed_functions.push((key, function)),
        }
    }
    for (key, mut function) in removed_functions {
        // If a different function has the key now, any free key will do, since this function is dropped.
        let name = function.name_in_sql(&key);
        let mut keys = numbered_names(&key, key.name(), ' ');
        let free_key = keys.find(|key| !functions.contains_key(key)).unwrap_or_else(|| key.clone());
        if free_key != key {
            function.name = Some(SqlName::truncated(name.name()));
        }
        functions.insert(free_key, function);
    }
    schema.functions = functions;
    Cow::Owned(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_key_of_the_greatest_length_that_is_taken_is_shortened() {
        let key = "k".repeat(LONGEST_NAME);
        let schema = |kind: &str| -> Schema {
            let function = serde_json::json!({
                "name": "total", "arguments": [{ "type": kind }], "returns": "integer", "language": "sql", "body": "SELECT 1"
            });
            serde_json::from_value(serde_json::json!({ "functions": { key.clone(): function } })).unwrap()
        };
        // The new schema gives the key to the function with the other arguments.
        let mut old = schema("integer");
        let other = schema("text").functions.into_values().next().unwrap();
        old.functions.insert(ObjectName::new("total_text").unwrap(), other);
        let keyed = rename_function_keys(Cow::Owned(old), &schema("text")).into_owned();
        assert_eq!(keyed.functions.len(), 2);
        let gone = keyed.functions.keys().find(|name| name.name() != key).unwrap();
        assert_eq!(gone.name(), format!("{} 2", "k".repeat(LONGEST_NAME - 2)));
    }
}
