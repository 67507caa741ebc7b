//! Rules of the conditions under which an environment has a service: a mistake would leave the service out silently.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::roster::includes;
use crate::stack::{Frontend, Profile, Service, Stack};
use crate::values::ServiceName;
use crate::words;

/// Checks `only` and `only_with` of all services, also of those that the environment leaves out, and containers of
/// frontends.
pub fn check(stack: &Stack, profile: Profile) -> Vec<Diagnostic> {
    let mut findings = unserved_containers(stack, profile);
    findings.extend(frontends_without_container(stack, profile));
    for (name, service) in &stack.services {
        if service.only.as_ref().is_some_and(Vec::is_empty) {
            findings.push(
                Diagnostic::error(Code::BadValue, path!("services", name, "only"))
                    .message(format!("the list is empty, so no environment has `{name}`"))
                    .expected("at least one of 'local, 'staging and 'prod")
                    .hint("remove `only`, or set `enabled = false`"),
            );
        }
        // The service may run in other environments only, so an unknown name is a mistake only if a similar one exists.
        // Services of the library name companions that a stack does not need to have.
        let companions = service.only_with.iter().enumerate().filter(|_| service.catalogue.is_none());
        let unknown_companions = companions.filter(|(_, companion)| !stack.services.contains_key(*companion));
        for (i, companion) in unknown_companions {
            let other_services = stack.services.keys().filter(|other| *other != name).map(ServiceName::as_str);
            if let Some(near) = words::nearest(companion.as_str(), other_services) {
                findings.push(
                    Diagnostic::error(Code::UnknownDependency, path!("services", name, "only_with").index(i))
                        .message(format!("the stack has no service `{companion}`, so no environment has `{name}`"))
                        .hint(format!("did you mean `{near}`?")),
                );
            }
        }
    }
    findings
}

/// Warns of containers of frontends that production leaves out by default, although the stack does not say so.
fn unserved_containers(stack: &Stack, profile: Profile) -> Vec<Diagnostic> {
    if profile != Profile::Prod || stack.include_frontends.is_some() {
        return Vec::new();
    }
    let may_run = |container: &Service| {
        container.enabled != Some(false) && container.only.as_ref().is_none_or(|profiles| profiles.contains(&profile))
    };
    let unserved = stack.frontends.iter().filter(|(_, frontend)| {
        frontend.container.as_deref().is_some_and(may_run)
            && frontend.include.is_none()
            && frontend.enabled != Some(false)
    });
    let finding = |name: &ServiceName| {
        Diagnostic::warning(Code::UnservedContainer, path!("frontends", name, "container"))
            .lacks(path!("frontends", name, "include"))
            .message(format!("this environment does not run the container of `{name}`, since production serves no frontends by default"))
            .expected("`include`, or `include_frontends` for all frontends")
            .hint(format!("set `frontends.{name}.include = true` to run it, or `include_frontends = false` if a different server serves the frontends"))
    };
    unserved.map(|(name, _)| finding(name)).collect()
}

/// Warns of frontends without a container on a cluster, which has no host for their servers and leaves out their routes.
fn frontends_without_container(stack: &Stack, profile: Profile) -> Vec<Diagnostic> {
    if profile == Profile::Local || !stack.kubernetes.enabled {
        return Vec::new();
    }
    let frontends = stack
        .frontends
        .iter()
        .filter(|(_, frontend)| frontend.container.is_none() && includes(stack, profile, frontend));
    let finding = |(name, _): (&ServiceName, &Frontend)| {
        Diagnostic::warning(Code::FrontendOnHost, path!("frontends", name))
            .lacks(path!("frontends", name, "container"))
            .message(format!("`{name}` has no container, so the cluster leaves out its route"))
            .expected("`container` with an image or a build")
            .hint(format!(
                "declare `frontends.{name}.container`, or set `frontends.{name}.include = false` for this environment"
            ))
    };
    frontends.map(finding).collect()
}
