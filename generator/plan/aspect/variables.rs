//! Plans the variables of services, with all references resolved for one environment.

use super::endpoint::{self, DatabaseEndpoint};
use super::mail::MailServer;
use super::reference_scope::ReferenceScope;
use super::secrets::{DeclaredSecrets, NeededValue};
use crate::plan::addresses::Addresses;
use crate::plan::env_files::{self, FileVariables};
use crate::plan::inputs::Inputs;
use crate::plan::model::Value;
use crate::plan::roster::Roster;
use crate::plan::rules;
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::env::DatabasePart;
use crate::stack::{EnvReference, Profile};
use crate::values::ServiceName;

/// Resolves the variables that services declare. A value that does not resolve is a finding and sets no variable. Returns
/// which variables are in files.
pub fn plan(
    inputs: Inputs,
    roster: &Roster,
    addresses: &Addresses,
    mail: &MailServer,
    secrets: &DeclaredSecrets,
) -> Planned<FileVariables> {
    let mut planned = Planned::<FileVariables>::default();
    for (service, member) in roster {
        planned.wirings.extend(connection_part_wirings(inputs.profile, roster, service));
        let file_variables = env_files::variables(inputs, member);
        planned.findings.extend(file_variables.findings);
        if !file_variables.value.is_empty() {
            let names = file_variables.value.iter().map(|(name, _, path)| (name.clone(), path.clone()));
            planned.value.insert(service.clone(), names.collect());
        }
        let from_files = file_variables.value.iter().map(|(variable, value, path)| (variable, value, path.clone()));
        let from_stack = member.service.variables().into_iter().flat_map(|(field, variables)| {
            let path = member.path.key(field);
            variables.iter().map(move |(variable, value)| (variable, value, path.key(variable.as_str())))
        });
        for (variable, declared, path) in from_files.chain(from_stack) {
            let scope = ReferenceScope { inputs, service, variable: Some(variable), roster, addresses, mail };
            let value = match scope.value(declared, &path) {
                Ok(value) => value,
                Err(finding) => {
                    planned.findings.push(finding);
                    continue;
                }
            };
            let refusal = rules::check_variable(inputs.profile, member, (variable, declared), &value, &path);
            planned.findings.extend(refusal);
            if let Value::Secret(secret) = &value
                && let Err(finding) = secrets.require(secret, NeededValue::Any, &path)
            {
                planned.findings.push(finding);
                continue;
            }
            planned.wirings.push(Wiring::new(service, Addition::Variable(variable.clone(), value), &path));
        }
    }
    planned
}

/// Returns the wirings of a service that reads parts of database connections, such as the host or the password. The
/// service waits for these databases as if it read their URLs.
fn connection_part_wirings(profile: Profile, roster: &Roster, name: &ServiceName) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    roster[name].service.for_each_reference(profile, &mut |reference| {
        if let EnvReference::DatabasePart(DatabasePart { entry, .. }) = reference
            && let Some(owner) = endpoint::database_owner(roster, name, entry)
        {
            let url = DatabaseEndpoint::Server.url_secret(owner, entry);
            let cause = roster[owner].path.key("databases").key(entry.as_str());
            wirings.push(Wiring::new(name, Addition::DatabaseParts(url), &cause));
        }
    });
    wirings
}
