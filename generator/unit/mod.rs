//! Unit tests of planner and backends with stacks written as JSON. They use neither Nickel nor processes, so each takes
//! milliseconds.

mod aspects;
mod backends;
mod cluster;
mod database_server;
mod environments;
mod image;
mod imports;
mod layers;
mod planner;
mod shared_roles;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::artifact::{Artifacts, Reusable};
use crate::backend;
use crate::backend::PlanDigests;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, ProjectFiles, resolve};
use crate::source::decode_json;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName};

/// Returns a stack with nginx, PostgreSQL and these services, in the profile of production.
fn stack(services: &Value) -> Value {
    let shared_services = json!({
        "nginx": {
            "catalogue": "nginx", "image": "docker.io/library/nginx:1.28-alpine", "zone": "edge", "egress": true,
            "ports": { "http": 8080, "https": 8443 },
            "publish": { "http": { "port": 80, "address": "0.0.0.0" }, "https": { "port": 443, "address": "0.0.0.0" } },
            "health": { "http": { "path": "/healthz" } },
        },
        "postgres": {
            "catalogue": "postgres", "image": "docker.io/library/postgres:16-alpine", "zone": "data",
            "ports": { "postgres": 5432 }, "secrets": { "postgres_password": { "random": 43 } },
            "secret_files": ["postgres_password"], "volumes": { "postgres-data": { "path": "/var/lib/postgresql/data" } },
            "health": { "exec": ["pg_isready"] },
        },
    });
    let services = with_fields(shared_services, services);
    json!({ "project": "shop", "domain": "shop.example.com", "profile": "prod", "services": services })
}

/// Returns the record with these fields in addition, or instead of fields of the same name.
fn with_fields(mut record: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

/// Plans the stack as the environment `prod`.
fn plan(stack: &Value) -> (Plan, Vec<Diagnostic>) {
    let stack: Stack = decode_json(stack).unwrap();
    let files = ProjectFiles { project_folder: "../..".to_owned(), ..ProjectFiles::default() };
    resolve(&EnvironmentName::new("prod").unwrap(), &stack, &files)
}

/// Returns the code and path of every error, in order.
fn errors(stack: &Value) -> Vec<(Code, String)> {
    let (_, findings) = plan(stack);
    let errors = findings.iter().filter(|finding| finding.is_error());
    errors.map(|finding| (finding.code, finding.path.to_string())).collect()
}

/// Generates the files of a stack without errors.
fn files(stack: &Value) -> Artifacts {
    let (plan, findings) = plan(stack);
    assert!(!findings.iter().any(Diagnostic::is_error), "{findings:?}");
    generate(&plan).unwrap()
}

/// Generates the files of a plan without reuse.
fn generate(plan: &Plan) -> Result<Artifacts, Vec<Diagnostic>> {
    let no_outputs = BTreeMap::new();
    backend::generate(plan, &PlanDigests::of(plan), Reusable::of_environment(&no_outputs, "prod"))
}

/// Returns the text of a generated file.
fn text(files: &Artifacts, path: &str) -> String {
    let paths = || files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>();
    let file = files.get(path).unwrap_or_else(|| panic!("{path} is not among {:?}", paths()));
    String::from_utf8(file.bytes().unwrap().to_vec()).unwrap()
}
