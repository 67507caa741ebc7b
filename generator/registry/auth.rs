//! Reads credentials from Docker's configuration, and parses the challenges of registries. Credentials are never
//! printed.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::files::{FileKind, read_operator_file, stat_target};
use crate::lock::DEFAULT_HOST;

/// Credentials for a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// A token that the registry exchanges for access tokens.
    Refresh(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// Returns the `Authorization` header for a password; `None` for a token.
    pub fn basic(&self) -> Option<String> {
        match self {
            Credentials::Password { user, password } => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Credentials::Refresh(_) => None,
        }
    }

    /// Reads the credentials of a host from `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; `None` if there are
    /// none.
    ///
    /// # Errors
    /// The file or a credential helper cannot be used. The text names the file or helper and never repeats its content.
    pub fn read(host: &str) -> Result<Option<Self>, String> {
        let configured_folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let default_folder = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
        let Some(path) = configured_folder.or_else(default_folder).map(|folder| folder.join("config.json")) else {
            return Ok(None);
        };
        if stat_target(&path).is_err() {
            return Ok(None);
        }
        let text = read_operator_file(&path, FileKind::Credentials).map_err(|error| error.to_string())?;
        let config: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("{}:{}:{}: not JSON", path.display(), error.line(), error.column()))?;
        credentials_of_configuration(&config, host).map_err(|reason| format!("{}: {reason}", path.display()))
    }
}

/// Returns the credentials of a host in Docker's configuration; `None` if there are none. As in Docker, a helper with an
/// empty name means that no helper is used.
fn credentials_of_configuration(config: &Value, host: &str) -> Result<Option<Credentials>, String> {
    let keys = docker_config_keys(host);
    let host_helper = keys.iter().find_map(|key| Some((key, config["credHelpers"][key].as_str()?)));
    if let Some((key, helper)) = host_helper.filter(|(_, helper)| !helper.is_empty()) {
        return credentials_from_helper(helper, key);
    }
    for key in &keys {
        if let Some(credentials) = credentials_of_entry(&config["auths"][key])? {
            return Ok(Some(credentials));
        }
    }
    // An entry of the host without a helper means that its credentials are not in the common store.
    let store = config["credsStore"].as_str().filter(|helper| !helper.is_empty() && host_helper.is_none());
    let Some(helper) = store else { return Ok(None) };
    for key in &keys {
        if let Some(credentials) = credentials_from_helper(helper, key)? {
            return Ok(Some(credentials));
        }
    }
    Ok(None)
}

/// Returns the keys under which Docker's configuration may have the credentials of a host, such as `example.com` and
/// `https://example.com`.
fn docker_config_keys(host: &str) -> Vec<String> {
    if host == DEFAULT_HOST {
        return vec!["https://index.docker.io/v1/".into(), "docker.io".into(), "index.docker.io".into()];
    }
    vec![host.into(), format!("https://{host}"), format!("https://{host}/v2/"), format!("https://{host}/v1/")]
}

/// Reads an entry of `auths`. It has a token, or name and password, which are either one base64 value or two values of
/// plain text. Returns `None` if the entry has no credentials.
fn credentials_of_entry(entry: &Value) -> Result<Option<Credentials>, String> {
    if let Some(token) = entry["identitytoken"].as_str().filter(|token| !token.is_empty()) {
        return Ok(Some(Credentials::Refresh(token.to_owned())));
    }
    if let Some(auth) = entry["auth"].as_str().filter(|auth| !auth.is_empty()) {
        let pair = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.as_deref().and_then(|pair| pair.trim_end_matches('\0').split_once(':'));
        let (user, password) = pair.ok_or("a value of `auth` is not user:password in base64")?;
        return Ok(Some(Credentials::Password { user: user.into(), password: password.into() }));
    }
    Ok(match (entry["username"].as_str(), entry["password"].as_str()) {
        (Some(user), Some(password)) => Some(Credentials::Password { user: user.into(), password: password.into() }),
        _ => None,
    })
}

/// Runs `docker-credential-<helper> get` with `key`, the name of a registry in Docker's configuration, as input. As in
/// Docker, a failure of the helper means that it has no credentials for this key, so the result is `None`.
fn credentials_from_helper(helper: &str, key: &str) -> Result<Option<Credentials>, String> {
    use std::io::Write;
    if helper.is_empty() || !helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err("the name of a credential helper in docker's configuration is malformed".to_owned());
    }
    let program = format!("docker-credential-{helper}");
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(key.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Ok(None);
    }
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| format!("{program}: not JSON"))?;
    // The user `<token>` marks an identity token.
    Ok(match (answer["Username"].as_str(), answer["Secret"].as_str()) {
        (Some("<token>"), Some(secret)) => Some(Credentials::Refresh(secret.to_owned())),
        (Some(user), Some(secret)) => Some(Credentials::Password { user: user.into(), password: secret.into() }),
        _ => None,
    })
}

/// The kind of authentication that a registry demands in `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password in the request.
    Basic,
    /// A token from the token server, whose address is `realm`. `service` and `scope` are parameters of the request to
    /// this server.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// Parses the header, such as `Bearer realm="https://auth.example.com/token",service=registry`; `None` for a malformed
    /// one and for other kinds of authentication.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, parameters) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        let mut remaining = parameters.trim_start();
        while let Some((key, after_key)) = remaining.split_once('=') {
            let (value, after_value) = match after_key.strip_prefix('"') {
                // A comma inside quotes is a part of the value: `scope="repository:a:pull,push"`.
                Some(quoted) => quoted.split_once('"')?,
                None => after_key.split_at(after_key.find(',').unwrap_or(after_key.len())),
            };
            match key.trim().to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                "scope" => scope = Some(value.to_owned()),
                _ => {}
            }
            remaining = after_value.trim_start_matches([',', ' ']);
        }
        Some(Challenge::Bearer { realm: realm?, service, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_parsed() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Some(Challenge::Basic));
        let bearer =
            "Bearer realm=\"https://auth.example.com/token\",service=registry, scope=\"repository:a/b:pull,push\"";
        let expected = Challenge::Bearer {
            realm: "https://auth.example.com/token".into(),
            service: Some("registry".into()),
            scope: Some("repository:a/b:pull,push".into()),
        };
        assert_eq!(Challenge::parse(bearer), Some(expected));
        for bad in ["", "Negotiate", "Bearer service=x", "Bearer realm=\"open"] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_helper_without_a_name_is_no_helper() {
        let auths = serde_json::json!({"example.com": {"auth": STANDARD.encode("robot:pass")}});
        let password = Credentials::Password { user: "robot".into(), password: "pass".into() };
        for (config, expected) in [
            (serde_json::json!({"credsStore": ""}), None),
            (serde_json::json!({"credsStore": "", "auths": auths}), Some(password.clone())),
            (serde_json::json!({"credHelpers": {"example.com": ""}, "auths": auths}), Some(password)),
            // The common store would fail, since its name is malformed.
            (serde_json::json!({"credHelpers": {"example.com": ""}, "credsStore": "a b"}), None),
        ] {
            assert_eq!(credentials_of_configuration(&config, "example.com"), Ok(expected), "{config}");
        }
        let malformed = serde_json::json!({"credsStore": "a b"});
        assert!(credentials_of_configuration(&malformed, "example.com").is_err());
    }

    #[test]
    fn credentials_are_read_and_never_shown() {
        let value = serde_json::json!({"auth": STANDARD.encode("robot:pass:word")});
        let credentials = credentials_of_entry(&value).unwrap().unwrap();
        assert_eq!(credentials, Credentials::Password { user: "robot".into(), password: "pass:word".into() });
        assert_eq!(format!("{credentials:?}"), "Credentials(..)");
        let reason = credentials_of_entry(&serde_json::json!({"auth": "c2VjcmV0"})).unwrap_err();
        assert!(!reason.contains("c2VjcmV0") && !reason.contains("secret"));
    }
}
