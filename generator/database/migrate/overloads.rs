//! Functions of one name with different arguments. Their keys are names that the definition chose, so the old schema
//! gets the keys of the new one before the two are compared.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::database::model::*;

/// Returns the old schema in which each function has the key of the same function in the new schema.
pub fn with_keys_of<'a>(old: Cow<'a, Schema>, new: &Schema) -> Cow<'a, Schema> {
    let mut has_names = old.functions.values().chain(new.functions.values()).map(|function| function.name.is_some());
    if !has_names.any(|has_name| has_name) {
        return old;
    }
    let mut schema = old.into_owned();
    let mut functions: BTreeMap<ObjectName, Function> = BTreeMap::new();
    let mut rest = Vec::new();
    for (key, mut function) in std::mem::take(&mut schema.functions) {
        let same = new.functions.iter().find(|(other_key, other)| function.is_same_routine(&key, other, other_key));
        match same {
            Some((new_key, new)) => {
                function.name.clone_from(&new.name);
                functions.insert(new_key.clone(), function);
            }
            None => rest.push((key, function)),
        }
    }
    for (key, mut function) in rest {
        // Another function has the key now, so this one is gone and any free key does.
        let name = function.name_in_sql(&key);
        let mut free_key = key.clone();
        while functions.contains_key(&free_key) {
            free_key = key.in_same_schema(&SqlName::truncated(&format!("{} ", free_key.name())));
        }
        if free_key != key {
            function.name = Some(SqlName::truncated(name.name()));
        }
        functions.insert(free_key, function);
    }
    schema.functions = functions;
    Cow::Owned(schema)
}
