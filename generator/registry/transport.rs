//! Requests to registries: mirrors, retries, authentication and limits.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::auth::{Challenge, Credentials};
use super::failure::Failure;
use super::hosts::HostSettings;
use super::token_server;
use crate::codes::Code;
use crate::lock::{DEFAULT_HOST, ImageName};

/// The server of Docker Hub, whose host in image names is [`DEFAULT_HOST`].
const DEFAULT_SERVER: &str = "registry-1.docker.io";
/// The maximum number of attempts to send a request whose failures are transient.
const MAX_ATTEMPTS: u32 = 4;
/// The maximum wait between attempts in seconds. If a registry demands a longer wait, the request fails.
const MAX_WAIT: u64 = 20;
/// The maximum size of an answer with a token, in bytes.
const TOKEN_LIMIT: u64 = 1 << 20;

/// A client for all registries of a run. It reuses connections and access tokens.
pub struct Registry {
    agent: Agent,
    hosts: HostSettings,
    /// Authorization headers, by host and repository. Headers for writing have `+` after the repository: `acme/shop+`.
    authorizations: Mutex<BTreeMap<(String, String), String>>,
}

/// A repository of a registry.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    pub(super) host: String,
    pub(super) name: String,
}

impl Repository {
    pub(super) fn of(image: &ImageName) -> Self {
        Repository { host: image.host.clone(), name: image.repository.clone() }
    }
}

/// A request, which may be sent several times.
pub(super) struct RegistryRequest<'a> {
    pub(super) method: &'static str,
    /// The path after the host, with its query.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<&'a [u8]>,
    /// Name of the requested content, for messages.
    pub(super) subject: String,
    /// Whether the request needs the right to write.
    pub(super) is_write: bool,
    /// The maximum size of the answer in bytes.
    pub(super) limit: u64,
}

/// A complete answer.
pub(super) struct RegistryResponse {
    status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl RegistryResponse {
    /// Reads the whole body. A body that is shorter than announced is an error.
    fn read(response: Response<Body>, limit: u64) -> Result<Self, ureq::Error> {
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(limit).read_to_vec()?;
        Ok(RegistryResponse { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the failure for an answer with an error status.
    fn failure(&self, host: &str, subject: &str) -> Failure {
        Failure::from_status(self.status, self.header("retry-after"), &self.body, host, subject)
    }
}

impl Registry {
    pub fn new(hosts: HostSettings) -> Self {
        let system_certificates = rustls_native_certs::load_native_certs().certs;
        let roots = if system_certificates.is_empty() {
            RootCerts::WebPki
        } else {
            let certificates = system_certificates.iter().map(|der| Certificate::from_der(der).to_owned());
            RootCerts::from(certificates.collect::<Vec<_>>())
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A host without TLS may redirect to an address without TLS.
            .https_only(hosts.plain_http.is_empty())
            .max_redirects(4)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_global(Some(Duration::from_secs(300)))
            .user_agent(concat!("nself/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Registry { agent: config.into(), hosts, authorizations: Mutex::default() }
    }

    /// Requests content from the mirrors of an image's host, then from the host itself, until an answer passes `check`.
    /// `request` returns the request for a repository of the mirror or the host.
    pub(super) fn read<'a, T>(
        &self,
        image: &ImageName,
        request: impl Fn(&Repository) -> RegistryRequest<'a>,
        check: impl Fn(RegistryResponse) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mirrors = self.hosts.mirrors.get(&image.host).into_iter().flatten().map(|mirror| {
            // `mirror:5000/hub` has the host `mirror:5000` and the prefix `hub`.
            let (host, prefix) = mirror.split_once('/').map_or((mirror.as_str(), ""), |(host, prefix)| (host, prefix));
            let name = [prefix, &image.repository].join("/").trim_start_matches('/').to_owned();
            Repository { host: host.to_owned(), name }
        });
        let mut mirror_failures: Vec<Failure> = Vec::new();
        for mirror in mirrors {
            match self.send(&mirror, &request(&mirror)).and_then(&check) {
                Ok(value) => return Ok(value),
                Err(failure) => mirror_failures.push(failure),
            }
        }
        let origin = Repository::of(image);
        self.send(&origin, &request(&origin)).and_then(&check).map_err(|mut failure| {
            for mirror_failure in mirror_failures {
                failure.message.push_str(&format!("; the mirror: {}", mirror_failure.message));
            }
            failure
        })
    }

    /// Sends a request, and sends it again after transient failures. Returns the first successful answer.
    pub(super) fn send(&self, repository: &Repository, request: &RegistryRequest) -> Result<RegistryResponse, Failure> {
        let mut attempt = 0;
        loop {
            let failure = match self.send_authorized(repository, request) {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            attempt += 1;
            // 0.4, 0.8 and 1.6 seconds, unless the registry demands a different wait.
            let wait = failure.retry_after.map_or(Duration::from_millis(200 << attempt), Duration::from_secs);
            if !failure.is_transient || attempt == MAX_ATTEMPTS || wait.as_secs() > MAX_WAIT {
                return Err(failure);
            }
            std::thread::sleep(wait);
        }
    }

    /// Sends a request and, if the registry demands authentication, once more with the credentials.
    fn send_authorized(&self, repository: &Repository, request: &RegistryRequest) -> Result<RegistryResponse, Failure> {
        let repository_key = if request.is_write { format!("{}+", repository.name) } else { repository.name.clone() };
        let key = (repository.host.clone(), repository_key);
        let known_header = self.authorizations.lock().ok().and_then(|authorizations| authorizations.get(&key).cloned());
        let mut response = self.send_once(repository, request, known_header.as_deref())?;
        if response.status == 401 {
            let challenge = response.header("www-authenticate").and_then(Challenge::parse);
            let challenge = challenge.ok_or_else(|| response.failure(&repository.host, &request.subject))?;
            let header = self.authorization(repository, &challenge, request)?;
            response = self.send_once(repository, request, Some(&header))?;
            if let Ok(mut authorizations) = self.authorizations.lock() {
                match response.status {
                    401 => authorizations.remove(&key),
                    _ => authorizations.insert(key, header),
                };
            }
        }
        if response.is_success() { Ok(response) } else { Err(response.failure(&repository.host, &request.subject)) }
    }

    /// Returns the `Authorization` header that answers a challenge: name and password, or a token of the token server.
    fn authorization(
        &self,
        repository: &Repository,
        challenge: &Challenge,
        request: &RegistryRequest,
    ) -> Result<String, Failure> {
        let host = &repository.host;
        let credentials = Credentials::read(host).map_err(refused_request)?;
        let Challenge::Bearer { realm, service, scope } = challenge else {
            let no_password =
                || refused_request(format!("{host} requires a password for {}, but none is stored", request.subject));
            return credentials.as_ref().and_then(Credentials::basic).ok_or_else(no_password);
        };
        if !realm.starts_with("https://") && !self.hosts.plain_http.contains(host) {
            return Err(refused_request(format!("{host} asks for credentials over a connection without TLS")));
        }
        let credentials = token_server::credentials(host, server(host), realm, credentials, Credentials::read)
            .map_err(refused_request)?;
        let rights = if request.is_write { "pull,push" } else { "pull" };
        let scope = scope.clone().unwrap_or_else(|| format!("repository:{}:{rights}", repository.name));
        let mut query = vec![("scope", scope.as_str())];
        query.extend(service.as_deref().map(|service| ("service", service)));
        let subject = format!("a token for {}", request.subject);
        let response = self.request_token(realm, query, credentials.as_ref());
        let response = response.map_err(|error| Failure::from_transport(&error, host, &subject))?;
        if response.status != 200 {
            return Err(response.failure(host, &subject));
        }
        let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let token = document["token"].as_str().or_else(|| document["access_token"].as_str());
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| refused_request(format!("{host} returned no token for {}", request.subject)))
    }

    /// Requests a token from the token server at `realm`, with the credentials if there are any.
    fn request_token<'a>(
        &self,
        realm: &str,
        mut query: Vec<(&'a str, &'a str)>,
        credentials: Option<&'a Credentials>,
    ) -> Result<RegistryResponse, ureq::Error> {
        let response = match credentials {
            Some(Credentials::Refresh(token)) => {
                query.extend([("grant_type", "refresh_token"), ("client_id", "nself"), ("refresh_token", token)]);
                self.agent.post(realm).send_form(query)
            }
            credentials => {
                let mut request = self.agent.get(realm).query_pairs(query);
                if let Some(basic) = credentials.and_then(Credentials::basic) {
                    request = request.header("authorization", basic);
                }
                request.call()
            }
        };
        response.and_then(|response| RegistryResponse::read(response, TOKEN_LIMIT))
    }

    /// Sends a request once. `authorization` is the value of the `Authorization` header.
    fn send_once(
        &self,
        repository: &Repository,
        request: &RegistryRequest,
        authorization: Option<&str>,
    ) -> Result<RegistryResponse, Failure> {
        let mut builder = Request::builder().method(request.method).uri(self.url(&repository.host, &request.path));
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(authorization) = authorization {
            builder = builder.header("authorization", authorization);
        }
        let malformed =
            |_| Failure::new(Code::RegistryContent, format!("{}: its address is malformed", request.subject));
        let response = match request.body {
            Some(body) => self.agent.run(builder.body(body).map_err(malformed)?),
            None => self.agent.run(builder.body(()).map_err(malformed)?),
        };
        let response = response.and_then(|response| RegistryResponse::read(response, request.limit));
        response.map_err(|error| Failure::from_transport(&error, &repository.host, &request.subject))
    }

    /// Returns the URL of a path on a host, with the server that answers for Docker Hub.
    fn url(&self, host: &str, path: &str) -> String {
        let scheme = if self.hosts.plain_http.contains(host) { "http" } else { "https" };
        format!("{scheme}://{}{path}", server(host))
    }
}

/// Returns the server, with an optional port, that answers for a host in names of images.
pub(super) fn server(host: &str) -> &str {
    if host == DEFAULT_HOST { DEFAULT_SERVER } else { host }
}

/// Returns the failure for a request that cannot be authorized.
fn refused_request(reason: String) -> Failure {
    Failure::new(Code::RegistryRefused, reason)
}
