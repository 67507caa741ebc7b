//! Settings of single routes: prefixes, redirects, passwords, headers and access from other origins.

use std::collections::BTreeSet;

use minijinja::Value;
use serde::Serialize;

use super::headers;
use crate::backend::render::{
    nginx, nginx_origin, nginx_quoted, nginx_quoted_lists, nginx_raw_prefix, nginx_variable, nginx_word,
};
use crate::plan::{IngressPlan, Location, Site};
use crate::stack::RouteKind;
use crate::values::{Checked, HeaderName, HeaderValue};

/// Headers of every answer, with the variables that contain their values. A location that adds headers repeats them,
/// since nginx inherits all of them or none.
const ANSWER_HEADERS: [(&str, &str); 4] = [
    ("X-Content-Type-Options", "$nosniff"),
    ("Referrer-Policy", "$referrer"),
    ("X-Frame-Options", "$frames"),
    ("Strict-Transport-Security", "$hsts"),
];
/// The header of every answer that offers HTTP/3.
const HTTP3_HEADER: (&str, &str) = ("Alt-Svc", "$alt_svc");
/// Methods that browsers allow pages of all origins to use, without asking the service first.
const SIMPLE_METHODS: [&str; 3] = ["GET", "HEAD", "POST"];
/// Response headers with which the edge allows or refuses other origins.
const CORS_HEADERS: [&str; 6] = [
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
];

/// The settings of a route in the template.
#[derive(Serialize)]
pub struct SettingsView {
    /// The module of nginx that forwards the requests.
    module: Value,
    prefix: Option<PrefixView>,
    redirect: Option<RedirectView>,
    users: Option<Value>,
    request_headers: Vec<HeaderView>,
    /// Spellings with `_` of the declared headers, which the location removes. gRPC services read metadata by its exact
    /// name.
    misspelled_headers: Vec<Value>,
    /// Headers of the service's answers that the edge replaces or removes.
    hidden_headers: Vec<Value>,
    /// Headers of the answer; empty if the location has only the headers of every answer.
    answer_headers: Vec<HeaderView>,
    cors: Option<CorsView>,
}

/// A prefix that is removed from the path of a request.
#[derive(Serialize)]
struct PrefixView {
    /// The prefix as a regular expression.
    pattern: Value,
    /// The variable for the path and query after the prefix.
    rest: Value,
}

#[derive(Serialize)]
struct RedirectView {
    status: u16,
    to: Value,
    keep_path: bool,
}

#[derive(Serialize)]
struct HeaderView {
    name: Value,
    value: Value,
}

/// Access from other origins.
#[derive(Serialize)]
struct CorsView {
    /// The variable that contains the origin of the request if it is one of `origins`.
    variable: Value,
    origins: Vec<Value>,
}

/// Returns the headers that the location sets in requests; a header with the value `None` is removed.
pub fn request_headers(location: &Location) -> Vec<(HeaderName, Option<HeaderValue>)> {
    let declared_headers = location.request_headers.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
    // The password is for the edge, so the service does not receive its header.
    let password_header = location.basic_auth.iter().map(|_| (HeaderName::wrap("Authorization".to_owned()), None));
    let prefix_header = location.strip_prefix.then(|| {
        let prefix = location.path.as_str().trim_end_matches('/').to_owned();
        (HeaderName::wrap("X-Forwarded-Prefix".to_owned()), Some(HeaderValue::wrap(prefix)))
    });
    declared_headers.chain(password_header).chain(prefix_header).collect()
}

/// Returns the settings of the location with this index in its site.
pub fn settings(ingress: &IngressPlan, site: &Site, index: usize, location: &Location) -> SettingsView {
    let host = site.hosts.first().map_or("", String::as_str);
    let cors_variable = nginx_variable("cors", host, index);
    let is_grpc = location.kind == RouteKind::Grpc;
    let declared_names = location.request_headers.keys().map(HeaderName::as_str).filter(|_| !is_grpc);
    let misspelled_headers = declared_names.flat_map(headers::misspellings_of).collect();
    let request_headers = request_headers(location).into_iter().map(|(name, value)| HeaderView {
        name: nginx(&name),
        value: value.as_ref().map_or_else(|| nginx_word("\"\""), nginx_quoted),
    });
    SettingsView {
        module: nginx_word(if is_grpc { "grpc" } else { "proxy" }),
        prefix: location.strip_prefix.then(|| PrefixView {
            pattern: nginx_raw_prefix(&location.path),
            rest: nginx_variable("rest", host, index),
        }),
        redirect: location.redirect.as_ref().map(|redirect| RedirectView {
            status: if redirect.permanent { 308 } else { 307 },
            to: nginx(&redirect.to),
            keep_path: redirect.keep_path,
        }),
        users: location.basic_auth.as_ref().map(nginx),
        request_headers: request_headers.collect(),
        misspelled_headers,
        hidden_headers: hidden_headers(location),
        answer_headers: answer_headers(ingress, location, &cors_variable),
        cors: location.cors.as_ref().map(|cors| CorsView {
            variable: cors_variable.clone(),
            origins: cors.origins.iter().map(nginx_origin).collect(),
        }),
    }
}

/// Returns the headers of the service's answers that the edge replaces or removes.
fn hidden_headers(location: &Location) -> Vec<Value> {
    let replaced_headers = location.response_headers.keys().map(nginx);
    let cors_headers = location.cors.iter().flat_map(|_| CORS_HEADERS.map(nginx_word));
    replaced_headers.chain(cors_headers).collect()
}

/// Returns the headers that the edge adds to answers of the location; empty if it has only the headers of every answer.
fn answer_headers(ingress: &IngressPlan, location: &Location, cors_variable: &Value) -> Vec<HeaderView> {
    if location.response_headers.is_empty() && location.cors.is_none() {
        return Vec::new();
    }
    let declared_names = || location.response_headers.keys().map(HeaderName::as_str);
    let is_replaced = |name: &str| declared_names().any(|declared| declared.eq_ignore_ascii_case(name));
    let http3 = ingress.http3_port.map(|_| HTTP3_HEADER);
    let common_headers = ANSWER_HEADERS.into_iter().chain(http3).filter(|(name, _)| !is_replaced(name));
    let common_headers =
        common_headers.map(|(name, value)| HeaderView { name: nginx_word(name), value: nginx_word(value) });
    let declared_headers = location.response_headers.iter();
    let declared_headers =
        declared_headers.map(|(name, value)| HeaderView { name: nginx(name), value: nginx_quoted(value) });
    let mut headers: Vec<HeaderView> = common_headers.chain(declared_headers).collect();
    let Some(cors) = &location.cors else { return headers };
    let mut add_header = |name, value| headers.push(HeaderView { name: nginx_word(name), value });
    let methods = SIMPLE_METHODS.into_iter().chain(cors.methods.iter().map(HeaderName::as_str));
    let methods: BTreeSet<String> = methods.map(str::to_ascii_uppercase).collect();
    let methods: Vec<HeaderName> = methods.into_iter().map(HeaderName::wrap).collect();
    add_header("Access-Control-Allow-Origin", cors_variable.clone());
    nginx_quoted_lists(&methods).into_iter().for_each(|list| add_header("Access-Control-Allow-Methods", list));
    add_header("Vary", nginx_word("Origin"));
    nginx_quoted_lists(&cors.headers).into_iter().for_each(|list| add_header("Access-Control-Allow-Headers", list));
    nginx_quoted_lists(&cors.exposed_headers)
        .into_iter()
        .for_each(|list| add_header("Access-Control-Expose-Headers", list));
    if cors.credentials {
        add_header("Access-Control-Allow-Credentials", nginx_word("true"));
    }
    headers
}
