//! Rules for settings that must agree with the image: the port on which a program listens, the configuration that a
//! program of the catalogue reads, and variables that exclude each other.

use super::mounts::SECRETS;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::roster::PlannedService;
use crate::stack::{EnvValue, Service};
use crate::values::VariableName;
use crate::values::credential_names::is_plain_credential;

/// The setting that determines on which port a program listens.
enum PortSetting {
    /// No setting may change the port, because other generated files and checks use the number, too.
    Fixed,
    /// nself writes the port of the stack into the program's configuration.
    Generated,
    /// A variable whose value is the number, or ends with it.
    Variable(&'static str),
    /// An option of the command, for the hint. Any word of the command that is the number, or ends with it, sets the
    /// port.
    Command(&'static str),
}

/// The variable from which most programs read the port on which they listen.
const PORT_VARIABLE: &str = "PORT";
/// The secret with the configuration of Redis, which the library composes.
const REDIS_CONFIGURATION: &str = "redis_conf";

/// The ports on which programs of the catalogue listen by default, by the name in `catalogue` and the name of the port.
const PORTS: [(&str, &str, u16, PortSetting); 16] = [
    ("postgres", "pg", 5432, PortSetting::Fixed),
    ("pgbouncer", "pg", 5432, PortSetting::Generated),
    ("redis", "redis", 6379, PortSetting::Fixed),
    ("redis-sentinel", "sentinel", 26379, PortSetting::Fixed),
    ("functions", "http", 3000, PortSetting::Fixed),
    ("adminer", "http", 8080, PortSetting::Fixed),
    ("admin", "http", 3021, PortSetting::Variable("PORT")),
    ("hasura", "http", 8080, PortSetting::Variable("HASURA_GRAPHQL_SERVER_PORT")),
    ("hasura-auth", "http", 4000, PortSetting::Variable("AUTH_PORT")),
    ("mailpit", "http", 8025, PortSetting::Variable("MP_UI_BIND_ADDR")),
    ("mailpit", "smtp", 1025, PortSetting::Variable("MP_SMTP_BIND_ADDR")),
    ("meilisearch", "http", 7700, PortSetting::Variable("MEILI_HTTP_ADDR")),
    ("minio", "http", 9000, PortSetting::Command("--address")),
    ("minio", "console", 9001, PortSetting::Command("--console-address")),
    ("mlflow", "http", 5000, PortSetting::Command("--port")),
    ("seaweedfs", "http", 8333, PortSetting::Command("-s3.port")),
];

/// Checks the ports of a service, and its pairs of variables that exclude each other.
pub fn check(member: &PlannedService) -> Vec<Diagnostic> {
    let mut findings = check_ports(member);
    findings.extend(port_beside_own(member));
    findings.extend(check_port_variable(member));
    findings.extend(check_redis_command(member));
    findings.extend(check_pairs(member));
    findings
}

/// Refuses a port on which the program of the catalogue does not listen.
fn check_ports(member: &PlannedService) -> Vec<Diagnostic> {
    let service = &member.service;
    let Some(catalogue) = &service.catalogue else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, number) in service.all_ports() {
        let entry = PORTS.iter().find(|(program, port, ..)| *program == catalogue.as_str() && *port == name.as_str());
        let Some((_, _, default, setting)) = entry.filter(|(_, _, default, _)| *default != number) else { continue };
        let hint = match setting {
            PortSetting::Fixed => format!("remove `ports.{name}`"),
            PortSetting::Generated => continue,
            PortSetting::Variable(variable) if listens_by_variable(member, variable, number) => continue,
            PortSetting::Variable(variable) => {
                format!("remove `ports.{name}`, or set the port in `env.{variable}`, too")
            }
            PortSetting::Command(_) if listens_by_command(member, number) => continue,
            PortSetting::Command(option) => {
                format!("remove `ports.{name}`, or set the port with `{option}` in `command`, too")
            }
        };
        findings.push(
            Diagnostic::error(Code::ImagePort, member.path.key("ports").key(name.as_str()))
                .message(format!("the program listens on port {default}, not on {number}"))
                .expected(default.to_string())
                .hint(hint),
        );
    }
    findings
}

/// Refuses the shorthand `port`, which is `ports.http`, for a program whose only port has a different name: it would
/// declare one more port, on which nothing listens.
fn port_beside_own(member: &PlannedService) -> Option<Diagnostic> {
    let catalogue = member.service.catalogue.as_ref()?;
    let number = member.service.port?;
    let mut known = PORTS.iter().filter(|(image, ..)| *image == catalogue.as_str());
    let (_, name, default, _) = known.clone().next()?;
    if known.any(|(_, port, ..)| *port == "http") {
        return None;
    }
    let contrast = if number == *default { String::new() } else { format!(", and not on {number}") };
    Some(
        Diagnostic::error(Code::ImagePort, member.path.key("port"))
            .message(format!("the program listens on port {default}, which `ports.{name}` already declares{contrast}"))
            .expected("no `port`")
            .hint("remove `port`"),
    )
}

/// Warns of a variable `PORT` of a program of the project that is none of its declared ports, for example because only one
/// of the two was changed for an environment.
fn check_port_variable(member: &PlannedService) -> Option<Diagnostic> {
    let service = &member.service;
    if service.catalogue.is_some() {
        return None;
    }
    let (field, _, value) = variables(service).find(|(_, name, _)| name.as_str() == PORT_VARIABLE)?;
    let EnvValue::Text(text) = value else { return None };
    let listening: u16 = text.as_str().parse().ok()?;
    let ports = service.all_ports();
    let (first_name, first_number) = ports.first_key_value()?;
    if ports.values().any(|number| *number == listening) {
        return None;
    }
    let (declared, port_path) = match service.port {
        Some(port) => (port, member.path.key("port")),
        None => (*first_number, member.path.key("ports").key(first_name.as_str())),
    };
    let variable_path = member.path.key(field).key(PORT_VARIABLE);
    Some(
        Diagnostic::warning(Code::ImagePort, port_path)
            .message(format!(
                "clients connect to port {declared}, and the variable PORT tells the program to listen on {listening}"
            ))
            .expected("one number")
            .hint(format!("set `{variable_path}` to \"{declared}\" in the same layer of the stack"))
            .related(variable_path, "the variable"),
    )
}

/// Refuses a command of Redis without the configuration of the library, which has the password that all clients send.
fn check_redis_command(member: &PlannedService) -> Option<Diagnostic> {
    let service = &member.service;
    let has_configuration = service.secret_files.iter().any(|secret| secret.as_str() == REDIS_CONFIGURATION);
    let file = format!("{SECRETS}/{REDIS_CONFIGURATION}");
    let reads_file = service.command_words().any(|word| word.contains(&file));
    if !service.has_catalogue_entry("redis") || !has_configuration || reads_file {
        return None;
    }
    let options = service.command.iter().flatten().map(|word| word.as_str());
    let options = options.skip_while(|word| !word.starts_with('-')).map(|word| format!(", {word:?}"));
    Some(
        Diagnostic::error(Code::UnreadConfiguration, member.path.key("command"))
            .message(format!("the command does not read `{file}`, so Redis would need no password"))
            .expected("the file as the first argument, and options behind it")
            .hint(format!("write `command = [\"redis-server\", \"{file}\"{}]`", options.collect::<String>())),
    )
}

/// Returns whether a text is a number, or ends with it after a sign such as `:` or `=`: `--port=5000` ends with 5000,
/// but not with 0.
fn ends_with_number(text: &str, number: u16) -> bool {
    text.strip_suffix(&number.to_string()).is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Returns the variables of a service, each with its field, name and value.
fn variables(service: &Service) -> impl Iterator<Item = (&'static str, &VariableName, &EnvValue)> {
    let fields = service.variables().into_iter();
    fields.flat_map(|(field, variables)| variables.iter().map(move |(name, value)| (field, name, value)))
}

/// Returns whether a variable sets the port. The value of a reference is not known yet, so it counts as the right port.
fn listens_by_variable(member: &PlannedService, variable: &str, number: u16) -> bool {
    variables(&member.service).filter(|(_, name, _)| name.as_str() == variable).any(|(_, _, value)| match value {
        EnvValue::Text(text) => ends_with_number(text.as_str(), number),
        EnvValue::EnvReference(_) => true,
    })
}

/// Returns whether a word of the entrypoint or command sets the port.
fn listens_by_command(member: &PlannedService, number: u16) -> bool {
    member.service.command_words().any(|word| ends_with_number(word, number))
}

/// Refuses `X` together with `X_FILE`, the variable that names the file with the value of `X`. Images refuse such a pair
/// when they start, or ignore one of the two.
fn check_pairs(member: &PlannedService) -> Vec<Diagnostic> {
    let service = &member.service;
    let path_of = |field: &str, name: &str| -> FieldPath { member.path.key(field).key(name) };
    let mut findings = Vec::new();
    for (file_field, file_name, value) in variables(service) {
        let Some(name) = file_name.as_str().strip_suffix("_FILE") else { continue };
        let EnvValue::Text(file) = value else { continue };
        let Some(secret) = file.as_str().strip_prefix(SECRETS).and_then(|below| below.strip_prefix('/')) else {
            continue;
        };
        let Some((field, _, declared)) = variables(service).find(|(_, other, _)| other.as_str() == name) else {
            continue;
        };
        // `check_variable` reports a credential in plain text, and its hint removes the variable as well.
        if matches!(declared, EnvValue::Text(text) if is_plain_credential(name, text.as_str())) {
            continue;
        }
        let fix = if service.catalogue.is_some() {
            format!("remove `{name}`: the value comes from the secret `{secret}`")
        } else {
            format!("remove `{name}`, or `{file_name}`")
        };
        findings.push(
            Diagnostic::error(Code::VariablePair, path_of(field, name))
                .message(format!("`{name}` and `{file_name}` are both set, and exclude each other"))
                .expected("one of the two")
                .hint(fix)
                .related(path_of(file_field, file_name.as_str()), format!("`{file_name}`")),
        );
    }
    findings
}
