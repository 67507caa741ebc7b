//! Secrets that show by their form, whatever the field is called: what their issuers have published of it. Each form is
//! so exact that hardly anything else has it; examples and placeholders of documentation are none.

use std::ops::RangeInclusive;

/// What a token begins with, and how it goes on until something that is no part of it.
struct Form {
    what: &'static str,
    starts: &'static [&'static str],
    rest: fn(u8) -> bool,
    /// Bytes after the start.
    length: RangeInclusive<usize>,
    /// What tells one from words in its place.
    proof: fn(&[u8]) -> bool,
}

const fn form(
    what: &'static str,
    starts: &'static [&'static str],
    rest: fn(u8) -> bool,
    length: RangeInclusive<usize>,
    proof: fn(&[u8]) -> bool,
) -> Form {
    Form { what, starts, rest, length, proof }
}

/// Lengths are the least that has been issued; where an issuer writes only one, it is that.
const FORMS: [Form; 11] = [
    form("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], alphanumeric, 36..=255, varied),
    form("a GitHub token", &["github_pat_"], url_safe, 60..=255, mixed),
    form("a GitLab token", &["glpat-"], |b| url_safe(b) || b == b'.', 20..=255, mixed),
    form("an AWS access key id", &["AKIA", "ASIA"], upper, 16..=16, varied),
    form("a Google API key", &["AIza"], url_safe, 35..=35, mixed),
    form("a Slack token", &["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"], dashed, 24..=255, numbered),
    form("a Stripe live key", &["sk_live_", "rk_live_"], alphanumeric, 16..=255, varied),
    form("an npm token", &["npm_"], alphanumeric, 36..=36, varied),
    form("an Anthropic API key", &["sk-ant-"], url_safe, 32..=255, mixed),
    form("an OpenAI API key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], url_safe, 32..=255, mixed),
    form("an OpenAI API key", &["sk-"], alphanumeric, 40..=64, mixed),
];

const KEY: &str = "a private key";
const JWT: &str = "a signed token (JWT)";
const URL: &str = "a URL with a password";

/// The first secret of a text: what it is.
pub fn find(text: &str) -> Option<&'static str> {
    all(text).next().map(|(_, what)| what)
}

/// The same for text that explains: there, `user:password@` shows a form.
pub fn find_in_prose(text: &str) -> Option<&'static str> {
    let shows = |text: &str| [":password@", ":pass@", ":secret@"].iter().any(|word| text.contains(word));
    all(text).map(|(_, what)| what).find(|what| *what != URL || !shows(text))
}

/// All secrets of a text: the byte at which each begins, and what it is.
pub fn all(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let bytes = text.as_bytes();
    // Most bytes begin nothing, so that most texts cost one look at each.
    let begins = |at: &usize| match bytes[*at] {
        b'g' | b'A' | b'x' | b's' | b'r' | b'n' | b'e' => *at == 0 || !bytes[at - 1].is_ascii_alphanumeric(),
        b'-' | b':' => true,
        _ => false,
    };
    (0..bytes.len()).filter(begins).filter_map(move |at| Some((at, at_start(text.get(at..)?)?)))
}

fn at_start(text: &str) -> Option<&'static str> {
    match text.as_bytes()[0] {
        b'-' => private_key(text).then_some(KEY),
        b':' => url_password(text).then_some(URL),
        b'e' => signed_token(text).then_some(JWT),
        _ => FORMS.iter().find(|form| form.fits(text)).map(|form| form.what),
    }
}

impl Form {
    fn fits(&self, text: &str) -> bool {
        self.starts.iter().filter_map(|start| text.strip_prefix(start)).any(|rest| {
            let (own, after) = rest.split_at(run(rest.as_bytes(), self.rest));
            let ends = after.bytes().next().is_none_or(|next| !next.is_ascii_alphanumeric());
            ends && self.length.contains(&own.len()) && (self.proof)(own.as_bytes())
        })
    }
}

/// The header of a PEM block with something in the block.
fn private_key(text: &str) -> bool {
    let Some((kind, block)) = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")) else {
        return false;
    };
    // Line ends are also written as `\n`, and headers of old forms stand before the data.
    let mut lines = block.split(['\n', '\r']).flat_map(|line| line.split("\\n")).map(str::trim);
    let data = |line: &str| {
        let length = run(line.as_bytes(), |b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        length >= 16 && length == line.len() && varied(line.as_bytes())
    };
    kind.len() <= 40 && kind.contains("PRIVATE KEY") && lines.any(data)
}

/// Header, content and signature in base64url; the first two are JSON, which begins with `{"`.
fn signed_token(text: &str) -> bool {
    let length = run(text.as_bytes(), |b| url_safe(b) || b == b'.');
    let mut parts = text[..length].split('.');
    let mut json = || parts.next().is_some_and(|part| part.starts_with("eyJ") && part.len() >= 12);
    json() && json() && parts.next().is_some_and(|signature| signature.len() >= 20 && varied(signature.as_bytes()))
}

/// `://user:password@host`.
fn url_password(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("://") else { return false };
    let ends = |c: char| c.is_whitespace() || c.is_control() || "/?#\"'`<>\\".contains(c);
    // A placeholder in angle brackets is none of the signs that end an authority.
    let end = rest.find(ends).unwrap_or(rest.len());
    let Some((user, host)) = rest[..end].rsplit_once('@') else { return false };
    let Some((_, password)) = user.split_once(':') else { return false };
    // `docker://name:tag@sha256:…` is an image.
    !host.is_empty() && !host.starts_with("sha256:") && !host.starts_with("sha512:") && !is_placeholder(password)
}

/// A variable of a shell or a template, or what stands for something that is not shown.
fn is_placeholder(password: &str) -> bool {
    let bracketed = |open, close| password.starts_with(open) && password.contains(close);
    password.starts_with('$')
        || ["%s", "%v", "%("].iter().any(|verb| password.starts_with(verb))
        || bracketed('{', '}')
        || bracketed('[', ']')
        || password.chars().all(|c| matches!(c, '*' | '.' | '…' | '•'))
        || (password.len() >= 3 && password.chars().all(|c| matches!(c, 'x' | 'X')))
        || password == "REDACTED"
}

fn run(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|b| !of(*b)).unwrap_or(bytes.len())
}

fn alphanumeric(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn dashed(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

fn url_safe(b: u8) -> bool {
    dashed(b) || b == b'_'
}

/// Not one letter over and over, and not the example of AWS's documentation.
fn varied(own: &[u8]) -> bool {
    let mut seen = [false; 256];
    own.iter().for_each(|b| seen[usize::from(*b)] = true);
    let example = |word: &[u8]| word.eq_ignore_ascii_case(b"EXAMPLE");
    seen.iter().filter(|seen| **seen).count() >= 8 && !own.windows(7).any(example)
}

fn numbered(own: &[u8]) -> bool {
    varied(own) && own.iter().any(u8::is_ascii_digit)
}

/// Small and capital letters and digits: words joined by hyphens are none of it.
fn mixed(own: &[u8]) -> bool {
    numbered(own) && own.iter().any(u8::is_ascii_uppercase) && own.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters and digits in mixed order, joined from parts, so that secret scanners do not report this file.
    fn some(length: usize) -> String {
        "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8".chars().cycle().take(length).collect()
    }

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let key = format!("-----BEGIN RSA {} KEY-----", "PRIVATE");
        let jwt = format!("eyJ{}.eyJ{}.{}", some(17), some(40), some(43));
        let slack = format!("{}-123456789012-1234567890123-{}", "xoxb", some(24));
        for (what, secret) in [
            ("a GitHub token", format!("ghp_{}", some(36))),
            ("a GitHub token", format!("ghs_{}", some(36))),
            ("a GitHub token", format!("github_pat_{}_{}", some(22), some(59))),
            ("a GitLab token", format!("glpat-{}", some(20))),
            ("an AWS access key id", format!("AKIA{}", some(16).to_uppercase())),
            ("an AWS access key id", format!("ASIA{}", some(16).to_uppercase())),
            ("a Google API key", format!("AIza{}", some(35))),
            ("a Slack token", slack),
            ("a Stripe live key", format!("sk_live_{}", some(24))),
            ("a Stripe live key", format!("rk_live_{}", some(99))),
            ("an npm token", format!("npm_{}", some(36))),
            ("an Anthropic API key", format!("sk-ant-api03-{}-_{}", some(60), some(30))),
            ("an OpenAI API key", format!("sk-proj-{}_T3BlbkFJ-{}", some(60), some(60))),
            ("an OpenAI API key", format!("sk-{}T3BlbkFJ{}", some(20), some(20))),
            (KEY, format!("{key}\n{}\n", some(64))),
            (KEY, format!("{key}\\n{}\\n", some(64))),
            (KEY, format!("{key}\nProc-Type: 4,ENCRYPTED\n\n{}\n", some(64))),
            (JWT, jwt),
            (URL, "postgres://user:pa@ss@db/x".to_owned()),
            (URL, "redis://:tulip@cache".to_owned()),
            (URL, "amqp://me:%40tulip@queue:5672/%2f".to_owned()),
        ] {
            for text in
                [secret.clone(), format!("--key={secret}"), format!("a \"{secret}\" b"), format!("ö={secret}\n")]
            {
                assert_eq!(find(&text), Some(what), "{text}");
            }
        }
        let two = format!("ghp_{0} and npm_{0}", some(36));
        assert_eq!(all(&two).collect::<Vec<_>>(), [(0, "a GitHub token"), (45, "an npm token")]);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let long = some(200);
        let key = format!("-----BEGIN {} KEY-----", "PRIVATE");
        for text in [
            "",
            "ghp_",
            "ghp_your_token_goes_here_and_nowhere_else",
            &format!("ghp_{}", "x".repeat(36)),
            &format!("gho_{}", some(12)),
            &format!("AKIA{}{}", "IOSFODNN7", "EXAMPLE"),
            &format!("AKIA{}", some(40).to_uppercase()),
            &format!("xAKIA{}", some(16).to_uppercase()),
            "xoxb-your-bot-token-goes-here-please",
            &format!("sk_test_{}", some(24)),
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
        assert_eq!((find_in_prose(prose), find(prose)), (None, Some(URL)));
        assert_eq!(find_in_prose("postgres://user:tulip@host/name"), Some(URL));
    }
}
