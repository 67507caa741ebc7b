//! Plans changes of comments, storage parameters and grants.

use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::Text;

/// An object whose comment, storage parameters or grants change, and when they change.
pub struct Described<'a> {
    pub phase: Phase,
    pub rank: usize,
    /// Keyword in `COMMENT ON`. In `GRANT ON`, views are tables.
    pub kind: &'a str,
    /// Name in SQL.
    pub object: &'a str,
    /// Name in messages and in `allow`.
    pub name: &'a str,
    pub path: &'a FieldPath,
}

impl Described<'_> {
    /// Returns a step about a field of the object.
    pub fn step(&self, field: &str) -> MigrationStep {
        MigrationStep::new(self.phase, self.name, self.path.key(field), format!("{}: {field}", self.name))
            .rank(self.rank)
    }

    /// Plans a change of the comment.
    pub fn comment(&self, planner: &mut Planner, old: Option<&Text>, new: Option<&Text>) {
        if old != new {
            let set = |text| ddl::comment(self.kind, self.object, text);
            planner.push(self.step("comment").up(set(new)).down(set(old)));
        }
    }

    /// Plans a change of the storage parameters.
    pub fn storage(&self, planner: &mut Planner, old: &StorageParameters, new: &StorageParameters) {
        if old != new {
            let change = |from, to| ddl::storage(self.kind, self.object, from, to).join("\n");
            planner.push(self.step("storage").up(change(old, new)).down(change(new, old)));
        }
    }

    /// Plans a change of the grants.
    pub fn grants<P: Privilege>(&self, planner: &mut Planner, old: Rights<P>, new: Rights<P>) {
        let kind = if self.kind.ends_with("VIEW") { "TABLE" } else { self.kind };
        let change = |from, to| ddl::change_grants(ddl::GrantTarget::new(kind, self.object), from, to);
        self.push_grants(planner, change(old, new), change(new, old));
    }

    /// Adds the step of changed grants, if there is a change.
    pub fn push_grants(&self, planner: &mut Planner, up: Vec<String>, down: Vec<String>) {
        if !up.is_empty() {
            let step = self.step("grants").up(up.join("\n")).down(down.join("\n"));
            planner.push(step.hazard(Hazard::AuthzUpdate));
        }
    }
}
