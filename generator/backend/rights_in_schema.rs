//! The statements with which a role may use the rows of a schema. The setup job grants these rights, and the runner of
//! migrations does in schemas that only a migration creates.

use minijinja::Value;
use serde::Serialize;

use super::render::sql_name;
use crate::plan::Grant;
use crate::stack::Access;
use crate::values::SqlIdent;

const TEMPLATE: &str = include_str!("rights_in_schema.sql.j2");

/// A grant for a template.
#[derive(Serialize)]
pub struct RightsInSchema {
    role: Value,
    schema: Value,
    /// The privileges of the role, as a word that the template compares.
    level: &'static str,
    /// Whether the stack knows the role that creates the objects in the schema; without one, `creator` is undefined.
    has_creator: bool,
    creator: Value,
}

impl RightsInSchema {
    pub fn new(grant: &Grant, creator: Option<&SqlIdent>) -> Self {
        RightsInSchema {
            role: sql_name(&grant.role),
            schema: sql_name(&grant.schema),
            level: match grant.access {
                Access::Owner => "everything",
                Access::Schema => "schema",
                Access::Write => "write",
                Access::Read => "read",
                Access::Monitor => "monitor",
            },
            has_creator: creator.is_some(),
            creator: creator.map_or(Value::UNDEFINED, sql_name),
        }
    }
}

/// Inserts the statements into a template, where `grant` is a [`RightsInSchema`] with the level `read` or `write`.
pub fn replace_placeholder(template: &str) -> String {
    template.replace("@RIGHTS_IN_SCHEMA@", TEMPLATE.trim_end())
}
