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
    pub fn grants<P: Privilege>(&self, planner: &mut Planner, old: &Grants<P>, new: &Grants<P>) {
        if old != new {
            let kind = if self.kind.ends_with("VIEW") { "TABLE" } else { self.kind };
            let change = |from, to| {
                let mut sql = revokes(kind, self.object, &minus(from, to));
                sql.extend(ddl::grants(kind, self.object, &minus(to, from)));
                sql.join("\n")
            };
            planner.push(self.step("grants").up(change(old, new)).down(change(new, old)).hazard(Hazard::AuthzUpdate));
        }
    }
}

/// Returns the privileges of `a` that `b` does not have.
pub fn minus<P: Privilege>(a: &Grants<P>, b: &Grants<P>) -> Grants<P> {
    let none = Default::default();
    let rest = a.iter().map(|(role, privileges)| (role.clone(), privileges - b.get(role).unwrap_or(&none)));
    rest.filter(|(_, privileges)| !privileges.is_empty()).collect()
}

fn revokes<P: Privilege>(kind: &str, object: &str, grants: &Grants<P>) -> Vec<String> {
    let grants = grants.iter().filter(|(_, privileges)| !privileges.is_empty());
    grants
        .map(|(role, privileges)| {
            let privileges = ddl::privileges(privileges.iter().copied());
            format!("REVOKE {privileges} ON {kind} {object} FROM {};", ddl::role(role))
        })
        .collect()
}
