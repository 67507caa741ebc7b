//! Finds credentials in plain text in the stack. They would be committed with the stack and with the generated files.

use super::decode::{KeyedFinding, Step};
use super::node::{Mark, Node, Value};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};
use crate::values::credential_formats;

/// Returns a finding for each text or key of the stack that has the format of a known credential, including layers and
/// disabled parts.
pub fn check(root: &Node) -> Vec<KeyedFinding> {
    let mut search = CredentialSearch { steps: Vec::new(), found: Vec::new() };
    search.search_node(root);
    search.found
}

struct CredentialSearch<'a> {
    steps: Vec<Step<'a>>,
    found: Vec<KeyedFinding>,
}

impl<'a> CredentialSearch<'a> {
    fn search_node(&mut self, node: &'a Node) {
        match &node.value {
            Value::Text(text) => {
                let format = if self.is_explanation() {
                    credential_formats::find_in_prose(text)
                } else {
                    credential_formats::find(text)
                };
                self.found.extend(format.map(|format| self.report(format, None)));
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.visit_child(Step::Index(i), item);
                }
            }
            Value::Record(fields) => {
                for (key, entry) in fields {
                    // The path would show the key.
                    self.found.extend(credential_formats::find(key).map(|format| self.report(format, entry.key)));
                    self.visit_child(Step::Key(key), &entry.node);
                }
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {}
        }
    }

    fn visit_child(&mut self, step: Step<'a>, node: &'a Node) {
        self.steps.push(step);
        self.search_node(node);
        self.steps.pop();
    }

    /// Returns whether the current text is an explanation that only people read.
    fn is_explanation(&self) -> bool {
        let keys = self.steps.iter().rev().take(2).enumerate();
        keys.into_iter().any(|(above, step)| match step {
            Step::Key(key) => (above == 0 && ["external", "comment"].contains(key)) || (above == 1 && *key == "waive"),
            Step::Index(_) => false,
        })
    }

    fn report(&self, format: &str, key_mark: Option<Mark>) -> KeyedFinding {
        let steps = self.steps.iter().map(|step| match step {
            Step::Key(key) => Segment::Key((*key).to_owned()),
            Step::Index(index) => Segment::Index(*index),
        });
        let finding = Diagnostic::error(Code::PlainSecret, FieldPath(steps.collect()))
            .message(format!("{format} is written here as plain text"))
            .expected("a reference to a secret")
            .hint(self.hint());
        KeyedFinding { finding, key_mark }
    }

    /// Returns the advice for using a secret in the current field.
    fn hint(&self) -> &'static str {
        let inside =
            |fields: &[&str]| self.steps.iter().any(|step| matches!(step, Step::Key(key) if fields.contains(key)));
        if inside(&["databases"]) && !inside(&["services"]) {
            "rows and functions are the same in all environments: let a service that has the secret write the value"
        } else if inside(&["env", "extra_env"]) {
            "`nself.secret \"name\"`, with `secrets.name = nself.external \"what it is\"`; `nself.database_url \"main\"` for a database of the stack"
        } else if inside(&["template"]) {
            "a separate part: `{ secret = \"name\" }`, with `secrets.name = nself.external \"what it is\"`"
        } else if inside(&["external"]) {
            "describe the secret; put its value into `deploy/<environment>/secrets/`, which git ignores"
        } else if inside(&["build"]) {
            "build arguments stay in the image: pass the secret to the running service, `env.NAME = nself.secret \"name\"`"
        } else {
            "`secret_files = [\"name\"]` mounts it below /run/secrets, with `secrets.name = nself.external \"what it is\"`"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_in_texts_and_keys_and_never_repeated() {
        let token = format!("ghp_{}", "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8aB3dE5gH7");
        let node = Node::from(&serde_json::json!({
            "services": {"a": {
                "command": ["serve", format!("--token={token}")],
                "compose": {"labels": {token.clone(): "x", "b": {"c": [token.clone()]}}},
                "waive": {"x": "postgres://user:password@host/name is read from a file"},
                "env": {"URL": "postgres://user:password@host/name"},
            }},
            "environments": {"prod": {"services": {"a": {"env": {"A": {"join": ["x", token]}}}}}},
            "secrets": {"url": {"external": "such as postgres://user:password@host/name"}},
        }));
        let found = check(&node);
        let paths: Vec<String> = found.iter().map(|found| found.finding.path.to_string()).collect();
        assert_eq!(
            paths,
            [
                "environments.prod.services.a.env.A.join[1]",
                "services.a.command[1]",
                "services.a.compose.labels.b.c[0]",
                "services.a.compose.labels",
                "services.a.env.URL",
            ]
        );
        assert!(!format!("{found:?}").contains("ghp_"), "{found:?}");
    }
}
