//! The rules of Pod Security `restricted`, written from its documentation and checked with the fixtures that Kubernetes
//! publishes; then applied to every generated pod.

use std::fs;

use serde_json::Value;

use crate::cluster::manifests;
use crate::support::{environments, tool};

const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"];
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];
const SELINUX: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns the violations of `restricted` by a pod.
fn violations(pod: &Value) -> Vec<&'static str> {
    let spec = &pod["spec"];
    let all = ["initContainers", "containers", "ephemeralContainers"];
    let containers: Vec<&Value> = all.iter().flat_map(|kind| each(&spec[*kind])).collect();
    let contexts: Vec<&Value> = std::iter::once(&spec["securityContext"])
        .chain(containers.iter().map(|container| &container["securityContext"]))
        .collect();
    let on_windows = spec["os"]["name"] == "windows";
    let mut violated_rules = Vec::new();
    let mut check_rule = |rule: &'static str, is: bool| {
        if is {
            violated_rules.push(rule);
        }
    };
    check_rule("host namespaces", ["hostNetwork", "hostPID", "hostIPC"].iter().any(|name| spec[*name] == true));
    check_rule("host process", contexts.iter().any(|context| context["windowsOptions"]["hostProcess"] == true));
    check_rule("privileged", contexts.iter().any(|context| context["privileged"] == true));
    let ports = containers.iter().flat_map(|container| each(&container["ports"]));
    check_rule("host ports", ports.into_iter().any(|port| port["hostPort"].as_i64().unwrap_or_default() != 0));
    check_rule("probes of other hosts", containers.iter().any(|container| asks_elsewhere(container)));
    check_rule(
        "volumes",
        each(&spec["volumes"]).any(|volume| {
            let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
            kinds.into_iter().any(|kind| kind != "secret" && !VOLUMES.contains(&kind.as_str()))
        }),
    );
    check_rule(
        "proc mount",
        contexts.iter().any(|context| context["procMount"].as_str().is_some_and(|mount| mount != "Default")),
    );
    check_rule(
        "sysctls",
        each(&spec["securityContext"]["sysctls"]).any(|sysctl| !SYSCTLS.contains(&sysctl["name"].as_str().unwrap())),
    );
    check_rule(
        "SELinux",
        contexts.iter().any(|context| {
            let options = &context["seLinuxOptions"];
            let text = |key: &str| options[key].as_str().unwrap_or_default();
            !SELINUX.contains(&text("type")) || !text("user").is_empty() || !text("role").is_empty()
        }),
    );
    let armor = |profile: &Value| profile["type"].as_str().is_some_and(|kind| kind == "Unconfined");
    let annotated = pod["metadata"]["annotations"].as_object().into_iter().flatten().any(|(key, value)| {
        let value = value.as_str().unwrap();
        key.starts_with("container.apparmor.security.beta.kubernetes.io/")
            && !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/"))
    });
    check_rule("AppArmor", annotated || contexts.iter().any(|context| armor(&context["appArmorProfile"])));
    let own = &spec["securityContext"];
    let confined =
        |context: &Value| matches!(context["seccompProfile"]["type"].as_str(), Some("RuntimeDefault" | "Localhost"));
    let open = contexts.iter().any(|context| context["seccompProfile"]["type"] == "Unconfined");
    let bare = !confined(own) && !containers.iter().all(|container| confined(&container["securityContext"]));
    check_rule("seccomp", open || (bare && !on_windows));
    let non_root = |context: &Value| context["runAsNonRoot"] == true;
    let forced = containers.iter().all(|container| {
        let context = &container["securityContext"];
        non_root(context) || (non_root(own) && context["runAsNonRoot"] != false)
    });
    check_rule(
        "runs as root",
        !forced
            || (own["runAsNonRoot"] == false
                && !containers.iter().all(|container| non_root(&container["securityContext"]))),
    );
    check_rule("root's id", contexts.iter().any(|context| context["runAsUser"] == 0));
    if !on_windows {
        check_rule(
            "privilege escalation",
            containers.iter().any(|container| container["securityContext"]["allowPrivilegeEscalation"] != false),
        );
        check_rule(
            "capabilities",
            containers.iter().any(|container| {
                let capabilities = &container["securityContext"]["capabilities"];
                !each(&capabilities["drop"]).any(|name| name == "ALL")
                    || each(&capabilities["add"]).any(|name| name != "NET_BIND_SERVICE")
            }),
        );
    }
    violated_rules
}

/// Returns whether a probe or a hook names a host.
fn asks_elsewhere(container: &Value) -> bool {
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|kind| &container[kind]);
    let hooks = ["postStart", "preStop"].map(|kind| &container["lifecycle"][kind]);
    let asks = probes.into_iter().chain(hooks);
    let mut hosts =
        asks.flat_map(|check| ["httpGet", "tcpSocket"].map(|way| check[way]["host"].as_str().unwrap_or_default()));
    hosts.any(|host| !host.is_empty())
}

#[test]
fn the_rules_match_the_published_fixtures() {
    let Some(folder) = tool("definitions/pods/restricted") else { return };
    let mut wrong = Vec::new();
    for (kind, admitted) in [("pass", true), ("fail", false)] {
        let files: Vec<_> = fs::read_dir(folder.join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() > 20, "{files:?}");
        for file in files {
            let pod: Value = serde_yaml_ng::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let violations_of_pod = violations(&pod);
            if violations_of_pod.is_empty() != admitted {
                wrong.push(format!("{}: {violations_of_pod:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_generated_pod_is_restricted() {
    let mut count = 0;
    for folder in manifests(&environments()) {
        for entry in walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap) {
            if entry.path().extension().is_none_or(|end| end != "yaml") {
                continue;
            }
            let object: Value = serde_yaml_ng::from_str(&fs::read_to_string(entry.path()).unwrap()).unwrap();
            let templates = [&object["spec"]["template"], &object["spec"]["jobTemplate"]["spec"]["template"]];
            for template in templates.into_iter().filter(|template| template["spec"]["containers"].is_array()) {
                assert_eq!(violations(template), Vec::<&str>::new(), "{}", entry.path().display());
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}
