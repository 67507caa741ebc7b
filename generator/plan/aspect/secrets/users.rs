//! The secrets of the plan: those that a service uses, with their users.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::DeclaredSecrets;
use crate::plan::model::Secret;
use crate::plan::secret_list::{Recipe, Recipes};
use crate::plan::wiring::SecretUsers;
use crate::values::SecretName;

/// Returns the secrets of the plan: each secret that a service uses, and each secret in a template that a service uses.
/// `has_pods` is true if manifests for a cluster are generated.
pub fn with_users(
    mut declared: DeclaredSecrets,
    recipes: Recipes,
    users: SecretUsers,
    has_pods: bool,
) -> BTreeMap<SecretName, Secret> {
    for (name, recipe) in recipes {
        match declared.secrets.get_mut(&name) {
            // The operator supplies the file, so nself cannot create its value, even if the stack declares a recipe.
            Some(secret) if matches!(recipe, Recipe::External { .. }) => secret.recipe = recipe,
            _ => declared.add(name, recipe, 0),
        }
    }
    let mut secrets = declared.secrets;
    // `secrets` has every declared secret; only those that are used remain at the end.
    for (name, services) in users.files {
        if let Some(secret) = secrets.get_mut(&name) {
            secret.file_readers = services;
        }
    }
    for (name, services) in users.variables {
        if let Some(secret) = secrets.get_mut(&name) {
            secret.variable_readers = services;
        }
    }
    // A service that reads parts of a connection does not read the URL, but the container of its pod that waits for the
    // database does.
    for (name, services) in users.parts.into_iter().filter(|_| has_pods) {
        if let Some(secret) = secrets.get_mut(&name) {
            secret.variable_readers.extend(services);
        }
    }
    let parts = secrets.values().filter(|secret| secret.has_readers()).flat_map(|secret| match &secret.recipe {
        Recipe::Template { parts } => parts.iter().filter_map(|part| part.secret.clone()).collect(),
        _ => Vec::new(),
    });
    let template_parts: BTreeSet<SecretName> = parts.collect();
    secrets.retain(|name, secret| secret.has_readers() || template_parts.contains(name));
    secrets
}
