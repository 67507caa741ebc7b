//! Rules of the conditions under which an environment has a service: a mistake would leave the service out silently.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::stack::Stack;
use crate::values::ServiceName;
use crate::words;

/// Checks `only` and `only_with` of all services, also of those that the environment leaves out.
pub fn check(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, service) in &stack.services {
        if service.only.as_ref().is_some_and(Vec::is_empty) {
            findings.push(
                Diagnostic::error(Code::BadValue, path!("services", name, "only"))
                    .message(format!("the list is empty, so no environment has `{name}`"))
                    .expected("at least one of 'local, 'staging and 'prod")
                    .hint("remove `only`, or set `enabled = false`"),
            );
        }
        // The service may run in other environments only, so an unknown name is a mistake only if a similar one exists.
        // Services of the library name companions that a stack does not need to have.
        let companions = service.only_with.iter().enumerate().filter(|_| service.catalogue.is_none());
        let unknown_companions = companions.filter(|(_, companion)| !stack.services.contains_key(*companion));
        for (i, companion) in unknown_companions {
            let other_services = stack.services.keys().filter(|other| *other != name).map(ServiceName::as_str);
            if let Some(near) = words::nearest(companion.as_str(), other_services) {
                findings.push(
                    Diagnostic::error(Code::UnknownDependency, path!("services", name, "only_with").index(i))
                        .message(format!("the stack has no service `{companion}`, so no environment has `{name}`"))
                        .hint(format!("did you mean `{near}`?")),
                );
            }
        }
    }
    findings
}
