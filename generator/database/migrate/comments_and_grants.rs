//! Plans changes of comments, storage parameters and grants.

use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::Text;

/// An object whose comment, storage parameters or grants may change, and the position of the steps that change them.
pub struct AnnotatedObject<'a> {
    pub phase: Phase,
    /// Position of the steps within the phase.
    pub order_in_phase: usize,
    /// The keyword after `COMMENT ON`, such as VIEW. `GRANT … ON` uses TABLE for views.
    pub kind: &'a str,
    /// Name in SQL.
    pub object: &'a str,
    /// Name in messages, and in `allow` of the definition.
    pub name: &'a str,
    pub path: &'a FieldPath,
}

impl AnnotatedObject<'_> {
    /// Returns a step about a field of the object, such as `comment`.
    pub fn step(&self, field: &str) -> MigrationStep {
        MigrationStep::new(self.phase, self.name, self.path.key(field), format!("{}: {field}", self.name))
            .order_in_phase(self.order_in_phase)
    }

    /// Plans a change of the comment.
    pub fn plan_comment(&self, planner: &mut Planner, old: Option<&Text>, new: Option<&Text>) {
        if old != new {
            let set_comment = |text| ddl::comment(self.kind, self.object, text);
            planner.push(self.step("comment").up(set_comment(new)).down(set_comment(old)));
        }
    }

    /// Plans a change of the storage parameters.
    pub fn plan_storage(&self, planner: &mut Planner, old: &StorageParameters, new: &StorageParameters) {
        if old != new {
            let alter_sql = |from, to| ddl::alter_storage_parameters(self.kind, self.object, from, to).join("\n");
            planner.push(self.step("storage").up(alter_sql(old, new)).down(alter_sql(new, old)));
        }
    }

    /// Plans a change of the grants.
    pub fn plan_grants<P: Privilege>(&self, planner: &mut Planner, old: Rights<P>, new: Rights<P>) {
        let kind = if self.kind.ends_with("VIEW") { "TABLE" } else { self.kind };
        let statements = |from, to| ddl::change_grants(ddl::GrantTarget::new(kind, self.object), from, to);
        self.push_grants(planner, statements(old, new), statements(new, old));
    }

    /// Adds a step with the statements that change grants, if there are any.
    pub fn push_grants(&self, planner: &mut Planner, up: Vec<String>, down: Vec<String>) {
        if !up.is_empty() {
            let step = self.step("grants").up(up.join("\n")).down(down.join("\n"));
            planner.push(step.hazard(Hazard::AuthzUpdate));
        }
    }
}
