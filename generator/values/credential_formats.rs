//! Recognises credentials by formats that their issuers have published, regardless of the name of the field. A format
//! is precise enough to exclude ordinary text. Examples and placeholders of documentation do not count.

use std::ops::RangeInclusive;

/// The format of a token: a prefix, followed by bytes of an alphabet.
struct Format {
    /// A description of the token for messages, such as "a GitHub token".
    description: &'static str,
    prefixes: &'static [&'static str],
    alphabet: fn(u8) -> bool,
    /// Number of bytes after the prefix.
    length: RangeInclusive<usize>,
    /// Returns whether the bytes look random, unlike words.
    is_random: fn(&[u8]) -> bool,
}

/// Returns a format whose fields are the arguments, so that each format below is one line.
const fn format(
    description: &'static str,
    prefixes: &'static [&'static str],
    alphabet: fn(u8) -> bool,
    length: RangeInclusive<usize>,
    is_random: fn(&[u8]) -> bool,
) -> Format {
    Format { description, prefixes, alphabet, length, is_random }
}

/// Formats of tokens. The lower bound of a range of lengths is the shortest token that was issued; a range of one
/// length is documented by the issuer.
const FORMATS: [Format; 11] = [
    format("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], alphanumeric, 36..=255, is_varied),
    format("a GitHub token", &["github_pat_"], url_safe, 60..=255, is_mixed),
    format("a GitLab token", &["glpat-"], |b| url_safe(b) || b == b'.', 20..=255, is_mixed),
    format("an AWS access key id", &["AKIA", "ASIA"], upper_or_digit, 16..=16, is_varied),
    format("a Google API key", &["AIza"], url_safe, 35..=35, is_mixed),
    format("a Slack token", &["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"], dashed, 24..=255, has_digit),
    format("a Stripe live key", &["sk_live_", "rk_live_"], alphanumeric, 16..=255, is_varied),
    format("an npm token", &["npm_"], alphanumeric, 36..=36, is_varied),
    format("an Anthropic API key", &["sk-ant-"], url_safe, 32..=255, is_mixed),
    format("an OpenAI API key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], url_safe, 32..=255, is_mixed),
    format("an OpenAI API key", &["sk-"], alphanumeric, 40..=64, is_mixed),
];

// Descriptions of credentials that are not in `FORMATS`.

/// The description of a private key in PEM.
pub const PRIVATE_KEY: &str = "a private key";
const SIGNED_TOKEN: &str = "a signed token (JWT)";
const URL_WITH_PASSWORD: &str = "a URL with a password";

/// Returns a description of the first credential in a text.
pub fn find(text: &str) -> Option<&'static str> {
    all(text).next().map(|(_, description)| description)
}

/// Returns the same as [`find`], but ignores URLs in a text that has a sample password such as `user:password@`. For
/// text that explains how to write a URL.
pub fn find_in_prose(text: &str) -> Option<&'static str> {
    let has_sample_password =
        |text: &str| [":password@", ":pass@", ":secret@"].iter().any(|sample| text.contains(sample));
    all(text)
        .map(|(_, description)| description)
        .find(|description| *description != URL_WITH_PASSWORD || !has_sample_password(text))
}

/// Returns all credentials in a text, each with the index of its first byte and a description.
pub fn all(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let bytes = text.as_bytes();
    // Only a few bytes can start a credential: the first letters of `FORMATS` and of a JWT, unless a letter or digit
    // precedes them, and the first bytes of a private key and of `://`. All other bytes are skipped at once.
    let may_start = |start: &usize| match bytes[*start] {
        b'g' | b'A' | b'x' | b's' | b'r' | b'n' | b'e' => *start == 0 || !bytes[start - 1].is_ascii_alphanumeric(),
        b'-' | b':' => true,
        _ => false,
    };
    (0..bytes.len()).filter(may_start).filter_map(move |start| Some((start, credential_at_start(text.get(start..)?)?)))
}

/// Returns a description of the credential with which a text starts.
fn credential_at_start(text: &str) -> Option<&'static str> {
    match text.as_bytes()[0] {
        b'-' => is_private_key(text).then_some(PRIVATE_KEY),
        b':' => has_url_password(text).then_some(URL_WITH_PASSWORD),
        b'e' => is_signed_token(text).then_some(SIGNED_TOKEN),
        _ => FORMATS.iter().find(|format| format.matches(text)).map(|format| format.description),
    }
}

impl Format {
    /// Returns whether a text starts with a token of this format.
    fn matches(&self, text: &str) -> bool {
        self.prefixes.iter().filter_map(|prefix| text.strip_prefix(prefix)).any(|after_prefix| {
            let length = prefix_length(after_prefix.as_bytes(), self.alphabet);
            let (token, text_after_token) = after_prefix.split_at(length);
            let is_complete = text_after_token.bytes().next().is_none_or(|next| !next.is_ascii_alphanumeric());
            is_complete && self.length.contains(&token.len()) && (self.is_random)(token.as_bytes())
        })
    }
}

/// Returns whether a text starts with a PEM block of a private key that contains data.
fn is_private_key(text: &str) -> bool {
    let Some((label, block)) = text.strip_prefix("-----BEGIN ").and_then(|label| label.split_once("-----")) else {
        return false;
    };
    // Line ends may be written as `\n`. Old formats have headers before the data.
    let mut lines = block.split(['\n', '\r']).flat_map(|line| line.split("\\n")).map(str::trim);
    let is_data = |line: &str| {
        let length = prefix_length(line.as_bytes(), |b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        length >= 16 && length == line.len() && is_varied(line.as_bytes())
    };
    label.len() <= 40 && label.contains("PRIVATE KEY") && lines.any(is_data)
}

/// Returns whether a text starts with a JWT: header, content and signature in base64url. The first two are JSON
/// objects, which start with `{"`.
fn is_signed_token(text: &str) -> bool {
    let length = prefix_length(text.as_bytes(), |b| url_safe(b) || b == b'.');
    let mut parts = text[..length].split('.');
    let mut is_json_object = || parts.next().is_some_and(|part| part.starts_with("eyJ") && part.len() >= 12);
    is_json_object()
        && is_json_object()
        && parts.next().is_some_and(|signature| signature.len() >= 20 && is_varied(signature.as_bytes()))
}

/// Returns whether a text starts with `://user:password@host`.
fn has_url_password(text: &str) -> bool {
    let Some(after_scheme) = text.strip_prefix("://") else { return false };
    let ends_authority = |c: char| c.is_whitespace() || c.is_control() || "/?#\"'`<>\\".contains(c);
    // `<` ends the authority, so that a placeholder in angle brackets is not a password.
    let authority_end = after_scheme.find(ends_authority).unwrap_or(after_scheme.len());
    let Some((user_and_password, host)) = after_scheme[..authority_end].rsplit_once('@') else { return false };
    let Some((_, password)) = user_and_password.split_once(':') else { return false };
    // The digest of an image is not a host: `docker://name:tag@sha256:…`.
    !host.is_empty() && !host.starts_with("sha256:") && !host.starts_with("sha512:") && !is_placeholder(password)
}

/// Returns whether a password is a variable of a shell or a template, or a mask such as `***`.
fn is_placeholder(password: &str) -> bool {
    let is_in_brackets = |open, close| password.starts_with(open) && password.contains(close);
    password.starts_with('$')
        || ["%s", "%v", "%("].iter().any(|placeholder| password.starts_with(placeholder))
        || is_in_brackets('{', '}')
        || is_in_brackets('[', ']')
        || password.chars().all(|c| matches!(c, '*' | '.' | '…' | '•'))
        || (password.len() >= 3 && password.chars().all(|c| matches!(c, 'x' | 'X')))
        || password == "REDACTED"
}

/// Returns the number of leading bytes that belong to an alphabet.
fn prefix_length(bytes: &[u8], alphabet: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|b| !alphabet(*b)).unwrap_or(bytes.len())
}

// The alphabets of tokens.

fn alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn upper_or_digit(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn dashed(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

fn url_safe(b: u8) -> bool {
    dashed(b) || b == b'_'
}

/// Returns whether a token has at least eight different bytes, and is not an example of AWS's documentation.
fn is_varied(token: &[u8]) -> bool {
    let mut occurs = [false; 256];
    token.iter().for_each(|byte| occurs[usize::from(*byte)] = true);
    let is_example = |word: &[u8]| word.eq_ignore_ascii_case(b"EXAMPLE");
    occurs.iter().filter(|occurs| **occurs).count() >= 8 && !token.windows(7).any(is_example)
}

/// Returns whether a token is varied and contains a digit.
fn has_digit(token: &[u8]) -> bool {
    is_varied(token) && token.iter().any(u8::is_ascii_digit)
}

/// Returns whether a token is varied and contains a digit, small and capital letters, unlike words joined by hyphens.
fn is_mixed(token: &[u8]) -> bool {
    has_digit(token) && token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters and digits in mixed order, joined from parts, so that secret scanners do not report this file.
    fn random_text(length: usize) -> String {
        "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8".chars().cycle().take(length).collect()
    }

    #[test]
    fn every_format_is_found_at_any_position() {
        let key = format!("-----BEGIN RSA {} KEY-----", "PRIVATE");
        let jwt = format!("eyJ{}.eyJ{}.{}", random_text(17), random_text(40), random_text(43));
        let slack = format!("{}-123456789012-1234567890123-{}", "xoxb", random_text(24));
        for (what, secret) in [
            ("a GitHub token", format!("ghp_{}", random_text(36))),
            ("a GitHub token", format!("ghs_{}", random_text(36))),
            ("a GitHub token", format!("github_pat_{}_{}", random_text(22), random_text(59))),
            ("a GitLab token", format!("glpat-{}", random_text(20))),
            ("an AWS access key id", format!("AKIA{}", random_text(16).to_uppercase())),
            ("an AWS access key id", format!("ASIA{}", random_text(16).to_uppercase())),
            ("a Google API key", format!("AIza{}", random_text(35))),
            ("a Slack token", slack),
            ("a Stripe live key", format!("sk_live_{}", random_text(24))),
            ("a Stripe live key", format!("rk_live_{}", random_text(99))),
            ("an npm token", format!("npm_{}", random_text(36))),
            ("an Anthropic API key", format!("sk-ant-api03-{}-_{}", random_text(60), random_text(30))),
            ("an OpenAI API key", format!("sk-proj-{}_T3BlbkFJ-{}", random_text(60), random_text(60))),
            ("an OpenAI API key", format!("sk-{}T3BlbkFJ{}", random_text(20), random_text(20))),
            (PRIVATE_KEY, format!("{key}\n{}\n", random_text(64))),
            (PRIVATE_KEY, format!("{key}\\n{}\\n", random_text(64))),
            (PRIVATE_KEY, format!("{key}\nProc-Type: 4,ENCRYPTED\n\n{}\n", random_text(64))),
            (SIGNED_TOKEN, jwt),
            (URL_WITH_PASSWORD, "postgres://user:pa@ss@db/x".to_owned()),
            (URL_WITH_PASSWORD, "redis://:tulip@cache".to_owned()),
            (URL_WITH_PASSWORD, "amqp://me:%40tulip@queue:5672/%2f".to_owned()),
        ] {
            for text in
                [secret.clone(), format!("--key={secret}"), format!("a \"{secret}\" b"), format!("ö={secret}\n")]
            {
                assert_eq!(find(&text), Some(what), "{text}");
            }
        }
        let two = format!("ghp_{0} and npm_{0}", random_text(36));
        assert_eq!(all(&two).collect::<Vec<_>>(), [(0, "a GitHub token"), (45, "an npm token")]);
    }

    #[test]
    fn text_that_resembles_a_format_is_not_a_credential() {
        let long = random_text(200);
        let key = format!("-----BEGIN {} KEY-----", "PRIVATE");
        for text in [
            "",
            "ghp_",
            "ghp_your_token_goes_here_and_nowhere_else",
            &format!("ghp_{}", "x".repeat(36)),
            &format!("gho_{}", random_text(12)),
            &format!("AKIA{}{}", "IOSFODNN7", "EXAMPLE"),
            &format!("AKIA{}", random_text(40).to_uppercase()),
            &format!("xAKIA{}", random_text(16).to_uppercase()),
            "xoxb-your-bot-token-goes-here-please",
            &format!("sk_test_{}", random_text(24)),
            "sk_live_your_key_here",
            "npm_config_registry=https://registry.example.com",
            "sk-",
            "sk-SK",
            "sk-learn",
            "risk-assessment-of-the-quarter-and-the-year-2024",
            "sk-proj-the-name-of-a-project-with-many-words-2024",
            &format!("sk-{}", "0123456789abcdef".repeat(3)),
            "glpat-your-token-goes-here-please",
            &key,
            &format!("{key}\n…\n-----END"),
            &format!("{key}\n{}\n", "x".repeat(64)),
            &format!("-----BEGIN PUBLIC KEY-----\n{long}"),
            &format!("-----BEGIN CERTIFICATE-----\n{long}"),
            &format!("ssh-ed25519 AAAA{long}"),
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJ.eyJ.x",
            "docker.io/library/nginx:1.30@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "docker://nginx:1.30@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "https://example.com/a@b:c",
            "ssh://git@example.com:22/a",
            "http://localhost:8080",
            "http://[::1]:8080/",
            "postgres://user@db/x",
            "postgres://user:@db/x",
            "postgres://user:$PASSWORD@db/x",
            "postgres://user:${PASSWORD}@db/x",
            "postgres://user:$(cat /run/secrets/db)@db/x",
            "postgres://user:***@db/x",
            "postgres://user:<password>@db/x",
            r#"{"url":"http://a:8080","mail":"x@y.example"}"#,
            "2b:4f:aa 550e8400-e29b-41d4-a716-446655440000 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
        let prose = "the URL, such as postgres://user:password@host/name";
        assert_eq!((find_in_prose(prose), find(prose)), (None, Some(URL_WITH_PASSWORD)));
        assert_eq!(find_in_prose("postgres://user:tulip@host/name"), Some(URL_WITH_PASSWORD));
    }
}
