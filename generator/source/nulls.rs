//! Finds each `null` in the layer of an environment that removes nothing, such as one below a misspelled name.

use super::node::{Node, Value};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::words;

/// Returns NS327 for each `null` of the layer `overlay` at `path` whose field none of the records below has. It is an error
/// if the name of a field below is similar, because the environment keeps that field.
pub fn without_effect(below: &[&Node], overlay: &Node, path: &FieldPath) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let Value::Record(fields) = &overlay.value else { return findings };
    // A value whose evaluation failed may have had any field.
    if below.iter().any(|node| node.value == Value::Broken) {
        return findings;
    }
    for (key, entry) in fields {
        let path = path.key(key);
        let values: Vec<&Node> = below.iter().filter_map(|node| Some(&node.get(key)?.node)).collect();
        match &entry.node.value {
            Value::Null if values.is_empty() => {
                findings.push(nothing_to_remove(key, path, &names(below, fields.keys())));
            }
            Value::Record(_) => findings.extend(without_effect(&values, &entry.node, &path)),
            _ => {}
        }
    }
    findings
}

/// Returns the names of the fields that records have, without those that the layer names as well.
fn names<'a>(records: &[&'a Node], in_layer: impl Iterator<Item = &'a String> + Clone) -> Vec<&'a str> {
    let records = records.iter().filter_map(|node| match &node.value {
        Value::Record(fields) => Some(fields),
        _ => None,
    });
    let names = records.flat_map(|fields| fields.keys());
    names.filter(|name| !in_layer.clone().any(|other| other == *name)).map(String::as_str).collect()
}

fn nothing_to_remove(name: &str, path: FieldPath, names: &[&str]) -> Diagnostic {
    let near = words::nearest(name, names.iter().copied());
    let finding = match near {
        Some(_) => Diagnostic::error(Code::NothingToRemove, path),
        None => Diagnostic::warning(Code::NothingToRemove, path),
    };
    finding
        .message(format!("the environment has no `{name}` here, so `null` removes nothing"))
        .expected("the name of a field or an entry that the common settings have")
        .hint(near.map_or_else(|| "remove this `null`".to_owned(), |near| format!("did you mean `{near}`?")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    fn findings(below: &str, overlay: &str) -> Vec<(String, bool)> {
        let node = |text: &str| Node::from(&serde_json::from_str::<serde_json::Value>(text).unwrap());
        let findings = without_effect(&[&node(below)], &node(overlay), &path!("environments", "prod"));
        findings.iter().map(|finding| (finding.path.to_string(), finding.is_error())).collect()
    }

    #[test]
    fn a_null_below_a_misspelled_name_is_an_error() {
        let below = r#"{"services": {"orders": {"route": {"subdomain": "orders"}}, "tool": {}}, "empty": null}"#;
        let removed = r#"{"services": {"tool": null, "orders": {"route": null}}, "empty": null}"#;
        assert_eq!(findings(below, removed), []);
        let misspelled = r#"{"services": {"tol": null, "orders": {"port": null}, "other": {"env": {"A": null}}}}"#;
        let expected = [
            ("environments.prod.services.orders.port".to_owned(), false),
            ("environments.prod.services.other.env.A".to_owned(), false),
            ("environments.prod.services.tol".to_owned(), true),
        ];
        assert_eq!(findings(below, misspelled), expected);
    }

    #[test]
    fn a_name_that_the_layer_also_has_is_not_suggested() {
        assert_eq!(
            findings(r#"{"orders": {}}"#, r#"{"order": null, "orders": {}}"#),
            [("environments.prod.order".to_owned(), false)]
        );
    }
}
