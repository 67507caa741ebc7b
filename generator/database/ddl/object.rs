//! SQL of objects that a definition keeps as their statements.

use super::comment;
use crate::database::model::*;

/// Returns the SQL that creates an object with its comment and, for a text search configuration, its mappings.
pub fn create_object(object: &SqlObject) -> String {
    let mut sql = vec![format!("{};", object.create)];
    let Some(identity) = object.identity() else { return sql.concat() };
    for (token, dictionaries) in &object.mappings {
        let dictionaries: Vec<String> = dictionaries.iter().map(dictionary).collect();
        // ALTER MAPPING also replaces a mapping that the new configuration copied from an existing one.
        sql.push(format!(
            "ALTER {} ALTER MAPPING FOR {} WITH {};",
            identity.sql,
            quoted(token),
            dictionaries.join(", ")
        ));
    }
    if object.comment.is_some() {
        sql.push(comment(identity.class.words, identity.reference(), object.comment.as_ref()));
    }
    sql.join("\n")
}

/// Returns the name of a dictionary in SQL. The server's dictionaries and those of extensions are written without a
/// schema.
fn dictionary(name: &ObjectName) -> String {
    if name.schema() == PUBLIC_SCHEMA { quoted(name.name()) } else { name.sql() }
}
