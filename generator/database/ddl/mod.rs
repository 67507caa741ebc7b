//! SQL of single objects. Names are quoted and include their schema; expressions of the user are in brackets.

mod keys;
mod routine;
mod security;
mod table;
mod types;

use crate::database::model::*;
use crate::values::{ExtensionName, SqlIdent, Text};

pub use keys::*;
pub use routine::*;
pub use security::*;
pub use table::*;
pub use types::*;

/// Returns `CREATE SCHEMA`.
pub fn create_schema(name: &SqlIdent) -> String {
    format!("CREATE SCHEMA {};", quoted(name))
}

/// Extensions that name their own schema; the server refuses any other schema.
const OWN_SCHEMA: [&str; 3] = ["pg_cron", "postgis_tiger_geocoder", "postgis_topology"];

/// Returns `CREATE EXTENSION`.
pub fn create_extension(name: &ExtensionName) -> String {
    let schema = if OWN_SCHEMA.contains(&name.as_str()) { "" } else { " SCHEMA public" };
    format!("CREATE EXTENSION IF NOT EXISTS \"{name}\"{schema};")
}

/// Returns `COMMENT ON`; `None` removes the comment.
pub fn comment(kind: &str, object: &str, text: Option<&Text>) -> String {
    let text = text.map_or("NULL".to_owned(), |text| literal(text.as_str()));
    format!("COMMENT ON {kind} {object} IS {text};")
}

/// Returns a statement that fails if the query finds rows that would be lost.
pub fn fail_if_rows(lossy: &str, message: &str) -> String {
    format!(
        "DO $guard$ BEGIN IF EXISTS ({lossy}) THEN RAISE EXCEPTION {}; END IF; END $guard$;",
        literal(&message.replace('%', "%%"))
    )
}
