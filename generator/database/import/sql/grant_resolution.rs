//! Resolves owners and grants after the whole file has been read: grants to the owner are ignored, and a later
//! statement may name the owner.

use super::access::change_privileges;
use super::reader::{Grant, GrantObject, Reader};
use super::service_rights::ServiceRightTarget;
use super::tree::Unsupported;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

impl Reader {
    /// Applies the recorded grants to the schema, and reports objects that belong to several owners.
    pub(super) fn resolve_grants(&mut self) {
        let owners: Vec<(String, usize)> = std::mem::take(&mut self.owners).into_iter().collect();
        match owners.as_slice() {
            [] => {}
            [(owner, at)] => self.notes.push(Unsupported {
                at: *at,
                what: format!("the owner `{owner}` is left out: everything belongs to the owner of the database"),
            }),
            several_owners => {
                let names: Vec<&str> = several_owners.iter().map(|(name, _)| name.as_str()).collect();
                for (_, at) in &several_owners[1..] {
                    let what = format!(
                        "objects belong to several roles: {}; a database can have only one owner",
                        names.join(", ")
                    );
                    self.problems.push(Unsupported { at: *at, what });
                }
            }
        }
        let owner = owners.first().map(|(owner, _)| owner.as_str());
        for mut grant in std::mem::take(&mut self.grants) {
            if self.is_refused_object_of_grant(&grant.object) {
                continue;
            }
            grant.roles.retain(|role| Some(role.as_str()) != owner);
            for role in grant.roles.clone() {
                let Some(grant) = self.without_service_rights(&grant, &role) else { continue };
                if let Err(what) = self.apply_grant(&grant, &role) {
                    self.problems.push(Unsupported { at: grant.at, what });
                }
            }
        }
        self.resolve_public_schema();
        for (name, function) in &mut self.schema.functions {
            let public_may_execute = !self.revoked_functions.contains(name);
            if public_may_execute && !function.is_callable_by_everyone() {
                // Other grants on a function in a definition revoke the default right of PUBLIC, so the right must be
                // granted explicitly.
                let public = SqlIdent::wrap(PUBLIC_ROLE.into());
                function.grants.entry(public).or_default().insert(FunctionPrivilege::Execute);
            } else if !public_may_execute && function.is_callable_by_everyone() {
                function.private = true;
            }
        }
        self.leave_out_recorded_rights();
        self.resolve_default_privileges(owner);
    }

    /// Removes the rights that the setup job of a server recorded, with a note for each role. Equal grants of a
    /// definition cannot be distinguished from them.
    fn leave_out_recorded_rights(&mut self) {
        if !self.service_rights.has_record() {
            return;
        }
        self.service_rights.remove_from(&mut self.schema);
        for role in self.service_rights.roles_with_rows() {
            let what = format!(
                "the rights of `{role}` are left out: they follow from the access of its service, also those that a definition grants"
            );
            self.notes.push(Unsupported { at: 0, what });
        }
    }

    /// Records that PUBLIC may not use the schema `public`. The right to use it is the default, so a definition omits it.
    fn resolve_public_schema(&mut self) {
        if self.public_revoked_at.is_some() {
            self.schema.schemas.entry(SqlName::wrap(PUBLIC_SCHEMA.into())).or_default().private = true;
        }
        let Some(namespace) = self.schema.schemas.get_mut(PUBLIC_SCHEMA) else { return };
        if let Some(privileges) = namespace.grants.get_mut(PUBLIC_ROLE) {
            privileges.remove(&SchemaPrivilege::Usage);
            namespace.grants.retain(|_, privileges| !privileges.is_empty());
        }
        if *namespace == Namespace::default() {
            self.schema.schemas.remove(PUBLIC_SCHEMA);
        }
    }

    /// Returns a grant without the privileges that follow from a service's access; `None` if none remain.
    fn without_service_rights(&self, grant: &Grant, role: &SqlIdent) -> Option<Grant> {
        let mut remaining = grant.clone();
        let target = match &grant.object {
            GrantObject::Relation(name) if self.schema.sequences.contains_key(name) => ServiceRightTarget::Sequences,
            GrantObject::Relation(_) => ServiceRightTarget::Tables,
            GrantObject::Sequence(_) => ServiceRightTarget::Sequences,
            GrantObject::Schema(_) => ServiceRightTarget::Schemas,
            GrantObject::Function(_) | GrantObject::Type(_) | GrantObject::Column(..) => return Some(remaining),
        };
        let is_plain_grant = grant.is_grant && !grant.with_grant_option;
        if is_plain_grant && let Some(privileges) = &mut remaining.privileges {
            privileges.retain(|privilege| !self.service_rights.contains(target, role, privilege));
            if privileges.is_empty() {
                return None;
            }
        }
        Some(remaining)
    }

    /// Applies a GRANT or REVOKE for a role to the schema.
    fn apply_grant(&mut self, grant: &Grant, role: &SqlIdent) -> Result<(), String> {
        match &grant.object {
            GrantObject::Relation(name) => self.apply_to_relation(grant, name, role),
            GrantObject::Column(name, column) => self.apply_to_column(grant, (name, column), role),
            GrantObject::Sequence(name) => {
                let Some(sequence) = self.schema.sequences.get_mut(name) else {
                    return self.apply_to_identity(grant, name, role).unwrap_or_else(|| Err(missing_object(name)));
                };
                grant.apply(&mut sequence.grants, &mut sequence.grant_options, role)
            }
            GrantObject::Function(name) => {
                let function = self.schema.functions.get_mut(name).ok_or_else(|| missing_object(name))?;
                if role.as_str() == PUBLIC_ROLE {
                    if grant.is_grant {
                        self.revoked_functions.remove(name);
                    } else {
                        self.revoked_functions.insert(name.clone());
                    }
                    return Ok(());
                }
                grant.apply(&mut function.grants, &mut function.grant_options, role)
            }
            GrantObject::Type(name) => {
                let kind = self.schema.types.get_mut(name).ok_or_else(|| missing_object(name))?;
                if role.as_str() == PUBLIC_ROLE {
                    kind.set_private(!grant.is_grant);
                    return Ok(());
                }
                let (grants, options) = kind.rights_mut();
                grant.apply(grants, options, role)
            }
            GrantObject::Schema(name) => self.apply_to_schema(grant, name, role),
        }
    }

    /// Applies a GRANT or REVOKE to a table, a view or a sequence.
    fn apply_to_relation(&mut self, grant: &Grant, name: &ObjectName, role: &SqlIdent) -> Result<(), String> {
        if let Some(table) = self.schema.tables.get_mut(name) {
            for column in table.columns.values_mut() {
                grant.revoke_on_column(&mut column.grants, &mut column.grant_options, role);
            }
            grant.apply(&mut table.grants, &mut table.grant_options, role)
        } else if let Some(view) = self.schema.views.get_mut(name) {
            let names: Vec<SqlName> = view.granted_columns().cloned().collect();
            for name in names {
                let grants = view.column_grants.entry(name.clone()).or_default();
                let options = view.column_grant_options.entry(name).or_default();
                grant.revoke_on_column(grants, options, role);
            }
            view.forget_empty_column_grants();
            grant.apply(&mut view.grants, &mut view.grant_options, role)
        } else if let Some(sequence) = self.schema.sequences.get_mut(name) {
            grant.apply(&mut sequence.grants, &mut sequence.grant_options, role)
        } else {
            self.apply_to_identity(grant, name, role).unwrap_or_else(|| Err(missing_object(name)))
        }
    }

    /// Applies a GRANT or REVOKE to a column of a table or view.
    fn apply_to_column(
        &mut self,
        grant: &Grant,
        (name, column): (&ObjectName, &SqlName),
        role: &SqlIdent,
    ) -> Result<(), String> {
        if let Some(view) = self.schema.views.get_mut(name) {
            let grants = view.column_grants.entry(column.clone()).or_default();
            let options = view.column_grant_options.entry(column.clone()).or_default();
            grant.apply(grants, options, role)?;
            view.forget_empty_column_grants();
            return Ok(());
        }
        // A partition declares only columns that differ, so a column that it inherits is declared now.
        let inherited = self.schema.columns_of(name).remove(column);
        let inherited = inherited.ok_or_else(|| format!("{name} has no column `{column}`"))?;
        let table = self.schema.tables.get_mut(name).ok_or_else(|| missing_object(name))?;
        let column = table.columns.entry(column.clone()).or_insert(inherited);
        grant.apply(&mut column.grants, &mut column.grant_options, role)
    }

    /// Applies a GRANT or REVOKE to a schema of the database.
    fn apply_to_schema(&mut self, grant: &Grant, name: &SqlName, role: &SqlIdent) -> Result<(), String> {
        // By default, PUBLIC may use the schema `public`.
        let is_default_right = name.as_str() == PUBLIC_SCHEMA && role.as_str() == PUBLIC_ROLE;
        let includes_usage = grant.privileges.as_ref().is_none_or(|names| names.contains("usage"));
        if is_default_right && includes_usage {
            self.public_revoked_at = (!grant.is_grant).then_some(grant.at);
        }
        // Without an entry for `public`, there are no other rights to revoke.
        if is_default_right && !grant.is_grant && !self.schema.schemas.contains_key(name) {
            return Ok(());
        }
        let namespace = self.schema.schemas.entry(name.clone()).or_default();
        grant.apply(&mut namespace.grants, &mut namespace.grant_options, role)
    }
}

/// Returns the message about an object of a GRANT or REVOKE that the schema does not have.
fn missing_object(name: &ObjectName) -> String {
    format!("GRANT or REVOKE names the object `{name}`, which does not exist")
}

impl Reader {
    /// Applies a GRANT or REVOKE to the sequence of an identity column; `None` if no identity column has this sequence.
    fn apply_to_identity(
        &mut self,
        grant: &Grant,
        sequence: &ObjectName,
        role: &SqlIdent,
    ) -> Option<Result<(), String>> {
        let ColumnOf { table, column } = self.identity_of_sequence(sequence)?;
        let column = self.schema.tables.get_mut(&table)?.columns.get_mut(&column)?;
        Some(grant.apply(&mut column.identity_grants, &mut column.identity_grant_options, role))
    }
}

impl Grant {
    /// Removes the privileges on a column that a REVOKE on its table also revokes.
    fn revoke_on_column(
        &self,
        grants: &mut Grants<ColumnPrivilege>,
        options: &mut Grants<ColumnPrivilege>,
        role: &SqlIdent,
    ) {
        if self.is_grant {
            return;
        }
        let is_revoked = |privilege: &ColumnPrivilege| {
            self.privileges.as_ref().is_none_or(|words| words.contains(&privilege.sql().to_ascii_lowercase()))
        };
        // REVOKE GRANT OPTION FOR revokes only the right to grant.
        let affected_grants = [Some(options), (!self.with_grant_option).then_some(grants)];
        for grants in affected_grants.into_iter().flatten() {
            if let Some(privileges) = grants.get_mut(role) {
                privileges.retain(|privilege| !is_revoked(privilege));
            }
            grants.retain(|_, privileges| !privileges.is_empty());
        }
    }

    /// Changes the privileges of a role (`grants`), and those that it may grant to others (`options`). REVOKE GRANT
    /// OPTION FOR changes only `options`.
    fn apply<P: Privilege>(
        &self,
        grants: &mut Grants<P>,
        options: &mut Grants<P>,
        role: &SqlIdent,
    ) -> Result<(), String> {
        let privileges = self.privileges.as_ref();
        if self.is_grant || !self.with_grant_option {
            change_privileges(grants, role, privileges, self.is_grant)?;
        }
        if !self.is_grant || self.with_grant_option {
            change_privileges(options, role, privileges, self.is_grant)?;
        }
        Ok(())
    }
}
