//! Schemas of a database that a definition cannot have, since a service of the database or the ledger owns them. Services
//! create the tables in their schemas after the migrations.

use std::collections::BTreeMap;

use super::databases::Server;
use crate::database::ledger::LEDGER_SCHEMA;
use crate::database::model::{ObjectName, PUBLIC_SCHEMA, Schema, object_statement};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::Access;
use crate::values::SqlIdent;

/// The owner of a schema: a service, by its name, or nself for the ledger.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Service(&'a str),
    Ledger,
}

impl Owner<'_> {
    fn text(self) -> String {
        match self {
            Owner::Service(service) => format!("belongs to the service `{service}`"),
            Owner::Ledger => "holds the list of applied migrations".to_owned(),
        }
    }

    fn hint(self, advice: &str) -> String {
        match self {
            Owner::Service(service) => {
                format!("`{service}` creates its tables when it starts, after the migrations; {advice}")
            }
            Owner::Ledger => format!("nself creates this schema; {advice}"),
        }
    }
}

/// Returns the findings about a definition: those of its check, and NS767 for each schema, object and foreign key in
/// a schema of a service. A schema that the check reports as missing has only NS767.
pub fn check(database: &SqlIdent, schema: &Schema, server: &Server, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let owners = owners(database, server);
    let mut reserved = Vec::new();
    let mut report = |path: FieldPath, name: &str, message: String, advice: &str| {
        if let Some(owner) = owners.get(name) {
            let finding = Diagnostic::error(Code::ServiceSchema, path).message(format!("{message} {}", owner.text()));
            let finding = match owner {
                Owner::Service(service) => finding.related(path!("services", *service), "the service"),
                Owner::Ledger => finding,
            };
            reserved.push(finding.hint(owner.hint(advice)));
        }
    };
    let root = path!("databases", database);
    for name in schema.schemas.keys() {
        let path = root.key("schemas").key(name.as_str());
        report(
            path,
            name.as_str(),
            format!("the schema `{name}`"),
            "use a schema of a different name for your objects",
        );
    }
    for (kind, name) in
        objects(schema).filter(|(_, name)| !schema.schemas.keys().any(|key| key.as_str() == name.schema()))
    {
        let path = root.key(kind).key(name.as_str());
        report(
            path,
            name.schema(),
            format!("the schema of `{name}`"),
            "leave the object out, or use a different schema",
        );
    }
    for (name, table) in &schema.tables {
        let path = root.key("tables").key(name.as_str()).key("foreign_keys");
        for (key, foreign) in &table.foreign_keys {
            let target = &foreign.references.table;
            let path = path.key(key.as_str()).key("references").key("table");
            if !schema.tables.contains_key(target) {
                let advice = "keep the column with an index, and remove the foreign key";
                report(path, target.schema(), format!("the schema of `{target}`"), advice);
            }
        }
    }
    for (key, object) in &schema.objects {
        for relation in object_statement::relations(object.create.as_str()) {
            let path = root.key("objects").key(key.as_str()).key("create");
            report(path, relation.schema(), format!("the schema of `{relation}`"), "remove the object");
        }
    }
    let is_replaced = |finding: &Diagnostic| {
        finding.code == Code::SchemaInvalid
            && finding.message.starts_with("there is no ")
            && reserved.iter().any(|other| other.path == finding.path)
    };
    let kept = findings.into_iter().filter(|finding| !is_replaced(finding)).collect::<Vec<_>>();
    kept.into_iter().chain(reserved).collect()
}

/// Returns the schemas of a database that its definition cannot have.
fn owners<'a>(database: &SqlIdent, server: &'a Server) -> BTreeMap<&'a str, Owner<'a>> {
    let grants = server.databases.get(database).into_iter().flat_map(|database| &database.grants);
    let own_schemas = grants.filter(|grant| grant.access == Access::Schema && grant.schema.as_str() != PUBLIC_SCHEMA);
    let schemas = own_schemas.filter_map(|grant| {
        let (service, _) = server.roles.iter().find(|(_, role)| role.name == grant.role)?;
        Some((grant.schema.as_str(), Owner::Service(service.as_str())))
    });
    schemas.chain([(LEDGER_SCHEMA, Owner::Ledger)]).collect()
}

/// Returns the names of the objects of a definition, with the field that contains each.
fn objects(schema: &Schema) -> impl Iterator<Item = (&'static str, &ObjectName)> {
    let tables = schema.tables.keys().map(|name| ("tables", name));
    let views = schema.views.keys().map(|name| ("views", name));
    let types = schema.types.keys().map(|name| ("types", name));
    let sequences = schema.sequences.keys().map(|name| ("sequences", name));
    let functions = schema.functions.keys().map(|name| ("functions", name));
    tables.chain(views).chain(types).chain(sequences).chain(functions)
}
