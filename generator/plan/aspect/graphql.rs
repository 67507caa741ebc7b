//! The databases that each Hasura serves: the original and its copies, each source identified by the environment
//! variable that holds its URL. The image with Hasura's command line applies the metadata when it starts.

use std::collections::BTreeMap;

use super::databases::main_database;
use super::endpoint::Endpoint;
use crate::database::graphql::{HasuraSource, tracked};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::addresses::missing;
use crate::plan::model::{ConfigMount, Value};
use crate::plan::roster::{Category, PlannedService, Roster};
use crate::plan::wiring::{Addition, Planned, Wiring, Wirings};
use crate::stack::{Condition, Stack};
use crate::values::{Checked, ContainerPath, ServiceName, SqlIdent, VariableName};

/// Suffix of the tag of the image with the command line.
const IMAGE_SUFFIX: &str = ".cli-migrations-v3";
/// The folder in which the command line expects metadata.
const FOLDER: &str = "/hasura-metadata";
/// The variable from which Hasura creates its default source, and that source's name.
const DEFAULT_SOURCE: (&str, &str) = ("HASURA_GRAPHQL_DATABASE_URL", "default");

type Sources = BTreeMap<ServiceName, Vec<HasuraSource>>;

/// Plans the sources of each Hasura, and mounts its metadata. hasura-auth, which adds metadata of its tables, starts
/// afterwards.
pub fn plan(
    stack: &Stack,
    roster: &Roster,
    definitions: &BTreeMap<SqlIdent, Schema>,
    wirings: &Wirings,
) -> Planned<Sources> {
    let mut planned = Planned::<Sources>::default();
    let served = definitions.iter().filter_map(|(name, schema)| Some((name, schema, schema.served_by.as_ref()?)));
    for (database, schema, original) in served {
        if let Err(finding) = check_hasura(stack, roster, database, original) {
            planned.findings.extend(finding);
            continue;
        }
        let (tables, functions) = tracked(schema);
        let copies = roster.iter().filter(|(_, member)| member.category == Category::Copy(original.clone()));
        let mut names: Vec<&ServiceName> = copies.map(|(name, _)| name).chain([original]).collect();
        names.sort();
        for name in names {
            let Some(variable) = url_variable(stack, roster, (database, original), &wirings.variables(name)) else {
                planned.findings.extend((name == original).then(|| missing_url(name, database)));
                continue;
            };
            let is_default = variable.as_str() == DEFAULT_SOURCE.0;
            let source = if is_default { DEFAULT_SOURCE.1 } else { database.as_str() };
            let (tables, functions) = (tables.clone(), functions.clone());
            let source = HasuraSource { name: source.to_owned(), variable, tables, functions };
            planned.part.entry(name.clone()).or_default().push(source);
        }
    }
    for (name, sources) in &mut planned.part {
        // Metadata replaces all sources, and hasura-auth tracks its tables in the default one.
        let variable = VariableName::wrap(DEFAULT_SOURCE.0.into());
        let has_default = sources.iter().any(|source| source.name == DEFAULT_SOURCE.1);
        if !has_default && wirings.variables(name).contains_key(&variable) {
            let (tables, functions) = (Vec::new(), Vec::new());
            sources.insert(0, HasuraSource { name: DEFAULT_SOURCE.1.to_owned(), variable, tables, functions });
        }
        planned.findings.extend(refused_image(&roster[name]));
        planned.wirings.extend(apply_metadata(name, roster));
    }
    planned
}

/// Checks that a definition is served by a Hasura.
///
/// # Errors
/// NS302 if it is not one; `None` for a service that is not part of this environment, which serves no database here.
fn check_hasura(
    stack: &Stack,
    roster: &Roster,
    database: &SqlIdent,
    name: &ServiceName,
) -> Result<(), Option<Diagnostic>> {
    let path = path!("databases", database, "served_by");
    let Some(member) = roster.get(name) else {
        return Err((!stack.services.contains_key(name)).then(|| missing(name, stack, roster, &path)));
    };
    if let Category::Copy(original) = &member.category {
        return Err(Some(
            Diagnostic::error(Code::UnknownDependency, path)
                .message(format!("`{name}` is a copy of `{original}`, so it serves the same databases"))
                .hint(format!("`served_by = \"{original}\"`")),
        ));
    }
    if is_image(member, "hasura") {
        return Ok(());
    }
    Err(Some(
        Diagnostic::error(Code::UnknownDependency, path)
            .message(format!("`{name}` is not a Hasura service"))
            .expected("the name of a Hasura service, such as `hasura`"),
    ))
}

fn is_image(member: &PlannedService, catalogue: &str) -> bool {
    member.service.catalogue.as_ref().is_some_and(|name| name.as_str() == catalogue)
}

/// Returns the variable that holds a URL of the database, as the original reaches it.
fn url_variable(
    stack: &Stack,
    roster: &Roster,
    (database, original): (&SqlIdent, &ServiceName),
    variables: &BTreeMap<&VariableName, &Value>,
) -> Option<VariableName> {
    let main = main_database(stack);
    let entries = roster[original].service.databases.iter();
    let entries = entries.filter(|(_, uses)| uses.name.as_ref().unwrap_or(&main) == database).map(|(entry, _)| entry);
    let urls: Vec<_> =
        entries.flat_map(|entry| Endpoint::ALL.map(|endpoint| endpoint.url_secret(original, entry))).collect();
    let holds_url = |value: &Value| matches!(value, Value::Secret(secret) if urls.contains(secret));
    variables.iter().find(|(_, value)| holds_url(value)).map(|(name, _)| (*name).clone())
}

fn missing_url(name: &ServiceName, database: &SqlIdent) -> Diagnostic {
    Diagnostic::error(Code::UnknownDatabase, path!("databases", database, "served_by"))
        .message(format!("`{name}` has no URL of the database `{database}`"))
        .hint(format!(
            "`services.{name} = {{ databases.{database} = {{ name = \"{database}\", access = 'write }}, \
             extra_env.{}_URL = nself.database_url \"{database}\" }}`",
            database.as_str().to_ascii_uppercase()
        ))
}

/// Returns the finding for an image with a digest, for which there is no variant with Hasura's command line.
fn refused_image(member: &PlannedService) -> Option<Diagnostic> {
    let digest = member.service.image.as_ref().filter(|image| image.as_str().contains('@'));
    digest.map(|_| {
        Diagnostic::error(Code::Unsupported, member.path.key("image"))
            .message("applying metadata needs the `cli-migrations` image of the same release, which a digest does not identify")
            .expected(format!("a tag, to which `{IMAGE_SUFFIX}` is added; `nself lock` pins it"))
    })
}

/// Returns the wirings of a Hasura that applies metadata: image, folder and a home to work in; and those of hasura-auth.
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
        if is_image(member, "hasura-auth") && member.service.connects_to.contains(name) {
            let wait = Addition::Dependency(name.clone(), Condition::Healthy);
            wirings.push(Wiring::new(client, wait, &member.path.key("connects_to")));
        }
    }
    wirings
}
