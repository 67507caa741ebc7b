//! What can go wrong with a registry, and how it is said.

use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Why a registry did not give or take something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// Another attempt may succeed.
    pub(super) passing: bool,
    /// Seconds that the registry asks to wait.
    pub(super) wait: Option<u64>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), passing: false, wait: None }
    }

    pub(super) fn passing(code: Code, message: impl Into<String>) -> Self {
        Failure { passing: true, ..Failure::new(code, message) }
    }

    /// The finding about what stands at `path`.
    pub fn finding(&self, path: FieldPath) -> Diagnostic {
        let hint = match self.code {
            Code::RegistryRefused => "`docker login HOST` stores credentials where nself finds them",
            Code::RegistryNotFound => "is the name right? Private repositories need `docker login HOST`",
            Code::RegistryUnreachable => "nothing was written; run it again once the registry answers",
            _ => "nothing of it was used",
        };
        Diagnostic::error(self.code, path).message(self.message.clone()).hint(hint)
    }

    /// What a status and its body mean; `what` was asked of `host`.
    pub(super) fn of_status(status: u16, wait: Option<&str>, body: &[u8], host: &str, what: &str) -> Self {
        let said = said(body);
        let message = format!("{host} answers {status}{said} for {what}");
        match status {
            401 | 403 => Failure::new(Code::RegistryRefused, message),
            404 => Failure::new(Code::RegistryNotFound, message),
            429 | 500..=599 => Failure {
                wait: wait.and_then(|wait| wait.trim().parse().ok()),
                ..Failure::passing(Code::RegistryUnreachable, message)
            },
            _ => Failure::new(Code::RegistryContent, message),
        }
    }

    pub(super) fn of_transport(error: &ureq::Error, host: &str, what: &str) -> Self {
        let message = format!("{host}: {error}, while asking for {what}");
        match error {
            // An answer came, and it is not what was announced.
            ureq::Error::BodyExceedsLimit(_) => Failure::new(Code::RegistryContent, message),
            ureq::Error::RequireHttpsOnly(_) => {
                let message = format!("{host} leads {what} to an address without TLS");
                Failure::new(Code::RegistryContent, message)
            }
            _ => Failure::passing(Code::RegistryUnreachable, message),
        }
    }
}

/// The registry's own words, of its first error.
fn said(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &body["errors"][0];
    let words: Vec<&str> = [&error["code"], &error["message"]].iter().filter_map(|part| part.as_str()).collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(" ({})", words.join(": ").chars().take(200).collect::<String>())
    }
}
