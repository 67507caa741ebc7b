//! Rules across the fields and services of one environment. Structure is the contracts' business; here
//! stands what only the whole stack shows. Each rule reports and goes on, so a run finds everything.

mod credential_names;
mod exposure;
pub mod mounts;
pub mod nginx_snippets;
mod resources;
mod sources;
mod variables;

pub use variables::variable;

use super::ProjectFiles;
use super::roster::Roster;
use crate::diagnostic::Diagnostic;
use crate::stack::{Profile, Stack};

/// Checks everything that needs no addresses.
pub fn check(stack: &Stack, profile: Profile, members: &Roster, files: &ProjectFiles, findings: &mut Vec<Diagnostic>) {
    sources::check(stack, profile, members, files, findings);
    resources::check(stack, members, findings);
    exposure::check(profile, members, findings);
    for member in members.values() {
        variables::arguments(member, findings);
        variables::build(member, findings);
        variables::raw_keys(member, findings);
    }
}
