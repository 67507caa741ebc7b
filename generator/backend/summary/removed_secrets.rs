//! Warnings about generated secrets of the last generation that the stack no longer uses. `nself secrets init` creates a
//! secret with a new name with a new value, with which a program cannot read what it encrypted with the old one.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::Plan;
use crate::plan::secret_list::{SecretEntry, SecretList};
use crate::plan::service_names::SETUP_JOB;
use crate::values::SecretName;
use crate::words;

/// Returns NS510 for each secret of the last generation whose value nself created, and that this generation does not
/// have. `old` and `new` are their `secrets.json`.
pub fn warnings(plan: &Plan, old: &[u8], new: &[u8]) -> Vec<Diagnostic> {
    let parse = |text: &[u8]| serde_json::from_slice::<SecretList>(text).ok();
    let (Some(old), Some(new)) = (parse(old), parse(new)) else { return Vec::new() };
    let generated_only_in = |list: &SecretList, other: &SecretList| -> BTreeSet<SecretName> {
        let secrets = list.secrets.iter().filter(|(name, entry)| {
            entry.recipe.is_random() && !is_password_of_role(entry) && !other.secrets.contains_key(*name)
        });
        secrets.map(|(name, _)| name.clone()).collect()
    };
    let (removed, added) = (generated_only_in(&old, &new), generated_only_in(&new, &old));
    removed.iter().map(|name| warning(plan, name, &added)).collect()
}

/// Returns whether the setup job gives the value to a role of the database server. The job can give the role any other
/// value, so nothing is lost with this one.
fn is_password_of_role(entry: &SecretEntry) -> bool {
    entry.used_by.iter().any(|service| service.as_str() == SETUP_JOB)
}

/// Returns the warning about one secret. `added` has the generated secrets that only this generation has.
fn warning(plan: &Plan, name: &SecretName, added: &BTreeSet<SecretName>) -> Diagnostic {
    let environment = &plan.environment;
    let added_names: Vec<&str> = added.iter().map(SecretName::as_str).collect();
    let new_name = match added_names.as_slice() {
        [only] => Some(*only),
        names => words::nearest(name.as_str(), names.iter().copied()),
    };
    let folder = format!("deploy/{environment}/secrets");
    let path = new_name.map_or_else(|| path!("secrets"), |new_name| path!("secrets", new_name));
    Diagnostic::warning(Code::LostSecret, path)
        .message(format!(
            "`{environment}` no longer uses the generated secret `{name}`; its value stays in the folder of the secrets"
        ))
        .hint(match new_name {
            Some(new_name) => format!(
                "if `{new_name}` is its new name, keep the value: `mv {folder}/{name} {folder}/{new_name}`, and then \
                 `nself secrets init --env {environment}`; otherwise delete `{folder}/{name}` when nothing needs it"
            ),
            None => format!(
                "to use the value again, declare a secret with this name; delete `{folder}/{name}` when nothing that was \
                 encrypted or signed with it is needed"
            ),
        })
}
