//! The rule for services that work under one name only, because their secrets and clients contain it.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::Stack;
use crate::values::ServiceName;

/// Refuses services of the library that do not have their fixed name. If there is one, the caller reports nothing else,
/// because other findings may follow from the wrong name.
pub fn check(stack: &Stack) -> Vec<Diagnostic> {
    let services = stack.services.iter();
    let fixed_names = services.filter_map(|(name, service)| Some((name, service.fixed_name.as_ref()?)));
    fixed_names.filter(|(name, fixed_name)| name != fixed_name).map(|names| wrong_name(stack, names)).collect()
}

/// Returns the finding for a service without its fixed name. A second use of a service that the stack already has under
/// its fixed name has a different message.
fn wrong_name(stack: &Stack, (name, fixed_name): (&ServiceName, &ServiceName)) -> Diagnostic {
    let finding = Diagnostic::error(Code::FixedName, path!("services", name));
    if stack.services.get(fixed_name).is_some_and(|other| other.fixed_name.as_ref() == Some(fixed_name)) {
        return finding
            .message(format!(
                "`nself.services.{fixed_name}` can be used only once, and `services.{fixed_name}` uses it"
            ))
            .hint(format!(
                "remove `{name}`, or declare it with its own settings: `services.{name} = {{ image = \"…\", … }}`"
            ))
            .related(path!("services", fixed_name), "the first use");
    }
    finding
        .message(format!("`nself.services.{fixed_name}` must be called `{fixed_name}`: its secrets and other services use this name"))
        .hint(format!("write `services.{fixed_name} = nself.services.{fixed_name}`, and use `{fixed_name}` in `depends_on` and references"))
}
