//! Failures of requests to a registry, and the findings about them.

use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// The failure of a request to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// Whether the same request may succeed later.
    pub(super) is_transient: bool,
    /// Seconds to wait before the next attempt, as the registry demands.
    pub(super) retry_after: Option<u64>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), is_transient: false, retry_after: None }
    }

    fn transient(code: Code, message: impl Into<String>) -> Self {
        Failure { is_transient: true, ..Failure::new(code, message) }
    }

    /// Returns the failure as a finding about the field at `path`.
    pub fn finding(&self, path: FieldPath) -> Diagnostic {
        let hint = match self.code {
            Code::RegistryRefused => "store credentials for nself with `docker login HOST`",
            Code::RegistryNotFound => "check the name; for a private repository, run `docker login HOST`",
            Code::RegistryUnreachable => "nothing was written; try again later",
            Code::Image => "set `platforms` of the layout to platforms of the base image",
            _ => "nself did not use this content; check the registry, or the mirror that `--mirror` names",
        };
        Diagnostic::error(self.code, path).message(self.message.clone()).hint(hint)
    }

    /// Returns the failure for an error status of `host`. `subject` names the requested content, `retry_after` is the
    /// header of that name.
    pub(super) fn from_status(status: u16, retry_after: Option<&str>, body: &[u8], host: &str, subject: &str) -> Self {
        let message = format!("{host} answers {status}{} for {subject}", registry_message(body));
        match status {
            401 | 403 => Failure::new(Code::RegistryRefused, message),
            404 => Failure::new(Code::RegistryNotFound, message),
            429 | 500..=599 => Failure {
                retry_after: retry_after.and_then(|seconds| seconds.trim().parse().ok()),
                ..Failure::transient(Code::RegistryUnreachable, message)
            },
            _ => Failure::new(Code::RegistryContent, message),
        }
    }

    /// Returns the failure for a request to `host` that got no complete answer.
    pub(super) fn from_transport(error: &ureq::Error, host: &str, subject: &str) -> Self {
        let message = format!("{host}: {error}, while requesting {subject}");
        match error {
            // The answer is larger than the limit of the request.
            ureq::Error::BodyExceedsLimit(_) => Failure::new(Code::RegistryContent, message),
            ureq::Error::RequireHttpsOnly(_) => {
                let message = format!("{host} redirects the request for {subject} to an address without TLS");
                Failure::new(Code::RegistryContent, message)
            }
            _ => Failure::transient(Code::RegistryUnreachable, message),
        }
    }
}

/// The maximum number of characters of a registry's own message that nself repeats.
const MAX_MESSAGE_CHARACTERS: usize = 200;

/// Returns the first error of a registry's answer, such as ` (DENIED: no access)`; empty if the body has none.
fn registry_message(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &body["errors"][0];
    let code_and_message: Vec<&str> =
        [&error["code"], &error["message"]].iter().filter_map(|part| part.as_str()).collect();
    if code_and_message.is_empty() {
        String::new()
    } else {
        format!(" ({})", code_and_message.join(": ").chars().take(MAX_MESSAGE_CHARACTERS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_and_further_attempts_depend_on_the_status() {
        let body = br#"{"errors": [{"code": "DENIED", "message": "no access"}]}"#;
        for (status, code, is_transient) in [
            (401, Code::RegistryRefused, false),
            (404, Code::RegistryNotFound, false),
            (429, Code::RegistryUnreachable, true),
            (503, Code::RegistryUnreachable, true),
            (418, Code::RegistryContent, false),
        ] {
            let failure = Failure::from_status(status, Some(" 7 "), body, "example.com", "acme/shop:1");
            assert_eq!((failure.code, failure.is_transient), (code, is_transient), "{status}");
            assert_eq!(failure.retry_after, is_transient.then_some(7), "{status}");
            assert!(failure.message.contains("(DENIED: no access) for acme/shop:1"), "{}", failure.message);
        }
        let empty = Failure::from_status(500, None, b"<html>", "example.com", "x");
        assert_eq!(empty.message, "example.com answers 500 for x");
    }
}
