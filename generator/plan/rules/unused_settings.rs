//! The rules of settings that no environment uses: of backups and clusters that no environment enables, and seeds of
//! environments that the stack does not have.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::{Backups, Kubernetes, Profile, Stack};
use crate::values::EnvironmentName;
use crate::words;

/// A feature that an environment has if it enables it.
struct Feature {
    /// The field of its settings in a stack.
    name: &'static str,
    code: Code,
    message: &'static str,
    is_enabled: fn(&Stack) -> bool,
    /// Returns the first field with a value other than its default; `None` if there is none, or if the stack has the
    /// feature disabled on purpose.
    first_set_field: fn(&Stack) -> Option<&'static str>,
}

const FEATURES: [Feature; 2] = [
    Feature {
        name: "backups",
        code: Code::BackupsOff,
        message: "nothing is backed up, since no environment enables backups",
        is_enabled: |stack| stack.backups.enabled == Some(true),
        first_set_field: |stack| first_set_field_of_backups(&stack.backups),
    },
    Feature {
        name: "kubernetes",
        code: Code::ClusterOff,
        message: "no manifests are generated, since no environment enables its cluster",
        is_enabled: |stack| stack.kubernetes.enabled,
        first_set_field: |stack| first_set_field_of_cluster(&stack.kubernetes),
    },
];

/// Warns about settings that no environment uses. One environment with a feature is enough, since the settings of the
/// common part may be meant only for it.
pub fn check_environments<'a>(environments: impl Iterator<Item = (&'a EnvironmentName, &'a Stack)>) -> Vec<Diagnostic> {
    let environments: Vec<_> = environments.collect();
    let mut findings: Vec<Diagnostic> =
        FEATURES.iter().filter_map(|feature| disabled_everywhere(feature, &environments)).collect();
    findings.extend(unknown_seeds(&environments));
    findings
}

/// Returns the finding about the settings of a feature that no environment enables.
fn disabled_everywhere(feature: &Feature, environments: &[(&EnvironmentName, &Stack)]) -> Option<Diagnostic> {
    if environments.iter().any(|(_, stack)| (feature.is_enabled)(stack)) {
        return None;
    }
    let with_settings: Vec<_> = environments
        .iter()
        .filter_map(|(name, stack)| Some((name, stack.profile, (feature.first_set_field)(stack)?)))
        .collect();
    // Settings that every environment has are probably in the common part of the stack.
    let is_common = with_settings.len() == environments.len();
    let prod_environment = with_settings.iter().find(|(_, profile, _)| *profile == Some(Profile::Prod));
    let (name, _, field) = prod_environment.or(with_settings.first())?;
    let (layer, names) = match is_common {
        true => (String::new(), Vec::new()),
        false => (format!("environments.{name}."), vec![name.to_string()]),
    };
    let mut finding = Diagnostic::warning(feature.code, path!(feature.name, field))
        .message(feature.message)
        .hint(format!("set `{layer}{}.enabled = true`, or remove this field", feature.name));
    finding.environments = names;
    Some(finding)
}

/// Returns the first field of backups with a value other than its default; `None` if there is none, or if `enabled` is
/// set.
fn first_set_field_of_backups(backups: &Backups) -> Option<&'static str> {
    let default = Backups::default();
    let fields = [
        ("target", backups.target != default.target),
        ("schedule", backups.schedule.is_some()),
        ("volumes", !backups.volumes.is_empty()),
        ("buckets", !backups.buckets.is_empty()),
        ("files_schedule", backups.files_schedule.is_some()),
        ("retention", backups.retention != default.retention),
        ("key", backups.key.is_some()),
    ];
    fields.into_iter().find(|(_, is_set)| *is_set && backups.enabled.is_none()).map(|(field, _)| field)
}

/// Returns the first field that describes the cluster, which a stack without one does not need.
fn first_set_field_of_cluster(cluster: &Kubernetes) -> Option<&'static str> {
    let fields = [
        ("gateway_class", cluster.gateway_class.is_some()),
        ("ingress_class", cluster.ingress_class.is_some()),
        ("issuer", cluster.issuer.is_some()),
        ("secret_store", cluster.secret_store.is_some()),
        ("storage_class", cluster.storage_class.is_some()),
    ];
    fields.into_iter().find(|(_, is_set)| *is_set).map(|(field, _)| field)
}

/// Returns a warning for each environment that has seeds but is neither one of these environments nor built-in: a
/// built-in one may be disabled.
fn unknown_seeds(environments: &[(&EnvironmentName, &Stack)]) -> Vec<Diagnostic> {
    let names: BTreeSet<&str> =
        environments.iter().map(|(name, _)| name.as_str()).chain(Profile::ALL.map(Profile::name)).collect();
    let mut findings = Vec::new();
    for (environment, stack) in environments {
        for (database, schema) in &stack.databases {
            for name in schema.seeds.keys().filter(|name| !names.contains(name.as_str())) {
                let hint = words::suggestion_or(name.as_str(), names.iter().copied(), "remove these seeds");
                let mut finding =
                    Diagnostic::warning(Code::UnknownEnvironment, path!("databases", database, "seeds", name))
                        .message(format!("the stack has no environment `{name}`, so these seeds are never run"))
                        .expected(words::one_of(&names.iter().collect::<Vec<_>>()))
                        .hint(hint);
                finding.environments = vec![environment.to_string()];
                findings.push(finding);
            }
        }
    }
    findings
}
