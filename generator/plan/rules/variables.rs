//! Variables: names that the image knows, no credentials in the open, nothing for development in
//! production.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Value;
use crate::plan::members::Member;
use crate::stack::{EnvValue, Profile, Reference, VariableName, pasted};
use crate::words;

/// Names per image, and names that look right and do nothing; data of stdlib/.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    #[serde(rename = "known")]
    images: BTreeMap<String, Vec<String>>,
    /// Image to variable to what to use instead.
    ignored: BTreeMap<String, BTreeMap<String, String>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../stdlib/env-catalogue.json")).unwrap_or_else(|error| {
        // The file is part of the program; a test reads it, so this cannot happen in a release.
        unreachable!("stdlib/env-catalogue.json: {error}")
    })
});

/// Settings that are for development, by variable and value.
const DEVELOPMENT: [(&str, &str); 7] = [
    ("HASURA_GRAPHQL_ENABLE_CONSOLE", "true"),
    ("HASURA_GRAPHQL_DEV_MODE", "true"),
    ("HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS", "true"),
    ("AUTH_DEBUG", "true"),
    ("AUTH_ENABLE_CHANGE_ENV", "true"),
    ("MEILI_ENV", "development"),
    ("NODE_ENV", "development"),
];

/// Checks one variable: what was said, and what it comes to.
pub fn variable(
    profile: Profile,
    member: &Member,
    (name, said): (&VariableName, &EnvValue),
    value: &Value,
    path: &FieldPath,
    findings: &mut Vec<Diagnostic>,
) {
    unknown(member, name, path, findings);
    let Value::Text(text) = value else { return };
    // Texts that show by their form are reported where they are read; joined ones show only here.
    let joined = pasted::find(text);
    if !is_told(said) && (joined.is_some() || is_credential(name.as_str()) && !text.is_empty()) {
        let what = joined.unwrap_or("a credential");
        findings.push(
            Diagnostic::error(Code::PlainSecret, path.clone())
                .message(format!("`{name}` holds {what} as plain text"))
                .expected("a reference to a secret")
                .hint(
                    "`nself.secret \"name\"`, with `secrets.name = nself.random 43` or `nself.external \"what it is\"`",
                ),
        );
    }
    if profile == Profile::Prod && DEVELOPMENT.contains(&(name.as_str(), text.as_str())) {
        findings.push(
            Diagnostic::error(Code::DevelopmentInProd, path.clone())
                .message(format!("`{name}` = \"{text}\" is for development"))
                .expected("another value in the prod profile")
                .hint("use `nself.by_profile { local = …, staging = …, prod = … }`"),
        );
    }
    if name.as_str().contains("CORS")
        && text.split(',').any(|origin| matches!(origin.trim(), "*" | "http://*" | "https://*"))
    {
        let found = match profile {
            Profile::Prod => Diagnostic::error(Code::OpenCors, path.clone()),
            _ => Diagnostic::warning(Code::OpenCors, path.clone()),
        };
        findings.push(
            found
                .message(format!("`{name}` lets any web site call the API"))
                .expected("a list of origins such as `https://*.example.com`")
                .hint("`nself.join [\"https://*.\", nself.domain]`"),
        );
    }
}

/// Whether a text of the value shows by itself what it is.
fn is_told(said: &EnvValue) -> bool {
    match said {
        EnvValue::Text(text) => pasted::find(text.as_str()).is_some(),
        EnvValue::Reference(Reference::Join(parts)) => parts.iter().any(is_told),
        EnvValue::Reference(Reference::ByProfile(values)) => {
            [&values.local, &values.staging, &values.prod].into_iter().any(is_told)
        }
        EnvValue::Reference(_) => false,
    }
}

fn unknown(member: &Member, name: &VariableName, path: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let in_env = path.parent() == member.path.key("env");
    let Some(image) = member.service.catalogue.as_ref().filter(|_| in_env) else { return };
    if let Some(instead) = CATALOGUE.ignored.get(image.as_str()).and_then(|ignored| ignored.get(name.as_str())) {
        findings.push(
            Diagnostic::error(Code::UnknownEnv, path.clone())
                .message(format!("the image ignores `{name}`"))
                .expected("a variable that the image reads")
                .hint(instead.clone()),
        );
        return;
    }
    let Some(names) = CATALOGUE.images.get(image.as_str()) else { return };
    if names.iter().any(|known| known == name.as_str()) {
        return;
    }
    let near = words::nearest(name.as_str(), names.iter().map(String::as_str));
    findings.push(
        Diagnostic::error(Code::UnknownEnv, path.clone())
            .message(format!("the image of `{image}` knows no variable `{name}`"))
            .expected("a variable that the image reads")
            .hint(near.map_or_else(
                || format!("if you are sure, write it as `extra_env.{name}`"),
                |near| format!("did you mean `{near}`? If you are sure, write it as `extra_env.{name}`"),
            )),
    );
}

/// Checks the words of a command: an argument shows in every process list.
pub fn arguments(member: &Member, findings: &mut Vec<Diagnostic>) {
    let health = member.service.health.as_ref().and_then(|health| health.exec.as_ref());
    let commands = [
        ("entrypoint", member.service.entrypoint.as_ref()),
        ("command", member.service.command.as_ref()),
        ("health", health),
    ];
    for (field, words) in commands {
        for (i, word) in words.into_iter().flatten().enumerate() {
            let flag = CREDENTIAL_FLAGS
                .iter()
                .any(|flag| word.as_str().starts_with(&format!("{flag}=")) || *flag == word.as_str());
            if flag && pasted::find(word.as_str()).is_none() {
                let path =
                    if field == "health" { member.path.key("health").key("exec") } else { member.path.key(field) };
                findings.push(
                    Diagnostic::error(Code::PlainSecret, path.index(i))
                        .message("an argument holds a credential")
                        .expected("a mounted secret that the program reads")
                        .hint("`secret_files = [\"name\"]` mounts it below /run/secrets"),
                );
            }
        }
    }
}

/// Options of common servers that take a password.
const CREDENTIAL_FLAGS: [&str; 5] = ["--password", "--requirepass", "--pass", "--token", "--secret"];

/// Names whose value is a credential: by their last word, so that PASSWORD_MIN_LENGTH is none.
fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let last = name.rsplit('_').next().unwrap_or(&name);
    match last {
        "PASSWORD" | "PASSWD" | "PASS" | "PWD" | "SECRET" | "SECRETS" | "TOKEN" | "CREDENTIAL" | "CREDENTIALS"
        | "APIKEY" => true,
        "KEY" => !name.ends_with("PUBLIC_KEY"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_readable() {
        assert!(CATALOGUE.images["hasura"].len() > 50);
        assert!(CATALOGUE.ignored.values().map(BTreeMap::len).sum::<usize>() >= 5);
    }

    #[test]
    fn credentials_are_recognised_by_their_last_word() {
        for name in ["POSTGRES_PASSWORD", "AUTH_SMTP_PASS", "API_KEY", "JWT_SECRET", "GITHUB_TOKEN"] {
            assert!(is_credential(name), "{name}");
        }
        for name in [
            "AUTH_PASSWORD_MIN_LENGTH",
            "AUTH_PASSWORD_HIBP_ENABLED",
            "JWT_PUBLIC_KEY",
            "POSTGRES_PASSWORD_FILE",
            "KEYCLOAK_URL",
        ] {
            assert!(!is_credential(name), "{name}");
        }
    }
}
