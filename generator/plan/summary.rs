//! Small committed summaries of a plan: which secrets an operator provides, how each service is asked for
//! its health. Tools that run the stack read these instead of evaluating it again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Check, Plan};
use crate::artifact::{Artifacts, json};
use crate::diagnostic::Diagnostic;
use crate::stack::{EnvironmentName, Profile, ProjectName, SecretName, ServiceName, TemplatePart, Text};

/// `secrets.json`: every secret of an environment by name, with the recipe and the consumers, never a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretList {
    pub version: u32,
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub profile: Profile,
    pub secrets: BTreeMap<SecretName, SecretEntry>,
}

/// One secret of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretEntry {
    #[serde(flatten)]
    pub recipe: Recipe,
    /// The variable of `.env` that carries it, for images without a file form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Fewest characters that the consumer accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u16>,
    pub used_by: BTreeSet<ServiceName>,
}

/// How a secret's value comes to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Recipe {
    /// Characters of `[A-Za-z0-9]`.
    Random { length: u16 },
    /// Text and other secrets after one another.
    Template { parts: Vec<TemplatePart> },
    /// Given by the operator.
    External { what: Text },
    /// PEM chain for these hosts, issued by the project's local authority.
    LocalCertificate { hosts: Vec<String> },
    /// PEM key of such a chain.
    LocalKey { certificate: SecretName },
    /// PEM certificate of the authority that issued such a chain.
    LocalAuthority { certificate: SecretName },
}

/// `health.json`: the one view of all checks.
#[derive(Debug, Serialize)]
struct HealthList<'a> {
    version: u32,
    services: BTreeMap<&'a ServiceName, HealthEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct HealthEntry<'a> {
    check: &'a Check,
    waits_for: Vec<&'a ServiceName>,
}

/// The summaries of one environment, the ignore file that keeps secrets out of version control, and the attributes that
/// keep what is in it as it is.
///
/// # Errors
/// NS901 when two of them claim one path.
pub fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let entries = plan.secrets.iter().map(|(name, secret)| {
        let variable = (!secret.variables_of.is_empty()).then(|| variable(name));
        let used_by = secret.files_of.union(&secret.variables_of).cloned().collect();
        let min_length = (secret.min_length > 0).then_some(secret.min_length);
        (name.clone(), SecretEntry { recipe: secret.recipe.clone(), variable, min_length, used_by })
    });
    let secrets = SecretList {
        version: 1,
        project: plan.project.clone(),
        environment: plan.environment.clone(),
        profile: plan.profile,
        secrets: entries.collect(),
    };
    let services = plan.services.iter().map(|(name, service)| {
        (name, HealthEntry { check: &service.health.check, waits_for: service.depends_on.keys().collect() })
    });
    let health = HealthList { version: 1, services: services.collect() };
    let mut files = Artifacts::default();
    files.add("summary", "secrets.json", json::to_pretty(&secrets))?;
    files.add("summary", "health.json", json::to_pretty(&health))?;
    files.add("summary", ".gitignore", "/.env\n/secrets/\n")?;
    // The manifest records the bytes: no checkout gives them the line ends of its machine.
    files.add("summary", ".gitattributes", "* -text\n")?;
    Ok(files)
}

/// The key under which a cluster's Secret holds its value.
pub const SECRET_KEY: &str = "value";

/// A secret's name in a cluster.
pub fn secret_name(name: &SecretName) -> String {
    name.as_str().replace('_', "-")
}

/// The variable that carries a secret: its name in upper case.
pub fn variable(name: &SecretName) -> String {
    name.as_str().to_ascii_uppercase()
}
