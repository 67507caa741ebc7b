//! References in variables, resolved for one service in one environment.

use super::Value;
use super::addresses::Addresses;
use super::database_endpoints::{self, Way};
use super::roster::{Category, Roster};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::env::{Scheme, ServiceAddress, StackValue};
use crate::stack::{EnvReference, EnvValue, Profile, Stack};
use crate::values::{EnvironmentName, ServiceName, SqlIdent, VariableName};
use crate::words;

/// Whose references are resolved, and against what.
pub struct Scope<'a> {
    pub stack: &'a Stack,
    pub environment: &'a EnvironmentName,
    pub profile: Profile,
    pub service: &'a ServiceName,
    pub variable: &'a VariableName,
    pub members: &'a Roster,
    pub addresses: &'a Addresses,
}

impl Scope<'_> {
    /// # Errors
    /// A reference to something that the environment does not have, at `path`.
    pub fn value(&self, value: &EnvValue, path: &FieldPath) -> Result<Value, Diagnostic> {
        let reference = match value {
            EnvValue::Text(text) => return Ok(Value::Text(text.to_string())),
            EnvValue::EnvReference(reference) => reference,
        };
        let text = match reference {
            EnvReference::Secret(name) => return Ok(Value::Secret(name.clone())),
            EnvReference::DatabaseUrl(uses) => return self.database_url(Way::Direct, uses, path),
            EnvReference::PooledUrl(uses) => return self.database_url(Way::Pooled, uses, path),
            EnvReference::ReplicaUrl(uses) => return self.database_url(Way::Replica, uses, path),
            EnvReference::ByProfile(values) => {
                return self.value(values.of(self.profile), &path.key("by_profile").key(self.profile.name()));
            }
            EnvReference::Url(address) => self.addresses.inside(address, self.members, &path.key("url"))?,
            EnvReference::PublicUrl(address) => self.public(address, &path.key("public_url"))?,
            EnvReference::Stack(StackValue::Project) => self.stack.project.to_string(),
            EnvReference::Stack(StackValue::Domain) => self.addresses.domain().to_string(),
            EnvReference::Stack(StackValue::Environment) => self.environment.to_string(),
            EnvReference::Stack(StackValue::Profile) => self.profile.name().to_owned(),
            EnvReference::Join(parts) => {
                let mut text = String::new();
                for (i, part) in parts.iter().enumerate() {
                    let path = path.key("join").index(i);
                    match self.value(part, &path)? {
                        Value::Text(part) => text.push_str(&part),
                        Value::Secret(_) => {
                            return Err(Diagnostic::error(Code::PlainSecret, path)
                                .message("a secret cannot be joined with text here, the result would be written out")
                                .hint("compose it as a secret of its own: `secrets.name = nself.template […]`"));
                        }
                    }
                }
                text
            }
        };
        Ok(Value::Text(text))
    }

    fn public(&self, address: &ServiceAddress, path: &FieldPath) -> Result<String, Diagnostic> {
        let host = self.addresses.public(&address.service).ok_or_else(|| {
            Diagnostic::error(Code::UnknownDependency, path.key("service"))
                .message(format!("`{}` has no route in this environment, so it has no public address", address.service))
                .expected("a service or frontend with a route")
                .hint("give it a route, or refer to its address inside the stack with `nself.url`")
        })?;
        let path = address.path.as_ref().map_or(String::new(), ToString::to_string);
        Ok(format!("https://{host}{path}"))
    }

    fn database_url(&self, way: Way, uses: &SqlIdent, path: &FieldPath) -> Result<Value, Diagnostic> {
        let member = &self.members[self.service];
        database_endpoints::check(way, member, self.variable, self.members, path)?;
        if member.service.databases.contains_key(uses) {
            return Ok(Value::Secret(way.url_secret(self.service, uses)));
        }
        // A copy reaches the main database as the service that it copies.
        if let Category::Copy(of) = &member.category
            && self.members.get(of).is_some_and(|original| original.service.databases.contains_key(uses))
        {
            return Ok(Value::Secret(way.url_secret(of, uses)));
        }
        let known: Vec<&str> = member.service.databases.keys().map(SqlIdent::as_str).collect();
        let near = words::nearest(uses.as_str(), known.iter().copied());
        let declare = || format!("declare it: `databases.{uses} = {{}}`");
        Err(Diagnostic::error(Code::UnknownDatabase, path.key(way.word()))
            .message(format!("the service has no database entry `{uses}`"))
            .expected(if known.is_empty() { "an entry of the service's `databases`".into() } else { known.join(", ") })
            .hint(near.map_or_else(declare, |near| format!("did you mean `{near}`?"))))
    }
}

impl Scheme {
    /// What stands before `host:port`.
    pub fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Redis => "redis://",
            Scheme::Smtp => "smtp://",
            Scheme::Grpc => "grpc://",
            Scheme::None => "",
        }
    }
}
