//! Which Hasura serves which database: itself and its copies, each by the variable that holds the URL. What they
//! serve is applied when they start, by the image that has Hasura's command line.

use std::collections::BTreeMap;

use super::database_endpoints::Way;
use super::databases::main_database;
use super::roster::{Category, Roster};
use super::{ConfigMount, Service, Value};
use crate::database::graphql::{HasuraSource, TrackedFunction, TrackedTable, tracked};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::{Condition, Stack};
use crate::values::{Checked, ContainerPath, ImageRef, ServiceName, SqlIdent, VariableName};

/// What is served of a database, and by whom.
pub struct Served {
    by: ServiceName,
    tables: Vec<TrackedTable>,
    functions: Vec<TrackedFunction>,
}

/// The image with the command line, by its tag.
const SUFFIX: &str = ".cli-migrations-v3";
/// Where it looks for metadata.
const FOLDER: &str = "/hasura-metadata";
/// The variable of the source that Hasura makes by itself, under the name that stands there.
const DEFAULT: (&str, &str) = ("HASURA_GRAPHQL_DATABASE_URL", "default");

pub fn served(definitions: &BTreeMap<SqlIdent, Schema>) -> BTreeMap<SqlIdent, Served> {
    let all = definitions.iter().filter_map(|(name, schema)| {
        let (tables, functions) = tracked(schema);
        Some((name.clone(), Served { by: schema.served_by.clone()?, tables, functions }))
    });
    all.collect()
}

/// The sources of each Hasura; it gets the folder, and whoever adds metadata of its own starts after it.
pub fn plan(
    stack: &Stack,
    served: BTreeMap<SqlIdent, Served>,
    members: &Roster,
    services: &mut BTreeMap<ServiceName, Service>,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<ServiceName, Vec<HasuraSource>> {
    let mut all: BTreeMap<ServiceName, Vec<HasuraSource>> = BTreeMap::new();
    for (database, served) in served {
        let path = path!("databases", database, "served_by");
        let is_hasura = |name: &ServiceName| {
            let catalogue = members.get(name).and_then(|member| member.service.catalogue.as_ref());
            catalogue.is_some_and(|catalogue| catalogue.as_str() == "hasura")
        };
        if !is_hasura(&served.by) {
            // One that is not part of this environment serves nothing.
            if !stack.services.contains_key(&served.by) {
                findings.push(super::addresses::missing(&served.by, members, &path));
            } else if members.contains_key(&served.by) {
                findings.push(
                    Diagnostic::error(Code::UnknownDependency, path)
                        .message(format!("`{}` is no Hasura", served.by))
                        .expected("the name of a Hasura, such as `hasura`"),
                );
            }
            continue;
        }
        let uses = members[&served.by].service.databases.iter();
        let entries: Vec<&SqlIdent> = uses
            .filter(|(_, uses)| *uses.name.as_ref().unwrap_or(&main_database(stack)) == database)
            .map(|(entry, _)| entry)
            .collect();
        let copy = |name: &ServiceName| members.get(name).map(|member| &member.category);
        let names: Vec<ServiceName> = services
            .keys()
            .filter(|name| **name == served.by || copy(name) == Some(&Category::Copy(served.by.clone())))
            .cloned()
            .collect();
        for name in names {
            let Some(service) = services.get_mut(&name) else { continue };
            let holds = |value: &Value| {
                let urls = entries.iter().flat_map(|entry| Way::ALL.map(|way| way.url_secret(&served.by, entry)));
                matches!(value, Value::Secret(secret) if urls.into_iter().any(|url| url == *secret))
            };
            let Some(variable) = service.env.iter().find(|(_, value)| holds(value)).map(|(name, _)| name.clone())
            else {
                if name == served.by {
                    findings.push(
                        Diagnostic::error(Code::UnknownDatabase, path.clone())
                            .message(format!("`{name}` has no URL of the database `{database}`"))
                            .hint(format!(
                                "`services.{name} = {{ databases.{database} = {{ name = \"{database}\", access = 'write }}, \
                                 extra_env.{}_URL = nself.database_url \"{database}\" }}`",
                                database.as_str().to_ascii_uppercase()
                            )),
                    );
                }
                continue;
            };
            let own = if variable.as_str() == DEFAULT.0 { DEFAULT.1 } else { database.as_str() };
            let (tables, functions) = (served.tables.clone(), served.functions.clone());
            all.entry(name).or_default().push(HasuraSource { name: own.to_owned(), variable, tables, functions });
        }
    }
    for (name, sources) in &mut all {
        // Metadata is applied as a whole; what others track in the default source needs it to be there.
        let variable = VariableName::wrap(DEFAULT.0.into());
        let default = sources.iter().any(|source| source.name == DEFAULT.1);
        if !default && services[name].env.contains_key(&variable) {
            let (tables, functions) = (Vec::new(), Vec::new());
            sources.insert(0, HasuraSource { name: DEFAULT.1.to_owned(), variable, tables, functions });
        }
        apply(name, services, findings);
        for (other, member) in members {
            let adds = member.service.catalogue.as_ref().is_some_and(|image| image.as_str() == "hasura-auth");
            if let Some(service) = services.get_mut(other).filter(|_| adds && member.service.connects_to.contains(name))
            {
                service.depends_on.entry(name.clone()).or_insert(Condition::Healthy);
            }
        }
    }
    all
}

/// The image that applies metadata when it starts, with the folder and a home to work in.
fn apply(name: &ServiceName, services: &mut BTreeMap<ServiceName, Service>, findings: &mut Vec<Diagnostic>) {
    let Some(service) = services.get_mut(name) else { return };
    match &service.image {
        Some(image) if image.as_str().contains('@') => findings.push(
            Diagnostic::error(Code::Unsupported, service.origin.key("image"))
                .message("metadata is applied by another image of the same release, which this digest does not name")
                .expected(format!("a tag, to which `{SUFFIX}` is added; `nself lock` pins it")),
        ),
        Some(image) if !image.as_str().ends_with(SUFFIX) => {
            service.image = Some(ImageRef::wrap(format!("{image}{SUFFIX}")));
        }
        _ => {}
    }
    let home = Value::Text("/tmp".into());
    service.env.entry(VariableName::wrap("HOME".into())).or_insert(home);
    let folder = ContainerPath::wrap(FOLDER.into());
    service.config.push(ConfigMount { source: format!("hasura/{name}"), target: folder });
}
