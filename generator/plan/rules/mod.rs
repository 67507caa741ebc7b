//! Rules across the fields and services of one environment. The contracts in `schemas/` check structure; these rules
//! check what only the whole stack shows. A rule returns all of its findings, so one run reports every error.

mod alerts;
pub mod backup_places;
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
mod internet_access;
mod interpolation;
mod kernel_settings;
pub mod machines;
mod mounts;
pub mod nginx_snippets;
mod plugins;
mod presence;
mod publications;
mod redis;
mod resources;
mod sealed_secrets;
mod server_settings;
mod shorthands;
mod sources;
pub mod unused_settings;
mod variables;
mod written_addresses;
mod written_texts;

pub use credentials::plain_credentials;
pub use resources::{CUSTOM_PORTS, PLUGIN_PORTS};
pub use variables::check_variable;

use super::addresses::Addresses;
use super::env_files::FileVariables;
use super::inputs::Inputs;
use super::model::Plan;
use super::roster::Roster;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

/// Checks the stack and the services as declared.
pub fn check_declarations(inputs: Inputs, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = sources::check(inputs, roster);
    findings.extend(presence::check(inputs.stack, inputs.profile));
    findings.extend(resources::check(inputs.stack, roster));
    findings.extend(domains::check(inputs, roster));
    findings.extend(exposure::check(inputs, roster));
    for member in roster.values() {
        let image_settings = image_settings::check(member);
        // A port on which the program does not listen may also be that of a different field. The wrong number is the cause.
        let wrong_ports: Vec<&FieldPath> = image_settings
            .iter()
            .filter(|finding| finding.code == Code::ImagePort)
            .map(|finding| &finding.path)
            .collect();
        findings.retain(|finding| finding.code != Code::PortTaken || !concerns(finding, &wrong_ports));
        findings.extend(image_settings);
        findings.extend(variables::check_arguments(member));
        findings.extend(variables::check_build_arguments(member));
        findings.extend(credentials::check(member));
        findings.extend(database_image::check(member));
        findings.extend(shorthands::check(member));
        findings.extend(alerts::check(member));
        findings.extend(kernel_settings::check(member));
    }
    findings.extend(alerts::check_jobs(inputs.stack, roster));
    findings.extend(publications::check(inputs.stack, roster));
    findings.extend(cluster::check_declarations(inputs, roster));
    findings.extend(database::check(inputs.stack, roster));
    findings.extend(database::check_superuser(inputs.stack, roster));
    findings.extend(server_settings::check(inputs.stack, roster));
    findings.extend(plugins::check(inputs, roster));
    findings.extend(redis::check(inputs.profile, roster));
    findings
}

/// Returns whether a finding is about one of these fields.
fn concerns(finding: &Diagnostic, fields: &[&FieldPath]) -> bool {
    fields.contains(&&finding.path) || finding.related.iter().any(|related| fields.contains(&&related.path))
}

/// Checks the finished plan.
pub fn check_plan(
    inputs: Inputs,
    roster: &Roster,
    addresses: &Addresses,
    file_variables: &FileVariables,
    plan: &Plan,
) -> Vec<Diagnostic> {
    let mut findings = nginx_snippets::check(addresses.routes(), &inputs.files.nginx_snippets);
    findings.extend(mounts::check(roster, &plan.services));
    findings.extend(data_folder::check(roster, plan));
    findings.extend(cluster::check_plan(inputs, roster, plan));
    findings.extend(written_addresses::check(inputs, roster, file_variables, plan));
    findings
}
