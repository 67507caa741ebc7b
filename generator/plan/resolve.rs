//! The steps from a stack to the plan of an environment: roster, aspects, assembly and rules. The order of the aspects
//! follows from their arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::addresses::Addresses;
use super::aspect::{
    access, backup_files, backups, cache_memory, connections, database_clients, database_endpoints, databases,
    definitions, encryption, extensions, external_server, files, fixed_addresses, graphql, ingress, login_roles, mail,
    migrations, monitoring, named_schemas, plugins, secrets, server_settings, setup, variables, volumes,
};
use super::assemble::assemble;
use super::declared_processes::DeclaredProcesses;
use super::inputs::{Inputs, ProjectFiles};
use super::model::{
    Backups, Cluster, Database, DatabaseSetup, HasuraMetadata, IngressPlan, LoginRole, Migrations, Plan, Pooler,
    Replication, ServerAccess, namespace,
};
use super::roster::{Roster, roster, tls_mode};
use super::secret_list::Recipes;
use super::wiring::{AspectResults, SecretUsers};
use super::{backup_services, rules, start_order};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Related, Segment};
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName, Host, ImageRef, ServiceName, SqlIdent};

/// Returns the plan of an environment, and findings about every rule that the stack breaks, without source positions. The
/// plan is always complete, but must not be used for generated files if a finding is an error.
pub fn resolve(name: &EnvironmentName, stack: &Stack, files: &ProjectFiles) -> (Plan, Vec<Diagnostic>) {
    let inputs = Inputs::new(name, stack, files);
    let mut outcome = AspectResults::default();
    let mut roster = outcome.collect(roster(stack, inputs.profile));
    backup_services::complete(stack, &mut roster);
    outcome.findings.extend(rules::check_declarations(inputs, &roster));
    let addresses = outcome.collect(Addresses::plan(inputs, &roster));
    let mut server = outcome.collect(databases::plan(stack, &roster));
    let definitions = outcome.collect(definitions::plan(stack, &server));
    server.add_declared_privileges(&definitions);
    outcome.findings.extend(named_schemas::check(stack, &roster, &server.databases));
    let planned_migrations = migrations::plan(inputs, &roster, &server.databases, &definitions, &outcome.findings);
    let planned_migrations = outcome.collect(planned_migrations);
    let setup = outcome.collect(setup::plan(stack, &roster, &server, &planned_migrations.migrations));
    roster.extend(planned_migrations.jobs);
    roster.extend(setup);
    outcome.collect(plugins::plan(stack, &roster, &planned_migrations.migrations));
    let libraries = outcome.collect(extensions::plan(stack, &roster, &definitions));
    outcome.collect(server_settings::plan(stack, &roster, &libraries));
    let declared_secrets = outcome.collect(secrets::plan(stack, &roster, &server));
    let proxy = outcome.collect(ingress::plan(inputs, &roster, &addresses, &declared_secrets));
    let mail = outcome.collect(mail::plan(inputs, &roster, &declared_secrets));
    let file_variables = outcome.collect(variables::plan(inputs, &roster, &addresses, &mail, &declared_secrets));
    let files = outcome.collect(files::plan(inputs, &roster, &addresses, &mail));
    outcome.collect(cache_memory::plan(&roster, &outcome.wirings, &files));
    outcome.collect(secrets::files(&roster, &declared_secrets));
    let backups = outcome.collect(backups::plan(inputs, &roster, &declared_secrets));
    if backups.is_some() {
        outcome.collect(backup_files::plan(inputs, &roster, &addresses, &declared_secrets));
    }
    let monitoring = outcome.collect(monitoring::plan(inputs, &roster, &declared_secrets));
    let users = outcome.wirings.secret_users();
    let secrets = &declared_secrets;
    let stack_parts =
        graphql::StackParts { inputs, stack, roster: &roster, addresses: &addresses, secrets, mail: &mail };
    let graphql = outcome.collect(graphql::plan(&stack_parts, &definitions, &outcome.wirings));
    let migrations = database_endpoints::select_waiter_urls(planned_migrations.migrations, &users);
    let mut server = database_server(inputs, &roster, (server, migrations, backups), &users, &mut outcome);
    outcome.collect(backups::start_guard(&roster));
    let connections = connections::plan(inputs.profile, &roster, &outcome.wirings, &proxy.ingress, &mail);
    let volumes = outcome.collect(volumes::plan(stack, &roster));
    roster.extend(volumes.job);
    outcome.collect(connections::networks(&roster, &connections, &server.jobs));
    let fixed_network = outcome.collect(fixed_addresses::plan(inputs, &roster));
    server.recipes.extend(proxy.certificates);
    let users = outcome.wirings.secret_users();
    let recipes = std::mem::take(&mut server.recipes);
    let secrets = secrets::with_users(declared_secrets, recipes, users, stack.kubernetes.enabled);
    let services = assemble(inputs, &roster, &outcome.wirings, &secrets);
    let start_order = outcome.collect(start_order::plan(&roster, &services, &outcome.wirings));
    let services = services.into_iter().map(|(name, service)| (name, Arc::new(service))).collect();
    let plan = Plan {
        services,
        start_order,
        connections,
        volumes: volumes.volumes,
        files,
        secrets,
        fixed_network,
        monitoring: (!monitoring.programs.is_empty()).then_some(monitoring),
        ..Plan::new(inputs, addresses.domain(), proxy.ingress, server, graphql)
    };
    outcome.findings.extend(rules::check_plan(inputs, &roster, &addresses, &file_variables, &plan));
    (plan, join_findings(stack, outcome.findings))
}

/// Returns the findings to report: each about an inherited setting, an excluded service or a common cause once.
fn join_findings(stack: &Stack, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    // Most other findings of a stack with a wrong name follow from the name, so they are not reported.
    let wrong_names = rules::fixed_names::check(stack);
    let findings = if wrong_names.is_empty() { findings } else { wrong_names };
    let findings = DeclaredProcesses::of(stack).report_at_services(findings);
    without_repeated_warnings(join_causes(join_excluded_services(findings)))
}

/// Removes the warnings about a missing field that is the cause of an error, too.
fn without_repeated_warnings(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let errors = findings.iter().filter(|finding| finding.is_error());
    let causes: BTreeSet<FieldPath> = errors.filter_map(|finding| finding.lacks.clone()).collect();
    findings.retain(|finding| finding.is_error() || finding.lacks.as_ref().is_none_or(|field| !causes.contains(field)));
    findings
}

/// Merges the findings about each service that the environment excludes into one, with all fields that refer to the
/// service.
fn join_excluded_services(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged_findings: Vec<Diagnostic> = Vec::new();
    let mut first_index_of: BTreeMap<FieldPath, usize> = BTreeMap::new();
    for finding in findings {
        if finding.code == Code::DisabledDependency {
            if let Some(first) = first_index_of.get(&finding.path) {
                merged_findings[*first].related.extend(finding.related);
                continue;
            }
            first_index_of.insert(finding.path.clone(), merged_findings.len());
        }
        merged_findings.push(finding);
    }
    merged_findings
}

/// Merges the findings about a service that have the same cause into the first of them, with the fields of the others.
fn join_causes(findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged_findings: Vec<Diagnostic> = Vec::new();
    let mut first_index_of: BTreeMap<(Vec<Segment>, String), usize> = BTreeMap::new();
    for finding in findings {
        if let Some(cause) = &finding.cause {
            // A service has two segments (`services.api`), a process four (`services.api.processes.worker`).
            let is_process = matches!(finding.path.0.get(2), Some(Segment::Key(key)) if key == "processes");
            let service: Vec<Segment> = finding.path.0.iter().take(if is_process { 4 } else { 2 }).cloned().collect();
            if let Some(first) = first_index_of.get(&(service.clone(), cause.clone())) {
                let first = &mut merged_findings[*first];
                // A process has the findings about variables that it inherits.
                if first.path != finding.path {
                    let message = format!("`{}` needs it, too", finding.path);
                    first.related.push(Related { path: finding.path, span: None, message, is_counterpart: false });
                }
                continue;
            }
            first_index_of.insert((service, cause.clone()), merged_findings.len());
        }
        merged_findings.push(finding);
    }
    merged_findings
}

/// The parts of the plan that belong to the database server and its endpoints.
struct ServerPlan {
    databases: BTreeMap<SqlIdent, Database>,
    roles: BTreeMap<SqlIdent, LoginRole>,
    migrations: BTreeMap<SqlIdent, Migrations>,
    pooler: Option<Pooler>,
    replication: Option<Replication>,
    backups: Option<Backups>,
    access: Option<ServerAccess>,
    setup: Option<DatabaseSetup>,
    /// Jobs that work on the server, some of them as the superuser.
    jobs: BTreeSet<ServiceName>,
    /// Secrets of the pooler and of the server's TLS.
    recipes: Recipes,
}

/// Plans the server's clients: passwords, pooler, replica, backups, access rules and TLS.
fn database_server(
    inputs: Inputs,
    roster: &Roster,
    (server, migrations, backups): (databases::Server, BTreeMap<SqlIdent, Migrations>, Option<Backups>),
    users: &SecretUsers,
    outcome: &mut AspectResults,
) -> ServerPlan {
    let stack = inputs.stack;
    let setup = setup::setup(stack, roster, (&server.roles, &server.databases), &migrations, users);
    let mut jobs: BTreeSet<ServiceName> = migrations.values().map(|migrations| migrations.job.clone()).collect();
    jobs.extend(setup.as_ref().map(|setup| setup.job.clone()));
    let pooler_plan = outcome.collect(database_endpoints::pooler(stack, roster, &server.roles, users));
    let replication = outcome.collect(database_endpoints::replication(roster));
    let access = outcome.collect(access::plan(inputs, roster, &jobs));
    let clients = database_clients::clients(&server.roles, roster, &jobs, users);
    outcome.collect(external_server::plan(stack, &clients));
    let mut recipes = outcome.collect(encryption::plan(stack, roster, access.as_ref(), (&jobs, &clients)));
    recipes.extend(pooler_plan.recipes);
    let roles = login_roles::login_roles(&server, &migrations, (replication.as_ref(), backups.as_ref()));
    let databases = server.databases;
    ServerPlan {
        databases,
        roles,
        migrations,
        pooler: pooler_plan.pooler,
        replication,
        backups,
        access,
        setup,
        jobs,
        recipes,
    }
}

impl Plan {
    /// Returns the plan of an environment without the parts that follow from its services.
    fn new(
        inputs: Inputs,
        domain: &Host,
        ingress: IngressPlan,
        server: ServerPlan,
        graphql: BTreeMap<ServiceName, HasuraMetadata>,
    ) -> Self {
        let Inputs { environment, stack, profile, files } = inputs;
        Plan {
            project: stack.project.clone(),
            environment: environment.clone(),
            profile,
            domain: domain.clone(),
            services: BTreeMap::new(),
            start_order: Vec::new(),
            connections: BTreeSet::new(),
            volumes: BTreeMap::new(),
            files: BTreeMap::new(),
            secrets: BTreeMap::new(),
            ingress,
            databases: server.databases,
            roles: server.roles,
            pooler: server.pooler,
            replication: server.replication,
            backups: server.backups,
            access: server.access,
            setup: server.setup,
            migrations: server.migrations,
            graphql,
            monitoring: None,
            fixed_network: None,
            compat: stack.compose.compat,
            kubernetes: stack.kubernetes.enabled.then(|| Cluster {
                namespace: namespace(&stack.project, environment),
                tls: tls_mode(stack, profile),
                wait_image: files.lock.pin(&ImageRef::wrap(volumes::IMAGE.into())),
                settings: stack.kubernetes.clone(),
            }),
            project_folder: files.project_folder.clone(),
        }
    }
}
