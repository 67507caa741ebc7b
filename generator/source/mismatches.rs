//! Completes the findings of decoding an environment: those that follow from an earlier finding are dropped, and the
//! others get their places and hints.

use std::collections::BTreeSet;

use super::decode::KeyedFinding;
use super::node::{Document, Mark, Node};
use super::origins::Origins;
use super::path_set::PathSet;
use super::{field_hints, layers, plugins};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};

/// Fields with findings from before the environments are decoded. The paths are those of the document.
pub struct FailedPaths {
    /// Fields with findings of the evaluation or of the layers.
    pub failed: Vec<FieldPath>,
    /// Fields that could not be evaluated.
    pub broken: Vec<FieldPath>,
    /// Fields with a credential in plain text.
    pub credentials: Vec<FieldPath>,
}

impl FailedPaths {
    /// Returns these paths as they are in the merged stack of an environment. Paths in the layers of other environments are
    /// left out.
    pub fn in_environment(&self, environment: &str) -> EnvironmentPaths {
        fn convert<C: FromIterator<FieldPath>>(paths: &[FieldPath], environment: &str) -> C {
            paths.iter().filter_map(|path| path_in_environment(path, environment)).collect()
        }
        EnvironmentPaths {
            refused: convert(&self.failed, environment),
            broken: convert(&self.broken, environment),
            credentials: convert(&self.credentials, environment),
        }
    }
}

/// The fields of [`FailedPaths`] in one environment. `refused` also gets the fields that do not fit the schema.
pub struct EnvironmentPaths {
    pub refused: Vec<FieldPath>,
    pub broken: PathSet,
    credentials: BTreeSet<FieldPath>,
}

impl EnvironmentPaths {
    /// Completes the findings of an environment, and adds their fields to `refused`.
    pub fn complete(&mut self, mismatches: Vec<KeyedFinding>, environment: &str, origins: &Origins) -> Vec<Diagnostic> {
        let refused_names: BTreeSet<String> =
            mismatches.iter().filter_map(|mismatch| refused_name(&mismatch.finding)).map(str::to_owned).collect();
        let mut library_records = BTreeSet::new();
        let mut findings = Vec::new();
        for KeyedFinding { mut finding, key_mark } in mismatches {
            // A reference to a refused name needs no finding, because the name will change.
            let names_refused_entry = || origins.text(&finding.path).is_some_and(|text| refused_names.contains(text));
            if self.repeats_earlier_finding(&finding) || names_refused_entry() {
                continue;
            }
            if let Some(record_finding) = library_record_finding(&finding, key_mark, &origins.document) {
                self.refused.push(finding.path.clone());
                // The record causes a mismatch for each of its fields.
                if !library_records.insert(record_finding.path.clone()) {
                    continue;
                }
                finding = record_finding;
            }
            if let Some((document_root, _)) = &origins.layer {
                finding = complete_expected_fields(finding, document_root);
            }
            field_hints::complete(&mut finding);
            finding.span = origins.user_span(key_mark);
            origins.locate(&mut finding);
            finding.environments = vec![environment.to_owned()];
            self.refused.push(finding.path.clone());
            findings.push(finding);
        }
        findings
    }

    /// Returns whether an earlier finding is about the same mistake: a value that could not be evaluated, or a text that
    /// is a credential.
    fn repeats_earlier_finding(&self, finding: &Diagnostic) -> bool {
        self.broken.covers(&finding.path)
            || (finding.code == Code::MissingField && self.broken.contains_child_of(&finding.path))
            || (finding.code == Code::PlainSecret && self.credentials.contains(&finding.path))
    }
}

/// Returns the finding about a record of the library, such as `nself.services`, at a place that does not accept its fields;
/// `None` if the user wrote the field that is not accepted.
fn library_record_finding(finding: &Diagnostic, key_mark: Option<Mark>, document: &Document) -> Option<Diagnostic> {
    key_mark.filter(|mark| finding.code == Code::UnknownField && !document.is_user(*mark))?;
    let field = finding.path.last_key();
    Some(
        Diagnostic::error(Code::UnknownField, finding.path.parent())
            .message(format!("this record of the library has fields, such as `{field}`, that are not allowed here"))
            .expected(&finding.expected)
            .hint(format!("name the field of it that you mean: `.{field}` at its end, for example")),
    )
}

/// Adds `environments` to the expected fields if a finding is about an unknown field at the top of the stack file.
fn complete_expected_fields(finding: Diagnostic, root: &Node) -> Diagnostic {
    match (finding.code, finding.path.0.as_slice()) {
        (Code::UnknownField, [Segment::Key(field)]) if root.get(field).is_some() => {
            let field = field.clone();
            layers::with_environments(finding, &field)
        }
        _ => finding,
    }
}

/// Returns the refused name if a finding refuses the name of an entry of a top-level field: `Orders` for
/// `services.Orders`.
fn refused_name(finding: &Diagnostic) -> Option<&str> {
    match finding.path.0.as_slice() {
        [_, Segment::Key(name)] if finding.code == Code::BadName => Some(name),
        _ => None,
    }
}

/// Returns the path in an environment's merged stack for a path in the document: `environments.prod.domain` is `domain`
/// in prod. `None` for a field in the layer of a different environment.
fn path_in_environment(path: &FieldPath, environment: &str) -> Option<FieldPath> {
    let path = match path.0.as_slice() {
        [Segment::Key(field), Segment::Key(name), rest @ ..] if field == "environments" => {
            (name == environment).then(|| FieldPath(rest.to_vec()))
        }
        _ => Some(path.clone()),
    };
    path.map(plugins::merged_path)
}
