//! Tests the manifests for clusters, and the rules for environments with clusters.

use serde_json::{Value, json};

use super::{errors, files, generate, plan, stack};
use crate::artifact::Artifacts;
use crate::backend::kubernetes::upgrade_warnings;
use crate::codes::Code;

/// Returns the text of a generated file.
fn text(files: &Artifacts, path: &str) -> String {
    let file = files.get(path).unwrap_or_else(|| panic!("{path} is missing"));
    String::from_utf8(file.bytes().unwrap().to_vec()).unwrap()
}

/// Returns a stack with the service `orders`, to which it adds these fields.
fn stack_with_orders(fields: &Value) -> Value {
    let mut service = json!({
        "image": "a/orders:1", "port": 8001, "health": { "http": { "path": "/healthz" } },
        "route": { "subdomain": "orders" },
    });
    for (name, value) in fields.as_object().unwrap() {
        service[name] = value.clone();
    }
    stack(&json!({ "orders": service }))
}

/// Returns the stack with a service `orders`, on a cluster.
fn on_cluster(fields: &Value) -> Value {
    let mut stack = stack_with_orders(fields);
    for name in ["nginx", "postgres"] {
        stack["services"][name]["user"] = json!("101:101");
    }
    if stack["services"]["orders"]["user"].is_null() {
        stack["services"]["orders"]["user"] = json!("1000:1000");
    }
    stack["kubernetes"] = json!({ "enabled": true, "gateway_class": "any" });
    stack
}

/// Returns the lines of the deployment of `orders`, each without its indentation.
fn deployment(stack: &Value) -> Vec<String> {
    let text = text(&files(stack), "kubernetes/apps/orders/deployment-orders.yaml");
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// Returns whether these lines follow each other in `lines`.
fn contains(lines: &[String], wanted: &[&str]) -> bool {
    lines.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn local_certificates_are_self_signed_in_every_profile() {
    let issuer = |mode: &str| {
        let mut stack = on_cluster(&json!({}));
        stack["tls"] = json!({ "mode": mode });
        let generated = files(&stack);
        let paths = generated.iter().map(|(path, _)| path.as_str().to_owned());
        let path = paths.into_iter().find(|path| path.ends_with("/issuer-edge.yaml")).unwrap();
        text(&generated, &path)
    };
    assert!(issuer("local").contains("selfSigned:") && !issuer("local").contains("acme"), "{}", issuer("local"));
    assert!(issuer("acme").contains("acme:") && !issuer("acme").contains("selfSigned"), "{}", issuer("acme"));
}

#[test]
fn a_reachable_pod_serves_until_no_node_sends_requests() {
    let with_drain = deployment(&on_cluster(&json!({ "stop_grace": "20s" })));
    assert!(contains(&with_drain, &["preStop:", "sleep:", "seconds: 5"]), "{with_drain:#?}");
    assert!(contains(&with_drain, &["terminationGracePeriodSeconds: 25"]), "{with_drain:#?}");
    let mut without_drain = on_cluster(&json!({ "stop_grace": "20s" }));
    without_drain["kubernetes"]["drain"] = json!("0s");
    let without_drain = deployment(&without_drain);
    assert!(!contains(&without_drain, &["preStop:"]), "{without_drain:#?}");
    assert!(contains(&without_drain, &["terminationGracePeriodSeconds: 20"]), "{without_drain:#?}");
    let worker = json!({ "port": null, "route": null, "health": { "none": "it has no port" }, "stop_grace": "20s" });
    let worker = deployment(&on_cluster(&worker));
    assert!(!contains(&worker, &["preStop:"]) && contains(&worker, &["terminationGracePeriodSeconds: 20"]));
}

#[test]
fn a_group_is_spread_and_has_one_disruption_budget() {
    let group = json!({ "on_clusters": { "group": "trio" } });
    let generated = files(&on_cluster(&group));
    let deployment = text(&generated, "kubernetes/apps/orders/deployment-orders.yaml");
    assert_eq!(deployment.matches("nself/group: trio").count(), 2, "label and spread: {deployment}");
    let orders_budget = "kubernetes/apps/orders/poddisruptionbudget-orders.yaml";
    let group_budget = "kubernetes/policies/poddisruptionbudget-group-trio.yaml";
    assert!(generated.get(orders_budget).is_none());
    assert!(text(&generated, group_budget).contains("nself/group: trio"));
    let without_group = files(&on_cluster(&json!({})));
    assert!(without_group.get(orders_budget).is_some() && without_group.get(group_budget).is_none());
    assert!(!text(&without_group, "kubernetes/apps/orders/deployment-orders.yaml").contains("nself/group"));
}

#[test]
fn a_pod_is_checked_each_second_until_it_has_started() {
    let health = json!({ "http": { "path": "/healthz" }, "interval": "10s", "retries": 3, "start_period": "40s" });
    let plain = deployment(&on_cluster(&json!({ "health": health })));
    let probe_fields = |lines: &[String], probe: &str| {
        let start = lines.iter().position(|line| line == probe).unwrap();
        lines[start..start + 8].join(" ")
    };
    let startup = probe_fields(&plain, "startupProbe:");
    assert!(startup.contains("periodSeconds: 1 ") && startup.contains("failureThreshold: 70"), "{startup}");
    assert!(probe_fields(&plain, "readinessProbe:").contains("periodSeconds: 10 "));
    let mut slow = health.clone();
    slow["start_interval"] = json!("3s");
    let slow = probe_fields(&deployment(&on_cluster(&json!({ "health": slow }))), "startupProbe:");
    assert!(slow.contains("periodSeconds: 3 ") && slow.contains("failureThreshold: 24"), "{slow}");
}

/// Returns the stack with settings of the cluster.
fn cluster_with_settings(settings: &Value) -> Value {
    let mut stack = on_cluster(&json!({}));
    for (name, value) in settings.as_object().unwrap() {
        stack["kubernetes"][name] = value.clone();
    }
    stack
}

#[test]
fn the_kustomization_lists_neither_namespace_nor_shared_claims() {
    let volumes = json!({ "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } });
    let generated = files(&on_cluster(&json!({ "volumes": volumes })));
    let main_list = text(&generated, "kubernetes/kustomization.yaml");
    assert!(
        main_list.contains("policies") && main_list.contains("apps/orders") && !main_list.contains("namespace"),
        "{main_list}"
    );
    let namespace_list = text(&generated, "kubernetes/namespace/kustomization.yaml");
    for file in ["namespace-shop-prod.yaml", "persistentvolumeclaim-data.yaml"] {
        assert!(namespace_list.contains(file), "{namespace_list}");
    }
    for object in ["namespace-shop-prod", "persistentvolumeclaim-data"] {
        let object = text(&generated, &format!("kubernetes/namespace/{object}.yaml"));
        assert!(object.contains("Prune=false,Delete=false"), "{object}");
        assert!(object.contains("kustomize.toolkit.fluxcd.io/prune: ") && object.contains("disabled"), "{object}");
    }
}

#[test]
fn a_pod_that_reads_a_volume_has_the_group_of_its_owner() {
    let volumes = json!({ "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } });
    let generated = files(&on_cluster(&json!({ "volumes": volumes })));
    let nginx = text(&generated, "kubernetes/apps/nginx/deployment-nginx.yaml");
    assert!(nginx.contains("fsGroup: 1000\n") && nginx.contains("runAsGroup: 101\n"), "{nginx}");
}

#[test]
fn volumes_of_two_groups_are_refused() {
    let mut stack =
        on_cluster(&json!({ "volumes": { "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } } }));
    stack["services"]["files"] = json!({
        "image": "a/files:1", "user": "2000:2000", "health": { "none": "no endpoint to check" },
        "volumes": { "files": { "path": "/data", "readers": { "nginx": "/srv/files" } } },
    });
    assert_eq!(errors(&stack), [(Code::VolumeGroups, "services.nginx.volumes".to_owned())]);
    stack["services"]["files"]["user"] = json!("2000:1000");
    assert_eq!(errors(&stack), []);
}

#[test]
fn a_class_of_local_folders_shares_volumes_on_one_node_only() {
    let mut stack =
        on_cluster(&json!({ "volumes": { "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } } }));
    stack["kubernetes"]["storage_class"] = json!("local-path");
    assert_eq!(errors(&stack), [(Code::SharedClass, "services.orders.volumes.data.readers".to_owned())]);
    stack["kubernetes"]["shared_volumes"] = json!("node");
    let claim = text(&files(&stack), "kubernetes/namespace/persistentvolumeclaim-data.yaml");
    assert!(claim.contains("- ReadWriteOnce"), "{claim}");
}

#[test]
fn a_container_without_a_user_is_a_finding() {
    let mut stack = on_cluster(&json!({}));
    let unknown_users = |stack: &Value| {
        let (_, findings) = plan(stack);
        let findings = findings.iter().filter(|finding| finding.code == Code::UnknownUser);
        findings.map(|finding| finding.path.to_string()).collect::<Vec<_>>()
    };
    assert!(unknown_users(&stack).is_empty());
    stack["services"]["orders"]["user"] = Value::Null;
    assert_eq!(unknown_users(&stack), ["services.orders"]);
    stack["kubernetes"] = json!({});
    assert!(unknown_users(&stack).is_empty());
}

#[test]
fn a_quota_covers_the_limits_of_the_services() {
    let quota = |memory: &str| cluster_with_settings(&json!({ "quota": { "memory": memory } }));
    assert_eq!(errors(&quota("1GiB")), [(Code::LimitBelowReservation, "kubernetes.quota.memory".to_owned())]);
    let generated = files(&quota("8GiB"));
    assert!(text(&generated, "kubernetes/policies/resourcequota-namespace.yaml").contains("limits.memory: \"8Gi\""));
    assert!(text(&generated, "kubernetes/policies/limitrange-namespace.yaml").contains("defaultRequest"));
}

#[test]
fn policies_allow_queries_to_the_declared_name_server() {
    let dns = json!({
        "service": "dns-default", "namespace": "openshift-dns", "domain": "cluster.example", "port": 5353,
        "addresses": ["169.254.20.10"],
    });
    let generated = files(&cluster_with_settings(&json!({ "dns": dns, "ip_families": "dual" })));
    let policy = text(&generated, "kubernetes/policies/networkpolicy-dns.yaml");
    for wanted in ["openshift-dns", "port: 5353", "port: 53\n", "169.254.20.10/32"] {
        assert!(policy.contains(wanted), "{wanted}: {policy}");
    }
    let map = generated.iter().find(|(path, _)| path.as_str().starts_with("kubernetes/apps/nginx/configmap"));
    let map = String::from_utf8(map.unwrap().1.bytes().unwrap().to_vec()).unwrap();
    for wanted in [
        "resolver dns-default.openshift-dns.svc.cluster.example valid=2s;",
        "server orders.shop-prod.svc.cluster.example:8001 resolve;",
        "listen [::]:8080;",
    ] {
        assert!(map.contains(wanted), "{wanted}: {map}");
    }
    assert!(text(&generated, "kubernetes/apps/orders/service-orders.yaml").contains("ipFamilyPolicy: PreferDualStack"));
}

#[test]
fn annotations_belong_to_services_that_exist() {
    let annotations = |service: &str| {
        cluster_with_settings(&json!({ "service_annotations": { service: { "example.com/name": "a: b" } } }))
    };
    assert_eq!(
        errors(&annotations("order")),
        [(Code::UnknownDependency, "kubernetes.service_annotations.order".to_owned())]
    );
    let generated = files(&annotations("orders"));
    assert!(text(&generated, "kubernetes/apps/orders/service-orders.yaml").contains("example.com/name: \"a: b\""));
}

#[test]
fn all_pods_have_the_credentials_and_the_priority_of_the_cluster() {
    let mut stack = cluster_with_settings(&json!({ "image_pull_secrets": ["registry"], "priority_class": "shop" }));
    let pod = deployment(&stack);
    assert!(contains(&pod, &["imagePullSecrets:", "- name: registry", "priorityClassName: shop"]), "{pod:#?}");
    stack["services"]["orders"]["kubernetes"] = json!({ "priorityClassName": "own" });
    assert!(contains(&deployment(&stack), &["priorityClassName: own"]));
}

#[test]
fn an_autoscaler_watches_memory_only_where_the_stack_sets_it() {
    let scaler = |autoscale: &Value| {
        let fields = json!({ "autoscale": autoscale, "waive": { "compose.autoscale": "one server" } });
        text(&files(&on_cluster(&fields)), "kubernetes/apps/orders/horizontalpodautoscaler-orders.yaml")
    };
    assert!(!scaler(&json!({ "min": 2, "max": 4 })).contains("name: memory"));
    assert!(scaler(&json!({ "min": 2, "max": 4, "memory": 85 })).contains("name: memory"));
}

#[test]
fn grpc_ports_use_http2() {
    let route = json!({ "subdomain": "orders", "kind": "grpc" });
    let generated = files(&on_cluster(&json!({ "route": route })));
    assert!(text(&generated, "kubernetes/apps/orders/service-orders.yaml").contains("appProtocol: kubernetes.io/h2c"));
    let edge = text(&generated, "kubernetes/apps/nginx/service-nginx.yaml");
    assert!(edge.matches("appProtocol").count() == 1 && edge.contains("name: h2c"), "{edge}");
    assert!(text(&generated, "kubernetes/edge/httproute-grpc.yaml").contains("port: 8082"));
}

#[test]
fn http3_has_a_udp_port_at_the_number_of_https() {
    let mut on_nodes = cluster_with_settings(&json!({ "edge": "nodeport" }));
    on_nodes["tls"] = json!({ "mode": "files" });
    let edge = |stack: &Value| {
        let generated = files(stack);
        let text = |path: &str| text(&generated, path);
        (
            text("kubernetes/apps/nginx/service-nginx.yaml"),
            text("kubernetes/apps/nginx/networkpolicy-nginx-from-outside.yaml"),
            text("compose.yaml"),
        )
    };
    let (service, policy, compose) = edge(&on_nodes);
    assert!(!service.contains("UDP") && !policy.contains("UDP") && !compose.contains("udp"), "{service}{policy}");
    on_nodes["edge"] = json!({ "http3": true });
    let (service, policy, compose) = edge(&on_nodes);
    assert_eq!(
        (service.matches("nodePort: 30443").count(), service.matches("protocol: UDP").count()),
        (2, 1),
        "{service}"
    );
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<String>>();
    assert!(contains(&lines(&policy), &["- port: 8443", "protocol: UDP"]), "{policy}");
    assert!(contains(&lines(&compose), &["published: \"443\"", "protocol: udp"]), "{compose}");
}

#[test]
fn the_prometheus_operator_takes_the_place_of_prometheus() {
    let files_with_operator = |operator: &Value| {
        let mut stack = on_cluster(&json!({
            "metrics": {}, "alerts": { "OrdersSlow": { "expr": "up == 0", "summary": "slow" } },
        }));
        stack["services"]["prometheus"] = json!({
            "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "user": "1:1",
            "on_clusters": { "replaced_by": "operator" }, "health": { "none": "not the subject" },
        });
        stack["kubernetes"]["prometheus_operator"] = operator.clone();
        files(&stack)
    };
    let monitor = "kubernetes/monitoring/podmonitor-orders.yaml";
    let rule = "kubernetes/monitoring/prometheusrule-orders.yaml";
    let prometheus = "kubernetes/apps/prometheus/deployment-prometheus.yaml";
    let policy = "kubernetes/monitoring/networkpolicy-orders-from-operator.yaml";
    let with_operator = files_with_operator(&json!({ "namespace": "watch", "release": "stack" }));
    assert_eq!(
        [monitor, rule, policy, prometheus].map(|path| with_operator.get(path).is_some()),
        [true, true, true, false]
    );
    assert!(
        text(&with_operator, monitor).contains("release: stack")
            && text(&with_operator, policy).contains("name: watch")
    );
    assert!(!text(&files_with_operator(&json!({})), monitor).contains("release:"));
    assert!(text(&files_with_operator(&json!({})), policy).contains("name: monitoring"));
    let without_operator = files_with_operator(&Value::Null);
    assert_eq!(
        [monitor, rule, policy, prometheus].map(|path| without_operator.get(path).is_some()),
        [false, false, false, true]
    );
}

#[test]
fn gitops_follows_a_branch_a_tag_or_a_commit() {
    let gitops = |tool: &str, fields: &Value| {
        let mut gitops = json!({ "tool": tool, "repository": "https://git.example.com/shop.git" });
        for (name, value) in fields.as_object().unwrap() {
            gitops[name] = value.clone();
        }
        cluster_with_settings(&json!({ "gitops": gitops }))
    };
    let flux = |fields: &Value| text(&files(&gitops("flux", fields)), "kubernetes/gitops/gitrepository-shop-prod.yaml");
    assert!(flux(&json!({})).contains("branch: main"));
    assert!(flux(&json!({ "tag": "v1" })).contains("tag: v1"));
    let commit = "4f1c9ce6d6f0b3c5a1e2f60718293a4b5c6d7e8f";
    assert!(flux(&json!({ "commit": commit })).replace('"', "").contains(&format!("commit: {commit}")));
    assert_eq!(
        errors(&gitops("flux", &json!({ "tag": "v1", "commit": commit }))),
        [(Code::BadValue, "kubernetes.gitops".to_owned())]
    );
    let argo = files(&gitops("argocd", &json!({})));
    // The number in the order in which Argo CD applies the objects.
    let wave = |path: &str| {
        let text = text(&argo, path);
        let wave = text.lines().find_map(|line| line.trim().strip_prefix("argocd.argoproj.io/sync-wave: "));
        wave.unwrap().trim_matches('"').parse::<u32>().unwrap()
    };
    let [data, orders, edge] = ["postgres/statefulset-postgres", "orders/deployment-orders", "nginx/deployment-nginx"]
        .map(|path| wave(&format!("kubernetes/apps/{path}.yaml")));
    assert!(data <= orders && orders < edge, "{data} {orders} {edge}");
}

#[test]
fn an_ingress_redirects_to_https_and_ports_of_nodes_renew_certificates() {
    // The configuration of nginx.
    let site = |settings: &Value| {
        let generated = files(&cluster_with_settings(settings));
        let map = generated.iter().find(|(path, _)| path.as_str().starts_with("kubernetes/apps/nginx/configmap"));
        String::from_utf8(map.unwrap().1.bytes().unwrap().to_vec()).unwrap()
    };
    let ingress = site(&json!({ "edge": "ingress" }));
    assert!(ingress.contains("if ($without_tls)"), "{ingress}");
    assert!(!site(&json!({})).contains("$without_tls"), "a gateway redirects without nginx");
    let mut nodes = cluster_with_settings(&json!({ "edge": "nodeport" }));
    nodes["tls"] = json!({ "mode": "files" });
    let nodes_site = {
        let generated = files(&nodes);
        let map = generated.iter().find(|(path, _)| path.as_str().starts_with("kubernetes/apps/nginx/configmap"));
        String::from_utf8(map.unwrap().1.bytes().unwrap().to_vec()).unwrap()
    };
    assert!(
        nodes_site.contains("ssl_certificate $secrets/tls_certificate;") && nodes_site.contains("valid=1m"),
        "{nodes_site}"
    );
}

#[test]
fn warnings_name_lost_volumes_and_objects_that_the_kustomization_no_longer_lists() {
    let (plan, _) = plan(&on_cluster(&json!({})));
    let new = br#"{ "version": 2, "claims": { "postgres": { "postgres-data": { "shared": false } } } }"#;
    let old = br#"{ "version": 2, "claims": { "postgres": { "postgres-data": { "shared": false } }, "redis": { "redis-data": { "shared": false } } } }"#;
    let warnings = upgrade_warnings(&plan, old, new);
    assert_eq!(
        warnings.iter().map(|finding| (finding.code, finding.path.to_string())).collect::<Vec<_>>(),
        [(Code::LostVolume, "services.redis".to_owned())]
    );
    assert!(upgrade_warnings(&plan, new, new).is_empty());
    let version_1 = br#"{ "version": 1, "claims": { "postgres": { "postgres-data": { "shared": false } } } }"#;
    let warnings = upgrade_warnings(&plan, version_1, new);
    assert_eq!(
        warnings.iter().map(|finding| (finding.code, finding.path.to_string())).collect::<Vec<_>>(),
        [(Code::LostVolume, "kubernetes".to_owned())]
    );
}

#[test]
fn a_job_in_a_group_has_no_label_of_the_disruption_budget() {
    // The texts of all objects of the process `task`.
    let process = |fields: &Value| {
        let fields = json!({ "on_clusters": { "group": "peers" }, "processes": { "task": fields } });
        let generated = files(&on_cluster(&fields));
        let is_of_task = |path: &str| path.contains("task") && !path.contains("/policies/");
        let texts = generated.iter().filter(|(path, _)| is_of_task(path.as_str()));
        texts.map(|(_, file)| String::from_utf8_lossy(file.bytes().unwrap()).into_owned()).collect::<String>()
    };
    let task = process(&json!({ "run": "once" }));
    assert!(task.contains("kind: Job\n") && !task.contains("nself/group"), "{task}");
    let control = process(&json!({ "health": { "none": "no port" } }));
    assert!(control.contains("kind: Deployment\n") && control.contains("nself/group: peers"), "{control}");
}

#[test]
fn a_deadline_ends_every_kind_of_job() {
    // The texts of the jobs of `orders`.
    let job = |fields: &Value| {
        let mut fields = fields.clone();
        fields["waive"] = json!({ "compose.deadline": "it runs in the cluster only" });
        for (key, value) in [("port", Value::Null), ("route", Value::Null), ("health", json!({ "none": "it ends" }))] {
            fields[key] = value;
        }
        let generated = files(&on_cluster(&fields));
        let jobs = generated.iter().filter(|(path, _)| path.as_str().contains("job-orders"));
        jobs.map(|(_, file)| String::from_utf8_lossy(file.bytes().unwrap()).into_owned()).collect::<String>()
    };
    for kind in [json!({ "run": "once" }), json!({ "run": "on_request" }), json!({ "schedule": "0 3 * * *" })] {
        assert!(!job(&kind).contains("activeDeadlineSeconds"), "{kind}");
        let mut limited = kind.clone();
        limited["deadline"] = json!("90m");
        assert!(job(&limited).contains("activeDeadlineSeconds: 5400\n"), "{}", job(&limited));
    }
}

/// Returns the stack with `orders` and the name server `dns`, which publishes its port `dns` for UDP.
fn with_name_server(orders: &Value, ports: &Value) -> Value {
    let mut stack = on_cluster(orders);
    stack["services"]["dns"] = json!({
        "image": "a/dns:1", "user": "1000:1000", "ports": ports, "health": { "exec": ["dns", "status"] },
        "publish": {
            "dns": { "port": 53, "address": "192.0.2.53", "protocol": "udp", "reason": "name server of the office" },
        },
    });
    stack
}

#[test]
fn a_udp_port_has_policies_for_udp_and_no_probe_by_tcp() {
    let connects = json!({ "connects_to": ["dns"] });
    let policies = ["orders/networkpolicy-orders-to-dns-5353", "dns/networkpolicy-dns-from-orders-5353"];
    let protocols = |generated: &Artifacts| {
        policies.map(|policy| {
            let policy = text(generated, &format!("kubernetes/apps/{policy}.yaml"));
            ["protocol: TCP", "protocol: UDP"].map(|protocol| policy.contains(protocol))
        })
    };
    let deployment = |generated: &Artifacts| text(generated, "kubernetes/apps/dns/deployment-dns.yaml");
    let udp = files(&with_name_server(&connects, &json!({ "dns": 5353 })));
    assert_eq!(protocols(&udp), [[false, true], [false, true]]);
    assert!(!deployment(&udp).contains("tcpSocket"), "{}", deployment(&udp));
    let both = files(&with_name_server(&connects, &json!({ "dns": 5353, "dns-tcp": 5353 })));
    assert_eq!(protocols(&both), [[true, true], [true, true]]);
    assert!(deployment(&both).contains("tcpSocket"), "{}", deployment(&both));
    let own_number = files(&with_name_server(&connects, &json!({ "dns": 5353, "status": 8081 })));
    let lines: Vec<String> = deployment(&own_number).lines().map(|line| line.trim().to_owned()).collect();
    assert!(contains(&lines, &["tcpSocket:", "port: 8081"]), "{lines:#?}");
}

#[test]
fn a_pod_waits_only_for_tcp_ports() {
    let waits = json!({ "depends_on": { "dns": "healthy" } });
    let (only_udp, _) = plan(&with_name_server(&waits, &json!({ "dns": 5353 })));
    let findings = generate(&only_udp).err().unwrap_or_default();
    assert_eq!(
        findings.iter().map(|finding| (finding.code, finding.path.to_string())).collect::<Vec<_>>(),
        [(Code::Unsupported, "services.orders.depends_on.dns".to_owned())]
    );
    assert!(findings[0].hint.contains("`depends_on.dns = 'started`"), "{findings:?}");
    let started = json!({ "depends_on": { "dns": "started" } });
    assert!(
        !deployment(&with_name_server(&started, &json!({ "dns": 5353 }))).iter().any(|line| line.contains("dns:5353"))
    );
    let pod = deployment(&with_name_server(&waits, &json!({ "dns": 5353, "status": 8081 })));
    assert!(contains(&pod, &["- \"dns:8081\""]) && !pod.iter().any(|line| line.contains("dns:5353")), "{pod:#?}");
}

#[test]
fn the_kubelet_runs_the_command_of_a_health_check_unchanged() {
    let words = |script: &str| {
        let health = json!({ "exec": ["sh", "-c", script] });
        let pod = deployment(&on_cluster(&json!({ "health": health, "command": ["sh", "-c", script] })));
        let scripts = pod.windows(2).filter(|lines| lines[0] == "- \"-c\"").map(|lines| lines[1].clone());
        // The command, and the probes for startup and readiness.
        let mut scripts: Vec<String> = scripts.map(|line| line.replace(['"', '\\'], "")).collect();
        assert_eq!(scripts.len(), 3, "{scripts:?}");
        scripts.dedup();
        scripts
    };
    assert_eq!(words("kill -0 $$"), ["- kill -0 $$$$"]);
    assert_eq!(words("test $(PORT)"), ["- test $$(PORT)"]);
    // Text that the kubelet leaves unchanged.
    assert_eq!(words("cat $(cat a) $HOME"), ["- cat $$(cat a) $$HOME", "- cat $(cat a) $HOME"]);
}

/// Returns a service of the image `a/small`, with these fields.
fn small_service(fields: &Value) -> Value {
    let mut service = json!({
        "image": "a/small:1", "user": "1000:1000", "port": 8002, "health": { "none": "not the subject" },
    });
    for (name, value) in fields.as_object().unwrap() {
        service[name] = value.clone();
    }
    service
}

#[test]
fn names_of_additional_kubernetes_services_are_reserved() {
    let errors_with = |orders: &Value, name: &str, service: &Value| {
        let mut stack = on_cluster(orders);
        stack["services"]["prometheus"] = json!({
            "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "user": "1:1",
            "health": { "none": "not the subject" },
        });
        stack["services"][name] = small_service(service);
        let on_cluster = errors(&stack);
        stack["kubernetes"] = json!({});
        assert_eq!(errors(&stack), [], "{name} without a cluster");
        on_cluster
    };
    let publish = |address: &str| json!({ "publish": { "http": { "port": 8001, "address": address, "reason": "clients of the intranet" } } });
    let volume = json!({ "volumes": { "data": { "path": "/data" } } });
    let shared_volume = json!({ "volumes": { "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } } });
    let metrics = json!({ "metrics": {} });
    for (orders, name, is_reserved) in [
        (&metrics, "orders-metrics", true),
        (&json!({}), "orders-metrics", false),
        (&volume, "orders-peers", true),
        (&shared_volume, "orders-peers", false),
        (&publish("0.0.0.0"), "orders-published", true),
        (&publish("127.0.0.1"), "orders-published", false),
    ] {
        let path = |field: &str| is_reserved.then(|| (Code::NameTaken, field.to_owned()));
        let service = format!("services.{name}");
        assert_eq!(errors_with(orders, name, &json!({})), Vec::from_iter(path(&service)), "{orders} {name}");
        let alias = errors_with(orders, "small", &json!({ "aliases": ["little", name] }));
        assert_eq!(alias, Vec::from_iter(path("services.small.aliases[1]")), "{orders} {name}");
    }
    // A job has no Kubernetes Service.
    let job = json!({ "port": null, "run": "once", "health": null });
    assert_eq!(errors_with(&volume, "orders-peers", &job), []);
}

#[test]
fn names_of_additional_objects_are_reserved() {
    let mut stack = on_cluster(&json!({ "on_clusters": { "group": "trio" } }));
    stack["services"]["group-trio"] = small_service(&json!({}));
    assert_eq!(errors(&stack), [(Code::NameTaken, "services.group-trio".to_owned())]);
    stack["services"]["group-trio"] = small_service(&json!({ "on_clusters": { "group": "trio" } }));
    assert_eq!(errors(&stack), [], "a member of a group has no budget of its own");

    let mut stack = on_cluster(&json!({}));
    stack["services"]["prometheus"] = json!({
        "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "user": "1:1",
        "on_clusters": { "replaced_by": "operator", "reads": ["nodes"] }, "health": { "none": "not the subject" },
    });
    let alerts = json!({ "TargetsSlow": { "expr": "up == 0", "summary": "slow" } });
    stack["services"]["targets"] = small_service(&json!({ "alerts": alerts }));
    stack["services"]["kubelet"] = small_service(&json!({ "port": 8003, "metrics": {} }));
    assert_eq!(errors(&stack), [(Code::NameTaken, "services.kubelet".to_owned())]);
    stack["kubernetes"]["prometheus_operator"] = json!({});
    assert_eq!(errors(&stack), [(Code::NameTaken, "services.targets".to_owned())]);
}

#[test]
fn the_operator_reads_metrics_at_the_tcp_port_of_a_number() {
    let udp = json!({ "port": 9100, "protocol": "udp", "address": "0.0.0.0", "reason": "statistics of devices" });
    let mut stack = on_cluster(&json!({
        "ports": { "devices": 9100, "metrics": 9100 }, "publish": { "devices": udp }, "metrics": { "port": "metrics" },
    }));
    stack["services"]["prometheus"] = json!({
        "catalogue": "prometheus", "image": "a/prometheus:1", "ports": { "http": 9090 }, "user": "1:1",
        "on_clusters": { "replaced_by": "operator" }, "health": { "none": "not the subject" },
    });
    stack["kubernetes"]["prometheus_operator"] = json!({});
    let monitor = text(&files(&stack), "kubernetes/monitoring/podmonitor-orders.yaml");
    assert!(monitor.contains("port: metrics") && !monitor.contains("port: devices"), "{monitor}");
}
