//! Rules of an environment that also runs on a cluster.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::roster::includes;
use crate::stack::{Frontend, Profile};

/// Warns of frontends that a cluster does not serve, because their dev servers run on the user's machine: NS703.
pub fn unserved_frontends(inputs: Inputs) -> Vec<Diagnostic> {
    let Inputs { stack, profile, .. } = inputs;
    if !stack.kubernetes.enabled {
        return Vec::new();
    }
    let on_this_machine = |frontend: &&Frontend| profile == Profile::Local && includes(stack, profile, frontend);
    let frontends = stack.frontends.iter().filter(|(_, frontend)| on_this_machine(frontend));
    let findings = frontends.map(|(name, _)| {
        Diagnostic::warning(Code::Unsupported, path!("frontends", name))
            .message("the cluster does not reach the dev server, so it has no site there")
            .hint("open the dev server itself, or leave the frontend out of this environment: `include = false`")
    });
    findings.collect()
}
