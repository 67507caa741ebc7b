//! Schemas that services name in their access to a database. In a database that the stack defines, only the definition and
//! services with a schema create them, so a different name is a mistake.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::database_name;
use crate::database::model::PUBLIC_SCHEMA;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::model::Database;
use crate::plan::roster::Roster;
use crate::stack::{Access, Stack};
use crate::values::SqlIdent;

/// Returns NS329 for each access to the rows of a schema that a defined database does not have.
pub fn check(stack: &Stack, roster: &Roster, databases: &BTreeMap<SqlIdent, Database>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for member in roster.values() {
        for (key, uses) in &member.service.databases {
            let (Access::Read | Access::Write, Some(schema)) = (uses.access, &uses.schema) else { continue };
            let name = database_name(uses, stack);
            let (Some(definition), Some(database)) = (stack.databases.get(&name), databases.get(&name)) else {
                continue;
            };
            let mut names: BTreeSet<&str> = definition.schemas.keys().map(|schema| schema.as_str()).collect();
            names.insert(PUBLIC_SCHEMA);
            names.extend(database.service_schemas().map(|(schema, _)| schema.as_str()));
            if names.contains(schema.as_str()) {
                continue;
            }
            let path = member.path.key("databases").key(key.as_str()).key("schema");
            findings.push(
                Diagnostic::error(Code::UnknownSchema, path)
                    .message(format!("the database `{name}` has no schema `{schema}`"))
                    .expected(format!("one of: {}", names.into_iter().collect::<Vec<_>>().join(", ")))
                    .hint(format!("correct the name, or add the schema to the definition: `databases.{name}.schemas.{schema} = {{}}`")),
            );
        }
    }
    findings
}
