//! Policies of row security.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::Reader;
use super::access::roles;
use super::tree::{Parts, Take, expression, ident, object, tokens};
use crate::database::model::*;

impl Reader {
    pub(super) fn create_policy(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let name = ident(&parts.must(POLICY)?)?;
        let on = parts.must(ON_TABLE)?;
        let table = object(&Parts::of(&on).must(TABLE_NAME_REF)?)?;
        self.subject = format!("the policy {name} of {table}");
        let mut policy = Policy::default();
        if let Some(found) = parts.node(AS_POLICY_TYPE) {
            policy.restrictive = tokens(&found).any(|token| token.text().eq_ignore_ascii_case("restrictive"));
        }
        if let Some(found) = parts.node(POLICY_COMMAND) {
            policy.command = match Parts::of(&found).any()?.kind() {
                POLICY_COMMAND_SELECT => Command::Select,
                POLICY_COMMAND_INSERT => Command::Insert,
                POLICY_COMMAND_UPDATE => Command::Update,
                POLICY_COMMAND_DELETE => Command::Delete,
                _ => Command::All,
            };
        }
        if let Some(found) = parts.node(POLICY_ROLES) {
            policy.roles = roles(&Parts::of(&found).must(ROLE_REF_LIST)?)?.into_iter().collect();
            if policy.roles.contains(PUBLIC) {
                policy.roles.clear();
            }
        }
        for (kind, into) in [(USING_EXPR_CLAUSE, &mut policy.using), (WITH_CHECK_EXPR_CLAUSE, &mut policy.check)] {
            if let Some(found) = parts.node(kind) {
                *into = Some(expression(&Parts::of(&found).any()?)?);
            }
        }
        parts.end("CREATE POLICY ;")?;
        self.table(&table, &on)?.policies.insert(name, policy);
        Ok(())
    }
}
