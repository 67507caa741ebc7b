//! Rules across the fields and services of one environment. The contracts in `schemas/` check structure; these rules
//! check what only the whole stack shows. A rule returns all of its findings, so one run reports every error.

mod alerts;
mod cluster;
mod cluster_names;
mod credentials;
mod data_folder;
mod database;
mod database_image;
mod dockerfiles;
pub mod domains;
mod exposure;
pub mod fixed_names;
mod image_settings;
pub mod machines;
mod mounts;
pub mod nginx_snippets;
mod plugins;
mod presence;
mod redis;
mod resources;
mod server_settings;
mod shorthands;
mod sources;
pub mod unused_backups;
mod variables;
mod written_addresses;

pub use credentials::plain_credentials;
pub use resources::{CUSTOM_PORTS, PLUGIN_PORTS};
pub use variables::check_variable;

use super::addresses::Addresses;
use super::inputs::Inputs;
use super::model::Plan;
use super::roster::Roster;
use crate::diagnostic::Diagnostic;

/// Checks the stack and the services as declared.
pub fn check_declarations(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = sources::check(inputs, roster);
    findings.extend(presence::check(inputs.stack, inputs.profile));
    findings.extend(resources::check(inputs.stack, roster));
    findings.extend(domains::check(inputs, roster));
    findings.extend(exposure::check(inputs.profile, roster));
    for member in roster.values() {
        findings.extend(variables::check_arguments(member));
        findings.extend(variables::check_build_arguments(member));
        findings.extend(credentials::check(member));
        findings.extend(image_settings::check(member));
        findings.extend(database_image::check(member));
        findings.extend(shorthands::check(member));
        findings.extend(alerts::check(member));
    }
    findings.extend(cluster::check_declarations(inputs, roster));
    findings.extend(database::check(inputs.stack, roster));
    findings.extend(database::check_superuser(inputs.stack, roster));
    findings.extend(server_settings::check(inputs.stack, roster));
    findings.extend(plugins::check(inputs, roster));
    findings.extend(redis::check(inputs.profile, roster));
    findings
}

/// Checks the finished plan.
pub fn check_plan(inputs: Inputs, roster: &Roster, addresses: &Addresses, plan: &Plan) -> Vec<Diagnostic> {
    let mut findings = nginx_snippets::check(addresses.routes(), &inputs.files.nginx_snippets);
    findings.extend(mounts::check(roster, &plan.services));
    findings.extend(data_folder::check(roster, plan));
    findings.extend(cluster::check_plan(inputs, roster, plan));
    findings.extend(written_addresses::check(inputs, roster, plan));
    findings
}
