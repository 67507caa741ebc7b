//! Looks up the names to which the metadata refers: services, tables, columns, roles and types.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::addresses::Addresses;
use crate::plan::aspect::mail::MailServer;
use crate::plan::aspect::secrets::DeclaredSecrets;
use crate::plan::inputs::Inputs;
use crate::plan::missing_services::missing_service;
use crate::plan::roster::{Category, Roster};
use crate::plan::service_names::HASURA;
use crate::stack::Stack;
use crate::values::ServiceName;
use crate::words;

/// The parts of the stack to which the metadata refers, besides the definitions.
#[derive(Clone, Copy)]
pub struct StackParts<'a> {
    pub inputs: Inputs<'a>,
    pub stack: &'a Stack,
    pub roster: &'a Roster,
    pub addresses: &'a Addresses,
    pub secrets: &'a DeclaredSecrets,
    pub mail: &'a MailServer,
}

/// Checks that a service is Hasura and not a copy.
///
/// # Errors
/// NS301 at `path` if the service does not exist, is a copy, or is not Hasura. `Err(None)` for a declared service that is
/// not part of this environment: it serves nothing, so the field has no effect.
pub fn check_hasura(
    stack: &Stack,
    roster: &Roster,
    name: &ServiceName,
    path: &FieldPath,
) -> Result<(), Option<Diagnostic>> {
    let Some(member) = roster.get(name) else {
        return Err((!stack.services.contains_key(name)).then(|| missing_service(name, stack, roster, path)));
    };
    if let Category::Copy(original) = &member.category {
        return Err(Some(
            Diagnostic::error(Code::UnknownDependency, path.clone())
                .message(format!(
                    "`{name}` is an additional endpoint of `{original}`, but this field needs `{original}` itself"
                ))
                .hint(format!("set `{} = \"{original}\"`", path.last_key())),
        ));
    }
    if member.service.has_catalogue_entry(HASURA) {
        return Ok(());
    }
    Err(Some(
        Diagnostic::error(Code::UnknownDependency, path.clone())
            .message(format!("`{name}` is not a Hasura service"))
            .expected("the name of a Hasura service, such as `hasura`"),
    ))
}

/// Returns the finding for an unknown name, with the most similar known name.
pub fn unknown_name<'a>(
    path: FieldPath,
    message: &str,
    name: &str,
    known_names: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let hint = words::suggestion(name, known_names.clone());
    let known_names: Vec<&str> = known_names.collect();
    let finding = Diagnostic::error(Code::ApiMismatch, path).message(message.to_owned()).hint(hint);
    if known_names.is_empty() { finding } else { finding.expected(words::one_of(&known_names)) }
}
