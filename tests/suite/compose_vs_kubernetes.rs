//! Compares Compose files with Kubernetes manifests: both come from one plan, so they must have the same meaning.
//! Network policies must allow exactly the connections of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cluster::manifests;
use crate::support::{environments, golden, name, nself_in, project, run, stack, tool, tree};

fn read(path: &Path) -> Value {
    serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

/// Returns the objects of a kind in a folder of manifests, by name.
fn objects(folder: &Path, kind: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with(&format!("{}-", kind.to_lowercase())) {
            let object = read(entry.path());
            assert_eq!(object["kind"], kind);
            all.insert(object["metadata"]["name"].as_str().unwrap().to_owned(), object);
        }
    }
    all
}

/// Returns the pod of each service.
fn pods(folder: &Path) -> BTreeMap<String, Value> {
    let mut pods = BTreeMap::new();
    for kind in ["Deployment", "StatefulSet", "Job"] {
        for object in objects(folder, kind).into_values() {
            // The name of a Job contains a digest, so the label is used.
            let name = text(&object["metadata"]["labels"]["app.kubernetes.io/name"]);
            pods.insert(name, object["spec"]["template"]["spec"].clone());
        }
    }
    let crons = objects(folder, "CronJob").into_iter();
    pods.extend(crons.map(|(name, object)| (name, object["spec"]["jobTemplate"]["spec"]["template"]["spec"].clone())));
    assert!(pods.len() > 3, "{:?}", pods.keys());
    pods
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the bytes of a size in the format of Compose (`512M`, powers of 1024) or Kubernetes (`512Mi`).
fn bytes(amount: &Value) -> u64 {
    let amount = text(amount);
    let amount = amount.trim_end_matches('i');
    let (digits, unit) = amount.split_at(amount.len() - 1);
    let shift = ["K", "M", "G"].iter().position(|name| *name == unit).unwrap();
    digits.parse::<u64>().unwrap() << (10 * (shift + 1))
}

/// Returns thousandths of a processor.
fn millis(amount: &Value) -> u64 {
    let amount = text(amount);
    match amount.strip_suffix('m') {
        Some(millis) => millis.parse().unwrap(),
        None => (amount.parse::<f64>().unwrap() * 1000.0).round() as u64,
    }
}

/// Returns whether the Prometheus operator of the cluster takes the place of Prometheus and Alertmanager.
fn has_operator(folder: &Path) -> bool {
    folder.join("monitoring").exists()
}

#[test]
fn both_platforms_run_the_same_services() {
    for folder in manifests(&environments()) {
        let compose = read(&folder.parent().unwrap().join("compose.yaml"));
        let pods = pods(&folder);
        let services = compose["services"].as_object().unwrap();
        // Pods copy the programs of backups themselves. The cluster manages certificates and owners of volumes, and measures nodes and containers.
        let on_hosts = ["acme", "backup-tools", "cadvisor", "node-exporter", "volume-owner"];
        let by_operator: &[&str] = if has_operator(&folder) { &["alertmanager", "prometheus"] } else { &[] };
        let names = services.keys().map(String::as_str);
        let names: BTreeSet<&str> =
            names.filter(|name| !on_hosts.contains(name) && !by_operator.contains(name)).collect();
        assert_eq!(names, pods.keys().map(String::as_str).collect::<BTreeSet<_>>(), "{}", folder.display());
        for (name, pod) in &pods {
            assert_same_settings(&folder, name, &services[name], pod);
        }
    }
}

fn assert_same_settings(folder: &Path, name: &str, service: &Value, pod: &Value) {
    let at = format!("{} {name}", folder.display());
    let container = &pod["containers"][0];
    if service["build"].is_object() {
        // The cluster pulls images that Compose builds.
        let image = text(&container["image"]);
        let built = image.rsplit('/').next().and_then(|name| name.split(':').next()).unwrap();
        // An additional process has the image of its service.
        assert!(name == built || name.starts_with(&format!("{built}-")), "{at}: {image}");
    } else {
        assert_eq!(service["image"], container["image"], "{at}");
    }
    assert_eq!(list(&service["entrypoint"]), list(&container["command"]), "{at}");
    assert_eq!(list(&service["command"]), list(&container["args"]), "{at}");
    assert_same_variables(&at, service, container);
    let limits = &service["deploy"]["resources"];
    for (ours, theirs) in [("limits", "limits"), ("reservations", "requests")] {
        let amounts = &container["resources"][theirs];
        assert_eq!(bytes(&limits[ours]["memory"]), bytes(&amounts["memory"]), "{at}");
        assert_eq!(millis(&limits[ours]["cpus"]), millis(&amounts["cpu"]), "{at}");
    }
    let security = &pod["securityContext"];
    // On clusters, the collector of logs reads them from the API, and the jobs of snapshots run as the owner of the volumes.
    let is_root_on_hosts = name == "alloy" || name.starts_with("backup-files");
    if let Some(user) = service["user"].as_str().filter(|_| !is_root_on_hosts) {
        assert_eq!(user, format!("{}:{}", security["runAsUser"], security["runAsGroup"]), "{at}");
    }
    assert_eq!(service["read_only"], container["securityContext"]["readOnlyRootFilesystem"], "{at}");
    // A job needs no health check.
    let checked = service["healthcheck"]["disable"] != Value::Bool(true);
    assert_eq!(checked, container["readinessProbe"].is_object(), "{at}");
    assert_eq!(checked, container["livenessProbe"].is_object(), "{at}");
    if checked {
        assert_same_start_time(&at, &service["healthcheck"], &container["startupProbe"]);
    }
    // A pod with ports first serves requests until no node sends it new ones; then it has as much time to stop as in
    // Compose.
    let drain = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or_default();
    let has_address = checked && !list(&container["ports"]).is_empty();
    assert_eq!(drain, if has_address { 5 } else { 0 }, "{at}");
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert_eq!(grace, drain + seconds(&service["stop_grace_period"]), "{at}");
    // Paths of volumes, generated files and memory; on clusters, secrets are in one folder.
    let mut ours: BTreeSet<String> = list(&service["volumes"]).iter().map(|mount| text(&mount["target"])).collect();
    ours.extend(list(&service["tmpfs"]).iter().map(|mount| text(mount).split(':').next().unwrap().to_owned()));
    ours.remove("/var/lib/docker/containers");
    if !list(&service["secrets"]).is_empty() {
        ours.insert("/run/secrets".into());
    }
    if service["shm_size"].is_string() {
        ours.insert("/dev/shm".into());
    }
    let mut theirs: BTreeSet<String> =
        list(&container["volumeMounts"]).iter().map(|mount| text(&mount["mountPath"])).collect();
    if name == "nginx" {
        // nginx has no certificates if TLS is terminated in front of it.
        for path in ["/etc/letsencrypt", "/var/www/acme", "/run/secrets"] {
            ours.remove(path);
            theirs.remove(path);
        }
    }
    assert_eq!(ours, theirs, "{at}");
    // Services wait for the same services on both platforms.
    let before = list(&pod["initContainers"]);
    let (peers, jobs): (Vec<&Value>, Vec<&Value>) = before.iter().partition(|container| container["name"] == "wait");
    let waits: BTreeSet<String> = peers
        .iter()
        .flat_map(|peer| list(&peer["args"]))
        .map(|peer| text(&peer).split(':').next().unwrap().to_owned())
        .collect();
    let depends = service["depends_on"].as_object().cloned().unwrap_or_default();
    // No pod waits for a Job of the stack, except for the Jobs of databases, whose result the pods query.
    let jobs_of_stack = objects(folder, "Job").into_values();
    let jobs_of_stack: BTreeSet<String> = jobs_of_stack
        .map(|job| text(&job["metadata"]["labels"]["app.kubernetes.io/instance"]))
        .filter(|name| !name.starts_with("migrate-") && name != "postgres-setup")
        .collect();
    let on = |how: &str| -> BTreeSet<String> {
        let names = depends
            .iter()
            .filter(|(name, dependency)| {
                dependency["condition"] == how && *name != "volume-owner" && !jobs_of_stack.contains(*name)
            })
            // These have no connection URL that a pod could wait with. They start, and connect once their roles exist.
            .filter(|(peer, _)| {
                *peer != "postgres-setup" || !["backup-wal", "pgbouncer", "postgres-replica"].contains(&name)
            });
        names.map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(waits, on("service_healthy"), "{at}");
    assert_eq!(
        jobs.iter().map(|job| text(&job["name"])).collect::<BTreeSet<_>>(),
        on("service_completed_successfully"),
        "{at}"
    );
}

/// Returns the seconds of a time in Compose's format.
fn seconds(time: &Value) -> u64 {
    let time = text(time);
    let (digits, unit) = time.split_at(time.len() - 1);
    digits.parse::<u64>().unwrap()
        * ["s", "m", "h"].iter().position(|name| *name == unit).map(|i| 60_u64.pow(i as u32)).unwrap()
}

/// Checks that both platforms wait equally long for the first success. Only clusters check more often until then, since
/// Compose has one interval.
fn assert_same_start_time(at: &str, check: &Value, probe: &Value) {
    let (period, failures) = (probe["periodSeconds"].as_u64().unwrap(), probe["failureThreshold"].as_u64().unwrap());
    assert_eq!(period, 1, "{at}");
    let retries = check["retries"].as_u64().unwrap();
    assert_eq!(period * failures, seconds(&check["start_period"]) + seconds(&check["interval"]) * retries, "{at}");
}

/// Checks that both platforms have the same variables, with the same text or secret.
fn assert_same_variables(at: &str, service: &Value, container: &Value) {
    let ours = service["environment"].as_object().cloned().unwrap_or_default();
    let theirs = list(&container["env"]);
    let names: Vec<String> = theirs.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ours.keys().cloned().collect::<Vec<_>>(), "{at}");
    for variable in theirs {
        let compose_value = text(&ours[&text(&variable["name"])]);
        match compose_value.strip_prefix("${").and_then(|compose_value| compose_value.split_once(":?")) {
            Some((secret, _)) => {
                let reference = &variable["valueFrom"]["secretKeyRef"];
                assert_eq!(text(&reference["name"]), secret.to_lowercase().replace('_', "-"), "{at}");
                assert!(variable["value"].is_null(), "{at}");
            }
            None => assert_eq!(text(&variable["value"]), compose_value, "{at}"),
        }
    }
}

/// Returns the service whose pods a policy or a peer selects.
fn instance(selector: &Value) -> String {
    text(&selector["matchLabels"]["app.kubernetes.io/instance"])
}

type Flow = (String, String, u64);

/// Returns the connections between services that the policies allow.
fn flows(folder: &Path) -> (BTreeSet<Flow>, BTreeSet<Flow>) {
    let (mut ingress, mut egress) = (BTreeSet::new(), BTreeSet::new());
    for (name, policy) in objects(folder, "NetworkPolicy") {
        let spec = &policy["spec"];
        if ["default-deny", "dns", "acme-challenge"].contains(&name.as_str())
            || name.ends_with("-from-outside")
            || name.ends_with("-to-api")
            || name.ends_with("-to-internet")
            || name.contains("-to-outside-")
            || name.ends_with("-operator")
        {
            continue;
        }
        let own = instance(&spec["podSelector"]);
        for (rules, peers, found) in [("ingress", "from", &mut ingress), ("egress", "to", &mut egress)] {
            for rule in list(&spec[rules]) {
                for peer in list(&rule[peers]) {
                    let other = instance(&peer["podSelector"]);
                    for port in list(&rule["ports"]) {
                        let port = port["port"].as_u64().unwrap();
                        let flow = if rules == "ingress" {
                            (other.clone(), own.clone(), port)
                        } else {
                            (own.clone(), other.clone(), port)
                        };
                        assert!(found.insert(flow), "{name} repeats a flow of an earlier policy");
                    }
                }
            }
        }
    }
    (ingress, egress)
}

/// Returns the names of the ConfigMaps that a pod mounts.
fn mounted_maps(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.get("configMap").and_then(|map| map["name"].as_str()).map(str::to_owned));
            fields.values().for_each(|field| mounted_maps(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| mounted_maps(item, names)),
        _ => {}
    }
}

/// Returns whether a file contains the address of a service: its name with a port, or its name for Prometheus.
fn contains_address(file: &str, service: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    file.match_indices(service).any(|(at, _)| {
        let after = &file[at + service.len()..];
        let has_port = after.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
        !file[..at].ends_with(is_of_name) && (has_port || after.starts_with("-metrics."))
    })
}

/// Returns the connections that services need, read from other outputs instead of the plan: dependencies, URLs in variables
/// and files, and routes.
fn needed_connections(folder: &Path) -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    let pods = pods(folder);
    for (name, pod) in &pods {
        // Arguments are `host:port`; the container that waits for databases has arguments `variable:extensions`.
        let arguments = list(&pod["initContainers"]).into_iter().flat_map(|container| list(&container["args"]));
        for argument in arguments.map(|argument| text(&argument)) {
            if let Some((host, port)) = argument.split_once(':')
                && port.parse::<u16>().is_ok()
            {
                pairs.insert((name.clone(), host.to_owned()));
            }
        }
        for variable in list(&pod["containers"][0]["env"]) {
            let value = text(&variable["value"]);
            for (other, _) in pods.iter().filter(|(other, _)| *other != name) {
                if value.contains(&format!("://{other}:")) {
                    pairs.insert((name.clone(), other.clone()));
                }
            }
        }
    }
    let maps = objects(folder, "ConfigMap");
    for (name, pod) in pods.iter().filter(|(name, _)| *name != "nginx") {
        let mut mounted_paths = BTreeSet::new();
        mounted_maps(pod, &mut mounted_paths);
        let files = mounted_paths.iter().filter_map(|map| maps[map]["data"].as_object()).flat_map(|data| data.values());
        for file in files.map(text) {
            // Prometheus connects to the exporter, which connects to its targets.
            let lines = file.lines().filter(|line| name != "prometheus" || !line.contains("redis://"));
            let file = lines.collect::<Vec<_>>().join("\n");
            let others = pods.keys().filter(|other| *other != name && contains_address(&file, other));
            pairs.extend(others.map(|other| (name.clone(), other.clone())));
        }
    }
    for map in maps.into_values() {
        for file in map["data"].as_object().unwrap().values() {
            for line in text(file).lines() {
                let server = line.trim().strip_prefix("server ").and_then(|line| line.split_once(" resolve"));
                if let Some((host, _)) = server {
                    pairs.insert(("nginx".into(), host.split(['.', ':']).next().unwrap().to_owned()));
                }
            }
        }
    }
    pairs
}

/// Returns whether a pair of services is a client or a member of a Redis with Sentinel, and a member. Clients learn the
/// addresses of the nodes from the Sentinels.
fn is_redis_connection(pair: &str) -> bool {
    let is_member = |name: &str| {
        let number = name.strip_prefix("redis-sentinel-").or_else(|| name.strip_prefix("redis-"));
        number.is_some_and(|number| number.parse::<u8>().is_ok())
    };
    let is_client = |name: &str| ["carts", "worker", "redis-nodes-exporter"].contains(&name);
    pair.split_once(' ').is_some_and(|(from, to)| is_member(to) && (is_member(from) || is_client(from)))
}

#[test]
fn policies_allow_exactly_the_connections_of_the_plan() {
    for folder in manifests(&environments()) {
        let (ingress, egress) = flows(&folder);
        assert_eq!(ingress, egress, "each flow has an egress and an ingress policy");
        let pairs: BTreeSet<(String, String)> =
            ingress.iter().map(|(from, to, _)| (from.clone(), to.clone())).collect();
        let needed = needed_connections(&folder);
        let missing: Vec<_> = needed.difference(&pairs).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", folder.display());
        // Additional connections must be declared by `connects_to`.
        let declared = [
            "prices catalogue",
            "backup postgres",
            "backup-restore postgres",
            "backup-wal postgres",
            "backup-files-restore files",
        ];
        let more: Vec<_> = pairs.difference(&needed).map(|(from, to)| format!("{from} {to}")).collect();
        let is_declared = |pair: &String| declared.contains(&pair.as_str()) || is_redis_connection(pair);
        assert!(more.iter().all(is_declared), "{}: {more:?}", folder.display());
        let scraped: BTreeSet<String> = objects(&folder, "PodMonitor").into_keys().collect();
        let policies = objects(&folder, "NetworkPolicy").into_keys();
        let open: BTreeSet<String> =
            policies.filter_map(|name| Some(name.strip_suffix("-from-operator")?.to_owned())).collect();
        assert_eq!(open, scraped, "the operator reaches exactly the services whose metrics it reads");
        assert_eq!(has_operator(&folder), !scraped.is_empty());
        // All other traffic is denied.
        let deny = &objects(&folder, "NetworkPolicy")["default-deny"]["spec"];
        assert_eq!(deny["podSelector"], serde_json::json!({}));
        assert_eq!(deny["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
        assert!(deny["ingress"].is_null() && deny["egress"].is_null());
        // Every allowed connection goes to a Service with that port.
        let services = objects(&folder, "Service");
        for (_, to, port) in &ingress {
            let ports = list(&services[to]["spec"]["ports"]);
            assert!(ports.iter().any(|entry| entry["port"].as_u64() == Some(*port)), "{to}:{port}");
        }
    }
}

#[test]
fn each_volume_is_one_claim() {
    for folder in manifests(&environments()) {
        let mut claims: Vec<String> = objects(&folder, "PersistentVolumeClaim").into_keys().collect();
        for set in objects(&folder, "StatefulSet").into_values() {
            claims.extend(
                list(&set["spec"]["volumeClaimTemplates"]).iter().map(|claim| text(&claim["metadata"]["name"])),
            );
        }
        claims.sort();
        let compose = read(&folder.parent().unwrap().join("compose.yaml"));
        let volumes = compose["volumes"].as_object().unwrap().keys();
        let on_hosts = ["acme-challenge", "backup-tools", "certificates", "node-metrics"];
        let by_operator: &[&str] = if has_operator(&folder) { &["alertmanager-data", "prometheus-data"] } else { &[] };
        let volumes = volumes.filter(|name| ![&on_hosts[..], by_operator].concat().contains(&name.as_str()));
        assert_eq!(claims, volumes.cloned().collect::<Vec<_>>(), "{}", folder.display());
    }
}

#[test]
fn the_name_of_a_config_map_depends_on_its_content() {
    let body = |more: &str| {
        format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", {more} kubernetes = {{ enabled = true, gateway_class = \"any\" }} }}"
        )
    };
    let maps = |more: &str| {
        let project = stack(&body(more));
        let output = nself_in(project.path(), ["gen", "--env", "prod"]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        objects(&project.path().join("deploy/prod/kubernetes"), "ConfigMap").into_keys().collect::<BTreeSet<_>>()
    };
    let plain = maps("");
    assert_eq!(plain, maps("services.postgres.limits.memory = \"4GiB\","), "no file of theirs has changed");
    let other = maps("edge.connections = 7,");
    assert_eq!(plain.difference(&other).count(), 1, "{plain:?} {other:?}");
}

/// Runs the command of the init container with a real busybox: it ends once all dependencies accept connections.
#[test]
fn pods_wait_until_their_dependencies_accept_connections() {
    let Some(busybox) = tool("trixie/usr/bin/busybox") else { return };
    let folder = manifests(&environments()).remove(0);
    let wait = pods(&folder).into_values().map(|pod| pod["initContainers"][0].clone()).find(Value::is_object).unwrap();
    let words: Vec<String> = list(&wait["command"]).iter().map(|word| text(word).replace("$$", "$")).collect();
    let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let late = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = std::process::Command::new(busybox);
    let mut waiting = command
        .args(&words)
        .args([listening.local_addr().unwrap(), late].map(|address| address.to_string()))
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let early = waiting.try_wait().unwrap();
    let _late = std::net::TcpListener::bind(late).unwrap();
    let ended = waiting.wait().unwrap();
    assert!(early.is_none(), "it did not wait");
    assert!(ended.success());
}

/// Objects have limits, such as the number of hosts of a route and the size of a ConfigMap.
#[test]
fn many_sites_are_divided_into_objects_that_the_server_accepts() {
    let services: String = (0..300)
        .map(|i| {
            format!(
                "svc-{i} = {{ image = \"registry.example.com/svc:1\", port = {}, route.subdomain = \"s{i}\", health.tcp = {{}} }},\n",
                9000 + i
            )
        })
        .collect();
    let project = stack(&format!(
        "{{ project = \"many\", domain = \"many.example.com\", monitoring.waive = \"not the subject\", services = {{\n{services}}}, \
         kubernetes = {{ enabled = true, gateway_class = \"any\" }} }}"
    ));
    let output = nself_in(project.path(), ["gen", "--env", "prod"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let folder = project.path().join("deploy/prod/kubernetes");
    let mut sites = BTreeSet::new();
    for map in objects(&folder, "ConfigMap").into_values() {
        let data = map["data"].as_object().unwrap();
        let size: usize = data.values().map(|file| text(file).len()).sum();
        assert!(size < 1 << 20, "{size}");
        sites.extend(data.keys().filter(|key| key.starts_with("sites..")).cloned());
    }
    let routes = objects(&folder, "HTTPRoute");
    let hosts: Vec<Value> = routes.values().flat_map(|route| list(&route["spec"]["hostnames"])).collect();
    assert_eq!((sites.len(), hosts.len()), (302, 302));
    assert!(routes.values().all(|route| list(&route["spec"]["hostnames"]).len() <= 16));
    let nginx = &pods(&folder)["nginx"];
    let sources = list(&nginx["volumes"][0]["projected"]["sources"]);
    let items: usize = sources.iter().map(|source| list(&source["configMap"]["items"]).len()).sum();
    assert_eq!(items, 306, "with nginx.conf, the start script, the upstreams and the folder for servers of the user");
}

/// A change that the API server would refuse is a warning, printed once, at the user's line.
#[test]
fn a_changed_claim_is_a_warning_with_the_steps() {
    let body = |size: &str| {
        format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.postgres = {{ volumes.postgres-data.size = \"{size}\", \
             waive.\"compose.volume_size\" = \"one disk\" }}, kubernetes = {{ enabled = true, gateway_class = \"any\" }} }}"
        )
    };
    let project = stack(&body("20GiB"));
    let gen_prod = || nself_in(project.path(), ["gen", "--env", "prod"]);
    let first = gen_prod();
    assert!(first.code == 0 && !first.stderr.contains("NS708"), "{}", first.stderr);
    let enlarged_stack = stack(&body("30GiB"));
    fs::copy(enlarged_stack.path().join("stack.ncl"), project.path().join("stack.ncl")).unwrap();
    let second = gen_prod();
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stderr.contains("warning[NS708]"), "{}", second.stderr);
    assert!(second.stderr.contains("stack.ncl:2:") && second.stderr.contains("--cascade=orphan"), "{}", second.stderr);
    let third = gen_prod();
    assert!(third.code == 0 && !third.stderr.contains("NS708"), "{}", third.stderr);
}

/// A foreign file among the manifests is kept, also one at the path of a generated file.
#[test]
fn foreign_files_among_the_manifests_are_kept() {
    let project = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", kubernetes = { enabled = true, gateway_class = \"any\" } }",
    );
    let folder = project.path().join("deploy/prod/kubernetes/apps/auth");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("mine.yaml"), "mine").unwrap();
    assert_eq!(nself_in(project.path(), ["gen", "--env", "prod"]).code, 0);
    assert_eq!(fs::read_to_string(folder.join("mine.yaml")).unwrap(), "mine");
    fs::remove_dir_all(project.path().join("deploy")).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("service-auth.yaml"), "mine").unwrap();
    let output = nself_in(project.path(), ["gen", "--env", "prod"]);
    assert!(output.code == 2 && output.stderr.contains("NS802"), "{}", output.stderr);
    assert_eq!(fs::read_to_string(folder.join("service-auth.yaml")).unwrap(), "mine");
}

/// All generated files can be committed; values of secrets cannot.
#[test]
fn git_tracks_the_files_but_no_secret_values() {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let copy = project(&case);
    let git = |arguments: &[&str]| run(std::process::Command::new("git").args(arguments).current_dir(copy.path()));
    assert_eq!(git(&["init", "-q"]).code, 0);
    assert_eq!(nself_in(copy.path(), ["gen"]).code, 0);
    let files: Vec<String> =
        tree(&copy.path().join("deploy")).into_keys().map(|path| format!("deploy/{path}")).collect();
    assert!(files.iter().any(|path| path.contains("/kubernetes/secrets/")));
    assert_eq!(nself_in(copy.path(), ["secrets", "init", "--env", "local"]).code, 0);
    assert_eq!(git(&["add", "-A"]).code, 0);
    let tracked: Vec<String> = git(&["ls-files", "deploy"]).stdout.lines().map(str::to_owned).collect();
    assert_eq!(tracked, files);
}
