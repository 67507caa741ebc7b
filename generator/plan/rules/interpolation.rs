//! The rule of values in the form of a Compose variable, such as `${NAME}`. Compose would replace them in its own files, but
//! nself writes each value as it is.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::roster::PlannedService;
use crate::stack::{EnvReference, EnvValue, Profile};
use crate::values::SecretName;

/// A variable of Compose in a text.
#[derive(Debug, PartialEq, Eq)]
struct ComposeVariable<'a> {
    name: &'a str,
    operator: Operator,
    /// Whether there is text before the variable, and behind it.
    surroundings: (bool, bool),
    /// Whether the text is a part of `nself.join`.
    is_joined: bool,
}

/// The sign behind the name of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    None,
    /// `:-` and `-`, before a default.
    Default,
    /// `:?` and `?`, before a message for a missing variable.
    Required,
    /// `:+` and `+`, before a value that replaces the variable.
    Replacement,
    /// `.` behind `nself`: a reference of the language, written as JavaScript and shells write it.
    Field,
}

impl Operator {
    /// The signs of Compose, longer ones first.
    const SIGNS: [(&str, Operator); 6] = [
        (":-", Operator::Default),
        ("-", Operator::Default),
        (":?", Operator::Required),
        ("?", Operator::Required),
        (":+", Operator::Replacement),
        ("+", Operator::Replacement),
    ];

    /// Returns the operator at the start of the text behind `name`; `None` if Compose and nself have no such form.
    fn parse(name: &str, text: &str) -> Option<Operator> {
        if text.is_empty() {
            return Some(Operator::None);
        }
        if name == "nself" && text.starts_with('.') {
            return Some(Operator::Field);
        }
        Self::SIGNS.iter().find(|(sign, _)| text.starts_with(sign)).map(|(_, operator)| *operator)
    }

    /// Returns the operator and what follows it, for messages. The text behind it may be a credential.
    fn shown(self) -> &'static str {
        match self {
            Operator::None => "",
            Operator::Default => ":-…",
            Operator::Required => ":?…",
            Operator::Replacement => ":+…",
            Operator::Field => ".…",
        }
    }
}

/// Warns of a variable in `env` with a text of the form `${NAME}`. In `extra_env`, the program itself may replace it.
/// `path` is the field of the variable.
pub fn check(profile: Profile, member: &PlannedService, declared: &EnvValue, path: &FieldPath) -> Option<Diagnostic> {
    if path.parent().last_key() != "env" {
        return None;
    }
    let (found, text_path) = find(declared, profile, path)?;
    let hint = hint(&found, path);
    // The library may set the variable in `env`, too, so it cannot be moved (NS108).
    let hint = match member.service.catalogue {
        _ if found.operator == Operator::Field => hint,
        Some(_) => hint,
        None => format!("{hint}; if the program replaces it, write `extra_env.{}`", path.last_key()),
    };
    let ComposeVariable { name, operator, .. } = found;
    Some(
        Diagnostic::warning(Code::Interpolation, text_path)
            .message(format!(
                "the program gets the text `${{{name}{}}}` itself: nself replaces no variables in values",
                operator.shown()
            ))
            .expected("text, or a reference such as `nself.secret \"name\"`")
            .hint(hint),
    )
}

/// Returns the first variable of Compose in the texts of a value, and the path of its text.
fn find<'a>(value: &'a EnvValue, profile: Profile, path: &FieldPath) -> Option<(ComposeVariable<'a>, FieldPath)> {
    match value {
        EnvValue::Text(text) => Some((compose_variable(text.as_str())?, path.clone())),
        EnvValue::EnvReference(EnvReference::ByProfile(values)) => {
            find(values.of(profile), profile, &path.key("by_profile").key(profile.name()))
        }
        EnvValue::EnvReference(EnvReference::Join(parts)) => parts.iter().enumerate().find_map(|(i, part)| {
            let (found, path) = find(part, profile, &path.key("join").index(i))?;
            Some((ComposeVariable { is_joined: true, ..found }, path))
        }),
        EnvValue::EnvReference(_) => None,
    }
}

/// Returns the hint for a variable of Compose in the value of the field `path`.
fn hint(found: &ComposeVariable, path: &FieldPath) -> String {
    if found.operator == Operator::Field {
        return "join text and references: `nself.join [\"https://\", nself.domain]`".to_owned();
    }
    let secret = SecretName::of_variable(found.name);
    if found.operator == Operator::Default {
        return format!(
            "write the default as the value, and a different one in the layer of an environment: `environments.prod.{path} = \"…\"`"
        );
    }
    if found.operator == Operator::Replacement {
        return format!(
            "write the value itself, and remove the variable in the layer of an environment that has none: `environments.prod.{path} = null`"
        );
    }
    let declaration = format!("`secrets.{secret} = nself.external \"what it is\"`");
    let (text_before, text_behind) = found.surroundings;
    if !found.is_joined && !text_before && !text_behind {
        return format!("for a value that is not in the stack, use `nself.secret \"{secret}\"` with {declaration}");
    }
    // A secret cannot be a part of a variable, so the whole text is one.
    let whole = match SecretName::of_variable(path.last_key()) {
        name if name == secret => format!("{name}_text"),
        name => name.to_string(),
    };
    let text = "{ text = \"…\" }";
    let parts = [
        (text_before || found.is_joined).then(|| text.to_owned()),
        Some(format!("{{ secret = \"{secret}\" }}")),
        text_behind.then(|| text.to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!(
        "for a value that is not in the stack, use `nself.secret \"{whole}\"` with `secrets.{whole} = nself.template [{}]` and {declaration}",
        parts.join(", ")
    )
}

/// Returns the first `${NAME}`, `${NAME:-default}` or `${NAME:?message}` of a text.
fn compose_variable(text: &str) -> Option<ComposeVariable<'_>> {
    text.match_indices("${").find_map(|(start, _)| {
        let (inner, rest) = text[start + 2..].split_once('}')?;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, behind_name) = inner.split_at(end);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_escaped = text[..start].ends_with('$');
        let operator = Operator::parse(name, behind_name).filter(|_| is_name && !is_escaped)?;
        let surroundings = (start > 0, !rest.is_empty());
        Some(ComposeVariable { name, operator, surroundings, is_joined: false })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    #[test]
    fn interpolation_of_compose_is_recognised() {
        for text in ["${DB_HOST}", "postgres://${DB_HOST}:5432", "${A:-b}", "x${_a?no}", "a.${nself.domain}"] {
            assert!(compose_variable(text).is_some(), "{text}");
        }
        for text in ["$A", "$${A}", "${}", "${1}", "${jndi:ldap}", "${a.b}", "{A}", "${A"] {
            assert_eq!(compose_variable(text), None, "{text}");
        }
    }

    #[test]
    fn hints_fit_the_form() {
        let path = path!("services", "aa", "env", "URL");
        let hint_for = |text: &str| hint(&compose_variable(text).unwrap(), &path);
        assert!(hint_for("${TOKEN}").contains("use `nself.secret \"token\"` with `secrets.token = nself.external"));
        assert!(hint_for("${TOKEN:?missing}").contains("`nself.secret \"token\"`"));
        assert!(hint_for("${TOKEN:-x}").contains("`environments.prod.services.aa.env.URL = \"…\"`"));
        assert!(hint_for("${TOKEN:+x}").contains("`environments.prod.services.aa.env.URL = null`"));
        assert!(
            hint_for("http://${TOKEN}@a").contains(
                "`secrets.url = nself.template [{ text = \"…\" }, { secret = \"token\" }, { text = \"…\" }]`"
            )
        );
        assert!(hint_for("https://${nself.domain}/a").contains("`nself.join [\"https://\", nself.domain]`"));
        assert!(hint_for("${URL}/a").contains("`secrets.url_text = nself.template [{ secret = \"url\" }, { text"));
    }
}
