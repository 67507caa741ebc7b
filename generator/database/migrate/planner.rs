//! Collects the steps and findings of a migration plan.

use std::collections::BTreeMap;

use super::step::MigrationStep;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::Text;

/// The steps and findings of a plan, and the hazards that the definition allows.
pub struct Planner<'a> {
    /// Path of the database in the stack.
    pub root: &'a FieldPath,
    pub new: &'a Schema,
    pub steps: Vec<MigrationStep>,
    pub findings: Vec<Diagnostic>,
    /// For each object, the hazards that the definition allows, with the user's reasons; `None` allows all.
    allow: Option<&'a BTreeMap<String, BTreeMap<Hazard, Text>>>,
}

impl<'a> Planner<'a> {
    /// Returns a planner that accepts only the hazards that the new definition allows.
    pub fn with_allowed_hazards(root: &'a FieldPath, new: &'a Schema) -> Self {
        Planner { allow: Some(&new.allow), ..Self::with_all_hazards(root, new) }
    }

    /// Returns a planner that accepts every hazard.
    pub fn with_all_hazards(root: &'a FieldPath, new: &'a Schema) -> Self {
        Planner { root, new, steps: Vec::new(), findings: Vec::new(), allow: None }
    }

    /// Returns the path of a field of the database in the stack. `keys` are those below the database, such as `tables` and
    /// `orders`.
    pub fn path(&self, keys: &[&str]) -> FieldPath {
        keys.iter().fold(self.root.clone(), |path, key| path.key(*key))
    }

    /// Returns whether a hazard of an object is allowed.
    pub fn allows(&self, object: &str, hazard: Hazard) -> bool {
        self.allow.is_none_or(|allow| allow.get(object).is_some_and(|hazards| hazards.contains_key(&hazard)))
    }

    /// Adds a step, and a finding if it has hazards that the definition must allow.
    pub fn push(&mut self, step: MigrationStep) {
        let to_review = step.hazards.iter().copied().filter(|hazard| hazard.needs_review());
        let refused: Vec<Hazard> = to_review.filter(|hazard| !self.allows(&step.object, *hazard)).collect();
        if let Some(example) = allowance(&step.object, &refused) {
            let effects: Vec<&str> = refused.iter().map(|hazard| hazard.what()).collect();
            let finding = Diagnostic::error(Code::HazardNotAllowed, step.source.clone())
                .message(format!("{}: {}", step.why, effects.join(", and ")))
                .hint(format!("if this is intended, allow it in the definition: `{example}`"));
            // The hint contains the object and the hazards, so findings with equal hints are reported once.
            if !self.findings.iter().any(|earlier| earlier.hint == finding.hint) {
                self.findings.push(finding);
            }
        }
        self.steps.push(step);
    }

    /// Adds a finding about a change that cannot be planned.
    pub fn refuse(&mut self, code: Code, path: FieldPath, message: impl Into<String>, hint: &str) {
        self.findings.push(Diagnostic::error(code, path).message(message).hint(hint));
    }
}

/// Returns the entry of `allow` that allows hazards of an object; `None` without hazards.
pub fn allowance(object: &str, hazards: &[Hazard]) -> Option<String> {
    let entry = format!("allow.\"{}\"", escaped_for_nickel(object));
    match hazards {
        [] => None,
        [hazard] => Some(format!("{entry}.{} = \"why\"", hazard.id())),
        hazards => {
            let fields: Vec<String> = hazards.iter().map(|hazard| format!("{} = \"why\"", hazard.id())).collect();
            Some(format!("{entry} = {{ {} }}", fields.join(", ")))
        }
    }
}
