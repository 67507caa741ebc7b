//! Rules of variables, arguments and raw keys: the image reads the variable, no credential is plain text, and production
//! has no development settings.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::interpolation;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::model::Value;
use crate::plan::roster::PlannedService;
use crate::stack::{EnvReference, EnvValue, Profile};
use crate::values::credential_names::{is_credential, is_harmless, is_plain_credential};
use crate::values::{Checked, SecretName, Text, VariableName, assignments, credential_formats};
use crate::words;

/// The variables that images read, from stdlib/.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    /// Names of variables by image.
    #[serde(rename = "known")]
    images: BTreeMap<String, Vec<String>>,
    /// Advice for variables without an effect, by image and name.
    ignored: BTreeMap<String, BTreeMap<String, String>>,
}

/// The variables of the images in the catalogue, read from the file at the first use.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../stdlib/env-catalogue.json")).unwrap_or_else(|error| {
        // The file is part of the program; a test reads it, so this cannot happen in a release.
        unreachable!("stdlib/env-catalogue.json: {error}")
    })
});

/// Variables with values that are for development only.
const DEVELOPMENT_SETTINGS: [(&str, &str); 7] = [
    ("HASURA_GRAPHQL_ENABLE_CONSOLE", "true"),
    ("HASURA_GRAPHQL_DEV_MODE", "true"),
    ("HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS", "true"),
    ("AUTH_DEBUG", "true"),
    ("AUTH_ENABLE_CHANGE_ENV", "true"),
    ("MEILI_ENV", "development"),
    ("NODE_ENV", "development"),
];

/// Checks a variable by its declared and its resolved value.
pub fn check_variable(
    profile: Profile,
    member: &PlannedService,
    (name, declared): (&VariableName, &EnvValue),
    value: &Value,
    path: &FieldPath,
) -> Vec<Diagnostic> {
    let mut findings: Vec<Diagnostic> = unknown_variable(member, name, path).into_iter().collect();
    let Value::Text(text) = value else { return findings };
    findings.extend(interpolation::check(profile, member, declared, path));
    // `source::credentials` reports literal credentials; values joined from parts can only be recognised here.
    let credential_format = credential_formats::find(text);
    let is_plain_secret = credential_format.is_some() || is_plain_credential(name.as_str(), text);
    if !is_reported_at_source(declared) && is_plain_secret {
        let description = credential_format.unwrap_or("a credential");
        findings.push(
            Diagnostic::error(Code::PlainSecret, path.clone())
                .message(format!("`{name}` contains {description} in plain text"))
                .expected("a reference to a secret")
                .hint(hint_to_refer(member, name)),
        );
    }
    if let Some(pair) = assignments::find_in_connection_string(text).filter(|_| !is_plain_secret) {
        let secret = SecretName::of_variable(name.as_str());
        findings.push(
            Diagnostic::error(Code::PlainSecret, path.clone())
                .message(format!("`{name}` contains a credential in plain text, the value of `{pair}`"))
                .expected("a reference to a secret")
                .hint(format!(
                    "compose the whole text as a secret, `secrets.{secret} = nself.template [{{ text = \"Host=db;Password=\" }}, {{ secret = \"{secret}_password\" }}]` with `secrets.{secret}_password = nself.random 43`, and use `nself.secret \"{secret}\"`"
                )),
        );
    }
    if profile == Profile::Prod && DEVELOPMENT_SETTINGS.contains(&(name.as_str(), text.as_str())) {
        findings.push(
            Diagnostic::error(Code::DevelopmentInProd, path.clone())
                .message(format!("`{name} = \"{text}\"` is a development setting"))
                .expected("a different value in the prod profile")
                .hint("choose the value by profile: `nself.by_profile { local = …, staging = …, prod = … }`"),
        );
    }
    if name.as_str().contains("CORS")
        && text.split(',').any(|origin| matches!(origin.trim(), "*" | "http://*" | "https://*"))
    {
        let finding = match profile {
            Profile::Prod => Diagnostic::error(Code::OpenCors, path.clone()),
            _ => Diagnostic::warning(Code::OpenCors, path.clone()),
        };
        findings.push(
            finding
                .message(format!("`{name}` lets any web site call the API"))
                .expected("a list of origins such as `https://*.example.com`")
                .hint("set the origins, for example `nself.join [\"https://*.\", nself.domain]`"),
        );
    }
    findings
}

/// Returns the hint for a variable with a credential in plain text.
fn hint_to_refer(member: &PlannedService, name: &VariableName) -> String {
    let file = VariableName::wrap(format!("{name}_FILE"));
    if member.service.env.contains_key(&file) {
        return format!("remove `{name}`: the service reads the value from the file that `{file}` names");
    }
    "use `nself.secret \"name\"`, with `secrets.name = nself.random 43` or `nself.external \"what it is\"`".to_owned()
}

/// Returns whether a literal text in the value, such as a part of a `join`, has the format of a credential, which
/// `source::credentials` reports.
fn is_reported_at_source(value: &EnvValue) -> bool {
    match value {
        EnvValue::Text(text) => credential_formats::find(text.as_str()).is_some(),
        EnvValue::EnvReference(EnvReference::Join(parts)) => parts.iter().any(is_reported_at_source),
        EnvValue::EnvReference(EnvReference::ByProfile(values)) => {
            [&values.local, &values.staging, &values.prod].into_iter().any(is_reported_at_source)
        }
        EnvValue::EnvReference(_) => false,
    }
}

/// Refuses a variable that the image of a catalogue service does not read.
fn unknown_variable(member: &PlannedService, name: &VariableName, path: &FieldPath) -> Option<Diagnostic> {
    let in_env = path.parent() == member.path.key("env");
    if !in_env {
        return None;
    }
    let image = member.service.catalogue.as_ref()?;
    if let Some(replacement) = CATALOGUE.ignored.get(image.as_str()).and_then(|ignored| ignored.get(name.as_str())) {
        let finding = Diagnostic::error(Code::UnknownEnv, path.clone())
            .message(format!("the image ignores `{name}`"))
            .expected("no value for it, or a variable that the image reads")
            .hint(replacement.clone());
        return Some(finding);
    }
    let names = CATALOGUE.images.get(image.as_str())?;
    if names.iter().any(|variable| variable == name.as_str()) {
        return None;
    }
    let near = words::nearest(name.as_str(), names.iter().map(String::as_str));
    Some(
        Diagnostic::error(Code::UnknownEnv, path.clone())
            .message(format!("the image of `{image}` does not read a variable `{name}`"))
            .expected("a variable that the image reads")
            .hint(near.map_or_else(
                || format!("if the image does read the variable, write it as `extra_env.{name}`"),
                |near| {
                    format!("did you mean `{near}`? If the image does read `{name}`, write it as `extra_env.{name}`")
                },
            )),
    )
}

/// Refuses credentials in the arguments of a command, because every process list shows them.
pub fn check_arguments(member: &PlannedService) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let health = member.service.health.as_ref().and_then(|health| health.exec.as_ref());
    let commands = [
        ("entrypoint", member.service.entrypoint.as_ref()),
        ("command", member.service.command.as_ref()),
        ("health", health),
    ];
    for (field, words) in commands {
        let words = words.map(Vec::as_slice).unwrap_or_default();
        for (i, word) in words.iter().enumerate() {
            let next_word = words.get(i + 1).map(Text::as_str);
            let is_login = holds_login(word.as_str(), &words[..i]) && credential_formats::find(word.as_str()).is_none();
            if is_login
                || holds_credential(word.as_str(), next_word) && credential_formats::find(word.as_str()).is_none()
            {
                let path =
                    if field == "health" { member.path.key("health").key("exec") } else { member.path.key(field) };
                let owner =
                    member.process_of().map_or_else(String::new, |service| format!(" of the service `{service}`"));
                let hint = format!(
                    "declare `secrets.<name> = nself.external \"what it is\"`, add `\"<name>\"` to `secret_files`{owner}, and pass the path `/run/secrets/<name>`"
                );
                findings.push(
                    Diagnostic::error(Code::PlainSecret, path.index(i))
                        .message("an argument contains a credential")
                        .expected("a mounted secret that the program reads")
                        .hint(hint),
                );
            }
        }
    }
    findings
}

/// Options of common programs whose value is a credential.
const CREDENTIAL_FLAGS: [&str; 5] = ["--password", "--requirepass", "--pass", "--token", "--secret"];

/// Returns whether a word of a command is an option or assignment with a credential: `--db-password=x`, `API_KEY=x`, or
/// `--api-key` if the next word is its value.
fn holds_credential(word: &str, next_word: Option<&str>) -> bool {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let is_flag = CREDENTIAL_FLAGS.contains(&name);
    let is_option = name.starts_with("--");
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    // Shell variables, redirections, additional options and file paths are not credentials.
    let may_be_secret = |text: &str| {
        let text = text.trim_start_matches(['"', '\'']);
        !is_harmless(text) && !text.starts_with(['/', '-', '$', '<'])
    };
    let value = value.or(if is_option { next_word } else { None });
    let names_credential = is_flag || is_name(name.trim_start_matches('-')) && is_credential(name);
    names_credential && value.map_or(is_flag, may_be_secret)
}

/// Programs with an option for a user's name and password, or for a password alone.
const LOGIN_OPTIONS: [(&str, &[&str]); 2] = [("curl", &["-u", "--user"]), ("redis-cli", &["-a", "--pass"])];

/// Returns whether a word of a command, or a word of its text for a shell, is the password of an option: `admin:tulip` in
/// `curl -u admin:tulip`. `earlier_words` are the words before it.
fn holds_login(word: &str, earlier_words: &[Text]) -> bool {
    let earlier = earlier_words.iter().flat_map(|word| word.as_str().split_whitespace());
    let words: Vec<&str> = earlier.chain(word.split_whitespace()).collect();
    let first_index = words.len() - word.split_whitespace().count();
    let program_name = |word: &&str| word.rsplit('/').next().unwrap_or_default().to_owned();
    (first_index.max(1)..words.len()).any(|i| {
        let value = words[i].trim_matches(['"', '\'']);
        let password = value.split_once(':').map_or(value, |(_, password)| password);
        let is_plain = !password.is_empty() && !password.starts_with(['$', '/', '-', '<', '`']);
        LOGIN_OPTIONS.iter().any(|(name, options)| {
            // With the user's name alone, curl asks for the password.
            let needs_colon = *name == "curl";
            let is_started = words[..i].iter().any(|word| program_name(word) == *name);
            is_started && is_plain && options.contains(&words[i - 1]) && (!needs_colon || value.contains(':'))
        })
    })
}

/// Refuses credentials in build arguments, since the image's history and the generated files contain them.
pub fn check_build_arguments(member: &PlannedService) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, text) in member.service.build.iter().flat_map(|build| &build.args) {
        if is_plain_credential(name.as_str(), text.as_str()) && credential_formats::find(text.as_str()).is_none() {
            findings.push(
                Diagnostic::error(Code::PlainSecret, member.path.key("build").key("args").key(name.as_str()))
                    .message(format!("the build argument `{name}` contains a credential in plain text"))
                    .expected("an image without credentials")
                    .hint("build arguments stay in the image: pass the secret to the running service, `env.NAME = nself.secret \"name\"`"),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests;
