//! Resolves the references of values, in variables and in files: to secrets, databases, addresses and settings of the stack.

use super::database_host::DatabaseHost;
use super::endpoint::{self, DatabaseEndpoint};
use super::mail::MailServer;
use super::{databases, encryption};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::addresses::Addresses;
use crate::plan::inputs::Inputs;
use crate::plan::missing_services::{excluded_service, missing_owner_of_route};
use crate::plan::model::Value;
use crate::plan::roster::Roster;
use crate::stack::env::{ConnectionPart, DatabasePart, ServiceAddress, StackValue};
use crate::stack::{EnvReference, EnvValue, Frontend};
use crate::values::{SecretName, ServiceName, SqlIdent, VariableName};
use crate::words;

/// The context in which references of a value are resolved: the service that has the value, the variable if the value
/// belongs to one, and the parts of the plan to which references point.
pub struct ReferenceScope<'a> {
    pub inputs: Inputs<'a>,
    pub service: &'a ServiceName,
    pub variable: Option<&'a VariableName>,
    pub roster: &'a Roster,
    pub addresses: &'a Addresses,
    pub mail: &'a MailServer,
}

impl ReferenceScope<'_> {
    /// Returns the value with all references resolved.
    ///
    /// # Errors
    /// A reference to something that the environment does not have, at `path`.
    pub fn value(&self, value: &EnvValue, path: &FieldPath) -> Result<Value, Diagnostic> {
        let reference = match value {
            EnvValue::Text(text) => return Ok(Value::Text(text.to_string())),
            EnvValue::EnvReference(reference) => reference,
        };
        let text = match reference {
            EnvReference::Secret(name) => return Ok(Value::Secret(name.clone())),
            EnvReference::DatabaseUrl(entry) => return self.database_url(DatabaseEndpoint::Server, entry, path),
            EnvReference::PooledUrl(entry) => return self.database_url(DatabaseEndpoint::Pooler, entry, path),
            EnvReference::ReplicaUrl(entry) => return self.database_url(DatabaseEndpoint::Replica, entry, path),
            EnvReference::DatabasePart(part) => return self.database_part(part, path),
            EnvReference::ByProfile(values) => {
                return self
                    .value(values.of(self.inputs.profile), &path.key("by_profile").key(self.inputs.profile.name()));
            }
            EnvReference::Url(address) => {
                self.addresses.url_inside_stack(address, (self.inputs.stack, self.roster), &path.key("url"))?
            }
            EnvReference::PublicUrl(address) => self.public_url(address, &path.key("public_url"))?,
            EnvReference::Mail(setting) => return Ok(self.mail.value(*setting)),
            EnvReference::Stack(StackValue::ClientUrl) => self.addresses.client_url(),
            EnvReference::Stack(StackValue::ClientUrls) => self.addresses.client_urls().join(","),
            EnvReference::Stack(StackValue::Origins) => self.addresses.origins().join(","),
            EnvReference::Stack(StackValue::Project) => self.inputs.stack.project.to_string(),
            EnvReference::Stack(StackValue::Domain) => self.addresses.domain().to_string(),
            EnvReference::Stack(StackValue::Environment) => self.inputs.environment.to_string(),
            EnvReference::Stack(StackValue::Profile) => self.inputs.profile.name().to_owned(),
            EnvReference::Join(parts) => {
                let mut text = String::new();
                for (i, part) in parts.iter().enumerate() {
                    let path = path.key("join").index(i);
                    match self.value(part, &path)? {
                        Value::Text(part) => text.push_str(&part),
                        Value::Secret(secret) => return Err(joined_secret(&secret, self.variable, path)),
                    }
                }
                text
            }
        };
        Ok(Value::Text(text))
    }

    /// Returns the public URL of a service or frontend.
    fn public_url(&self, address: &ServiceAddress, path: &FieldPath) -> Result<String, Diagnostic> {
        let Inputs { stack, .. } = self.inputs;
        let (name, path) = (&address.service, path.key("service"));
        self.addresses.public_url(name, address.path.as_ref()).ok_or_else(|| {
            match (stack.services.get(name), stack.frontends.get(name)) {
                (Some(service), _) if !self.roster.contains_key(name) => excluded_service(name, service, &path),
                (None, Some(frontend)) => unserved_frontend(name, frontend, &path),
                (None, None) if !self.roster.contains_key(name) => {
                    let owners = self.addresses.routes().iter().map(|address| &address.owner);
                    missing_owner_of_route(name, owners.chain(stack.frontends.keys()), &path)
                }
                _ => Diagnostic::error(Code::UnknownDependency, path)
                    .message(format!("`{name}` has no route in this environment, so it has no public address"))
                    .expected("a service or frontend with a route")
                    .hint("give it a route, or refer to its address inside the stack with `nself.url`"),
            }
        })
    }

    /// Returns the secret with the URL of a database through an endpoint.
    fn database_url(
        &self,
        endpoint: DatabaseEndpoint,
        entry: &SqlIdent,
        path: &FieldPath,
    ) -> Result<Value, Diagnostic> {
        let member = &self.roster[self.service];
        endpoint::check(endpoint, member, self.variable, (self.inputs.stack, self.roster), path)?;
        let owner = self.database_owner(entry, &path.key(endpoint.reference()))?;
        Ok(Value::Secret(endpoint.url_secret(owner, entry)))
    }

    /// Returns a part of the connection to a database of the server itself.
    fn database_part(&self, part: &DatabasePart, path: &FieldPath) -> Result<Value, Diagnostic> {
        let Inputs { stack, .. } = self.inputs;
        let member = &self.roster[self.service];
        endpoint::check(DatabaseEndpoint::Server, member, self.variable, (stack, self.roster), path)?;
        let owner = self.database_owner(&part.entry, &path.key("database_part").key("entry"))?;
        let role = databases::role_name(owner);
        let (host, port) = DatabaseHost::address(stack, self.roster);
        let text = match part.part {
            ConnectionPart::Password => return Ok(Value::Secret(databases::password(&role))),
            ConnectionPart::Host => host,
            ConnectionPart::Port => port.to_string(),
            ConnectionPart::User => role.to_string(),
            ConnectionPart::Name => {
                databases::database_name(&self.roster[owner].service.databases[&part.entry], stack).to_string()
            }
            ConnectionPart::SslMode => encryption::ssl_mode(stack).to_owned(),
            ConnectionPart::Authority => encryption::authority_path(stack),
        };
        Ok(Value::Text(text))
    }

    /// Returns the service that declares a database entry which this service uses: the service itself, the original of
    /// which it is a copy, or the service of which it is an additional process.
    ///
    /// # Errors
    /// NS305 at `path` if none of them declares the entry.
    fn database_owner(&self, entry: &SqlIdent, path: &FieldPath) -> Result<&ServiceName, Diagnostic> {
        if let Some(owner) = endpoint::database_owner(self.roster, self.service, entry) {
            return Ok(owner);
        }
        let member = &self.roster[self.service];
        let entries: Vec<&str> = member.service.databases.keys().map(SqlIdent::as_str).collect();
        let near = words::nearest(entry.as_str(), entries.iter().copied());
        // The hint names a separate database first, because the database of the project may have an owner already.
        let separate_name = self.service.as_str().replace('-', "_");
        let hint_to_declare = || {
            format!(
                "declare it: `databases.{entry}.name = \"{separate_name}\"` for a separate database, or `databases.{entry}.access = 'write` for the database of the project"
            )
        };
        Err(Diagnostic::error(Code::UnknownDatabase, path.clone())
            .message(format!("the service has no database entry `{entry}`"))
            .expected(if entries.is_empty() {
                "an entry of the service's `databases`".into()
            } else {
                words::one_of(&entries)
            })
            .hint(near.map_or_else(hint_to_declare, |near| format!("did you mean `{near}`?"))))
    }
}

/// Returns the finding for a secret that is a part of a variable or a file.
fn joined_secret(secret: &SecretName, variable: Option<&VariableName>, path: FieldPath) -> Diagnostic {
    let name = SecretName::of_variable(variable.map_or("", VariableName::as_str));
    let name = if name == *secret { format!("{name}_text") } else { name.to_string() };
    Diagnostic::error(Code::PlainSecret, path)
        .message("a secret cannot be joined with text in a variable: the generated files would contain it in plain text")
        .hint(format!(
            "declare a secret that contains the whole text, `secrets.{name} = nself.template [{{ text = \"…\" }}, {{ secret = \"{secret}\" }}]`, and use `nself.secret \"{name}\"` in the variable"
        ))
}

/// Returns the finding for the public address of a frontend that the environment does not serve.
fn unserved_frontend(name: &ServiceName, frontend: &Frontend, path: &FieldPath) -> Diagnostic {
    let include = match (frontend.enabled, frontend.include) {
        (Some(false), _) => format!("remove `frontends.{name}.enabled = false`"),
        _ => format!("serve it here: `frontends.{name}.include = true`"),
    };
    Diagnostic::error(Code::UnknownDependency, path.clone())
        .lacks(path!("frontends", name, "include"))
        .message(format!("the environment does not serve the frontend `{name}`, so nself does not know its address"))
        .expected("a service or frontend that the environment serves")
        .hint(format!(
            "{include}; if a different server serves it, write its address as text, or use `nself.client_url`"
        ))
}
