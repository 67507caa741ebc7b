//! Checks the rights of a plugin's services. They have fewer rights than services of the stack, because a plugin is code
//! of a third party.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::roster::PlannedService;
use crate::stack::{Access, EnvReference, EnvValue, Profile, Service, Stack, ValueOrSecret};
use crate::values::{ProjectPath, SecretName, ServiceName, plugin_names};

/// Checks the rights and the limits of a service of a plugin.
pub fn check(plugin: &ServiceName, name: &ServiceName, member: &PlannedService) -> Vec<Diagnostic> {
    let refused_rights = [
        host_access(member),
        foreign_files(plugin, member),
        foreign_secrets(plugin, member),
        foreign_databases(plugin, member),
    ];
    let refused_rights = refused_rights.into_iter().flatten().chain(foreign_volume_users(plugin, member));
    let findings = refused_rights.map(|RefusedRight { path, predicate, hint }| {
        Diagnostic::error(Code::PluginRights, path)
            .message(format!("the service `{name}` of the plugin `{plugin}` {predicate}"))
            .hint(hint)
    });
    findings.chain(missing_limits(name, member)).collect()
}

/// A refused right.
struct RefusedRight {
    /// The field that gives it.
    path: FieldPath,
    /// The right as the end of a sentence about the service.
    predicate: String,
    hint: String,
}

impl RefusedRight {
    /// Returns a refused right: the field that gives it, the end of a sentence about the service, and the hint.
    fn new(path: FieldPath, predicate: impl Into<String>, hint: impl Into<String>) -> Self {
        RefusedRight { path, predicate: predicate.into(), hint: hint.into() }
    }
}

/// Returns the fields that give access to the host, the cluster or other services of the stack.
fn host_access(member: &PlannedService) -> Vec<RefusedRight> {
    let service = &member.service;
    let fields = [
        ("host_mounts", !service.host_mounts.is_empty(), "cannot mount files of the host"),
        ("external_networks", !service.external_networks.is_empty(), "cannot join networks outside of the stack"),
        ("sysctls", !service.sysctls.is_empty(), "cannot set kernel parameters"),
        ("compose", !service.compose.is_empty(), "cannot set `compose`, whose keys could give it access to the host"),
        (
            "kubernetes",
            !service.kubernetes.is_empty(),
            "cannot set `kubernetes`, whose keys could give it access to the cluster",
        ),
        ("catalogue", service.catalogue.is_some(), "cannot set `catalogue`, which is for the images of the library"),
    ];
    let fields = fields.into_iter().filter(|(_, is_set, _)| *is_set);
    let right = |(field, _, predicate): (&str, bool, &str)| {
        let hint = format!("remove `{field}`, or declare the service in the stack instead of the plugin");
        RefusedRight::new(member.path.key(field), predicate, hint)
    };
    let mut rights: Vec<RefusedRight> = fields.map(right).collect();
    if !service.on_clusters.reads.is_empty() {
        let path = member.path.key("on_clusters").key("reads");
        let hint = "remove `reads`, or declare the service in the stack instead of the plugin";
        rights.push(RefusedRight::new(path, "cannot read the API of the cluster", hint));
    }
    if service.hasura.as_ref().is_some_and(|hasura| hasura.remote_schema.is_some()) {
        let path = member.path.key("hasura").key("remote_schema");
        let predicate = "cannot be a remote schema, without which the API of Hasura would be incomplete";
        rights.push(RefusedRight::new(path, predicate, "use `hasura.actions` instead"));
    }
    rights
}

/// Returns the files of the project outside of the plugin's folder.
fn foreign_files(plugin: &ServiceName, member: &PlannedService) -> Vec<RefusedRight> {
    let (service, path) = (&member.service, &member.path);
    let folder = plugin_names::folder(plugin.as_str());
    let build = service.build.iter().map(|build| (&build.context, path.key("build").key("context")));
    let layout = service.layout.iter().map(|layout| (&layout.folder, path.key("layout").key("folder")));
    let mounts = service.mounts.iter().enumerate();
    let mounts = mounts.map(|(i, mount)| (&mount.source, path.key("mounts").index(i).key("source")));
    let files = service
        .files
        .iter()
        .filter_map(|(target, file)| Some((file.from.as_ref()?, path.key("files").key(target.as_str()).key("from"))));
    let variables = service.env_files.iter().enumerate().map(|(i, file)| (file, path.key("env_files").index(i)));
    let dashboards = service.dashboards.iter().filter_map(|(name, dashboard)| {
        Some((dashboard.file.as_ref()?, path.key("dashboards").key(name.as_str()).key("file")))
    });
    let project_files = build.chain(layout).chain(mounts).chain(files).chain(variables).chain(dashboards);
    let is_outside = |source: &str| !format!("{source}/").starts_with(&format!("{folder}/"));
    let files_outside = project_files.filter(|(source, _)| is_outside(source.as_str()));
    let right = |(source, path): (&ProjectPath, FieldPath)| {
        let file_name = source.as_str().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let predicate = format!("uses `{source}`, which is outside of the plugin's folder");
        RefusedRight::new(path, predicate, format!("move it to `{folder}/{file_name}`"))
    };
    files_outside.map(right).collect()
}

/// Returns the fields that use secrets of other services.
fn foreign_secrets(plugin: &ServiceName, member: &PlannedService) -> Vec<RefusedRight> {
    let (service, path) = (&member.service, &member.path);
    let mut used_secrets = Vec::new();
    for (field, variables) in service.variables() {
        for (variable, value) in variables {
            let path = path.key(field).key(variable.as_str());
            used_secrets.extend(secrets_of(value).into_iter().map(|secret| (secret, path.clone())));
        }
    }
    for (i, secret) in service.secret_files.iter().enumerate() {
        used_secrets.push((secret.clone(), path.key("secret_files").index(i)));
    }
    used_secrets.extend(secrets_of_calls(service, path));
    let foreign_secrets =
        used_secrets.into_iter().filter(|(secret, _)| !plugin_names::fits_part(plugin.as_str(), secret.as_str()));
    let hint =
        format!("use a secret of the plugin, whose name begins with `{}`", plugin_names::database(plugin.as_str()));
    let right = |(secret, path): (SecretName, FieldPath)| {
        let predicate = format!("uses the secret `{secret}`, which is not a secret of the plugin");
        RefusedRight::new(path, predicate, hint.clone())
    };
    foreign_secrets.map(right).collect()
}

/// Returns the secrets to which a value refers.
fn secrets_of(value: &EnvValue) -> Vec<SecretName> {
    let mut secrets = Vec::new();
    value.for_each_reference(&Profile::ALL, &mut |reference| {
        if let EnvReference::Secret(secret) = reference {
            secrets.push(secret.clone());
        }
    });
    secrets
}

/// Returns the secrets in headers of the requests that Hasura sends to the service, each with the field of its header.
fn secrets_of_calls(service: &Service, path: &FieldPath) -> Vec<(SecretName, FieldPath)> {
    let Some(handlers) = &service.hasura else { return Vec::new() };
    let actions = handlers.actions.iter().map(|(name, action)| ("actions", name, &action.call));
    let events = handlers.events.iter().map(|(name, event)| ("events", name, &event.call));
    let crons = handlers.crons.iter().map(|(name, cron)| ("crons", name, &cron.call));
    let calls = actions.chain(events).chain(crons);
    let headers = calls.flat_map(|(kind, name, call)| {
        let path = path.key("hasura").key(kind).key(name.as_str()).key("call").key("headers");
        call.headers.iter().map(move |(header, value)| (value, path.key(header.as_str())))
    });
    let secrets = headers.filter_map(|(value, path)| match value {
        ValueOrSecret::Secret(reference) => Some((reference.secret.clone(), path)),
        ValueOrSecret::Value(_) => None,
    });
    secrets.collect()
}

/// Returns the fields that give the service tables in databases of other services.
fn foreign_databases(plugin: &ServiceName, member: &PlannedService) -> Vec<RefusedRight> {
    let plugin_database = plugin_names::database(plugin.as_str());
    let databases = member.service.databases.iter();
    let foreign_databases = databases
        .filter(|(_, database_use)| database_use.name.as_ref().is_none_or(|name| name.as_str() != plugin_database));
    let owned_databases =
        foreign_databases.filter(|(_, database_use)| matches!(database_use.access, Access::Owner | Access::Schema));
    let rights = owned_databases.map(|(entry, _)| {
        let path = member.path.key("databases").key(entry.as_str());
        let hint = format!("set `name = \"{plugin_database}\"`, or use the other database with `access = 'read`");
        RefusedRight::new(path, "cannot own tables in a database of another service", hint)
    });
    rights.collect()
}

/// Returns the fields that mount a volume of the service into services outside of the plugin.
fn foreign_volume_users(plugin: &ServiceName, member: &PlannedService) -> Vec<RefusedRight> {
    let volumes = member.service.volumes.iter().flat_map(|(name, volume)| {
        let path = member.path.key("volumes").key(name.as_str());
        let readers = volume.readers.keys().map(|reader| (reader, "readers"));
        let users = readers.chain(volume.writers.keys().map(|writer| (writer, "writers")));
        users.map(move |(user, field)| (user, path.key(field).key(user.as_str())))
    });
    let foreign_users = volumes.filter(|(user, _)| !plugin_names::fits_service(plugin.as_str(), user.as_str()));
    let hint = "remove this entry; only services of the plugin can use the volume";
    let rights = foreign_users.map(|(user, path)| {
        let predicate = format!("cannot share its volume with `{user}`, which is outside of the plugin");
        RefusedRight::new(path, predicate, hint)
    });
    rights.collect()
}

/// Refuses a service without limits.
fn missing_limits(name: &ServiceName, member: &PlannedService) -> impl Iterator<Item = Diagnostic> {
    let limits = &member.service.limits;
    let fields =
        [("memory", limits.memory.is_none()), ("cpus", limits.cpus.is_none()), ("pids", limits.pids.is_none())];
    fields.into_iter().filter(|(_, is_missing)| *is_missing).map(move |(field, _)| {
        Diagnostic::error(Code::PluginLimits, member.path.key("limits"))
            .message(format!("the plugin service `{name}` has no limit of `{field}`"))
            .expected("limits of memory, processors and processes")
            .hint("add `limits = { memory = \"128MiB\", cpus = \"0.5\", pids = 64 }`")
    })
}

/// Refuses secrets of plugins that contain secrets of other services, and databases of plugins that other services serve.
pub fn check_declarations(stack: &Stack) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (name, plugin) in &stack.plugins {
        let secrets = plugin.secrets.iter().filter_map(|secret| Some((secret, stack.secrets.get(secret)?)));
        for (secret, recipe) in secrets {
            let parts = recipe.template.iter().flatten().enumerate();
            let parts = parts.filter_map(|(i, part)| Some((i, part.secret.as_ref()?)));
            let foreign_parts = parts.filter(|(_, part)| !plugin_names::fits_part(name.as_str(), part.as_str()));
            findings.extend(foreign_parts.map(|(i, part)| {
                Diagnostic::error(Code::PluginRights, path!("secrets", secret, "template").index(i))
                    .message(format!(
                        "`{secret}` of the plugin `{name}` contains `{part}`, which is not a secret of the plugin"
                    ))
                    .hint("remove the part, or use a secret of the plugin")
            }));
        }
        let served_databases = plugin
            .database
            .iter()
            .filter(|database| stack.databases.get(*database).is_some_and(|schema| schema.served_by.is_some()));
        findings.extend(served_databases.map(|database| {
            Diagnostic::error(Code::PluginRights, path!("databases", database, "served_by"))
                .message(format!(
                    "the plugin `{name}` cannot use `served_by`: the Hasura service of the stack would not start without the plugin's database"
                ))
                .hint("remove `served_by`, and let a service of the plugin serve the tables or answer `hasura.actions`")
        }));
    }
    findings
}
