//! Findings for fields that refer to a service which the environment does not have.

use std::collections::BTreeSet;

use super::inputs::profile;
use super::roster::Roster;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::stack::{self, Frontend, Profile, Stack};
use crate::values::ServiceName;
use crate::words;

/// Returns the finding for a name that is not a service of the environment: at the field that excludes the service, if
/// the stack declares it, else at `path`.
pub fn missing_service(name: &ServiceName, stack: &Stack, roster: &Roster, path: &FieldPath) -> Diagnostic {
    if let Some(service) = stack.services.get(name) {
        return excluded_service(name, service, path);
    }
    if let Some(frontend) = stack.frontends.get(name).filter(|frontend| frontend.container.is_some()) {
        return missing_container(name, frontend, profile(stack), path);
    }
    let names: Vec<&str> = roster.keys().map(ServiceName::as_str).collect();
    let near = words::nearest(name.as_str(), names.iter().copied());
    Diagnostic::error(Code::UnknownDependency, path.clone())
        .cause(missing_service_cause(name.as_str()))
        .lacks(path!("services", name))
        .message(format!("the stack has no service `{name}`"))
        .expected(words::one_of(&names))
        .hint(near.map_or_else(|| hint_to_add(name, stack), |near| format!("did you mean `{near}`?")))
}

/// Returns the finding for a frontend whose container the environment does not run, although the field `path` refers to it.
fn missing_container(name: &ServiceName, frontend: &Frontend, profile: Profile, path: &FieldPath) -> Diagnostic {
    let finding = Diagnostic::error(Code::UnknownDependency, path.clone())
        .cause(missing_service_cause(name.as_str()))
        .expected("a service that runs in this environment");
    if profile == Profile::Local {
        return finding
            .message(format!(
                "with the profile local, `{name}` has no container, since it runs as a dev server on the host"
            ))
            .hint(
                "write the reference below `environments`, in the layers of the environments that run the container",
            );
    }
    let change = match frontend.enabled {
        Some(false) => format!("remove `frontends.{name}.enabled = false`"),
        _ => format!("run it here: `frontends.{name}.include = true`"),
    };
    finding
        .lacks(path!("frontends", name, "include"))
        .message(format!("this environment does not run the container of the frontend `{name}`"))
        .hint(change)
}

/// Returns the finding for a name that is neither a service nor a frontend, although the field `path` refers to its route.
/// `owners` are the services and frontends with a route.
pub fn missing_owner_of_route<'a>(
    name: &ServiceName,
    owners: impl Iterator<Item = &'a ServiceName>,
    path: &FieldPath,
) -> Diagnostic {
    let names: BTreeSet<&str> = owners.map(ServiceName::as_str).collect();
    let near = words::nearest(name.as_str(), names.iter().copied());
    Diagnostic::error(Code::UnknownDependency, path.clone())
        .cause(missing_service_cause(name.as_str()))
        .lacks(path!("services", name))
        .message(format!("the stack has no service or frontend `{name}`"))
        .expected(words::one_of(&names.into_iter().collect::<Vec<_>>()))
        .hint(near.map_or_else(
            || format!("add it, for example `services.{name} = …`, with a route"),
            |near| format!("did you mean `{near}`?"),
        ))
}

/// Returns the cause of findings about a service that the stack does not have.
pub fn missing_service_cause(name: &str) -> String {
    format!("no service {name}")
}

/// Returns the finding for a service that the environment excludes although the field `path` refers to it. All such
/// findings about one service are merged.
pub fn excluded_service(name: &ServiceName, service: &stack::Service, path: &FieldPath) -> Diagnostic {
    let (field, correction) = match service.enabled {
        Some(false) => ("enabled", "enable it in this environment"),
        _ => ("only", "add the profile of this environment to `only`"),
    };
    Diagnostic::error(Code::DisabledDependency, path!("services", name, field))
        .message(format!("`{name}` is not part of this environment, but other services need it"))
        .hint(format!("{correction}, or remove the fields that refer to it"))
        .related(path.clone(), format!("`{path}` refers to it"))
}

/// Returns the hint for adding a service; for a name such as `api-worker`, a process `worker` of the service `api`.
fn hint_to_add(name: &ServiceName, stack: &Stack) -> String {
    let mut processes = stack.services.keys().filter_map(|service| {
        let process = name.as_str().strip_prefix(service.as_str())?.strip_prefix('-')?;
        Some(format!("add it, for example `services.{service}.processes.{process} = …`"))
    });
    // Of several services whose names begin this name, the last one has the longest name.
    let hint = processes.next_back().or_else(|| hint_to_add_optional(name));
    hint.unwrap_or_else(|| format!("add it, for example `services.{name} = …`"))
}

/// The services of `nself.services` in `stdlib/main.ncl`, which a stack adds under their own names, sorted.
const OPTIONAL_SERVICES: [&str; 11] = [
    "admin",
    "adminer",
    "functions",
    "mail",
    "meilisearch",
    "minio",
    "mlflow",
    "pgbouncer",
    "postgres-replica",
    "redis",
    "s3",
];

/// Returns the hint for adding a service of the catalogue; `None` for any other name.
pub fn hint_to_add_optional(name: &ServiceName) -> Option<String> {
    OPTIONAL_SERVICES
        .contains(&name.as_str())
        .then(|| format!("add it from the library: `services.{name} = nself.services.{name}`"))
}

#[cfg(test)]
mod tests {
    use super::OPTIONAL_SERVICES;

    #[test]
    fn the_optional_services_are_those_of_the_library() {
        let library = include_str!("../../stdlib/main.ncl");
        let entries =
            library.lines().skip_while(|line| *line != "  services").take_while(|line| *line != "  templates");
        let names: Vec<&str> = entries.filter_map(|line| Some(line.split_once(" = import ")?.0.trim())).collect();
        assert_eq!(names, OPTIONAL_SERVICES);
    }
}
