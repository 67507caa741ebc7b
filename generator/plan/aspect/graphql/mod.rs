//! Plans the metadata of each Hasura service and of its copies: the databases, each identified by the environment variable
//! that contains its URL, and the calls to other services. The image with Hasura's command line applies the metadata
//! when it starts.

mod calls;
mod events;
mod handlers;
mod lookup;
mod remote_schemas;
mod roles;
mod sdl;
mod subset;
mod taken_names;
mod types;

use std::collections::BTreeMap;

use super::databases::main_database;
use super::endpoint::DatabaseEndpoint;
use crate::database::graphql::{HasuraSource, QualifiedName, TrackedTable, tracked_objects};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::model::{ConfigMount, HasuraMetadata, Value};
use crate::plan::roster::{Category, PlannedService, Roster};
use crate::plan::wiring::{Addition, Planned, Wiring, Wirings};
use crate::stack::{Condition, GraphqlEndpoint, Served, Stack};
use crate::values::{Checked, ContainerPath, ServiceName, SqlIdent, VariableName};
use calls::Calls;
use lookup::check_hasura;

pub use lookup::StackParts;

/// Suffix of the tag of the image with the command line.
const IMAGE_SUFFIX: &str = ".cli-migrations-v3";
/// The folder in which the command line expects metadata.
const FOLDER: &str = "/hasura-metadata";
/// The variable from which Hasura creates its default source, and the name of this source.
const DEFAULT_SOURCE: (&str, &str) = ("HASURA_GRAPHQL_DATABASE_URL", "default");

type Definitions = BTreeMap<SqlIdent, Schema>;
type Metadata = BTreeMap<ServiceName, HasuraMetadata>;

/// Plans the metadata of each Hasura service, and mounts it. hasura-auth starts after Hasura, because hasura-auth adds
/// its tables to the metadata.
pub fn plan(stack_parts: &StackParts, definitions: &Definitions, wirings: &Wirings) -> Planned<Metadata> {
    let StackParts { stack, roster, .. } = stack_parts;
    let (calls, findings) = handlers::read_calls(stack_parts, definitions);
    let mut planned = Planned { findings, ..Planned::<Metadata>::default() };
    let served_databases =
        definitions.iter().filter_map(|(name, schema)| Some((name, schema, schema.served_by.as_ref()?)));
    for (database, schema, original) in served_databases {
        if let Err(finding) = check_hasura(stack, roster, original, &path!("databases", database, "served_by")) {
            planned.findings.extend(finding);
            continue;
        }
        for (name, serves) in with_copies(stack_parts, original) {
            let Some(variable) = url_variable(stack, roster, (database, original), &wirings.variables(name)) else {
                planned.findings.extend((name == original).then(|| missing_url(name, database)));
                continue;
            };
            let is_default = variable.as_str() == DEFAULT_SOURCE.0;
            let source_name = if is_default { DEFAULT_SOURCE.1 } else { database.as_str() };
            let (tables, functions) = match serves {
                Some(serves) => tracked_objects(&subset::subset(schema, serves)),
                None => tracked_objects(schema),
            };
            let (source_name, database) = (source_name.to_owned(), Some(database.clone()));
            let connections = connections(&roster[original], original, &wirings.variables(name), &variable);
            let source = HasuraSource { name: source_name, database, variable, connections, tables, functions };
            planned.value.entry(name.clone()).or_default().sources.push(source);
        }
    }
    for (original, calls) in &calls {
        for (name, serves) in with_copies(stack_parts, original) {
            let metadata = planned.value.entry(name.clone()).or_default();
            planned.wirings.extend(add_calls(metadata, name, calls, serves));
            planned.wirings.extend(remote_schemas::wirings(metadata, name, calls, roster));
        }
        planned.findings.extend(remote_schemas::check_health_checks(original, calls, roster));
        planned.wirings.extend(add_events(&mut planned.value, original, calls));
    }
    for (name, endpoint) in &stack.graphql_endpoints {
        planned.findings.extend(check_served(stack_parts, definitions, &calls, (name, endpoint)));
    }
    for (name, metadata) in &mut planned.value {
        // Applying metadata removes each source that is not listed. hasura-auth needs the default source for its tables,
        // so the metadata lists it without tables.
        let variable = VariableName::wrap(DEFAULT_SOURCE.0.into());
        let has_default = metadata.sources.iter().any(|source| source.name == DEFAULT_SOURCE.1);
        if !has_default && wirings.variables(name).contains_key(&variable) {
            let original = match &roster[name].category {
                Category::Copy(original) => original,
                _ => name,
            };
            let connections = connections(&roster[original], original, &wirings.variables(name), &variable);
            let (tables, functions) = (Vec::new(), Vec::new());
            let name = DEFAULT_SOURCE.1.to_owned();
            metadata.sources.insert(0, HasuraSource { name, database: None, variable, connections, tables, functions });
        }
        planned.findings.extend(refused_image(&roster[name]));
        planned.wirings.extend(apply_metadata(name, roster));
    }
    planned
}

/// Returns a Hasura service and its copies by name, each with the part of the API that it serves; `None` for all of it.
fn with_copies<'a>(
    stack_parts: &'a StackParts,
    original: &'a ServiceName,
) -> BTreeMap<&'a ServiceName, Option<&'a Served>> {
    let endpoints = stack_parts.stack.graphql_endpoints.iter();
    let serves_by_path: BTreeMap<FieldPath, Option<&Served>> =
        endpoints.map(|(name, endpoint)| (path!("graphql_endpoints", name), endpoint.serves.as_ref())).collect();
    let copies = stack_parts.roster.iter().filter(|(_, member)| member.category == Category::Copy(original.clone()));
    copies
        .map(|(name, member)| (name, serves_by_path.get(&member.path).copied().flatten()))
        .chain([(original, None)])
        .collect()
}

/// Adds actions, their types and remote schemas to the metadata of the Hasura service `name`. Returns its wirings for these
/// calls.
fn add_calls(metadata: &mut HasuraMetadata, name: &ServiceName, calls: &Calls, serves: Option<&Served>) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    for (action, needs) in &calls.actions {
        let is_served = serves.is_none_or(|serves| serves.actions.contains(&action.metadata.name));
        if is_served {
            let mut action = action.clone();
            // An empty list serves all roles.
            let roles = serves.map_or(&[][..], |serves| &serves.roles);
            action.metadata.permissions.retain(|allowed| roles.is_empty() || roles.contains(&allowed.role));
            metadata.actions.push(action);
            wirings.extend(needs.wirings(name));
        }
    }
    for (remote, needs) in &calls.remote_schemas {
        if serves.is_none_or(|serves| serves.remote_schemas.contains(&remote.name)) {
            metadata.remote_schemas.push(remote.clone());
            wirings.extend(needs.wirings(name));
        }
    }
    if serves.is_none() || !metadata.actions.is_empty() {
        metadata.types.clone_from(&calls.types);
    }
    wirings
}

/// Adds event and cron triggers to the metadata of an original, and returns its wirings for these calls. Copies have none,
/// since each call would be made twice.
fn add_events(metadata_by_hasura: &mut Metadata, original: &ServiceName, calls: &Calls) -> Vec<Wiring> {
    let metadata = metadata_by_hasura.entry(original.clone()).or_default();
    let mut wirings = Vec::new();
    for (cron, needs) in &calls.crons {
        metadata.crons.push(cron.clone());
        wirings.extend(needs.wirings(original));
    }
    for (event, needs) in &calls.events {
        let is_source = |source: &&mut HasuraSource| source.database.as_ref() == Some(&event.database);
        let is_table = |tracked: &&mut TrackedTable| tracked.table == QualifiedName::of(&event.table);
        // `missing_url` reports a database whose URL the service does not have.
        let source = metadata.sources.iter_mut().find(is_source);
        if let Some(table) = source.and_then(|source| source.tables.iter_mut().find(is_table)) {
            table.event_triggers.push(event.trigger.clone());
        }
        wirings.extend(needs.wirings(original));
    }
    wirings
}

/// Returns findings about the part of the API that an endpoint serves.
fn check_served(
    stack_parts: &StackParts,
    definitions: &Definitions,
    calls: &BTreeMap<ServiceName, Calls>,
    (name, endpoint): (&ServiceName, &GraphqlEndpoint),
) -> Vec<Diagnostic> {
    let path = path!("graphql_endpoints", name);
    let member = stack_parts.roster.values().find(|member| member.path == path);
    let (Some(Category::Copy(original)), Some(serves)) = (member.map(|member| &member.category), &endpoint.serves)
    else {
        return Vec::new();
    };
    let served: Vec<&Schema> =
        definitions.values().filter(|schema| schema.served_by.as_ref() == Some(original)).collect();
    subset::check(serves, original, &served, calls.get(original), &path)
}

/// Returns the first of `variables` that contains the URL of the database on the server, with the login role of the
/// original. If none does, the URL can be that of the pooler, and last that of the replica; `None` if there is none at all.
fn url_variable(
    stack: &Stack,
    roster: &Roster,
    (database, original): (&SqlIdent, &ServiceName),
    variables: &BTreeMap<&VariableName, &Value>,
) -> Option<VariableName> {
    let main = main_database(stack);
    let uses = roster[original].service.databases.iter();
    let entries: Vec<&SqlIdent> = uses
        .filter(|(_, declared)| declared.name.as_ref().unwrap_or(&main) == database)
        .map(|(entry, _)| entry)
        .collect();
    DatabaseEndpoint::ALL.into_iter().find_map(|endpoint| {
        let url_secrets: Vec<_> = entries.iter().map(|entry| endpoint.url_secret(original, entry)).collect();
        let holds_url = |value: &Value| matches!(value, Value::Secret(secret) if url_secrets.contains(secret));
        variables.iter().find(|(_, value)| holds_url(value)).map(|(name, _)| (*name).clone())
    })
}

/// Returns the `connections` of the database whose URL is in a variable of the Hasura service `original` or its copy.
fn connections(
    member: &PlannedService,
    original: &ServiceName,
    variables: &BTreeMap<&VariableName, &Value>,
    variable: &VariableName,
) -> Option<u16> {
    let Some(Value::Secret(url)) = variables.get(variable) else { return None };
    let is_of_url = |entry: &SqlIdent| {
        DatabaseEndpoint::ALL.into_iter().any(|endpoint| endpoint.url_secret(original, entry) == *url)
    };
    member.service.databases.iter().find(|(entry, _)| is_of_url(entry)).and_then(|(_, uses)| uses.connections)
}

/// Returns the finding for a database whose URL no variable of its Hasura service contains.
fn missing_url(name: &ServiceName, database: &SqlIdent) -> Diagnostic {
    Diagnostic::error(Code::UnknownDatabase, path!("databases", database, "served_by"))
        .message(format!("no variable of `{name}` has the URL of the database `{database}`, which it serves"))
        .hint(format!(
            "add it: `services.{name} = {{ databases.{database} = {{ name = \"{database}\", access = 'write }}, \
             extra_env.{}_URL = nself.database_url \"{database}\" }}`",
            database.as_str().to_ascii_uppercase()
        ))
}

/// Returns the finding for an image with a digest: the digest of the variant with Hasura's command line cannot be
/// derived from it.
fn refused_image(member: &PlannedService) -> Option<Diagnostic> {
    let image_with_digest = member.service.image.as_ref().filter(|image| image.as_str().contains('@'));
    image_with_digest.map(|_| {
        Diagnostic::error(Code::Unsupported, member.path.key("image"))
            .message("applying metadata needs the `cli-migrations` image of the same release, which a digest does not identify")
            .expected(format!("a tag and no digest: nself adds `{IMAGE_SUFFIX}` to it, and `nself lock` pins it"))
    })
}

/// Returns the wirings for applying metadata: image, folder and home folder of Hasura, and the dependency of
/// hasura-auth.
fn apply_metadata(name: &ServiceName, roster: &Roster) -> Vec<Wiring> {
    let cause = path!("databases");
    let config =
        ConfigMount { source: format!("hasura/{name}"), target: ContainerPath::wrap(FOLDER.into()), reloads: false };
    let mut additions = vec![
        Addition::DefaultVariable(VariableName::wrap("HOME".into()), Value::Text("/tmp".into())),
        Addition::Config(config),
    ];
    if refused_image(&roster[name]).is_none() {
        additions.push(Addition::ImageSuffix(IMAGE_SUFFIX));
    }
    let mut wirings: Vec<Wiring> = additions.into_iter().map(|addition| Wiring::new(name, addition, &cause)).collect();
    for (client, member) in roster {
        if member.service.has_catalogue_entry("hasura-auth") && member.service.connects_to.contains(name) {
            let dependency = Addition::Dependency(name.clone(), Condition::Healthy);
            wirings.push(Wiring::new(client, dependency, &member.path.key("connects_to")));
        }
    }
    wirings
}
