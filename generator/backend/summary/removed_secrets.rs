//! Warnings about generated secrets of the last generation that the stack no longer uses, or that come from another party
//! now. After a rename, `nself secrets init` creates a new value for the new name, and programs cannot read what they
//! encrypted with the old value.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::Plan;
use crate::plan::secret_list::{Recipe, SecretEntry, SecretList};
use crate::plan::service_names::SETUP_JOB;
use crate::values::SecretName;
use crate::words;

/// Returns NS510 for the secrets of the last generation whose values nself created, and that this generation does not
/// have or does not create. `old` and `new` are their `secrets.json`.
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
    // A new name belongs to one secret: the command of a second one would overwrite the value of the first.
    let mut free_names = added.clone();
    let with_new_names = removed.iter().map(|name| {
        let new_name = new_name(name, &free_names, removed.len());
        if let Some(new_name) = &new_name {
            free_names.remove(new_name);
        }
        (name, new_name)
    });
    let (renamed, gone): (Vec<_>, Vec<_>) = with_new_names.partition(|(_, new_name)| new_name.is_some());
    let renamed =
        renamed.into_iter().filter_map(|(name, new_name)| Some(renamed_secret(plan, name, new_name?.as_str())));
    let gone: Vec<&SecretName> = gone.into_iter().map(|(name, _)| name).collect();
    renamed.chain(removed_secrets(plan, &gone)).chain(supplied_secrets(plan, &old, &new)).collect()
}

/// Returns the warning about secrets that nself created and another party supplies now, such as the password of a server
/// outside of the stack: `nself secrets init` keeps the old values.
fn supplied_secrets(plan: &Plan, old: &SecretList, new: &SecretList) -> Option<Diagnostic> {
    let is_supplied = |entry: &SecretEntry| matches!(entry.recipe, Recipe::External { .. });
    let secrets = new.secrets.iter().filter(|(name, entry)| {
        is_supplied(entry) && old.secrets.get(*name).is_some_and(|old_entry| !is_supplied(old_entry))
    });
    let names: Vec<&SecretName> = secrets.map(|(name, _)| name).collect();
    let environment = &plan.environment;
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (noun, verb) = if names.len() == 1 { ("value", "comes") } else { ("values", "come") };
    let files: String = names.iter().map(|name| format!(" deploy/{environment}/secrets/{name}")).collect();
    let first = names.first()?;
    Some(
        Diagnostic::warning(Code::LostSecret, path!("secrets", first))
            .message(format!("`{environment}`: the {noun} of {list} {verb} from another party now; `nself secrets init` keeps the old {noun}"))
            .hint(format!(
                "keep a copy for the way back, and then: `rm{files}`, and `nself secrets init --env {environment}`, which names \
                 the files to fill"
            )),
    )
}

/// Returns whether the setup job gives the value to a role of the database server. The job can give the role any other
/// value, so nothing is lost with this one.
fn is_password_of_role(entry: &SecretEntry) -> bool {
    entry.used_by.iter().any(|service| service.as_str() == SETUP_JOB)
}

/// Returns the probable new name of a secret: if one secret was removed and one is new, the new one, or else the one with the
/// most similar name.
fn new_name(name: &SecretName, added: &BTreeSet<SecretName>, removed_count: usize) -> Option<SecretName> {
    if added.len() == 1 && removed_count == 1 {
        return added.first().cloned();
    }
    let near = words::nearest(name.as_str(), added.iter().map(SecretName::as_str))?;
    added.iter().find(|added| added.as_str() == near).cloned()
}

/// Returns the warning about a secret that probably has a new name.
fn renamed_secret(plan: &Plan, name: &SecretName, new_name: &str) -> Diagnostic {
    let environment = &plan.environment;
    let folder = format!("deploy/{environment}/secrets");
    Diagnostic::warning(Code::LostSecret, path!("secrets", new_name))
        .message(format!(
            "`{environment}` no longer uses the generated secret `{name}`; its value stays in the folder of the secrets"
        ))
        .hint(format!(
            "if `{new_name}` is its new name, keep the value: `mv -n {folder}/{name} {folder}/{new_name}`, and then `nself secrets \
             init --env {environment}`; otherwise delete `{folder}/{name}` when nothing needs it"
        ))
}

/// Returns the warning about secrets without a new name; `None` if there are none.
fn removed_secrets(plan: &Plan, names: &[&SecretName]) -> Option<Diagnostic> {
    let environment = &plan.environment;
    let (pronoun, noun) = if names.len() == 1 { ("its value", "secret") } else { ("their values", "secrets") };
    let verb = if names.len() == 1 { "stays" } else { "stay" };
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let files: String = names.iter().map(|name| format!(" deploy/{environment}/secrets/{name}")).collect();
    let finding = Diagnostic::warning(Code::LostSecret, path!("secrets"))
        .message(format!(
            "`{environment}` no longer uses the generated {noun} {list}; {pronoun} {verb} in the folder of the secrets"
        ))
        .hint(format!(
            "to use a value again, declare a secret with its name; when nothing that was encrypted or signed with them is \
             needed: `rm{files}`"
        ));
    (!names.is_empty()).then_some(finding)
}
