//! Functions that return the SQL to create and change single objects. Names are in quotes and include their schema;
//! expressions of the user are in brackets.

mod extension;
mod grants;
mod identity;
mod keys;
mod object;
mod routine;
mod security;
mod sequence_position;
mod storage;
mod table;
mod trigger;
mod types;

use crate::database::model::*;
use crate::values::Text;

pub use extension::*;
pub use grants::*;
pub use identity::*;
pub use keys::*;
pub use object::*;
pub use routine::*;
pub use security::*;
pub use sequence_position::*;
pub use storage::*;
pub use table::*;
pub use trigger::*;
pub use types::*;

/// Returns `CREATE SCHEMA`.
pub fn create_schema(name: &SqlName) -> String {
    format!("CREATE SCHEMA {};", quoted(name))
}

/// Returns `CREATE SCHEMA` for a schema that may exist, because it was created together with an extension.
pub fn create_schema_of_extension(name: &SqlName) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {};", quoted(name))
}

/// Returns `COMMENT ON`; `None` as the text removes the comment. `kind` is the keyword, such as TABLE; `object` is the
/// name in SQL.
pub fn comment(kind: &str, object: &str, text: Option<&Text>) -> String {
    let text = text.map_or("NULL".to_owned(), |text| literal(text.as_str()));
    format!("COMMENT ON {kind} {object} IS {text};")
}

/// Returns a statement that fails with a message if the query finds rows, so that later statements do not delete them.
pub fn fail_if_rows(query: &str, message: &str) -> String {
    // In RAISE, `%` would be a placeholder.
    let message = literal(&message.replace('%', "%%"));
    do_block(&format!("BEGIN IF EXISTS ({query}) THEN RAISE EXCEPTION {message}; END IF; END"))
}

/// Returns the statement DO, which runs a body in PL/pgSQL.
fn do_block(body: &str) -> String {
    // The body could contain the tag that ends it, for example in a name, so the tag is the first of `$guard$`, `$guard1$`,
    // … that the body does not contain.
    let tags =
        (0..).map(|number: usize| format!("$guard{}$", if number == 0 { String::new() } else { number.to_string() }));
    let tag = tags.into_iter().find(|tag| !body.contains(tag.as_str())).unwrap_or_default();
    format!("DO {tag} {body} {tag};")
}
