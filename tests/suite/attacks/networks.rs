//! Attacks from one container on another, on the host's metadata service and on the database server.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::cluster::manifests;
use crate::support::{ProcessOutput, environments, nself_in, run, stack};
use crate::up::{Stack, in_own_namespaces};

/// Two services of different zones with egress, and one without. All run a stand-in without required settings, which
/// always listens on port 3021.
const EGRESS_STACK: &str = r#"let nself = import "nself/main.ncl" in
let service = fun number more => { image = "docker.io/nself/nself-admin:v1.2", port = number, user = "10001:10001", read_only = false } & more in
{
  project = "two",
  domain = "two.example.com",
  services = {
    hasura.enabled = false,
    auth.enabled = false,
    one = service 8001 { egress = true, zone = 'app },
    other = service 8002 { egress = true, zone = 'data },
    inner = service 8003 { zone = 'app },
  },
} | nself.Stack
"#;
/// An address outside the stack and its machine (RFC 5737), and a port.
const OUTSIDE: &str = "198.51.100.7";
const OUTSIDE_PORT: u16 = 8000;

/// A simulated machine: a network namespace with a server, connected to the test's namespace.
struct Machine(Child);

impl Machine {
    fn start() -> Machine {
        let server = format!(
            "until ip address add {OUTSIDE}/24 dev cable1 2>/dev/null; do sleep 0.1; done; ip link set cable1 up;
             exec python3 -m http.server {OUTSIDE_PORT} --bind {OUTSIDE}"
        );
        let mut shell = Command::new("unshare");
        shell
            .args(["--net", "sh", "-c", &server])
            .current_dir("/proc/self")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let machine = Machine(shell.spawn().unwrap());
        let ip = |words: &str| {
            let output = run(Command::new("ip").args(words.split(' ')));
            assert_eq!(output.code, 0, "{}", output.stderr);
        };
        ip("link add cable0 type veth peer name cable1");
        ip("address add 198.51.100.1/24 dev cable0");
        ip("link set cable0 up");
        // The process enters its namespace shortly after its start.
        let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let process = machine.0.id().to_string();
        assert!((0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            namespace(&process) != namespace("self")
        }));
        ip(&format!("link set cable1 netns {process}"));
        let answers = || std::net::TcpStream::connect((OUTSIDE, OUTSIDE_PORT)).is_ok();
        assert!((0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            answers()
        }));
        machine
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn services_with_egress_cannot_reach_each_other() {
    in_own_namespaces("attacks::networks::services_with_egress_cannot_reach_each_other", check_egress);
}

/// Returns whether a container can connect to the address.
fn reaches(stack: &Stack, from: &str, host: &str, port: u16) -> bool {
    let script = format!("import socket; socket.create_connection(('{host}', {port}), 2)");
    stack.compose(&["exec", "-T", from, "python3", "-c", &script]).code == 0
}

/// Returns a container's address in the network whose name has this ending.
fn address(stack: &Stack, service: &str, network: &str) -> Option<String> {
    let container = &stack.inspect()[service];
    let networks = container["NetworkSettings"]["Networks"].as_object().unwrap();
    let matching_network = networks.iter().find(|(name, _)| name.ends_with(network));
    matching_network.map(|(_, container)| container["IPAddress"].as_str().unwrap().to_owned())
}

/// Attack: a service with egress connects to a service of a different zone with egress.
/// Expectation: no answer, although both can connect to outside addresses. Control: in a shared network, there is an
/// answer.
fn check_egress() {
    let started =
        Stack::start_with("minimal", |project| std::fs::write(project.join("stack.ncl"), EGRESS_STACK).unwrap());
    let stack = started.expect("nothing started, although the tools are installed");
    let _machine = Machine::start();
    let up = |stack: &Stack| {
        let output = stack.compose(&["up", "-d", "--no-deps", "one", "other", "inner"]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        let ready = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            ["one", "other", "inner"].iter().all(|name| reaches(stack, name, "127.0.0.1", 3021))
        });
        assert!(ready, "{}", stack.compose(&["logs"]).stdout);
    };
    up(&stack);
    let other = address(&stack, "other", "_egress-other").unwrap();
    assert!(!reaches(&stack, "one", &other, 3021), "by address");
    assert!(!reaches(&stack, "one", "other", 3021), "by name");
    let address_of_one = address(&stack, "one", "_egress-one").unwrap();
    assert!(!reaches(&stack, "other", &address_of_one, 3021), "and back");
    for name in ["one", "other"] {
        assert!(reaches(&stack, name, OUTSIDE, OUTSIDE_PORT), "{name} reaches the outside");
    }
    assert!(!reaches(&stack, "inner", OUTSIDE, OUTSIDE_PORT), "a service without egress does not reach the outside");

    assert_eq!(stack.compose(&["down", "--timeout", "1"]).code, 0);
    let file = stack.project.path().join("deploy/local/compose.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let open = text.replace("      - egress-other\n", "      - egress-one\n");
    assert_ne!(text, open);
    std::fs::write(&file, open).unwrap();
    up(&stack);
    let other = address(&stack, "other", "_egress-one").unwrap();
    assert!(reaches(&stack, "one", &other, 3021), "the control");
}

/// Attack: a service with egress connects to a second one, with the file for each implementation of Compose.
/// Expectation: no two services share a network with access to the outside, and podman, whose bridges are connected by
/// default, is configured to isolate them.
#[test]
fn services_with_egress_share_no_network() {
    for compat in ["", "compose.compat = 'podman,", "compose.compat = '\"docker-compose-1.29\","] {
        share_no_network(compat);
    }
}

fn share_no_network(compat: &str) {
    let case = stack(&format!(
        r#"{{ project = "two", domain = "two.example.com", monitoring.waive = "not the subject", {compat}
              services.one = {{ image = "a/one:1", egress = true }} }}"#,
    ));
    let output = nself_in(case.path(), ["gen", "--env", "local"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = std::fs::read_to_string(case.path().join("deploy/local/compose.yaml")).unwrap();
    let file: Value = serde_yaml_ng::from_str(&text).unwrap();
    let networks = file["networks"].as_object().unwrap();
    let mut outside = 0;
    for (name, network) in networks.iter().filter(|(_, network)| network["internal"] != true) {
        assert_eq!(network["driver_opts"]["isolate"] == "true", compat.contains("podman"), "{name}");
        let members = file["services"].as_object().unwrap().values();
        let members = members
            .filter(|member| member["networks"].as_array().is_some_and(|all| all.contains(&name.as_str().into())));
        assert_eq!(members.count(), 1, "{name}");
        outside += 1;
    }
    assert!(outside >= 3, "{networks:?}");
}

/// Addresses of clouds' metadata services.
const METADATA: [&str; 6] =
    ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fe80::1"];
/// Other addresses that are not on the internet.
const PRIVATE: [&str; 5] = ["100.64.0.1", "10.0.0.1", "172.31.255.255", "192.168.0.1", "fd12:3456::1"];
const INTERNET: [&str; 4] = ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111"];

/// Returns whether an address is in a range.
fn contains(range: &str, address: std::net::IpAddr) -> bool {
    let (base, bits) = range.split_once('/').unwrap();
    let bits: u32 = bits.parse().unwrap();
    match (base.parse().unwrap(), address) {
        (std::net::IpAddr::V4(base), std::net::IpAddr::V4(address)) => {
            let shift = 32 - bits;
            u64::from(base.to_bits()) >> shift == u64::from(address.to_bits()) >> shift
        }
        (std::net::IpAddr::V6(base), std::net::IpAddr::V6(address)) => {
            bits == 0 || base.to_bits() >> (128 - bits) == address.to_bits() >> (128 - bits)
        }
        _ => false,
    }
}

/// Returns whether policies allow a connection to an address outside the cluster; policies only add permissions.
fn allow_connection(policies: &[Value], labels: &Value, address: &str) -> bool {
    let address: std::net::IpAddr = address.parse().unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let selects = |policy: &&Value| {
        let selected_labels = policy["spec"]["podSelector"]["matchLabels"].as_object().cloned().unwrap_or_default();
        selected_labels.iter().all(|(key, value)| labels[key] == *value)
    };
    let rules = policies.iter().filter(selects).flat_map(|policy| list(&policy["spec"]["egress"]));
    rules.into_iter().any(|rule| {
        let peers = list(&rule["to"]);
        // A rule without peers applies to all addresses.
        peers.is_empty()
            || peers.iter().any(|peer| {
                let block = &peer["ipBlock"];
                block["cidr"].as_str().is_some_and(|range| contains(range, address))
                    && !list(&block["except"]).iter().any(|range| contains(range.as_str().unwrap(), address))
            })
    })
}

/// Returns the policies in a folder of manifests, and the labels of its pods by service.
fn policies(folder: &Path) -> (Vec<Value>, Vec<(String, Value)>) {
    let (mut policies, mut pods) = (Vec::new(), Vec::new());
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        if entry.path().extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let object: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(entry.path()).unwrap()).unwrap();
        let spec = if object["kind"] == "CronJob" { &object["spec"]["jobTemplate"]["spec"] } else { &object["spec"] };
        let template = &spec["template"];
        match object["kind"].as_str() {
            Some("NetworkPolicy") => policies.push(object),
            Some("Deployment" | "StatefulSet" | "Job" | "CronJob") => {
                pods.push((
                    object["metadata"]["name"].as_str().unwrap().to_owned(),
                    template["metadata"]["labels"].clone(),
                ));
            }
            _ => {}
        }
    }
    (policies, pods)
}

/// Attack: a pod requests the credentials of its machine from the cloud's metadata service, or connects to a private
/// address.
/// Expectation: no policy of any golden stack allows it, with or without egress. Pods that read the cluster's API may
/// connect to private addresses on its ports, since nodes have such addresses, but to no metadata service. Controls: with
/// the exceptions of an earlier release, three of these addresses are allowed; without exceptions, all metadata services
/// are.
#[test]
fn pods_cannot_reach_metadata_services() {
    let (mut with_egress, mut with_api) = (0, 0);
    for folder in manifests(&environments()) {
        let (policies, pods) = policies(&folder);
        assert!(policies.len() > 10 && pods.len() > 3);
        let of_api = |policy: &Value| policy["metadata"]["name"].as_str().unwrap().ends_with("-to-api");
        let (mut to_api, mut policies): (Vec<Value>, Vec<Value>) = policies.into_iter().partition(of_api);
        for policy in &mut to_api {
            let rule = &mut policy["spec"]["egress"][0];
            let ports = rule["ports"].as_array().unwrap().iter().map(|port| port["port"].as_u64().unwrap());
            assert!(ports.into_iter().all(|port| [443, 6443, 10_250].contains(&port)), "{rule}");
            let all = [policy.clone()];
            let labels = &policy["spec"]["podSelector"]["matchLabels"];
            assert!(METADATA.iter().all(|address| !allow_connection(&all, labels, address)), "{policy}");
            let labels = labels.clone();
            for peer in policy["spec"]["egress"][0]["to"].as_array_mut().unwrap() {
                peer["ipBlock"].as_object_mut().unwrap().remove("except");
            }
            assert!(METADATA.iter().all(|address| allow_connection(std::slice::from_ref(policy), &labels, address)));
            with_api += 1;
        }
        let blocked_addresses = || METADATA.into_iter().chain(PRIVATE);
        for (name, labels) in &pods {
            let open: Vec<&str> =
                blocked_addresses().filter(|address| allow_connection(&policies, labels, address)).collect();
            assert!(open.is_empty(), "{} {name}: {open:?}", folder.display());
            let egress = INTERNET.iter().filter(|address| allow_connection(&policies, labels, address)).count();
            assert!([0, INTERNET.len()].contains(&egress), "{} {name}", folder.display());
            with_egress += usize::from(egress > 0);
        }
        for policy in &mut policies {
            for rule in policy["spec"]["egress"].as_array_mut().into_iter().flatten() {
                for peer in rule["to"].as_array_mut().into_iter().flatten() {
                    if let Some(except) = peer["ipBlock"]["except"].as_array_mut() {
                        except
                            .retain(|range| !["100.64.0.0/10", "168.63.129.16/32"].contains(&range.as_str().unwrap()));
                    }
                }
            }
        }
        let is_open = |address: &&str| pods.iter().any(|(_, labels)| allow_connection(&policies, labels, address));
        let open_addresses: Vec<&str> = blocked_addresses().filter(is_open).collect();
        assert_eq!(open_addresses, ["100.100.100.200", "168.63.129.16", "100.64.0.1"], "{}", folder.display());
    }
    assert!(with_egress > 3 && with_api > 0, "{with_egress} {with_api}");
}

/// Attack: a container of Compose connects to a metadata service or a private address. Networks of Compose cannot block
/// these addresses.
/// Expectation: the fidelity report names them.
#[test]
fn the_fidelity_report_names_connections_that_compose_cannot_block() {
    let mut found = 0;
    for environment in environments() {
        let report: Value = serde_json::from_slice(&std::fs::read(environment.join("fidelity.json")).unwrap()).unwrap();
        if let Some(explanation) = report["fields"]["services.*.egress"]["mapped"].as_str() {
            assert!(explanation.contains("169.254.169.254") && explanation.contains("the host"), "{explanation}");
            found += 1;
        }
    }
    assert!(found >= 12, "{found}");
}

#[test]
fn the_database_server_accepts_roles_by_network() {
    in_own_namespaces("attacks::networks::the_database_server_accepts_roles_by_network", check_roles_by_network);
}

/// Runs psql in a container, as a role with its password.
fn psql(stack: &Stack, from: &str, role: &str, secret: &str, database: &str, more: &[&str]) -> ProcessOutput {
    let file = stack.project.path().join("deploy/local/secrets").join(secret);
    let password = format!("PGPASSWORD={}", std::fs::read_to_string(file).unwrap().trim());
    let mut words =
        vec!["exec", "-T", "-e", &password, from, "psql", "-XqAt", "-h", "postgres", "-U", role, "-d", database];
    words.extend(more);
    stack.compose(&words)
}

fn assert_answer(output: &ProcessOutput) {
    assert_eq!((output.code, output.stdout.trim()), (0, "1"), "{}", output.stderr);
}

fn assert_refused(output: &ProcessOutput, why: &str) {
    assert!(output.code != 0 && output.stderr.contains(why), "{}{}", output.stdout, output.stderr);
}

const SELECT_ONE: [&str; 2] = ["-c", "SELECT 1"];

/// Attack: a service uses a stolen password of the superuser, the replica or a different service.
/// Expectation: the server refuses the superuser outside the network of its jobs, the replica's role outside its
/// network, and every role outside its databases. Control: with rules without networks, the superuser is accepted.
fn check_roles_by_network() {
    let stack = Stack::start("replica").expect("nothing started, although the tools are installed");
    let output = stack.compose(&["up", "-d", "--wait", "--wait-timeout", "180", "postgres-replica", "tickets"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);
    let rejects = "pg_hba.conf rejects connection";

    assert_answer(&psql(&stack, "tickets", "tickets", "tickets_db_password", "tickets", &SELECT_ONE));
    assert_refused(&psql(&stack, "tickets", "tickets", "tickets_db_password", "postgres", &SELECT_ONE), rejects);
    assert_refused(&psql(&stack, "tickets", "tickets", "tickets_db_password", "desk", &SELECT_ONE), rejects);
    for database in ["tickets", "postgres"] {
        assert_refused(&psql(&stack, "tickets", "postgres", "postgres_password", database, &SELECT_ONE), rejects);
        assert_refused(
            &psql(&stack, "postgres-replica", "postgres", "postgres_password", database, &SELECT_ONE),
            rejects,
        );
    }
    // In the network of a migration job, the server requests the password.
    let job = |password: &str| {
        let run = ["run", "--rm", "--no-deps", "-T", "--entrypoint", "psql", "-e", "PGPASSWORD_FILE="];
        let password = format!("PGPASSWORD={password}");
        let psql =
            ["-e", &password, "migrate-tickets", "-XqAt", "-w", "-h", "postgres", "-U", "postgres", "-d", "postgres"];
        stack.compose(&[run.as_slice(), &psql, &SELECT_ONE].concat())
    };
    let password =
        std::fs::read_to_string(stack.project.path().join("deploy/local/secrets/postgres_password")).unwrap();
    assert_answer(&job(password.trim()));
    assert_refused(&job("wrong"), "password authentication failed");

    // Only the replica may copy the server.
    let copy = |from: &str| {
        let file = stack.project.path().join("deploy/local/secrets/replication_password");
        let password = format!("PGPASSWORD={}", std::fs::read_to_string(file).unwrap().trim());
        let host = std::fs::read_to_string(stack.project.path().join("deploy/local/postgres/standby/primary")).unwrap();
        let host = if from == "tickets" { "postgres" } else { host.trim() };
        let command = format!("pg_basebackup -w -h {host} -U replication -X none -D /tmp/copy && echo 1");
        stack.compose(&["exec", "-T", "-e", &password, from, "sh", "-c", &command])
    };
    assert_refused(&copy("tickets"), "pg_hba.conf rejects replication connection");
    assert_answer(&copy("postgres-replica"));

    let file = stack.project.path().join("deploy/local/postgres/server/pg_hba.conf");
    let text = std::fs::read_to_string(&file).unwrap();
    let open = text.replace(".desk-local-maintenance", "all");
    assert_ne!(text, open);
    std::fs::write(&file, open).unwrap();
    let output =
        stack.compose(&["exec", "-T", "postgres", "psql", "-U", "postgres", "-XqAtc", "SELECT pg_reload_conf()"]);
    assert_eq!(output.stdout.trim(), "t", "{}", output.stderr);
    let superuser_is_accepted = (0..50).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        psql(&stack, "tickets", "postgres", "postgres_password", "tickets", &SELECT_ONE).code == 0
    });
    assert!(superuser_is_accepted, "the control");
}

/// Attack: the name of the superuser would change a line of the access rules.
/// Expectation: NS106 at the variable, and no file.
#[test]
fn the_name_of_the_superuser_cannot_add_a_rule() {
    for value in ["\"all trust\"", "\"x\\\" all all trust\"", "\"x\\nhost all all all trust\"", "nself.domain"] {
        let case = stack(&format!(
            "{{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.postgres.env.POSTGRES_USER = {value} }}"
        ));
        let output = nself_in(case.path(), ["gen"]);
        assert_eq!(output.code, 2, "{value}: {}", output.stderr);
        assert!(
            output.stderr.contains("error[NS106]") && output.stderr.contains("env.POSTGRES_USER)"),
            "{value}: {}",
            output.stderr
        );
        assert!(!case.path().join("deploy").exists(), "{value}");
    }
}

#[test]
fn connections_to_the_database_are_encrypted() {
    in_own_namespaces("attacks::networks::connections_to_the_database_are_encrypted", check_encryption);
}

/// Attack: a program between a service and the server reads the traffic, or answers instead of the server.
/// Expectation: with `database_server.tls`, the server and the pooler refuse connections without TLS, clients accept
/// only the certificate of the stack's authority, and every service of the stack is healthy.
fn check_encryption() {
    let started = Stack::start_with("replica", |project| {
        let file = project.join("stack.ncl");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("  domain =", "  database_server.tls = true,\n  domain =", 1)).unwrap();
    });
    let stack = started.expect("nothing started, although the tools are installed");
    let output = stack.up();
    assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "30"]).stdout);
    let ask = |host: &str, parameters: &str| {
        let file = stack.project.path().join("deploy/local/secrets/tickets_db_password");
        let password = format!("PGPASSWORD={}", std::fs::read_to_string(file).unwrap().trim());
        let words = format!("host={host} user=tickets dbname=tickets {parameters}");
        stack.compose(&["exec", "-T", "-e", &password, "tickets", "psql", "-XqAt", &words, "-c", "SELECT 1"])
    };
    let authority = "sslmode=verify-full sslrootcert=/run/secrets/database_authority";
    for (host, refusal) in [("postgres", "no encryption"), ("pgbouncer", "SSL required")] {
        assert_answer(&ask(host, authority));
        assert_refused(&ask(host, "sslmode=disable"), refusal);
        assert_refused(
            &ask(host, "sslmode=verify-full sslrootcert=/etc/ssl/certs/ca-certificates.crt"),
            "certificate verify failed",
        );
    }
    // All connections from other containers, including the replica's and the pooler's.
    let sql = "SELECT count(*) FILTER (WHERE NOT ssl), count(*) > 1 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                WHERE client_addr IS NOT NULL";
    let output = stack.compose(&["exec", "-T", "postgres", "psql", "-U", "postgres", "-XqAtc", sql]);
    assert_eq!(output.stdout.trim(), "0|t", "{}", output.stderr);
    let sql = "SELECT status FROM pg_stat_wal_receiver";
    let output = stack.compose(&["exec", "-T", "postgres-replica", "psql", "-U", "postgres", "-XqAtc", sql]);
    assert_eq!(output.stdout.trim(), "streaming", "{}", output.stderr);
    let log = stack.compose(&["logs", "migrate-tickets"]).stdout;
    assert!(log.contains("applying 0001"), "{log}");
}
