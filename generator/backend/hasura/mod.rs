//! The metadata of Hasura in version 3 of its format, one folder for each Hasura service. The image `cli-migrations`
//! applies the folder when it starts. Empty files are written as well, since Hasura expects them.

mod actions;

use serde::Serialize;

use super::provenance::field_of_service;
use crate::artifact::{Artifacts, yaml};
use crate::backend::{Description, Emit, PlanField};
use crate::database::graphql::{HasuraSource, QualifiedName};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::path;
use crate::plan::Plan;

pub const DESCRIPTION: Description = Description {
    paths: &["hasura/"],
    reads: "definitions that Hasura serves, and calls that services answer",
    emit: Emit::FromPlanParts { parts: &[PlanField::Graphql], emit },
    file_fields,
    line_fields: |_, _| Vec::new(),
};

/// Returns the definition of the database that the file belongs to, and the Hasura service that serves it.
fn file_fields(plan: &Plan, path: &str) -> Vec<FieldPath> {
    // The path is such as `hasura/<service>/databases/<database>/tables/public_orders.yaml`.
    let mut parts = path.split('/').skip(1);
    let service = parts.next().map(|service| field_of_service(plan, service));
    let database = parts.skip_while(|part| *part != "databases").nth(1);
    let definition = database.map(|name| path!("databases", name));
    definition.into_iter().chain(service.into_iter().flatten()).collect()
}

/// Files of features that the stack cannot configure, with their empty content.
const EMPTY_FILES: [(&str, &str); 9] = [
    ("allow_list.yaml", "[]\n"),
    ("api_limits.yaml", "{}\n"),
    ("graphql_schema_introspection.yaml", "disabled_for_roles: []\n"),
    ("inherited_roles.yaml", "[]\n"),
    ("metrics_config.yaml", "{}\n"),
    ("network.yaml", "{}\n"),
    ("opentelemetry.yaml", "{}\n"),
    ("query_collections.yaml", "[]\n"),
    ("rest_endpoints.yaml", "[]\n"),
];

#[derive(Serialize)]
struct Database<'a> {
    name: &'a str,
    kind: &'static str,
    configuration: Configuration<'a>,
    tables: String,
    functions: String,
}

#[derive(Serialize)]
struct Configuration<'a> {
    connection_info: Connection<'a>,
}

#[derive(Serialize)]
struct Connection<'a> {
    database_url: FromEnv<'a>,
    isolation_level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_settings: Option<PoolSettings>,
    use_prepared_statements: bool,
}

#[derive(Serialize)]
struct PoolSettings {
    max_connections: u16,
}

#[derive(Serialize)]
struct FromEnv<'a> {
    from_env: &'a str,
}

#[derive(Serialize)]
struct Version {
    version: u8,
}

/// Writes `hasura/<service>/` for each Hasura service.
///
/// # Errors
/// NS901 if two tables have the same file.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    for (service, metadata) in &plan.graphql {
        let sources = &metadata.sources;
        let mut add = |file: &str, text: String| files.add(format!("hasura/{service}/{file}"), text);
        for (file, text) in EMPTY_FILES {
            add(file, text.to_owned())?;
        }
        add("actions.graphql", actions::action_schema(metadata))?;
        add("actions.yaml", yaml::to_yaml(&actions::Actions::of(metadata))?)?;
        add("cron_triggers.yaml", yaml::to_yaml(&metadata.crons)?)?;
        add("remote_schemas.yaml", yaml::to_yaml(&metadata.remote_schemas)?)?;
        add("version.yaml", yaml::to_yaml(&Version { version: 3 })?)?;
        let databases: Vec<Database> = sources.iter().map(database).collect();
        add("databases/databases.yaml", yaml::to_yaml(&databases)?)?;
        for source in sources {
            let folder = |kind: &str| format!("databases/{}/{kind}", source.name);
            let tables: Vec<String> = source.tables.iter().map(|table| include_tag(&table.table)).collect();
            add(&format!("{}/tables.yaml", folder("tables")), yaml::to_yaml(&tables)?)?;
            for table in &source.tables {
                add(&format!("{}/{}", folder("tables"), file_name(&table.table)), yaml::to_yaml(table)?)?;
            }
            let functions: Vec<String> =
                source.functions.iter().map(|function| include_tag(&function.function)).collect();
            add(&format!("{}/functions.yaml", folder("functions")), yaml::to_yaml(&functions)?)?;
            for function in &source.functions {
                add(&format!("{}/{}", folder("functions"), file_name(&function.function)), yaml::to_yaml(function)?)?;
            }
        }
    }
    Ok(files)
}

/// Returns the entry of a database in `databases.yaml`.
fn database(source: &HasuraSource) -> Database<'_> {
    Database {
        name: &source.name,
        kind: "postgres",
        configuration: Configuration {
            connection_info: Connection {
                database_url: FromEnv { from_env: source.variable.as_str() },
                isolation_level: "read-committed",
                pool_settings: source.connections.map(|max_connections| PoolSettings { max_connections }),
                use_prepared_statements: true,
            },
        },
        tables: format!("!include {}/tables/tables.yaml", source.name),
        functions: format!("!include {}/functions/functions.yaml", source.name),
    }
}

/// Returns the name of the file of a table or function, such as `public_orders.yaml`.
fn file_name(name: &QualifiedName) -> String {
    format!("{}_{}.yaml", file_name_part(&name.schema), file_name_part(&name.name))
}

/// Returns a name as a part of a file name: every byte other than a-z, 0-9 and `_` becomes `-` and two hexadecimal
/// digits, as in `-4frders` for `Orders`. Upper case is replaced too, because some file systems do not distinguish it.
fn file_name_part(name: &str) -> String {
    let mut part = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => part.push(byte.into()),
            escaped => part.push_str(&format!("-{escaped:02x}")),
        }
    }
    part
}

/// Returns the YAML value with which a list refers to the file of a table or function.
fn include_tag(name: &QualifiedName) -> String {
    format!("!include {}", file_name(name))
}
