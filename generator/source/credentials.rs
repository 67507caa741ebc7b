//! Finds credentials in plain text in the stack. They would be committed with the stack and with the generated files.

use super::bundles;
use super::decode::{KeyedFinding, Step};
use super::node::{Entry, Mark, Node, Value};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};
use crate::values::credential_formats;

/// Returns a finding for each text or key of the stack that has the format of a known credential. Searches the layers
/// of all environments and disabled parts too, but not the bundles of the library.
pub fn check(root: &Node) -> Vec<KeyedFinding> {
    let mut search = CredentialSearch { steps: Vec::new(), findings: Vec::new() };
    match &root.value {
        Value::Record(fields) => fields
            .iter()
            .filter(|(key, _)| *key != bundles::FIELD)
            .for_each(|(key, entry)| search.visit_field(key, entry)),
        _ => search.search_node(root),
    }
    search.findings
}

/// A search through the tree of a stack. `steps` is the path of the current node.
struct CredentialSearch<'a> {
    steps: Vec<Step<'a>>,
    findings: Vec<KeyedFinding>,
}

impl<'a> CredentialSearch<'a> {
    /// Adds the findings about a node and all nodes in it. `steps` is the path of the node.
    fn search_node(&mut self, node: &'a Node) {
        match &node.value {
            Value::Text(text) => {
                let format = if self.is_explanation() {
                    credential_formats::find_in_prose(text)
                } else {
                    credential_formats::find(text)
                };
                self.findings.extend(format.map(|format| self.credential_finding(format, None)));
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.visit_child(Step::Index(i), item);
                }
            }
            Value::Record(fields) => {
                fields.iter().for_each(|(key, entry)| self.visit_field(key, entry));
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {}
        }
    }

    /// Adds the findings about a field of the current record.
    fn visit_field(&mut self, key: &'a str, entry: &'a Entry) {
        // The finding is about the record, since a path to the field would show the key.
        self.findings.extend(credential_formats::find(key).map(|format| self.credential_finding(format, entry.key)));
        self.visit_child(Step::Key(key), &entry.node);
    }

    fn visit_child(&mut self, step: Step<'a>, node: &'a Node) {
        self.steps.push(step);
        self.search_node(node);
        self.steps.pop();
    }

    /// Returns whether the current text is an explanation that only people read.
    fn is_explanation(&self) -> bool {
        matches!(self.steps.as_slice(), [.., Step::Key("external" | "comment")] | [.., Step::Key("waive"), _])
    }

    /// Returns the finding for the text at the current path, or for the key at `key_mark` of the current record.
    fn credential_finding(&self, format: &str, key_mark: Option<Mark>) -> KeyedFinding {
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
        let is_inside =
            |fields: &[&str]| self.steps.iter().any(|step| matches!(step, Step::Key(key) if fields.contains(key)));
        if is_inside(&["databases"]) && !is_inside(&["services"]) {
            "rows and functions are the same in all environments: let a service that has the secret write the value"
        } else if is_inside(&["env", "extra_env"]) {
            "use `nself.secret \"name\"`, with `secrets.name = nself.external \"what it is\"`; or `nself.database_url \"main\"` for a database of the stack"
        } else if is_inside(&["target", "relay", "receivers"]) {
            "use `nself.secret \"name\"`, with `secrets.name = nself.external \"what it is\"`"
        } else if is_inside(&["template"]) {
            "use a separate part: `{ secret = \"name\" }`, with `secrets.name = nself.external \"what it is\"`"
        } else if is_inside(&["external"]) {
            "write a description of the secret here, and its value to `deploy/<environment>/secrets/`, which git ignores"
        } else if is_inside(&["build"]) {
            "build arguments stay in the image: pass the secret to the running service, `env.NAME = nself.secret \"name\"`"
        } else {
            "declare `secrets.name = nself.external \"what it is\"`, and mount it below /run/secrets with `secret_files = [\"name\"]`"
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
        let findings = check(&node);
        let paths: Vec<String> = findings.iter().map(|keyed| keyed.finding.path.to_string()).collect();
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
        assert!(!format!("{findings:?}").contains("ghp_"), "{findings:?}");
    }
}
