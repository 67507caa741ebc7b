//! Extensions that the databases need: whether the image of the server has them, and the libraries that the server has
//! to load for them when it starts.

use std::collections::BTreeMap;

use super::databases::database_name;
use super::server_settings::Libraries;
use crate::database::extension_catalogue::{is_contrib, requirements};
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::lock::{DEFAULT_HOST, ImageName};
use crate::path;
use crate::plan::roster::Roster;
use crate::plan::server_image::ServerImage;
use crate::plan::service_names::{DATABASE, service_name};
use crate::plan::wiring::Planned;
use crate::stack::Stack;
use crate::values::{ExtensionName, ImageRef, SqlIdent};

/// Images whose extensions nself knows. Each has the contrib modules and the extensions listed here.
const IMAGES: [(&str, &[&str]); 4] = [
    ("library/postgres", &[]),
    ("pgvector/pgvector", &["vector"]),
    (
        "postgis/postgis",
        &[
            "address_standardizer",
            "address_standardizer_data_us",
            "postgis",
            "postgis_raster",
            "postgis_sfcgal",
            "postgis_tiger_geocoder",
            "postgis_topology",
        ],
    ),
    ("timescale/timescaledb", &["timescaledb"]),
];

/// Debian packages of the PostgreSQL project, without the prefix `postgresql-<version>-`, by extension.
const PACKAGES: [(&str, &str); 6] = [
    ("hypopg", "hypopg"),
    ("pg_cron", "cron"),
    ("pg_partman", "partman"),
    ("pgaudit", "pgaudit"),
    ("postgis", "postgis-3"),
    ("vector", "pgvector"),
];

/// Extensions whose library the server loads when it starts.
const LOADED_AT_START: [&str; 3] = ["pg_cron", "pgaudit", "timescaledb"];

/// The extensions of each database, each with the first field of the stack that declares it.
type DeclaredExtensions<'a> = BTreeMap<(&'a ExtensionName, SqlIdent), FieldPath>;

/// Plans the libraries that the server loads when it starts, and their settings. Reports NS513 for an extension that the
/// image is known to lack.
pub fn plan(stack: &Stack, roster: &Roster, definitions: &BTreeMap<SqlIdent, Schema>) -> Planned<Libraries> {
    let declared = declared_extensions(stack, roster, definitions);
    let server = roster.get(&service_name(DATABASE)).map(|member| &member.service);
    let image = server.and_then(|server| server.image.as_ref());
    let mut findings: Vec<Diagnostic> =
        image.into_iter().flat_map(|image| missing_extensions(image, &declared)).collect();
    findings.extend(missing_requirements(stack, roster));
    let mut libraries = Libraries::default();
    for (extension, database) in declared.keys().filter(|(name, _)| LOADED_AT_START.contains(&name.as_str())) {
        libraries.names.insert(extension.to_string());
        if extension.as_str() != "pg_cron" {
            continue;
        }
        // Jobs run in background workers, since pg_cron knows no password to connect with.
        let settings = [
            ("cron.database_name", database.as_str()),
            ("cron.use_background_workers", "on"),
            ("max_worker_processes", "20"),
        ];
        if let Some(other_database) = libraries.settings.get("cron.database_name") {
            findings.push(
                Diagnostic::error(Code::NoExtension, declared[&(*extension, database.clone())].clone())
                    .message(format!(
                        "a server can have `pg_cron` in one database only, and `{other_database}` already has it"
                    ))
                    .hint(
                        "schedule all jobs in that database; `cron.schedule_in_database` runs them in other databases",
                    ),
            );
            continue;
        }
        libraries.settings.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    Planned::without_wirings(libraries, findings)
}

/// Returns the extensions that services and definitions of databases declare.
fn declared_extensions<'a>(
    stack: &Stack,
    roster: &'a Roster,
    definitions: &'a BTreeMap<SqlIdent, Schema>,
) -> DeclaredExtensions<'a> {
    let mut declared = DeclaredExtensions::new();
    for member in roster.values() {
        for (key, uses) in &member.service.databases {
            let path = member.path.key("databases").key(key.as_str()).key("extensions");
            let database = database_name(uses, stack);
            for (i, name) in uses.extensions.iter().enumerate() {
                declared.entry((name, database.clone())).or_insert_with(|| path.index(i));
            }
        }
    }
    for (database, schema) in definitions {
        for name in schema.extensions.keys() {
            let path = path!("databases", database, "extensions");
            declared.entry((name, database.clone())).or_insert(path);
        }
    }
    declared
}

/// Returns the findings for extensions that an image is known to lack; none for an image whose extensions are unknown.
fn missing_extensions(image: &ImageRef, declared: &DeclaredExtensions) -> Vec<Diagnostic> {
    let repository = repository(image.as_str());
    let Some((_, image_extensions)) = IMAGES.iter().find(|(name, _)| *name == repository) else { return Vec::new() };
    let lacks = |name: &str| !is_contrib(name) && !image_extensions.contains(&name);
    let missing_extensions = declared.iter().filter(|((name, _), _)| lacks(name.as_str()));
    let findings = missing_extensions.map(|((name, _), path)| {
        Diagnostic::error(Code::NoExtension, path.clone())
            .message(format!("the image `{image}` does not have the extension `{name}`"))
            .expected("an extension of PostgreSQL's contrib modules, or an image that has it")
            .hint(remedy(name.as_str(), major_version(image.as_str())))
    });
    findings.collect()
}

/// Returns the findings for extensions of services whose required extensions no service lists for the same database. The
/// job that prepares the server creates the extensions of services before the migrations create those of a definition.
fn missing_requirements(stack: &Stack, roster: &Roster) -> Vec<Diagnostic> {
    let without_definitions = BTreeMap::new();
    let declared = declared_extensions(stack, roster, &without_definitions);
    let is_declared = |required: &str, database: &SqlIdent| {
        declared.keys().any(|(name, other_database)| name.as_str() == required && other_database == database)
    };
    let mut findings = Vec::new();
    for ((name, database), path) in &declared {
        for required in requirements(name.as_str()).iter().filter(|required| !is_declared(required, database)) {
            findings.push(
                Diagnostic::error(Code::NoExtension, path.clone())
                    .message(format!("the extension `{name}` requires the extension `{required}`"))
                    .hint(format!("add `\"{required}\"` to the list")),
            );
        }
    }
    findings
}

/// Returns the repository of an image, preceded by the registry unless that is Docker Hub: `library/postgres` for
/// `postgres:16`, and `ghcr.io/acme/postgres` for `ghcr.io/acme/postgres:1`.
fn repository(image: &str) -> String {
    let name = ImageName::parse(image);
    if name.host == DEFAULT_HOST { name.repository } else { name.name() }
}

/// Returns the major version of the image's server; if the tag does not name it, the version of the library's `postgres`.
fn major_version(image: &str) -> u32 {
    ServerImage::of(image).and_then(|server| server.major).unwrap_or(16)
}

/// Returns the hint for getting an image with the extension.
fn remedy(extension: &str, version: u32) -> String {
    if extension == "vector" {
        return format!(
            "set `services.postgres = {{ image = \"docker.io/pgvector/pgvector:pg{version}\", user = \"999:999\" }}`, an image that has it"
        );
    }
    match PACKAGES.iter().find(|(name, _)| *name == extension) {
        Some((_, package)) => format!(
            "build one from `FROM docker.io/library/postgres:{version}` and `RUN apt-get update && apt-get install -y \
             postgresql-{version}-{package}`, push it, and set `services.postgres = {{ image = \"…\", user = \"999:999\" \
             }}`; docs/databases.md has the steps"
        ),
        None => "set `services.postgres.image` or `services.postgres.build` to an image that has it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_names_its_repository_and_version() {
        for (image, repository, version) in [
            ("docker.io/library/postgres:16-alpine", "library/postgres", 16),
            ("postgres:18.1@sha256:00", "library/postgres", 18),
            ("docker.io/pgvector/pgvector:0.8.0-pg17-trixie", "pgvector/pgvector", 17),
            ("pgvector/pgvector:pg17", "pgvector/pgvector", 17),
            ("ghcr.io/acme/postgres:1", "ghcr.io/acme/postgres", 1),
        ] {
            assert_eq!((super::repository(image).as_str(), major_version(image)), (repository, version), "{image}");
        }
    }
}
