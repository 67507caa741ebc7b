//! The steps from a stack to the plan of an environment: roster, aspects, assembly and rules. The order of the aspects
//! follows from their arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::addresses::Addresses;
use super::aspect::ingress::Ingress;
use super::aspect::mail::MailServer;
use super::aspect::migrations::PlannedMigrations;
use super::aspect::secrets::DeclaredSecrets;
use super::aspect::{
    access, backup_files, backups, cache_memory, connections, database_clients, database_endpoints, databases,
    definitions, encryption, extensions, external_server, files, fixed_addresses, graphql, ingress, login_roles, mail,
    migrations, monitoring, named_schemas, plugins, secrets, server_settings, setup, variables, volumes,
};
use super::assemble::assemble;
use super::env_files::FileVariables;
use super::inputs::{Inputs, ProjectFiles};
use super::model::{
    Backups, Cluster, Database, DatabaseSetup, File, HasuraMetadata, IngressPlan, LoginRole, Migrations, Monitoring,
    Plan, Pooler, Replication, ServerAccess, namespace,
};
use super::roster::{Roster, roster, tls_mode};
use super::secret_list::Recipes;
use super::wiring::{AspectResults, SecretUsers};
use super::{backup_services, joined_findings, rules, start_order};
use crate::database::model::Schema;
use crate::diagnostic::Diagnostic;
use crate::stack::Stack;
use crate::values::{Checked, EnvironmentName, Host, ImageRef, ServiceName, SqlIdent};

/// Returns the plan of an environment, and findings about every rule that the stack breaks, without source positions. The
/// plan is always complete, but must not be used for generated files if a finding is an error.
pub fn resolve(name: &EnvironmentName, stack: &Stack, files: &ProjectFiles) -> (Plan, Vec<Diagnostic>) {
    let inputs = Inputs::new(name, stack, files);
    let mut outcome = AspectResults::default();
    let mut members = members(inputs, &mut outcome);
    let ServiceParts { secrets, proxy, mail, files, file_variables, monitoring, backups } =
        service_parts(inputs, &members, &mut outcome);
    let graphql = metadata(inputs, &members, (&secrets, &mail), &mut outcome);
    let Members { roster, server, addresses, migrations, .. } = &mut members;
    let users = outcome.wirings.secret_users();
    let migrations = database_endpoints::select_waiter_urls(std::mem::take(migrations), &users);
    let server = (std::mem::take(server), migrations, backups);
    let mut server = database_server(inputs, roster, server, &users, &mut outcome);
    outcome.collect(backups::start_guard(roster));
    let connections = connections::plan(inputs.profile, roster, &outcome.wirings, &proxy.ingress, &mail);
    let volumes = outcome.collect(volumes::plan(stack, roster));
    roster.extend(volumes.job);
    outcome.collect(connections::networks(roster, &connections, &server.jobs));
    let fixed_network = outcome.collect(fixed_addresses::plan(inputs, roster));
    server.recipes.extend(proxy.certificates);
    let users = outcome.wirings.secret_users();
    let recipes = std::mem::take(&mut server.recipes);
    let secrets = secrets::with_users(secrets, recipes, users, stack.kubernetes.enabled);
    let services = assemble(inputs, roster, &outcome.wirings, &secrets);
    let start_order = outcome.collect(start_order::plan(roster, &services, &outcome.wirings));
    let services = services.into_iter().map(|(name, service)| (name, Arc::new(service))).collect();
    let plan = Plan {
        services,
        start_order,
        connections,
        volumes: volumes.volumes,
        files,
        secrets,
        fixed_network,
        monitoring,
        ..Plan::new(inputs, addresses.domain(), proxy.ingress, server, graphql)
    };
    outcome.findings.extend(rules::check_plan(inputs, roster, addresses, &file_variables, &plan));
    (plan, joined_findings::join(stack, outcome.findings))
}

/// The services of the environment with what follows from them alone: addresses, databases and migrations.
struct Members {
    roster: Roster,
    addresses: Addresses,
    server: databases::Server,
    definitions: BTreeMap<SqlIdent, Schema>,
    migrations: BTreeMap<SqlIdent, Migrations>,
}

/// Plans the services of the environment, including the jobs of databases.
fn members(inputs: Inputs, outcome: &mut AspectResults) -> Members {
    let stack = inputs.stack;
    let mut roster = outcome.collect(roster(stack, inputs.profile));
    backup_services::complete(stack, &mut roster);
    outcome.findings.extend(rules::check_declarations(inputs, &roster));
    let addresses = outcome.collect(Addresses::plan(inputs, &roster));
    let mut server = outcome.collect(databases::plan(stack, &roster));
    let definitions = outcome.collect(definitions::plan(stack, &server));
    server.add_declared_privileges(&definitions);
    outcome.findings.extend(named_schemas::check(stack, &roster, &server.databases));
    let planned_migrations = migrations::plan(inputs, &roster, &server.databases, &definitions, &outcome.findings);
    let PlannedMigrations { migrations, jobs } = outcome.collect(planned_migrations);
    let setup = outcome.collect(setup::plan(stack, &roster, &server, &migrations));
    roster.extend(jobs);
    roster.extend(setup);
    outcome.collect(plugins::plan(stack, &roster, &migrations));
    let libraries = outcome.collect(extensions::plan(stack, &roster, &definitions));
    outcome.collect(server_settings::plan(stack, &roster, &libraries));
    Members { roster, addresses, server, definitions, migrations }
}

/// The parts of the plan that services read or that serve them.
struct ServiceParts {
    secrets: DeclaredSecrets,
    proxy: Ingress,
    mail: MailServer,
    files: BTreeMap<String, File>,
    file_variables: FileVariables,
    monitoring: Option<Monitoring>,
    backups: Option<Backups>,
}

/// Plans secrets, the proxy, mail, variables, files, backups and monitoring.
fn service_parts(inputs: Inputs, members: &Members, outcome: &mut AspectResults) -> ServiceParts {
    let Members { roster, addresses, server, .. } = members;
    let secrets = outcome.collect(secrets::plan(inputs.stack, roster, server));
    let proxy = outcome.collect(ingress::plan(inputs, roster, addresses, &secrets));
    let mail = outcome.collect(mail::plan(inputs, roster, &secrets));
    let file_variables = outcome.collect(variables::plan(inputs, roster, addresses, &mail, &secrets));
    let files = outcome.collect(files::plan(inputs, roster, addresses, &mail));
    outcome.collect(cache_memory::plan(roster, &outcome.wirings, &files));
    outcome.collect(secrets::files(roster, &secrets));
    let backups = outcome.collect(backups::plan(inputs, roster, &secrets));
    if backups.is_some() {
        outcome.collect(backup_files::plan(inputs, roster, addresses, &secrets));
    }
    let monitoring = outcome.collect(monitoring::plan(inputs, roster, &secrets));
    let monitoring = (!monitoring.programs.is_empty()).then_some(monitoring);
    ServiceParts { secrets, proxy, mail, files, file_variables, monitoring, backups }
}

/// Plans the metadata of each service of Hasura.
fn metadata(
    inputs: Inputs,
    members: &Members,
    (secrets, mail): (&DeclaredSecrets, &MailServer),
    outcome: &mut AspectResults,
) -> BTreeMap<ServiceName, HasuraMetadata> {
    let Members { roster, addresses, definitions, .. } = members;
    let stack_parts = graphql::StackParts { inputs, stack: inputs.stack, roster, addresses, secrets, mail };
    outcome.collect(graphql::plan(&stack_parts, definitions, &outcome.wirings))
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
