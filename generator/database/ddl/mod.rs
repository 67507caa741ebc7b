//! SQL of single objects. Names are quoted and include their schema; expressions of the user are in brackets.

mod grants;
mod keys;
mod routine;
mod security;
mod storage;
mod table;
mod types;

use crate::database::model::*;
use crate::values::{ExtensionName, Text};

pub use grants::*;
pub use keys::*;
pub use routine::*;
pub use security::*;
pub use storage::*;
pub use table::*;
pub use types::*;

/// Returns `CREATE SCHEMA`.
pub fn create_schema(name: &SqlName) -> String {
    format!("CREATE SCHEMA {};", quoted(name))
}

/// Extensions that name their own schema; the server refuses any other schema.
const OWN_SCHEMA: [&str; 3] = ["pg_cron", "postgis_tiger_geocoder", "postgis_topology"];

/// Returns `CREATE EXTENSION`.
pub fn create_extension(name: &ExtensionName) -> String {
    let schema = if OWN_SCHEMA.contains(&name.as_str()) { "" } else { " SCHEMA public" };
    format!("CREATE EXTENSION IF NOT EXISTS {}{schema};", quoted(name))
}

/// Returns `COMMENT ON`; `None` removes the comment.
pub fn comment(kind: &str, object: &str, text: Option<&Text>) -> String {
    let text = text.map_or("NULL".to_owned(), |text| literal(text.as_str()));
    format!("COMMENT ON {kind} {object} IS {text};")
}

/// Returns a statement that fails if the query finds rows that would be lost.
pub fn fail_if_rows(lossy: &str, message: &str) -> String {
    let message = literal(&message.replace('%', "%%"));
    let body = format!("BEGIN IF EXISTS ({lossy}) THEN RAISE EXCEPTION {message}; END IF; END");
    // A name in the query could contain the tag.
    let tags =
        (0..).map(|number: usize| format!("$guard{}$", if number == 0 { String::new() } else { number.to_string() }));
    let tag = tags.into_iter().find(|tag| !body.contains(tag.as_str())).unwrap_or_default();
    format!("DO {tag} {body} {tag};")
}
