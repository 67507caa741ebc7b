//! SQL of storage parameters and statistics.

use crate::database::model::*;

/// Returns storage parameters in brackets.
pub fn parameters(storage: &StorageParameters) -> String {
    let all: Vec<String> =
        storage.iter().map(|(name, value)| format!("{} = {}", name.sql(), literal(value.as_str()))).collect();
    format!("({})", all.join(", "))
}

/// Returns the statements that change the storage parameters of a table or index.
pub fn storage(kind: &str, object: &str, old: &StorageParameters, new: &StorageParameters) -> Vec<String> {
    let gone: Vec<String> = old.keys().filter(|name| !new.contains_key(*name)).map(ParameterName::sql).collect();
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
    let set: StorageParameters = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    let reset = (!gone.is_empty()).then(|| format!("ALTER {kind} {object} RESET ({});", gone.join(", ")));
    let set = (!set.is_empty()).then(|| format!("ALTER {kind} {object} SET {};", parameters(&set)));
    reset.into_iter().chain(set).collect()
}

/// Returns the clause that sets the precision of statistics; `None` is the server's default.
pub fn statistics(target: Option<u16>) -> String {
    format!("SET STATISTICS {}", target.map_or_else(|| "-1".to_owned(), |target| target.to_string()))
}
