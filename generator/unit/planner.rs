//! Tests decisions and findings of the planner.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{errors, plan, stack, with_fields};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::plan::{Check, ProjectFiles, SourceFile, resolve};
use crate::source::decode_json;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName};

/// Returns a stack with the service `orders`, to which it adds these fields.
fn stack_with_orders(fields: &Value) -> Value {
    let service = json!({ "image": "a/orders:1", "port": 8001, "health": { "http": { "path": "/" } } });
    stack(&json!({ "orders": with_fields(service, fields) }))
}

#[test]
fn a_valid_stack_has_no_errors() {
    assert_eq!(errors(&stack_with_orders(&json!({ "depends_on": ["postgres"] }))), []);
}

#[test]
fn services_start_after_their_dependencies() {
    let (plan, _) = plan(&stack_with_orders(&json!({ "depends_on": ["postgres"] })));
    let wave =
        |name: &str| plan.start_order.iter().position(|wave| wave.iter().any(|service| service.as_str() == name));
    assert!(wave("postgres").is_some() && wave("postgres") < wave("orders"), "{:?}", plan.start_order);
}

#[test]
fn plugins_are_in_the_last_waves() {
    let waves = |is_plugin: bool| {
        let limits = json!({ "memory": "64MiB", "cpus": "0.1", "pids": 8 });
        let mut stack = stack(&json!({
            "links": { "image": "a/links:1", "port": 3820, "limits": limits },
            "links-web": { "image": "a/web:1", "port": 3821, "limits": limits, "depends_on": { "links": "started" } },
            "orders": { "image": "a/orders:1", "port": 8001, "depends_on": { "postgres": "healthy" } },
        }));
        if is_plugin {
            stack["plugins"] = json!({ "links": { "services": ["links", "links-web"] } });
        }
        let (plan, _) = plan(&stack);
        let wave =
            |name: &str| plan.start_order.iter().position(|wave| wave.iter().any(|service| service.as_str() == name));
        ["postgres", "orders", "links", "links-web"].map(|name| wave(name).unwrap())
    };
    assert_eq!(waves(false), [0, 1, 0, 1]);
    assert_eq!(waves(true), [0, 1, 2, 3]);
}

#[test]
fn a_service_joins_its_own_zone_and_those_of_its_peers() {
    let networks = |fields: &Value| {
        let (plan, _) = plan(&stack_with_orders(fields));
        let service = plan.services.iter().find(|(name, _)| name.as_str() == "orders").unwrap().1;
        service.networks.iter().map(|zone| zone.name()).collect::<Vec<_>>()
    };
    assert_eq!(networks(&json!({ "depends_on": ["postgres"] })), ["app", "data"]);
    assert!(!networks(&json!({ "health": { "none": "no endpoint to check" } })).contains(&"data"));
}

#[test]
fn a_public_url_is_that_of_the_public_route_with_its_path() {
    let url = |routes: &Value, reference: &Value| {
        let (plan, _) = plan(&stack_with_orders(&json!({
            "ports": { "admin": 9000 },
            "guard": { "internal_ports": ["admin"] },
            "routes": routes,
            "env": { "PUBLIC_URL": { "public_url": reference } },
        })));
        let service = plan.services.iter().find(|(name, _)| name.as_str() == "orders").unwrap().1;
        let variable = service.env.iter().find(|(name, _)| name.as_str() == "PUBLIC_URL").unwrap();
        let crate::plan::Value::Text(text) = variable.1 else { panic!("a reference to a secret") };
        text.to_string()
    };
    let orders = json!({ "service": "orders" });
    let below_a_path = json!({ "main": { "subdomain": "@", "path": "/backend", "strip_prefix": true } });
    assert_eq!(url(&below_a_path, &orders), "https://shop.example.com/backend");
    let with_path = json!({ "service": "orders", "path": "/healthz" });
    assert_eq!(url(&below_a_path, &with_path), "https://shop.example.com/backend/healthz");
    let kept_path = json!({ "main": { "subdomain": "@", "path": "/backend" } });
    assert_eq!(url(&kept_path, &with_path), "https://shop.example.com/healthz");
    let two_routes = json!({ "admin": { "subdomain": "intern", "port": "admin" }, "main": { "subdomain": "public" } });
    assert_eq!(url(&two_routes, &orders), "https://public.shop.example.com");
}

#[test]
fn a_dependency_must_exist_and_have_a_health_check() {
    assert_eq!(
        errors(&stack_with_orders(&json!({ "depends_on": ["postgress"] }))),
        [(Code::UnknownDependency, "services.orders.depends_on.postgress".to_owned())]
    );
    let without_check = stack(&json!({
        "unchecked": { "image": "a/unchecked:1" },
        "orders": { "image": "a/orders:1", "depends_on": ["unchecked"] },
    }));
    assert_eq!(errors(&without_check).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::NoHealth]);
}

#[test]
fn a_cycle_of_dependencies_is_one_error() {
    let service = |other: &str| json!({ "image": "a/b:1", "depends_on": { other: "started" } });
    let circle = stack(&json!({ "aa": service("bb"), "bb": service("cc"), "cc": service("aa") }));
    assert_eq!(errors(&circle).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::DependencyCycle]);
}

#[test]
fn limits_are_at_least_the_reservations() {
    let limits = |memory: &str| json!({ "limits": { "memory": memory }, "reservations": { "memory": "256MiB" } });
    assert_eq!(errors(&stack_with_orders(&limits("256MiB"))), []);
    assert_eq!(
        errors(&stack_with_orders(&limits("128MiB"))),
        [(Code::LimitBelowReservation, "services.orders.limits.memory".to_owned())]
    );
}

#[test]
fn a_port_of_a_service_is_in_the_range_and_belongs_to_one_service() {
    let with_same_port = stack(&json!({
        "aa": { "image": "a/a:1", "port": 8001 },
        "bb": { "image": "a/b:1", "port": 8001 },
    }));
    assert_eq!(errors(&with_same_port), [(Code::PortTaken, "services.bb.port".to_owned())]);
    assert_eq!(
        errors(&stack_with_orders(&json!({ "port": 5000 }))),
        [(Code::PortRange, "services.orders.port".to_owned())]
    );
}

#[test]
fn a_credential_in_a_variable_is_refused() {
    assert_eq!(
        errors(&stack_with_orders(&json!({ "env": { "API_KEY": "0123456789abcdef" } }))),
        [(Code::PlainSecret, "services.orders.env.API_KEY".to_owned())]
    );
    assert_eq!(errors(&stack_with_orders(&json!({ "env": { "LEVEL": "info" } }))), []);
}

#[test]
fn only_nginx_publishes_ports_without_a_reason() {
    let publish = |fields: &Value| {
        let mut port = json!({ "port": 8001 });
        port.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        errors(&stack_with_orders(&json!({ "publish": { "http": port } })))
    };
    let expected_findings = [(Code::PublicPort, "services.orders.publish.http".to_owned())];
    assert_eq!(publish(&json!({})), expected_findings);
    assert_eq!(publish(&json!({ "address": "0.0.0.0" })), expected_findings);
    assert_eq!(publish(&json!({ "address": "0.0.0.0", "reason": "a protocol that the edge does not forward" })), []);
}

#[test]
fn a_service_waits_for_the_completion_of_jobs_without_replicas_only() {
    let errors = |job: &Value| {
        let mut fields = json!({ "image": "a/job:1" });
        for (name, value) in job.as_object().unwrap() {
            fields[name] = value.clone();
        }
        let orders = json!({ "image": "a/orders:1", "depends_on": { "buckets": "completed" } });
        errors(&stack(&json!({ "buckets": fields, "orders": orders })))
    };
    assert_eq!(errors(&json!({ "run": "once" })), []);
    assert_eq!(errors(&json!({})), [(Code::EndlessJob, "services.orders.depends_on.buckets".to_owned())]);
    let replicated = errors(&json!({ "run": "once", "replicas": 2 }));
    assert_eq!(replicated, [(Code::EndlessJob, "services.buckets.replicas".to_owned())]);
}

#[test]
fn a_field_for_tcp_refuses_a_udp_port() {
    let errors_of = |ports: &Value, port: &str| {
        let udp = json!({ "port": 53, "protocol": "udp", "address": "0.0.0.0", "reason": "name server of the office" });
        let health = json!({ "tcp": { "port": port } });
        errors(&stack_with_orders(&json!({ "ports": ports, "publish": { "dns": udp }, "health": health })))
    };
    let udp = json!({ "dns": 5353 });
    assert_eq!(errors_of(&udp, "dns"), [(Code::UnknownPort, "services.orders.health.tcp.port".to_owned())]);
    assert_eq!(errors_of(&udp, "http"), []);
    // As the hint says: a second port of the same number.
    assert_eq!(errors_of(&json!({ "dns": 5353, "tcp": 5353 }), "tcp"), []);
}

#[test]
fn a_health_check_and_a_grpc_route_use_the_only_port_of_any_name() {
    let planned = |port: &str| {
        let fields = json!({
            "port": null, "ports": { port: 8001 }, "health": { "grpc": {} },
            "route": { "subdomain": "orders", "kind": "grpc" },
        });
        let (plan, findings) = plan(&stack_with_orders(&fields));
        assert!(!findings.iter().any(Diagnostic::is_error), "{findings:?}");
        let (_, service) = plan.services.iter().find(|(name, _)| name.as_str() == "orders").unwrap();
        (service.health.check.clone(), service.h2c_ports.iter().copied().collect::<Vec<_>>())
    };
    assert_eq!(planned("grpc"), (Check::Grpc { port: 8001 }, vec![8001]));
    assert_eq!(planned("grpc"), planned("http"));
}

#[test]
fn addresses_as_text_need_connections() {
    let found = |fields: &Value| {
        let stack: Stack = decode_json(&stack_with_orders(fields)).unwrap();
        let variables = SourceFile::Text("# the server\nDB=postgres:5432\n".to_owned());
        let service_files = BTreeMap::from([("orders.env".to_owned(), variables)]);
        let files = ProjectFiles { project_folder: "../..".to_owned(), service_files, ..ProjectFiles::default() };
        let (_, findings) = resolve(&EnvironmentName::new("prod").unwrap(), &stack, &files);
        let findings = findings.iter().filter(|finding| finding.code == Code::NoConnection);
        findings.map(|finding| (finding.is_error(), finding.path.to_string())).collect::<Vec<_>>()
    };
    let text = |text: &str| json!({ "files": { "/etc/orders.conf": { "text": text } } });
    for (fields, is_error, path) in [
        (json!({ "env": { "DB": "postgres:5432" } }), true, "env.DB"),
        (json!({ "env_files": ["orders.env"] }), true, "env_files[0]"),
        (json!({ "command": ["serve", "--db=postgres:5432"] }), true, "command[1]"),
        (json!({ "entrypoint": ["sh", "-c", "wait postgres:5432 && serve"] }), true, "entrypoint[2]"),
        (text("server postgres:5432;\n"), false, "files.\"/etc/orders.conf\".text"),
    ] {
        assert_eq!(found(&fields), [(is_error, format!("services.orders.{path}"))], "{fields}");
    }
    for fields in [
        json!({ "env_files": ["orders.env"], "depends_on": ["postgres"] }),
        json!({ "command": ["serve", "--db=postgres:5432"], "connects_to": ["postgres"] }),
        json!({ "env": { "DB": "postgres:5432" }, "extra_hosts": { "postgres": "192.0.2.1" } }),
        json!({ "env": { "CORS_ORIGINS": "http://postgres,http://localhost" } }),
        json!({ "command": ["serve", "postgres:16"] }),
        text("# server postgres:5432;\n"),
    ] {
        assert_eq!(found(&fields), [], "{fields}");
    }
}
