//! Reads the calls that Hasura services make to other services: actions, event triggers, cron triggers and remote schemas,
//! each with the connection and the secrets that it needs.

use std::collections::BTreeMap;

use super::calls::{CallNeeds, Calls};
use super::lookup::{StackParts, check_hasura};
use super::{taken_names, types};
use crate::database::graphql::handlers::*;
use crate::database::model::Schema;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::aspect::file_content::{ContentResolver, Holder};
use crate::plan::aspect::reference_scope::ReferenceScope;
use crate::plan::aspect::secrets::NeededValue;
use crate::plan::model::PlannedAction;
use crate::plan::ports::port;
use crate::plan::roster::{Category, PlannedService};
use crate::plan::service_names::{HASURA, service_name};
use crate::stack::env::ServiceAddress;
use crate::stack::{ActionKind, Call, Handlers, ValueOrSecret, handlers};
use crate::values::{ApiRole, Checked, Duration, GraphqlName, ServiceName, SqlIdent, UrlPath, VariableName};

/// Default number of additional attempts after a failure.
pub const RETRIES: u16 = 3;
/// Default time between two attempts, in seconds.
pub const RETRY_SECONDS: u64 = 10;

/// Returns the calls of each Hasura service, with findings about calls that cannot work.
pub fn read_calls(
    stack_parts: &StackParts,
    definitions: &BTreeMap<SqlIdent, Schema>,
) -> (BTreeMap<ServiceName, Calls>, Vec<Diagnostic>) {
    let (mut calls_by_hasura, mut findings) = (BTreeMap::<ServiceName, Calls>::new(), Vec::new());
    for (service, member) in stack_parts.roster {
        let Some(handlers) = member.service.hasura.as_ref().filter(|_| !matches!(member.category, Category::Copy(_)))
        else {
            continue;
        };
        let path = member.path.key("hasura");
        let server = handlers.server.clone().unwrap_or_else(|| service_name(HASURA));
        let server_field = if handlers.server.is_some() { path.key("server") } else { path.clone() };
        // There is no finding if the Hasura service is not part of this environment: then the calls have no effect.
        if let Err(finding) = check_hasura(stack_parts.stack, stack_parts.roster, &server, &server_field) {
            findings.extend(finding);
            continue;
        }
        let served_databases: BTreeMap<&SqlIdent, &Schema> =
            definitions.iter().filter(|(_, schema)| schema.served_by.as_ref() == Some(&server)).collect();
        let reader = CallReader { stack_parts, service, member, path, server: server.clone(), served_databases };
        findings.extend(reader.add(handlers, calls_by_hasura.entry(server).or_default()));
    }
    for (server, calls) in &calls_by_hasura {
        let field = |kind, name: &GraphqlName| calls.declaring_fields[&(kind, name.clone())].clone();
        findings.extend(types::check(calls.actions.iter().map(|(action, _)| action), &calls.types, &field));
        let schemas = definitions.values().filter(|schema| schema.served_by.as_ref() == Some(server));
        findings.extend(taken_names::check(calls, schemas, &field));
    }
    (calls_by_hasura, findings)
}

/// Returns a time in seconds, or the default.
///
/// # Errors
/// NS106 at `path` for a time that is not a number of whole seconds, in which Hasura counts.
fn whole_seconds(time: Option<Duration>, default: u64, path: &FieldPath) -> Result<u64, Diagnostic> {
    let Some(time) = time else { return Ok(default) };
    if time.0.is_multiple_of(1000) {
        return Ok(time.seconds());
    }
    Err(Diagnostic::error(Code::BadValue, path.clone())
        .message(format!("Hasura counts in whole seconds, but `{time}` is not a whole number of seconds"))
        .expected("whole seconds, such as `5s`")
        .hint(format!("set `{} = \"{}s\"`", path.last_key(), time.seconds())))
}

/// Returns the time between two attempts in seconds.
///
/// # Errors
/// NS106 for a time that is not a number of whole seconds.
pub fn retry_seconds(retry: &handlers::Retry, path: &FieldPath) -> Result<u64, Diagnostic> {
    whole_seconds(retry.interval, RETRY_SECONDS, &path.key("retry").key("interval"))
}

/// The reader of the field `hasura` of one service.
pub struct CallReader<'a> {
    pub stack_parts: &'a StackParts<'a>,
    service: &'a ServiceName,
    member: &'a PlannedService,
    /// The field `hasura` of the service.
    pub path: FieldPath,
    /// The Hasura service that calls the service.
    pub server: ServiceName,
    /// The databases that the Hasura service serves.
    pub served_databases: BTreeMap<&'a SqlIdent, &'a Schema>,
}

/// A request that Hasura sends to the service.
pub struct Request {
    pub url: String,
    pub headers: Vec<Header>,
    /// Time limit of the call in seconds.
    pub timeout: u64,
    pub needs: CallNeeds,
}

impl CallReader<'_> {
    /// Adds the calls of the service to `calls`, which collects the calls that one Hasura service makes to all services.
    /// Returns findings about calls that cannot work, which are not added.
    fn add(&self, handlers: &Handlers, calls: &mut Calls) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        let with_kind = |kind: &'static str, names: Vec<&GraphqlName>| {
            names.into_iter().map(move |name| (kind, name.clone())).collect::<Vec<_>>()
        };
        let kinds_and_names = [
            with_kind("actions", handlers.actions.keys().collect()),
            with_kind("types", handlers.types.keys().collect()),
            with_kind("events", handlers.events.keys().collect()),
            with_kind("crons", handlers.crons.keys().collect()),
        ];
        for (kind, name) in kinds_and_names.into_iter().flatten() {
            let path = self.path.key(kind).key(name.as_str());
            if let Some(first_path) = calls.declaring_fields.insert((kind, name.clone()), path.clone()) {
                findings.push(
                    Diagnostic::error(Code::NameTaken, path)
                        .message(format!("two {kind} of the same Hasura service have the name `{name}`"))
                        .hint("rename one of the two")
                        .counterpart(first_path, "the other declaration"),
                );
            }
        }
        calls.types.extend(handlers.types.iter().map(|(name, definition)| (name.clone(), definition.clone())));
        findings.extend(self.check_roles(handlers));
        findings.extend(handlers.remote_schema.iter().flat_map(|remote| self.check_role_schemas(remote)));
        let mut collect_errors =
            |result: Result<(), Vec<Diagnostic>>| findings.extend(result.err().into_iter().flatten());
        for (name, action) in &handlers.actions {
            collect_errors(self.action(name, action).map(|action| calls.actions.push(action)));
        }
        for (name, event) in &handlers.events {
            collect_errors(self.event(name, event).map(|event| calls.events.push(event)));
        }
        for (name, cron) in &handlers.crons {
            collect_errors(self.cron(name, cron).map(|cron| calls.crons.push(cron)));
        }
        if let Some(remote) = &handlers.remote_schema {
            collect_errors(self.remote_schema(remote).map(|remote| calls.remote_schemas.push(remote)));
        }
        findings
    }

    /// Returns the request of a call to a path. The default timeout, in seconds, is used if the call does not set one.
    ///
    /// # Errors
    /// NS306 for an unknown port, and findings about secrets that are not declared.
    pub fn request(
        &self,
        call: &Call,
        path: &FieldPath,
        (url_path, default_timeout): (UrlPath, u64),
    ) -> Result<Request, Vec<Diagnostic>> {
        let path = path.key("call");
        let address = ServiceAddress {
            service: self.service.clone(),
            port: call.port.clone(),
            path: Some(url_path),
            scheme: None,
        };
        let mut findings = Vec::new();
        let url = self.stack_parts.addresses.url_inside_stack(
            &address,
            (self.stack_parts.stack, self.stack_parts.roster),
            &path,
        );
        let port_number = port(&self.member.service, &call.port, &path.key("port"));
        let timeout = whole_seconds(call.timeout, default_timeout, &path.key("timeout"));
        findings.extend(timeout.as_ref().err().cloned());
        let mut headers = Vec::new();
        let mut secrets = Vec::new();
        for (name, value) in &call.headers {
            let value = match value {
                ValueOrSecret::Value(text) => HeaderValue::Text(text.clone()),
                ValueOrSecret::Secret(reference) => {
                    let header_field = path.key("headers").key(name.as_str());
                    findings.extend(
                        self.stack_parts.secrets.require(&reference.secret, NeededValue::Any, &header_field).err(),
                    );
                    let variable =
                        VariableName::wrap(format!("NSELF_HEADER_{}", reference.secret.as_str().to_ascii_uppercase()));
                    secrets.push((variable.clone(), reference.secret.clone()));
                    HeaderValue::Variable(variable)
                }
            };
            headers.push(Header { name: name.clone(), value });
        }
        match (url, port_number, timeout) {
            (Ok(url), Ok(port), Ok(timeout)) if findings.is_empty() => Ok(Request {
                url,
                headers,
                timeout,
                needs: CallNeeds { service: self.service.clone(), port, secrets, cause: path },
            }),
            // An unknown port is already reported as an error of the URL.
            (url, ..) => {
                findings.extend(url.err());
                Err(findings)
            }
        }
    }

    /// Returns a planned action, and the needs of its call.
    fn action(
        &self,
        name: &GraphqlName,
        action: &handlers::ActionHandler,
    ) -> Result<(PlannedAction, CallNeeds), Vec<Diagnostic>> {
        let path = self.path.key("actions").key(name.as_str());
        let request = self.request(&action.call, &path, (action.call.path_of("actions", name), 30))?;
        let permissions = action.roles.iter().map(|role| AllowedRole { role: role.clone() }).collect();
        let definition = ActionDefinition {
            kind: match action.kind {
                ActionKind::Query => None,
                ActionKind::Mutation => Some("synchronous"),
                ActionKind::Asynchronous => Some("asynchronous"),
            },
            handler: request.url,
            forward_client_headers: action.forward_client_headers,
            headers: request.headers,
            timeout: request.timeout,
        };
        let metadata = ActionMetadata { name: name.clone(), definition, permissions, comment: action.comment.clone() };
        let (arguments, returns) = (action.arguments.clone(), action.returns.clone());
        Ok((PlannedAction { kind: action.kind, arguments, returns, metadata }, request.needs))
    }

    /// Returns a cron trigger, and the needs of its call.
    fn cron(
        &self,
        name: &GraphqlName,
        cron: &handlers::CronHandler,
    ) -> Result<(CronTrigger, CallNeeds), Vec<Diagnostic>> {
        let path = self.path.key("crons").key(name.as_str());
        let request = self.request(&cron.call, &path, (cron.call.path_of("crons", name), 60))?;
        let payload = cron.payload.as_ref().map(|payload| self.payload(payload, &path.key("payload"))).transpose()?;
        let retry_interval_seconds = retry_seconds(&cron.retry, &path).map_err(|finding| vec![finding])?;
        let trigger = CronTrigger {
            name: name.clone(),
            webhook: request.url,
            schedule: cron.schedule.clone(),
            include_in_metadata: true,
            payload,
            retry_conf: CronRetries {
                num_retries: cron.retry.count.unwrap_or(RETRIES),
                retry_interval_seconds,
                timeout_seconds: request.timeout,
            },
            headers: request.headers,
            comment: cron.comment.clone(),
        };
        Ok((trigger, request.needs))
    }

    /// Returns the payload of a cron trigger, with its references replaced by their texts.
    ///
    /// # Errors
    /// NS504 for a secret, and findings about references.
    fn payload(&self, payload: &serde_json::Value, path: &FieldPath) -> Result<serde_json::Value, Vec<Diagnostic>> {
        let StackParts { inputs, roster, addresses, mail, .. } = *self.stack_parts;
        let scope = ReferenceScope { inputs, service: self.service, variable: None, roster, addresses, mail };
        ContentResolver { scope, holder: Holder::Payload }.resolve_data(payload, path)
    }

    /// Returns the remote schema of the service, and the needs of its calls.
    fn remote_schema(
        &self,
        remote: &handlers::RemoteSchema,
    ) -> Result<(RemoteSchemaMetadata, CallNeeds), Vec<Diagnostic>> {
        let url_path = remote.call.path.clone().unwrap_or_else(|| UrlPath::wrap("/graphql".to_owned()));
        let request = self.request(&remote.call, &self.path.key("remote_schema"), (url_path, 60))?;
        let type_names = remote.type_prefix.clone().map(|prefix| TypeNames { prefix });
        let customization = (remote.namespace.is_some() || type_names.is_some())
            .then(|| Customization { root_fields_namespace: remote.namespace.clone(), type_names });
        let permission = |(role, schema): (&ApiRole, &crate::values::Text)| RemotePermission {
            role: role.clone(),
            definition: RoleSchema { schema: schema.clone() },
        };
        let metadata = RemoteSchemaMetadata {
            name: self.service.clone(),
            definition: RemoteSchemaDefinition {
                url: request.url,
                timeout_seconds: request.timeout,
                forward_client_headers: remote.forward_client_headers,
                headers: request.headers,
                customization,
            },
            comment: remote.comment.clone(),
            permissions: remote.permissions.iter().map(permission).collect(),
        };
        Ok((metadata, request.needs))
    }
}
