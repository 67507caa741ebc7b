//! The rule of credentials: none is written as plain text in fields whose names tell that their value is a credential.
//! Credentials that are recognised by their format are found in the whole document (`source/credentials.rs`).

use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::roster::PlannedService;
use crate::stack::{Call, ValueOrSecret};
use crate::values::credential_names::{is_harmless, is_plain_credential};
use crate::values::{HeaderName, credential_formats};

/// Refuses credentials in raw keys, labels and headers of a service, recognised by their names.
pub fn check(member: &PlannedService) -> Vec<Diagnostic> {
    let service = &member.service;
    let mut findings = Vec::new();
    for (field, keys) in [("compose", &service.compose), ("kubernetes", &service.kubernetes)] {
        for (key, value) in keys {
            findings.extend(plain_credentials(key, value, &member.path.key(field).key(key)));
        }
    }
    for (name, text) in &service.labels {
        let value = Json::String(text.as_str().to_owned());
        findings.extend(plain_credentials(name.as_str(), &value, &member.path.key("labels").key(name.as_str())));
    }
    let route = service.route.iter().map(|route| (member.path.key("route"), route));
    let routes = service.routes.iter().map(|(name, route)| (member.path.key("routes").key(name.as_str()), route));
    for (path, route) in route.chain(routes) {
        let headers = path.key("request_headers");
        for (name, value) in &route.request_headers {
            findings.extend(check_header(name, value.as_str(), &headers.key(name.as_str()), HINT_FOR_ROUTES));
        }
    }
    for (path, call) in calls(member) {
        for (name, value) in &call.headers {
            if let ValueOrSecret::Value(text) = value {
                let path = path.key("headers").key(name.as_str());
                findings.extend(check_header(name, text.as_str(), &path, HINT_FOR_CALLS));
            }
        }
    }
    findings
}

/// Returns the calls of Hasura to a service, each with its path.
fn calls(member: &PlannedService) -> Vec<(FieldPath, &Call)> {
    let Some(handlers) = &member.service.hasura else { return Vec::new() };
    let path = member.path.key("hasura");
    let call_path = |kind: &str, name: &str| path.key(kind).key(name).key("call");
    let actions = handlers.actions.iter().map(|(name, action)| (call_path("actions", name.as_str()), &action.call));
    let events = handlers.events.iter().map(|(name, event)| (call_path("events", name.as_str()), &event.call));
    let crons = handlers.crons.iter().map(|(name, cron)| (call_path("crons", name.as_str()), &cron.call));
    let schema = handlers.remote_schema.iter().map(|schema| (path.key("remote_schema").key("call"), &schema.call));
    actions.chain(events).chain(crons).chain(schema).collect()
}

/// Headers whose value is a credential, although their names do not have the form of a credential's name.
const CREDENTIAL_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

const HINT_FOR_ROUTES: &str = "let the service read the credential: `env.NAME = nself.secret \"name\"`, with `secrets.name = nself.external \"what it is\"`";
const HINT_FOR_CALLS: &str = "write `nself.secret \"name\"`, with `secrets.name = nself.external \"what it is\"`";

/// Refuses a header whose value is a credential.
fn check_header(name: &HeaderName, value: &str, path: &FieldPath, hint: &str) -> Option<Diagnostic> {
    let is_credential_header = CREDENTIAL_HEADERS.iter().any(|header| name.as_str().eq_ignore_ascii_case(header));
    let is_credential = is_plain_credential(name.as_str(), value) || is_credential_header && !is_harmless(value);
    (is_credential && credential_formats::find(value).is_none()).then(|| {
        Diagnostic::error(Code::PlainSecret, path.clone())
            .message(format!("the header `{name}` contains a credential in plain text"))
            .expected("a reference to a secret, or a service that sets the header itself")
            .hint(hint)
    })
}

/// Refuses credentials in data, recognised by the names of its keys. `name` is the key of the data itself, or empty.
pub fn plain_credentials(name: &str, value: &Json, path: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    check_data(name, value, path, &mut findings);
    findings
}

/// Adds findings about credentials in the data under the key `name`.
fn check_data(name: &str, value: &Json, path: &FieldPath, findings: &mut Vec<Diagnostic>) {
    match value {
        Json::String(text) => findings.extend(check_text(name, text, path)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| check_data("", item, &path.index(i), findings));
        }
        Json::Object(fields) => {
            fields.iter().for_each(|(key, value)| check_data(key, value, &path.key(key), findings));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Refuses a text that is a credential by the name of its key, or by a name in the text itself, as in a list:
/// `environment = ["API_KEY=value"]`.
fn check_text(key: &str, text: &str, path: &FieldPath) -> Option<Diagnostic> {
    // The value of a field `key` is the name of a label, as in a toleration or a selector.
    let is_credential = |name: &str, text: &str| {
        name != "key" && is_plain_credential(name, text) && credential_formats::find(text).is_none()
    };
    let assignment = || text.split_once('=').filter(|(name, value)| is_credential(name, value));
    let name = if is_credential(key, text) { key } else { assignment()?.0 };
    Some(
        Diagnostic::error(Code::PlainSecret, path.clone())
            .message(format!("`{name}` contains a credential in plain text"))
            .expected("a reference to a secret")
            .hint(
                "use `env.NAME = nself.secret \"name\"`, or `secret_files = [\"name\"]` for a file below /run/secrets",
            ),
    )
}
