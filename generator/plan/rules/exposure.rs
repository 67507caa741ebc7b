//! Rules of exposure: published ports, development tools in production, and capabilities and raw keys that give a
//! container control of the host.

use crate::diagnostic::{Code, Diagnostic};
use crate::lock::ImageName;
use crate::plan::inputs::Inputs;
use crate::plan::model::namespace;
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::service_names::PROXY_SERVICE;
use crate::stack::{Profile, Zone};
use crate::values::ServiceName;

/// Capabilities without an effect outside of the container, unlike SYS_ADMIN, NET_ADMIN, SYS_PTRACE or SYS_MODULE.
const CONTAINED_CAPABILITIES: [&str; 9] =
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/// Raw Compose keys that give a container control of the host.
const HOST_KEYS: [&str; 12] = [
    "cap_add",
    "cgroup",
    "cgroup_parent",
    "device_cgroup_rules",
    "devices",
    "ipc",
    "network_mode",
    "pid",
    "privileged",
    "userns_mode",
    "uts",
    "volumes_from",
];

/// The names of images of mail catchers, which deliver no mail.
const MAIL_CATCHERS: [&str; 6] = ["inbucket", "mailcatcher", "maildev", "mailhog", "mailpit", "smtp4dev"];

/// Folders of the host with sockets or data of container engines.
const ENGINE_FOLDERS: [&str; 13] = [
    "/run",
    "/run/containerd",
    "/run/docker",
    "/run/podman",
    "/var",
    "/var/lib",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/run",
    "/var/run/containerd",
    "/var/run/docker",
    "/var/run/podman",
];

/// Checks what each service exposes: published ports, development tools and privileges on the host.
pub fn check(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, member) in roster {
        check_published_ports(inputs, name, member, &mut findings);
        findings.extend(development_tool(inputs.profile, name, member));
        host_privileges(member, &mut findings);
        findings.extend(host_folders(member));
    }
    findings
}

/// Refuses ports that are published without a reason. In the profile `local`, ports of the loopback
/// address need no reason.
fn check_published_ports(inputs: Inputs, name: &ServiceName, member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    for (port, publish) in &member.service.publish {
        let path = member.path.key("publish").key(port.as_str());
        // Without an address, a port of the profile `local` is published on the loopback address.
        let is_loopback = publish.address.is_none_or(|address| address.is_loopback());
        let needs_no_reason = inputs.profile == Profile::Local && is_loopback;
        // `rules::resources` reports a port that the service does not have.
        let is_unknown = !member.service.all_ports().contains_key(port);
        if name.as_str() == PROXY_SERVICE || needs_no_reason || publish.reason.is_some() || is_unknown {
            continue;
        }
        findings.push(
            Diagnostic::error(Code::PublicPort, path)
                .message(format!("`{name}` publishes port {} on the host, where clients reach it without nginx", publish.port))
                .expected("a `reason` for a port that clients reach without nginx")
                .hint(match member.service.zone {
                    Some(Zone::Data) => {
                        format!("remove `publish`, and run a client in the container: `{}`", command_in_container(inputs, name, member))
                    }
                    _ => format!(
                        "add a route to the service, or a reason to the port: `publish.{port} = {{ port = {}, reason = \"…\" }}`",
                        publish.port
                    ),
                }),
        );
    }
}

/// Returns a command that runs a program in the container of a service.
fn command_in_container(inputs: Inputs, name: &ServiceName, member: &PlannedService) -> String {
    if !inputs.stack.kubernetes.enabled {
        return format!("docker compose exec {name} COMMAND");
    }
    let kind = if member.service.volumes.is_empty() { "deployment" } else { "statefulset" };
    let namespace = namespace(&inputs.stack.project, inputs.environment);
    format!("kubectl exec --namespace {namespace} -it {kind}/{name} -- COMMAND")
}

/// Refuses mounts of the host's root folder, and of folders that contain sockets or data of the container engine. A
/// socket itself is a decision that `reason` documents; in a folder, it is easily overlooked.
fn host_folders(member: &PlannedService) -> impl Iterator<Item = Diagnostic> {
    let mounts = member.service.host_mounts.iter().enumerate();
    mounts.filter_map(|(i, mount)| {
        let path = member.path.key("host_mounts").index(i).key("source");
        let finding = Diagnostic::error(Code::Privileged, path).expected("the file or folder that it needs");
        let folder = mount.source.as_str().trim_end_matches('/');
        if folder.is_empty() {
            return Some(finding.message("the container would have access to all files of the host"));
        }
        ENGINE_FOLDERS.contains(&folder).then(|| {
            finding
                .message(format!("`{folder}` contains the container engine, with which the container would control the host"))
                .hint("name the file or the folder below it that the program needs; a container that must control the engine names its socket, `/var/run/docker.sock`, with the reason")
        })
    })
}

/// Returns whether an image is that of a mail catcher.
fn is_mail_catcher(image: &str) -> bool {
    let repository = ImageName::parse(image).repository;
    repository.rsplit('/').next().is_some_and(|name| MAIL_CATCHERS.contains(&name))
}

/// Refuses development tools in production.
fn development_tool(profile: Profile, name: &ServiceName, member: &PlannedService) -> Option<Diagnostic> {
    let catches_mail = member.service.image.as_ref().is_some_and(|image| is_mail_catcher(image.as_str()));
    (profile == Profile::Prod && (member.service.development_only || catches_mail)).then(|| {
        let path = if member.service.only.is_some() { member.path.key("only") } else { member.path.clone() };
        Diagnostic::error(Code::DevelopmentInProd, path)
            .message(format!("`{name}` is a development tool and must not run in production"))
            .expected("`only` without the profile 'prod")
            .hint(format!("limit it: `services.{name}.only = ['local]`"))
    })
}

/// Refuses capabilities and raw keys with an effect outside of the container.
fn host_privileges(member: &PlannedService, findings: &mut Vec<Diagnostic>) {
    for (i, capability) in member.service.capabilities.iter().enumerate() {
        if !CONTAINED_CAPABILITIES.contains(&capability.as_str()) {
            let short_name = capability.as_str().trim_start_matches("CAP_");
            let finding = Diagnostic::error(Code::Privileged, member.path.key("capabilities").index(i))
                .expected(crate::words::one_of(&CONTAINED_CAPABILITIES));
            findings.push(match crate::words::nearest(short_name, CONTAINED_CAPABILITIES) {
                Some(near) => finding
                    .message(format!("{capability} is not a capability that a service may have"))
                    .hint(format!("did you mean `{near}`?")),
                None => finding.message(format!("{capability} gives access beyond the container")),
            });
        }
    }
    for key in member.service.compose.keys() {
        if HOST_KEYS.contains(&key.as_str()) {
            findings.push(
                Diagnostic::error(Code::Privileged, member.path.key("compose").key(key))
                    .message(format!("`compose.{key}` gives the container control of the host"))
                    .hint("run such a program outside the stack"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_catchers_are_recognised_by_their_image() {
        for image in ["axllent/mailpit:v1.20", "mailhog/mailhog", "docker.io/maildev/maildev@sha256:ab"] {
            assert!(is_mail_catcher(image), "{image}");
        }
        assert!(!is_mail_catcher("boky/postfix:4") && !is_mail_catcher("acme/mailpit-reader:1"));
    }
}
