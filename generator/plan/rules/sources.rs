//! Rules of images, health checks and dependencies of services.

use std::collections::BTreeMap;

use super::dockerfiles;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::lock::ImageName;
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::missing_services::{hint_to_add_optional, missing_service};
use crate::plan::model::Program;
use crate::plan::ports::tcp_port;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::{ACME, PROXY_SERVICE};
use crate::stack::{Condition, Process, Profile, Run, Stack};
use crate::values::ServiceName;
use crate::words;

/// Checks the image, the health check and the dependencies of each service.
pub fn check(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, member) in roster {
        findings.extend(check_image(name, member, roster));
        findings.extend(check_acme_image(name, member));
        findings.extend(dockerfiles::check(member, inputs.files));
        check_layout(name, member, &mut findings);
        check_health(member, &mut findings);
        findings.extend(check_job(name, member));
        check_dependencies(inputs.stack, member, roster, &mut findings);
    }
    findings.extend(check_aliases(roster));
    findings.extend(check_monitoring(inputs.stack, inputs.profile));
    findings
}

/// Checks that a service has either an image, which is not outdated, or a build.
fn check_image(name: &ServiceName, member: &PlannedService, roster: &Roster) -> Option<Diagnostic> {
    let service = &member.service;
    let expected = "`image = \"registry/name:tag\"`, or `build.context = \"services/name\"` with a Dockerfile";
    match (&service.image, &service.build) {
        (None, None) => {
            let other_names = roster.keys().filter(|other| *other != name).map(ServiceName::as_str);
            Some(
                Diagnostic::error(Code::NoImage, member.path.clone())
                    .message(format!("`{name}` has neither an image nor a build folder"))
                    .expected(expected)
                    // A misspelled name of a service of the catalogue is a new service without an image.
                    .hint(
                        hint_to_set_process(name, roster)
                            .or_else(|| hint_to_add_optional(name))
                            .unwrap_or_else(|| words::suggestion(name.as_str(), other_names)),
                    ),
            )
        }
        // `image` is then the name of the image that is built.
        (Some(_), Some(_)) => None,
        (Some(image), None) => {
            check_edge_image(name, image.as_str(), member).or_else(|| outdated_image(image.as_str(), member))
        }
        (None, Some(_)) => None,
    }
}

/// Returns the hint for a service that has the name under which a process of a different service runs.
fn hint_to_set_process(name: &ServiceName, roster: &Roster) -> Option<String> {
    roster.iter().find_map(|(service, member)| {
        let process =
            member.service.processes.keys().find(|process| Process::service_name(service, process) == name.as_str())?;
        Some(format!("`{name}` is a process of `{service}`: write `services.{service}.processes.{process}`"))
    })
}

/// The part of an image's name by which the ACME client is recognized. The generated files are for this client.
const ACME_IMAGE: &str = "certbot";

/// Refuses a service of the stack that has the name of the ACME client, but is another program.
fn check_acme_image(name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    let image = member.service.image.as_ref().filter(|_| name.as_str() == ACME)?;
    (!image.as_str().contains(ACME_IMAGE)).then(|| {
        Diagnostic::error(Code::NameTaken, member.path.clone())
            .message(format!(
                "the name `{ACME}` is reserved for the client of Let's Encrypt, and `{image}` is not its image"
            ))
            .hint(format!("rename the service; if its image is a mirror of the client, the name of the image must contain `{ACME_IMAGE}`"))
    })
}

/// Checks that an image which nself builds from a layout has a command and platforms, and no second build.
fn check_layout(name: &ServiceName, member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    let Some(layout) = &member.service.layout else { return };
    let path = member.path.key("layout");
    let service = &member.service;
    if service.build.is_some() {
        findings.push(
            Diagnostic::error(Code::NoImage, path.clone())
                .message(format!("`{name}` cannot have both a layout and a build folder"))
                .expected("a layout, with `image` as the name of the pushed image")
                .hint("remove `build`, or `layout`"),
        );
    }
    if layout.base.is_none() && layout.platforms.is_empty() {
        findings.push(
            Diagnostic::error(Code::MissingField, path.key("platforms"))
                .message("`platforms` is required, since the layout has no `base`")
                .expected("`platforms = [\"linux/amd64\"]`"),
        );
    }
    if layout.base.is_none() && service.entrypoint.is_none() && service.command.is_none() {
        findings.push(
            Diagnostic::error(Code::MissingField, member.path.key("command"))
                .message("`command` or `entrypoint` is required, since the layout has no `base`")
                .expected("`command`, such as `[\"/app/server\"]`"),
        );
    }
}

/// Parts of full names of images that no longer receive security fixes, each with its replacement (upstream changelogs, 2026).
const UNSUPPORTED_IMAGES: [(&str, &str); 3] = [
    ("library/nginx:1.25", "docker.io/library/nginx:1.30-alpine"),
    ("grafana/promtail:", "docker.io/grafana/alloy"),
    ("gcr.io/cadvisor/", "ghcr.io/google/cadvisor"),
];

/// Warns about an image that no longer receives security fixes.
fn outdated_image(image: &str, member: &PlannedService) -> Option<Diagnostic> {
    let full_name = ImageName::parse(image).to_string();
    let (_, replacement) = UNSUPPORTED_IMAGES.iter().find(|(part, _)| full_name.contains(part))?;
    Some(
        Diagnostic::warning(Code::Outdated, member.path.key("image"))
            .message(format!("`{image}` no longer receives security fixes"))
            .hint(format!("use {replacement}")),
    )
}

/// The first nginx that has `keepalive_min_timeout`; since 1.27.3 it resolves the names of upstreams again at run time.
const OLDEST_NGINX: [u32; 3] = [1, 27, 4];

/// Checks that the nginx of the edge understands the generated files. A tag with fewer than two
/// numbers passes, and a version such as `1.27` is compared without its third part.
fn check_edge_image(name: &ServiceName, image: &str, member: &PlannedService) -> Option<Diagnostic> {
    if name.as_str() != PROXY_SERVICE {
        return None;
    }
    let tag = ImageName::parse(image).tag?;
    let numbers = tag.split(['.', '-']).map_while(|part| part.parse::<u32>().ok()).collect::<Vec<_>>();
    if numbers.len() < 2 || numbers.as_slice() >= &OLDEST_NGINX[..numbers.len().min(3)] {
        return None;
    }
    Some(
        Diagnostic::error(Code::EdgeImage, member.path.key("image"))
            .message(format!("the nginx of `{image}` is too old for the generated configuration"))
            .expected("nginx 1.27.4 or newer")
            .hint("remove `image`; the default is a newer nginx"),
    )
}

/// Checks that a health check has one kind, an existing port and a command that is not empty.
fn check_health(member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    let Some(health) = &member.service.health else { return };
    let path = member.path.key("health");
    let kinds = [
        health.http.is_some(),
        health.tcp.is_some(),
        health.grpc.is_some(),
        health.exec.is_some(),
        health.none.is_some(),
    ];
    let kind_count = kinds.iter().filter(|is_set| **is_set).count();
    if kind_count != 1 {
        findings.push(
            Diagnostic::error(Code::BadValue, path.clone())
                .message(if kind_count == 0 {
                    "the health check has no kind"
                } else {
                    "the health check has several kinds"
                })
                .expected("exactly one of `http`, `tcp`, `grpc`, `exec` and `none`"),
        );
    }
    let ports = [
        ("http", health.http.as_ref().map(|check| &check.port)),
        ("tcp", health.tcp.as_ref().map(|check| &check.port)),
        ("grpc", health.grpc.as_ref().map(|check| &check.port)),
    ];
    for (kind, port) in ports {
        if let Some(port) = port
            && let Err(finding) = tcp_port(&member.service, port, &path.key(kind).key("port"))
        {
            findings.push(finding);
        }
    }
    if health.exec.as_ref().is_some_and(Vec::is_empty) {
        findings.push(
            Diagnostic::error(Code::BadValue, path.key("exec"))
                .message("the command is empty")
                .expected("a program and its arguments, such as `[\"/app/service\", \"health\"]`"),
        );
    }
}

/// Refuses fields that a job cannot have, and `deadline` for a service that is no job.
fn check_job(name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    let service = &member.service;
    let reason = match service.run {
        Run::Always if service.schedule.is_none() => return deadline_without_job(name, member),
        Run::Always => "schedule",
        Run::Once | Run::OnRequest => "run",
    };
    let fields = [
        ("schedule", service.schedule.is_some() && reason == "run"),
        ("autoscale", service.autoscale.is_some()),
        ("replicas", service.replicas.is_some_and(|replicas| replicas > 1)),
        ("route", service.route.is_some()),
        ("routes", !service.routes.is_empty()),
        ("publish", !service.publish.is_empty()),
    ];
    let (field, _) = fields.into_iter().find(|(_, is_set)| *is_set)?;
    Some(
        Diagnostic::error(Code::EndlessJob, member.path.key(field))
            .message(format!("`{name}` does not run all the time (see `{reason}`), so it cannot have `{field}`"))
            .hint(format!("remove `{field}`, or remove `{reason}` if the service should run all the time")),
    )
}

/// Refuses a deadline of a service that runs all the time.
fn deadline_without_job(name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    member.service.deadline?;
    Some(
        Diagnostic::error(Code::EndlessJob, member.path.key("deadline"))
            .message(format!("`{name}` runs all the time, so it cannot have a `deadline`"))
            .expected("a job: a service with a `schedule`, `run = 'once` or `run = 'on_request`")
            .hint("remove `deadline`, or make the service a job"),
    )
}

/// Refuses a dependency on the service `name` (`target`) if it does not start together with the other services.
fn unstarted_dependency(name: &ServiceName, target: &PlannedService, path: FieldPath) -> Option<Diagnostic> {
    let (reason, field) = match (target.service.run, &target.service.schedule) {
        (Run::OnRequest, _) => ("runs only when an operator starts it", "run"),
        (Run::Always, Some(_)) => ("runs only at the times of its schedule", "schedule"),
        _ => return None,
    };
    Some(
        Diagnostic::error(Code::EndlessJob, path)
            .message(format!("`{name}` {reason}, so no service can wait for it"))
            .expected("a service that starts with the others")
            .hint(format!(
                "remove the dependency, or write `connects_to = [\"{name}\"]` if the service only connects to it"
            ))
            .related(target.path.key(field), reason),
    )
}

/// Refuses a dependency that waits for the end of the service `name` (`target`), if it runs all the time.
fn endless_dependency(name: &ServiceName, target: &PlannedService, path: FieldPath) -> Option<Diagnostic> {
    if target.service.run == Run::Once {
        return None;
    }
    Some(
        Diagnostic::error(Code::EndlessJob, path)
            .message(format!("`{name}` runs all the time, so services that wait for its end would never start"))
            .expected("a service with `run = 'once`, or a dependency of kind 'healthy or 'started")
            .hint(format!("wait for 'healthy or 'started; for a job, set `{}.run = 'once`", target.path))
            .related(target.path.clone(), "runs all the time"),
    )
}

/// Returns the finding for a dependency that waits until the job `name` is healthy.
fn job_that_ends(name: &ServiceName, target: &PlannedService, path: FieldPath) -> Diagnostic {
    Diagnostic::error(Code::NoHealth, path)
        .message(format!("`{name}` is a job that ends, so it does not stay healthy"))
        .expected("a dependency of kind 'completed")
        .hint(format!("wait for its end: `depends_on.{name} = 'completed`"))
        .related(target.path.clone(), "the job")
}

/// Checks that the services to which a service connects exist, and that the services for which it waits can become ready.
fn check_dependencies(stack: &Stack, member: &PlannedService, roster: &Roster, findings: &mut Vec<Diagnostic>) {
    for (i, name) in member.service.connects_to.iter().enumerate().filter(|(_, name)| !roster.contains_key(*name)) {
        findings.push(missing_service(name, stack, roster, &member.path.key("connects_to").index(i)));
    }
    for (name, condition) in &member.service.depends_on {
        let path = member.path.key("depends_on").key(name.as_str());
        let Some(target) = roster.get(name) else {
            findings.push(missing_service(name, stack, roster, &path));
            continue;
        };
        if let Some(finding) = unstarted_dependency(name, target, path.clone()) {
            findings.push(finding);
            continue;
        }
        if *condition == Condition::Completed {
            findings.extend(endless_dependency(name, target, path.clone()));
        }
        if *condition == Condition::Healthy && target.service.run == Run::Once {
            findings.push(job_that_ends(name, target, path));
            continue;
        }
        // NS302 reports a service that waits for itself.
        if *condition == Condition::Healthy && !target.service.has_health_check() && target.path != member.path {
            findings.push(
                Diagnostic::error(Code::NoHealth, path)
                    .message(format!("`{name}` has no health check to wait for"))
                    .expected("a health check, or a dependency of kind 'started")
                    .hint(format!(
                        "set `{}.health.{}`, or `depends_on.{name} = 'started`",
                        target.path,
                        if target.service.all_ports().is_empty() {
                            "exec = [\"/app/service\", \"health\"]"
                        } else {
                            "http.path = \"/healthz\""
                        }
                    ))
                    .related(target.path.clone(), "this service has no health check"),
            );
        }
    }
}

/// Checks that an alias is not the name or alias of a different service.
fn check_aliases(roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut owners: BTreeMap<&ServiceName, FieldPath> =
        roster.iter().map(|(name, member)| (name, member.path.clone())).collect();
    for member in roster.values() {
        for (i, alias) in member.service.aliases.iter().enumerate() {
            let path = member.path.key("aliases").index(i);
            if let Some(first) = owners.insert(alias, path.clone()) {
                findings.push(
                    Diagnostic::error(Code::NameTaken, path)
                        .message(format!("the name `{alias}` is taken"))
                        .hint("remove the alias, or rename the other service or alias")
                        .counterpart(first, "the other use of the name"),
                );
            }
        }
    }
    findings
}

/// Returns whether the entry of the catalogue is Prometheus.
fn is_prometheus(name: &ServiceName) -> bool {
    name.as_str() == Program::Prometheus.name()
}

/// Refuses a server whose stack turns monitoring off, or removes Prometheus from it, without a reason.
fn check_monitoring(stack: &Stack, profile: Profile) -> Option<Diagnostic> {
    let settings = &stack.monitoring;
    let is_off = !stack.services.values().any(|service| service.catalogue.as_ref().is_some_and(is_prometheus));
    let is_enabled = settings.enabled.filter(|_| is_off && profile != Profile::Local && settings.waive.is_none())?;
    // If `monitoring.enabled` is true, the stack has removed the service of Prometheus.
    let (path, proposal) = if is_enabled {
        (path!("services", "prometheus"), "keep the service")
    } else {
        (path!("monitoring", "enabled"), "remove `monitoring.enabled`")
    };
    Some(
        Diagnostic::error(Code::MonitoringMissing, path)
            .message("this environment runs without monitoring, and the stack gives no reason")
            .expected("the monitoring services, or a reason to run without them")
            .hint(format!("{proposal}, or give the reason: `monitoring.waive = \"the provider watches the servers\"`")),
    )
}
