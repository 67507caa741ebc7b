//! Plans the mail server that services use: the mail catcher `services.mail` if it runs, otherwise the relay of the stack.
//! In the profile `local`, services never use the relay, so that test mail does not reach people.

use super::secrets::{DeclaredSecrets, NeededValue};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::model::Value;
use crate::plan::ports::port;
use crate::plan::roster::Roster;
use crate::plan::secret_list::CATCHER_PASSWORD;
use crate::plan::service_names::{MAIL_CATCHER, service_name};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::env::MailSetting;
use crate::stack::{Profile, Relay, RelaySecurity, SecretReference, ValueOrSecret};
use crate::values::{Checked, PortName, SecretName, ServiceName};

/// The name of the port on which the catcher receives mail.
const CATCHER_PORT_NAME: &str = "smtp";
/// The number of the catcher's port, if the service does not declare the port.
const DEFAULT_CATCHER_PORT: u16 = 1025;
/// The user name for the catcher, which accepts any name.
const CATCHER_USER: &str = "nself";
/// The host of a local environment without a catcher: no mail server listens in the service's own container.
const NO_SERVER: &str = "localhost";

/// The settings of the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    host: Value,
    port: u16,
    /// Whether a connection starts with TLS, instead of STARTTLS.
    tls: bool,
    user: Value,
    password: Value,
    /// The catcher's service, if the catcher is the mail server.
    pub catcher: Option<ServiceName>,
}

impl MailServer {
    /// Returns the value of a variable that refers to a setting.
    pub fn value(&self, setting: MailSetting) -> Value {
        match setting {
            MailSetting::Host => self.host.clone(),
            MailSetting::Port => Value::Text(self.port.to_string()),
            MailSetting::Tls => Value::Text(self.tls.to_string()),
            MailSetting::User => self.user.clone(),
            MailSetting::Password => self.password.clone(),
        }
    }

    /// Returns the port to which services connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns a server without encryption: the catcher, or a host on which no server listens.
    fn local(host: String, port: u16, catcher: Option<ServiceName>) -> Self {
        MailServer {
            host: Value::Text(host),
            port,
            tls: false,
            user: Value::Text(CATCHER_USER.into()),
            password: Value::Secret(SecretName::wrap(CATCHER_PASSWORD.into())),
            catcher,
        }
    }
}

/// Plans the mail server of the environment. A relay that no service uses has no findings.
pub fn plan(inputs: Inputs, roster: &Roster, secrets: &DeclaredSecrets) -> Planned<MailServer> {
    let catcher = service_name(MAIL_CATCHER);
    if let Some(member) = roster.get(&catcher) {
        let port_name = Some(PortName::wrap(CATCHER_PORT_NAME.into()));
        let smtp_port = port(&member.service, &port_name, &member.path.key("ports"));
        // hasura-auth accepts a server without encryption only under certain names, so an additional name comes first.
        let host = member.service.aliases.first().unwrap_or(&catcher).to_string();
        let (number, findings) = match smtp_port {
            Ok(number) => (number, Vec::new()),
            // A catcher without the port matters only if a variable refers to the mail server.
            Err(finding) if first_mail_variable(inputs.profile, roster).is_some() => {
                (DEFAULT_CATCHER_PORT, vec![finding])
            }
            Err(_) => (DEFAULT_CATCHER_PORT, Vec::new()),
        };
        return Planned::without_wirings(MailServer::local(host, number, Some(catcher)), findings);
    }
    let no_server = MailServer::local(NO_SERVER.into(), DEFAULT_CATCHER_PORT, None);
    let first_mail_variable = first_mail_variable(inputs.profile, roster);
    let Some(first_mail_variable) = first_mail_variable.filter(|_| inputs.profile != Profile::Local) else {
        return Planned::without_wirings(no_server, Vec::new());
    };
    let Some(relay) = &inputs.stack.mail.relay else {
        let finding = Diagnostic::error(Code::MailRelay, first_mail_variable)
            .lacks(path!("mail", "relay"))
            .message("the variable needs a mail server, but this environment has neither `mail.relay` nor the service `mail`")
            .expected("`mail.relay = { host = \"smtp.example.com\" }`")
            .hint("declare `mail.relay` for this environment, or set the variable to a fixed value instead of `nself.mail`");
        return Planned::without_wirings(no_server, vec![finding]);
    };
    let (host, host_finding) = match &relay.host {
        ValueOrSecret::Value(name) => (Value::Text(name.to_string()), None),
        ValueOrSecret::Secret(reference) => require(secrets, reference, "host"),
    };
    let (user, user_finding) = require(secrets, &relay.user, "user");
    let (password, password_finding) = require(secrets, &relay.password, "password");
    let findings = [host_finding, user_finding, password_finding, check_port(relay)].into_iter().flatten();
    let tls = relay.security == RelaySecurity::Tls;
    let server = MailServer { host, port: relay.port(), tls, user, password, catcher: None };
    // The host may be a secret, so the addresses are unknown.
    let clients = mail_variables(inputs.profile, roster);
    let wirings = clients.map(|(name, cause)| Wiring::new(name, Addition::Egress, &cause)).collect();
    Planned { value: server, wirings, findings: findings.collect() }
}

/// Returns the path of the first variable that refers to the mail server in a profile.
fn first_mail_variable(profile: Profile, roster: &Roster) -> Option<FieldPath> {
    mail_variables(profile, roster).next().map(|(_, path)| path)
}

/// Returns the services with a variable that refers to the mail server in a profile, each with the path of the first one.
fn mail_variables(profile: Profile, roster: &Roster) -> impl Iterator<Item = (&ServiceName, FieldPath)> {
    roster.iter().filter_map(move |(service, member)| {
        let path = member.service.variables().into_iter().find_map(|(field, variables)| {
            let (name, _) = variables.iter().find(|(_, value)| value.refers_to_mail(profile))?;
            Some(member.path.key(field).key(name.as_str()))
        });
        path.map(|path| (service, path))
    })
}

/// Returns the value of a secret of the relay. If no such secret is declared, the value is an empty text, with a finding.
fn require(secrets: &DeclaredSecrets, reference: &SecretReference, field: &str) -> (Value, Option<Diagnostic>) {
    match secrets.require(&reference.secret, NeededValue::Issued, &path!("mail", "relay", field)) {
        Ok(()) => (Value::Secret(reference.secret.clone()), None),
        Err(finding) => (Value::Text(String::new()), Some(finding)),
    }
}

/// Warns of a port that is registered for the other kind of encryption (RFC 6409, RFC 8314).
fn check_port(relay: &Relay) -> Option<Diagnostic> {
    let (encryption, other_security, other_port) = match (relay.port(), relay.security) {
        (465, RelaySecurity::Starttls) => ("TLS from the first byte", "'tls", 587),
        (25 | 587 | 2525, RelaySecurity::Tls) => ("STARTTLS", "'starttls", 465),
        _ => return None,
    };
    let finding = Diagnostic::warning(Code::MailRelay, path!("mail", "relay", "security"))
        .message(format!(
            "port {} is for {encryption}, but `security` has a different value, so connections will probably fail",
            relay.port()
        ))
        .hint(format!("use `security = {other_security}`, or port {other_port}"));
    Some(finding)
}
