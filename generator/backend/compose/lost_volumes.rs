//! Warnings about volumes of the last generation that no service declares any more. Compose creates a volume with a new
//! name empty and leaves the old one on the host.

use std::collections::BTreeSet;

use super::Plan;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::scratch_volumes::is_scratch;
use crate::stack::Profile;

/// Returns NS744 for each volume of `old` that is missing in `new`: the `compose.yaml` of the last generation and of
/// this one. If the project has a new name and had the name `old_project`, one finding names all volumes of `old`. On a
/// cluster, the Kubernetes backend compares the claims of one namespace.
pub fn warnings(plan: &Plan, old_project: Option<&str>, old: &str, new: &str) -> Vec<Diagnostic> {
    if let Some(old_project) = old_project {
        return renamed_project(plan, old_project, &volumes(old)).into_iter().collect();
    }
    if plan.kubernetes.is_some() {
        return Vec::new();
    }
    let new_volumes = volumes(new);
    let lost_volumes = volumes(old).into_iter().filter(|volume| !new_volumes.contains(volume));
    let findings = lost_volumes.map(|volume| {
        let engine_name = format!("{}_{volume}", plan.compose_project());
        let path = first_service_with(old, volume).map_or(path!("services"), |service| path!("services", service));
        Diagnostic::warning(Code::LostVolume, path)
            .message(format!("the volume `{volume}` is no longer declared; its data stays on the host as `{engine_name}`, unused"))
            .hint(format!(
                "to keep the data in use, restore the volume, or the service or setting to which it belonged; to delete it, run `docker volume rm {engine_name}`"
            ))
    });
    findings.collect()
}

/// Returns the finding for a project with a new name, whose volumes, or the namespace of whose claims, have new names,
/// too. `None` if it had no volumes.
fn renamed_project(plan: &Plan, old_project: &str, volumes: &BTreeSet<&str>) -> Option<Diagnostic> {
    let (new_project, first) = (plan.compose_project(), volumes.first()?);
    let names = volumes.iter().copied().collect::<Vec<_>>().join(", ");
    let finding = Diagnostic::warning(Code::LostVolume, path!("project"));
    Some(if plan.kubernetes.is_some() {
        finding
            .message(format!(
                "the namespace is now `{new_project}`, before `{old_project}`: the claims of {names} stay in the old namespace, whose \
                 pods keep running, and the new pods get empty claims"
            ))
            .hint(format!(
                "to keep the data in use, keep the old name of the project; otherwise copy the data, and then run \
                 `kubectl delete namespace {old_project}`"
            ))
    } else {
        finding
            .message(format!(
                "the Compose project is now `{new_project}`, before `{old_project}`: the volumes {names} stay on the host under the \
                 old name, unused, and the old containers keep running"
            ))
            .hint(format!(
                "to keep the data in use, keep the old name of the project; otherwise run `docker compose -p {old_project} down`, and \
                 copy each volume, such as `{old_project}_{first}` to `{new_project}_{first}`, before the new project starts"
            ))
    })
}

/// Returns NS744 for an environment that the stack no longer has; `None` if it had no volumes. `file` is its last
/// `compose.yaml`, and `namespace` the namespace of its pods on a cluster.
pub fn removed_environment(environment: &str, file: &str, namespace: Option<&str>) -> Option<Diagnostic> {
    let (volumes, project) = (volumes(file), project(file).unwrap_or(environment));
    let first = volumes.first()?;
    let names = volumes.iter().copied().collect::<Vec<_>>().join(", ");
    let finding = Diagnostic::warning(Code::LostVolume, path!("environments"));
    let is_built_in = Profile::ALL.iter().any(|profile| profile.name() == environment);
    let keep = if is_built_in {
        format!("to keep the data in use, remove `environments.{environment}.enabled = false`")
    } else {
        format!("to keep the data in use, declare the environment with the name `{environment}` again")
    };
    Some(match namespace {
        Some(namespace) => finding
            .message(format!(
                "the stack no longer has the environment `{environment}`: the claims of {names} stay in the namespace \
                 `{namespace}`, whose pods keep running"
            ))
            .hint(format!(
                "{keep}; otherwise copy the data that you need, and then run `kubectl delete namespace {namespace}`"
            )),
        None => finding
            .message(format!(
                "the stack no longer has the environment `{environment}`: the volumes {names} stay on its host, unused, \
                 and its containers keep running"
            ))
            .hint(format!(
                "{keep}; otherwise run `docker compose -p {project} down`, copy the data that you need, such as \
                 `{project}_{first}`, and then run `docker volume rm {project}_{first}`"
            )),
    })
}

/// Returns the name of the project in the `compose.yaml` of the last generation if it is not the name in this generation.
pub fn old_project<'a>(plan: &Plan, old: &'a str) -> Option<&'a str> {
    project(old).filter(|old_project| *old_project != plan.compose_project())
}

/// Returns the name of the project in a generated `compose.yaml`.
fn project(file: &str) -> Option<&str> {
    let name = file.lines().find_map(|line| line.strip_prefix("name: "))?;
    Some(name.trim_matches('"'))
}

/// Returns the names below the top-level key `volumes` of a generated `compose.yaml`, without volumes that hold no data.
fn volumes(file: &str) -> BTreeSet<&str> {
    let section = file.split_once("\nvolumes:\n").map_or("", |(_, section)| section);
    let lines = section.lines().take_while(|line| line.starts_with(' '));
    // Names are indented by two spaces, the settings of a volume by four.
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.trim().split_once(':'));
    names.map(|(name, _)| name.trim_matches('"')).filter(|name| !is_scratch(name)).collect()
}

/// Returns the first service of a generated `compose.yaml` that mounts the volume.
fn first_service_with<'a>(file: &'a str, volume: &str) -> Option<&'a str> {
    let mut service = None;
    // The line of a service's name is indented by two spaces, as in `  orders:`. A name that YAML could read as a value,
    // such as `on`, is quoted.
    for line in file.lines() {
        let name =
            line.strip_prefix("  ").filter(|name| !name.starts_with(' ')).and_then(|name| name.strip_suffix(':'));
        service = name.map(|name| name.trim_matches('"')).or(service);
        if line.trim().strip_prefix("source: ").is_some_and(|source| source.trim_matches('"') == volume) {
            return service;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_and_the_services_that_mount_them_are_found() {
        let file = "name: shop-prod\nservices:\n  orders:\n    image: a/b:1\n    volumes:\n      - type: volume\n        source: uploads\n  postgres:\n    volumes:\n      - type: volume\n        source: \"data\"\n  \"on\":\n    volumes:\n      - type: volume\n        source: switches\nvolumes:\n  \"data\": {}\n  uploads:\n    name: x\nnetworks:\n  edge: {}\n";
        assert_eq!(project(file), Some("shop-prod"));
        assert_eq!(volumes(file), BTreeSet::from(["data", "uploads"]));
        let services = ["uploads", "data", "switches", "edge"].map(|volume| first_service_with(file, volume));
        assert_eq!(services, [Some("orders"), Some("postgres"), Some("on"), None]);
        let findings = [None, Some("shop-prod")].map(|namespace| removed_environment("prod", file, namespace).unwrap());
        assert!(findings[0].hint.contains("`docker volume rm shop-prod_data`"), "{}", findings[0].hint);
        assert!(findings[1].hint.contains("`kubectl delete namespace shop-prod`"), "{}", findings[1].hint);
        assert!(removed_environment("prod", "name: shop-prod\nservices: {}\n", None).is_none());
        assert!(volumes("services: {}\nvolumes:\n  backup-files-scratch: {}\n").is_empty());
        assert!(volumes("services:\n  a:\n    volumes:\n      - type: volume\n").is_empty());
    }
}
