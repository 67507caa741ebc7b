//! Requests: mirrors, retries, challenges, limits.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::auth::{Challenge, Credentials};
use super::{Failure, Manifest, Ways, media};
use crate::artifact::Sha256;
use crate::codes::Code;
use crate::lock::{DEFAULT_HOST, ImageName};

/// The server behind names without a host.
const DEFAULT_SERVER: &str = "registry-1.docker.io";
/// Registries take manifests up to 4 MiB.
const MANIFEST_LIMIT: u64 = 4 << 20;
/// Layers are held in memory.
const BLOB_LIMIT: u64 = 1 << 30;
const ATTEMPTS: u32 = 4;
/// Longest wait that a registry may ask for before the run gives up.
const PATIENCE: u64 = 20;

/// A client for all registries of a run; connections and tokens are kept.
pub struct Registry {
    agent: Agent,
    ways: Ways,
    /// Authorization headers by place.
    tokens: Mutex<BTreeMap<(String, String), String>>,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) repository: String,
}

/// One request; sent again as it is when an attempt fails.
pub(super) struct Ask<'a> {
    pub(super) method: &'static str,
    /// Below the host.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<&'a [u8]>,
    /// What it is, for messages.
    pub(super) what: String,
    pub(super) write: bool,
    pub(super) limit: u64,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: ureq::http::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Registry {
    pub fn new(ways: Ways) -> Self {
        let found = rustls_native_certs::load_native_certs().certs;
        let roots = if found.is_empty() {
            RootCerts::WebPki
        } else {
            let certificates = found.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
            RootCerts::from(certificates.collect::<Vec<_>>())
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect may leave TLS only where the host itself has none.
            .https_only(ways.plain.is_empty())
            .max_redirects(4)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_global(Some(Duration::from_secs(300)))
            .user_agent(concat!("nself/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Registry { agent: config.into(), ways, tokens: Mutex::default() }
    }

    /// A manifest or index by tag or digest.
    ///
    /// # Errors
    /// NS821 to NS824.
    pub fn manifest(&self, reference: &ImageName) -> Result<Manifest, Failure> {
        let name = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        };
        let accept = [media::INDEX, media::DOCKER_LIST, media::MANIFEST, media::DOCKER_MANIFEST].join(", ");
        self.read(
            reference,
            |repository| Ask {
                method: "GET",
                path: format!("/v2/{repository}/manifests/{name}"),
                headers: vec![("accept", accept.clone())],
                body: None,
                what: reference.to_string(),
                write: false,
                limit: MANIFEST_LIMIT,
            },
            |answer| {
                let digest = Sha256::of(&answer.body);
                let announced = answer.header("docker-content-digest").map(str::to_owned);
                for expected in reference.digest.iter().map(Sha256::as_str).chain(announced.as_deref()) {
                    if expected != digest.as_str() {
                        return Err(other(reference, expected, &digest));
                    }
                }
                let document: Value = serde_json::from_slice(&answer.body).map_err(|_| {
                    Failure::new(Code::RegistryContent, format!("{reference}: the manifest is not JSON"))
                })?;
                let stated = document["mediaType"].as_str().or_else(|| answer.header("content-type"));
                let media_type = stated.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
                Ok(Manifest { bytes: answer.body, media_type, digest })
            },
        )
    }

    /// A blob of a repository.
    ///
    /// # Errors
    /// NS821 to NS824.
    pub fn blob(&self, reference: &ImageName, digest: &Sha256) -> Result<Vec<u8>, Failure> {
        self.read(
            reference,
            |repository| Ask {
                method: "GET",
                path: format!("/v2/{repository}/blobs/{digest}"),
                headers: Vec::new(),
                body: None,
                what: format!("{} blob {digest}", reference.name()),
                write: false,
                limit: BLOB_LIMIT,
            },
            |answer| {
                let got = Sha256::of(&answer.body);
                if got == *digest { Ok(answer.body) } else { Err(other(reference, digest.as_str(), &got)) }
            },
        )
    }

    /// Asks the mirrors, then the registry itself. What `judge` refuses counts as a failure of that place.
    fn read<'a, T>(
        &self,
        reference: &ImageName,
        ask: impl Fn(&str) -> Ask<'a>,
        judge: impl Fn(Answer) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let origin = Place { host: reference.host.clone(), repository: reference.repository.clone() };
        let mirrors = self.ways.mirrors.get(&reference.host).into_iter().flatten().map(|mirror| {
            let (host, prefix) = mirror.split_once('/').map_or((mirror.as_str(), ""), |(host, prefix)| (host, prefix));
            let repository = [prefix, &reference.repository].join("/").trim_start_matches('/').to_owned();
            Place { host: host.to_owned(), repository }
        });
        let mut failures: Vec<Failure> = Vec::new();
        for place in mirrors.chain([origin]) {
            match self.send(&place, &ask(&place.repository)).and_then(&judge) {
                Ok(value) => return Ok(value),
                Err(failure) => failures.push(failure),
            }
        }
        let mut last = failures.pop().unwrap_or_else(|| Failure::new(Code::Internal, "no place to ask"));
        for earlier in failures {
            last.message.push_str(&format!("; the mirror: {}", earlier.message));
        }
        Err(last)
    }

    /// Sends until an answer counts: what passes is tried again, a challenge is answered once.
    pub(super) fn send(&self, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
        let mut attempt = 0;
        loop {
            let failure = match self.answer(place, ask) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            let wait = failure.wait.map_or(Duration::from_millis(200 << attempt), Duration::from_secs);
            if !failure.passing || attempt == ATTEMPTS || wait.as_secs() > PATIENCE {
                return Err(failure);
            }
            std::thread::sleep(wait);
        }
    }

    fn answer(&self, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
        let key =
            (place.host.clone(), if ask.write { format!("{}+", place.repository) } else { place.repository.clone() });
        let known = self.tokens.lock().ok().and_then(|tokens| tokens.get(&key).cloned());
        let mut answer = self.once(place, ask, known.as_deref())?;
        if answer.status == 401 {
            let challenge = answer.header("www-authenticate").and_then(Challenge::parse);
            let challenge =
                challenge.ok_or_else(|| Failure::of_status(401, None, &answer.body, &place.host, &ask.what))?;
            let header = self.authorize(place, &challenge, ask)?;
            answer = self.once(place, ask, Some(&header))?;
            if let Ok(mut tokens) = self.tokens.lock() {
                if answer.status == 401 {
                    tokens.remove(&key)
                } else {
                    tokens.insert(key, header)
                };
            }
        }
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        Err(Failure::of_status(answer.status, answer.header("retry-after"), &answer.body, &place.host, &ask.what))
    }

    /// The header that answers a challenge.
    fn authorize(&self, place: &Place, challenge: &Challenge, ask: &Ask) -> Result<String, Failure> {
        let refused = |why: String| Failure::new(Code::RegistryRefused, why);
        let host = &place.host;
        let credentials = Credentials::of(host).map_err(refused)?;
        let Challenge::Bearer { realm, service, scope } = challenge else {
            let basic = credentials.as_ref().and_then(Credentials::basic);
            return basic
                .ok_or_else(|| refused(format!("{host} asks for a password for {}; none is stored", ask.what)));
        };
        if !realm.starts_with("https://") && !self.ways.plain.contains(host) {
            return Err(refused(format!("{host} asks for credentials to be sent without TLS")));
        }
        let rights = if ask.write { "pull,push" } else { "pull" };
        let scope = scope.clone().unwrap_or_else(|| format!("repository:{}:{rights}", place.repository));
        let mut query = vec![("scope", scope.as_str())];
        query.extend(service.as_deref().map(|service| ("service", service)));
        let request = match &credentials {
            Some(Credentials::Refresh(token)) => {
                query.extend([("grant_type", "refresh_token"), ("client_id", "nself"), ("refresh_token", token)]);
                self.agent.post(realm).send_form(query)
            }
            credentials => {
                let mut request = self.agent.get(realm).query_pairs(query);
                if let Some(basic) = credentials.as_ref().and_then(Credentials::basic) {
                    request = request.header("authorization", basic);
                }
                request.call()
            }
        };
        let what = format!("a token for {}", ask.what);
        let answer = request.and_then(|response| Answer::read(response, 1 << 20));
        let answer = answer.map_err(|error| Failure::of_transport(&error, host, &what))?;
        if answer.status != 200 {
            return Err(Failure::of_status(answer.status, answer.header("retry-after"), &answer.body, host, &what));
        }
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = document["token"].as_str().or_else(|| document["access_token"].as_str());
        token
            .map(|token| format!("Bearer {token}"))
            .ok_or_else(|| refused(format!("{host} gives no token for {}", ask.what)))
    }

    fn once(&self, place: &Place, ask: &Ask, authorization: Option<&str>) -> Result<Answer, Failure> {
        let url = self.url(&place.host, &ask.path);
        let mut request = Request::builder().method(ask.method).uri(url);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let malformed =
            |_| Failure::new(Code::RegistryContent, format!("{}: an address that cannot be asked", ask.what));
        let response = match ask.body {
            Some(body) => self.agent.run(request.body(body).map_err(malformed)?),
            None => self.agent.run(request.body(()).map_err(malformed)?),
        };
        let answer = response.and_then(|response| Answer::read(response, ask.limit));
        answer.map_err(|error| Failure::of_transport(&error, &place.host, &ask.what))
    }

    fn url(&self, host: &str, path: &str) -> String {
        let scheme = if self.ways.plain.contains(host) { "http" } else { "https" };
        let server = if host == DEFAULT_HOST { DEFAULT_SERVER } else { host };
        format!("{scheme}://{server}{path}")
    }
}

impl Answer {
    /// The whole body; one that ends before its announced length is an error.
    fn read(response: Response<Body>, limit: u64) -> Result<Self, ureq::Error> {
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(limit).read_to_vec()?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

fn other(reference: &ImageName, expected: &str, got: &Sha256) -> Failure {
    Failure::new(Code::RegistryContent, format!("{}: asked for {expected} and got {got}", reference.name()))
}
