//! Decides which credentials a token server gets. A registry can name any address as its token server, so its credentials
//! only go to addresses in the same domain.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Authority;

use super::auth::Credentials;

/// Returns the credentials for the token server at `realm`, which the registry `host` with the address `server` names:
/// those of the registry if both addresses have the same domain, otherwise those that `read` returns for the token
/// server itself.
///
/// # Errors
/// The registry has credentials that the token server does not get, and the token server has none. The text names both.
pub fn credentials(
    host: &str,
    server: &str,
    realm: &str,
    credentials: Option<Credentials>,
    read: impl FnOnce(&str) -> Result<Option<Credentials>, String>,
) -> Result<Option<Credentials>, String> {
    let realm_address = realm.parse::<Uri>().ok().and_then(|address| address.into_parts().authority);
    let server_address = server.parse::<Authority>().ok();
    let is_same_domain = match (&realm_address, &server_address) {
        (Some(realm), Some(server)) => domain(realm.host()) == domain(server.host()),
        _ => false,
    };
    if credentials.is_none() || is_same_domain {
        return Ok(credentials);
    }
    let token_server = realm_address.as_ref().map_or(realm, Authority::as_str);
    let own_credentials = read(token_server)?;
    own_credentials.map(Some).ok_or_else(|| {
        format!(
            "{host} asks for its credentials at `{token_server}`, which is in a different domain, so they are not sent; \
             if you trust it, store them in docker's configuration for `{token_server}` as well"
        )
    })
}

/// Returns the domain that belongs to one owner: `example.com` of `auth.example.com`, `example.co.uk` of
/// `auth.example.co.uk`. An IP address is returned as it is.
///
/// Below some country codes, anyone can register names with three labels: `co.uk`, `com.au`. Such second labels have at
/// most three letters. An owner whose name is as short, as in `gcr.io`, has a separate domain for each name below it.
fn domain(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let label_count = match labels[..] {
        [.., second, country] if country.len() == 2 && second.len() <= 3 => 3,
        _ => 2,
    };
    labels[labels.len().saturating_sub(label_count)..].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_in_the_domain_of_the_registry() {
        let own = Some(Credentials::Refresh("canary".to_owned()));
        for (server, realm) in [
            ("registry-1.docker.io", "https://auth.docker.io/token"),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("ghcr.io", "https://GHCR.io/token?x=y"),
            ("gcr.io", "https://gcr.io/v2/token"),
            ("localhost:5000", "http://localhost:5001/token"),
            ("[::1]:5000", "http://[::1]:5001/token"),
            ("registry.example.co.uk", "https://auth.example.co.uk/token"),
        ] {
            assert_eq!(
                credentials("registry", server, realm, own.clone(), |_| Ok(None)),
                Ok(own.clone()),
                "{server} {realm}"
            );
        }
        for (server, realm) in [
            ("registry.example.com", "https://evil.example/token"),
            ("registry.example.com", "https://registry.example.com@evil.example/token"),
            ("registry.example.com", "https://registry.example.com.evil.example/token"),
            ("example.co.uk", "https://evil.co.uk/token"),
            ("127.0.0.1:5000", "http://127.0.0.2:5000/token"),
            ("10.0.0.1", "http://11.0.0.1/token"),
            ("registry.example.com", "/token"),
        ] {
            let refusal = credentials("registry", server, realm, own.clone(), |_| Ok(None)).unwrap_err();
            assert!(refusal.contains("different domain") && !refusal.contains("canary"), "{refusal}");
            assert_eq!(
                credentials("registry", server, realm, None, |_| Ok(None)),
                Ok(None),
                "a request without credentials is harmless"
            );
        }
    }
}
