//! `CREATE POLICY` and `ALTER POLICY`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::roles;
use super::reader::Reader;
use super::tree::{Parsed, Parts, ident, object_name, tokens, unsupported};
use crate::database::model::*;

impl Reader {
    /// Reads the roles and conditions after ALTER POLICY. A clause that the statement does not have stays as it is.
    pub(super) fn change_policy(&mut self, table: &ObjectName, name: &SqlName, action: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(action);
        let mut new_clauses = Policy::default();
        let has_roles = self.read_policy_clauses(&mut new_clauses, &mut parts)?;
        parts.refuse_rest_except("")?;
        let Some(policy) = self.table(table, action)?.policies.get_mut(name) else {
            return unsupported(action, "there is no policy with this name");
        };
        if has_roles {
            policy.roles = new_clauses.roles;
        }
        policy.using = new_clauses.using.or(policy.using.take());
        policy.check = new_clauses.check.or(policy.check.take());
        Ok(())
    }

    /// Reads the clauses with roles and conditions into `policy`. Returns whether there is a clause with roles.
    fn read_policy_clauses(&mut self, policy: &mut Policy, parts: &mut Parts) -> Parsed<bool> {
        use SyntaxKind::*;
        let role_clause = parts.take_node(POLICY_ROLES);
        if let Some(clause) = &role_clause {
            policy.roles = roles(&Parts::of(clause).require(ROLE_REF_LIST)?)?.into_iter().collect();
            // A policy without roles is for all roles.
            if policy.roles.contains(PUBLIC_ROLE) {
                policy.roles.clear();
            }
        }
        for (kind, condition) in [(USING_EXPR_CLAUSE, &mut policy.using), (WITH_CHECK_EXPR_CLAUSE, &mut policy.check)] {
            if let Some(clause) = parts.take_node(kind) {
                *condition = Some(self.expression_without_stars(&Parts::of(&clause).take_any()?)?);
            }
        }
        Ok(role_clause.is_some())
    }

    /// Reads CREATE POLICY.
    pub(super) fn create_policy(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = ident(&parts.require(POLICY)?)?;
        let on = parts.require(ON_TABLE)?;
        let table = object_name(&Parts::of(&on).require(TABLE_NAME_REF)?)?;
        self.object_in_messages = format!("the policy {name} of {table}");
        let mut policy = Policy::default();
        if let Some(clause) = parts.take_node(AS_POLICY_TYPE) {
            policy.restrictive = tokens(&clause).any(|token| token.text().eq_ignore_ascii_case("restrictive"));
        }
        if let Some(clause) = parts.take_node(POLICY_COMMAND) {
            policy.command = match Parts::of(&clause).take_any()?.kind() {
                POLICY_COMMAND_SELECT => Command::Select,
                POLICY_COMMAND_INSERT => Command::Insert,
                POLICY_COMMAND_UPDATE => Command::Update,
                POLICY_COMMAND_DELETE => Command::Delete,
                _ => Command::All,
            };
        }
        self.read_policy_clauses(&mut policy, &mut parts)?;
        parts.refuse_rest_except("CREATE POLICY ;")?;
        match self.table(&table, &on)?.policies.insert(name, policy) {
            Some(_) => unsupported(node, "there is already a policy with this name"),
            None => Ok(()),
        }
    }
}
