//! Hints for values of a wrong type and for fields of other tools. A hint about a wrong type shows the right form of the value:
//! as a field of a record, as an item of a list, or with a unit.

use super::foreign_words;
use crate::diagnostic::{Code, Diagnostic, Segment};

/// Fields whose value is a record: the last steps of their path, and a hint with a field of the record. The step `*` is any
/// name, and `[]` any item of a list. The last name of the path replaces `NAME` in a hint.
const RECORDS: [(&[&str], &str); 47] = [
    (&["indexes", "*", "columns", "[]"], "name the column: `{ column = \"id\" }`"),
    (&["volumes"], "name each volume: `volumes.data.path = \"/data\"`"),
    (&["volumes", "*"], "set its path: `volumes.NAME.path = \"/data\"`"),
    (&["readers"], "name each service, with the path in its container: `readers.orders = \"/data\"`"),
    (&["writers"], "name each service, with the path in its container: `writers.orders = \"/data\"`"),
    (&["build"], "set the folder: `build.context = \"services/orders\"`"),
    (
        &["secrets", "*"],
        "use `nself.random 43` for a new value, or `nself.external \"what it is\"` for one that you have",
    ),
    (&["files", "*"], "set its content: `files.\"NAME\".text = \"…\"`, or `.from` for a file of the project"),
    (&["env"], "name each variable: `env.LOG_LEVEL = \"info\"`"),
    (&["ports"], "name each port: `ports.http = 8001`"),
    (&["publish"], "name each port: `publish.http.port = 8001`"),
    (&["publish", "*"], "set the port of the host: `publish.NAME.port = 8001`"),
    (&["publish", "port"], "name the port: `publish.http.port = 8001`"),
    (&["columns", "*"], "set its type: `columns.NAME.type = \"bigint\"`"),
    (&["route"], "set its host: `route.subdomain = \"orders\"`"),
    (&["routes", "*"], "set its host: `routes.NAME.subdomain = \"orders\"`"),
    (&["health"], "name the check: `health.http.path = \"/healthz\"`"),
    (&["backups"], "write `backups = { enabled = true, target.folder = {} }`, or a bucket as the target"),
    (&["kubernetes"], "write `kubernetes.enabled = true`"),
    (&["monitoring"], "write `monitoring.enabled = true`"),
    (&["tls"], "remove it: every environment has TLS, and `tls.mode` is the source of the certificates"),
    (&["mail", "relay"], "name its host: `mail.relay.host = \"smtp.example.com\"`"),
    (&["edge", "rate_limits", "*"], "write `rate_limits.NAME = { per_second = 10, burst = 20 }`"),
    (&["processes"], "name each process: `processes.worker.command = [\"program\"]`"),
    (&["processes", "*"], "set its command: `processes.NAME.command = [\"program\"]`"),
    (&["metrics"], "write `metrics = {}` for `/metrics` at the port `http`"),
    (&["secrets"], "name each secret: `secrets.key = nself.random 43`; `secret_files = [\"key\"]` mounts one"),
    (&["extra_hosts"], "name each host: `extra_hosts.db = \"192.0.2.10\"`"),
    (&["labels"], "name each label: `labels.team = \"shop\"`"),
    (&["sysctls"], "name each setting: `sysctls.\"net.core.somaxconn\" = \"1024\"`"),
    (&["build", "args"], "name each argument: `build.args.VERSION = \"1\"`"),
    (&["mounts", "[]"], "write `{ source = \"config\", target = \"/etc/app\" }`"),
    (&["host_mounts", "[]"], "write `{ source = \"/srv/data\", target = \"/data\", reason = \"…\" }`"),
    (&["health", "http"], "set its path: `health.http.path = \"/healthz\"`"),
    (&["health", "tcp"], "name the port: `health.tcp.port = \"http\"`"),
    (&["health", "grpc"], "name the port: `health.grpc.port = \"http\"`"),
    (&["limits"], "name the limit: `limits.memory = \"256MiB\"`"),
    (&["databases"], "name each database: `databases.main = {}`"),
    (&["databases", "*"], "set its name: `databases.NAME.name = \"orders\"`"),
    (&["plugins"], "name each plugin: `plugins.notify = import \"plugins/notify/plugin.ncl\"`"),
    (&["plugins", "*"], "import it: `plugins.NAME = import \"plugins/NAME/plugin.ncl\"`"),
    (&["target", "s3", "access_key"], "refer to a secret: `nself.secret \"backup_access_key\"`"),
    (&["target", "s3", "secret_key"], "refer to a secret: `nself.secret \"backup_secret_key\"`"),
    (&["relay", "password"], "refer to a secret: `nself.secret \"smtp_password\"`"),
    (&["tmpfs", "[]"], "name its path: `{ path = \"/tmp\" }`"),
    (&["uniques", "*"], "list its columns: `uniques.NAME.columns = [\"id\"]`"),
    (&["types", "*", "enum"], "list its labels: `enum.values = [\"new\"]`"),
];

/// Fields whose value is a list: the last steps of their path, and a hint with the form of the list.
const LISTS: [(&[&str], &str); 6] = [
    (&["connects_to"], "list the names: `connects_to = [\"orders\"]`"),
    (&["health", "exec"], "list the words of the command: `health.exec = [\"program\", \"argument\"]`"),
    (&["indexes", "*", "columns"], "list the columns: `columns = [{ column = \"id\" }]`"),
    (&["tmpfs"], "list the folders: `tmpfs = [{ path = \"/tmp\" }]`"),
    (&["primary_key"], "list the columns: `primary_key = [\"id\"]`"),
    (&["columns"], "list the columns: `columns = [\"id\"]`"),
];

/// Fields whose text ends with a unit, each with an example.
const UNITS: [(&str, &str); 10] = [
    ("memory", "512MiB"),
    ("size", "512MiB"),
    ("stop_grace", "30s"),
    ("interval", "30s"),
    ("timeout", "30s"),
    ("start_period", "30s"),
    ("deadline", "10m"),
    ("drain", "10s"),
    ("for", "5m"),
    ("after", "10m"),
];

/// Fields whose text has a special form, each with an example.
const FORMS: [(&str, &str); 3] = [("user", "1000:1000"), ("cpus", "0.5"), ("mode", "0644")];

/// Fields of lists whose items are words of a command.
const COMMANDS: [&str; 3] = ["command", "entrypoint", "exec"];

/// Fields whose text is the reason for an exception.
const REASONS: [&str; 3] = ["none", "reason", "waive"];

/// Fields of Compose and Kubernetes in the place of a value with a tag or a reference: the last steps of their path, and a
/// hint.
const VALUES: [(&[&str], &str); 4] = [
    (&["depends_on", "*", "condition"], "write the condition as the value: `depends_on.orders = 'healthy`"),
    (&["env", "*", "valueFrom"], "refer to a secret: `nself.secret \"name\"`"),
    (&["env", "*", "value"], "write the value itself: `env.LOG_LEVEL = \"info\"`"),
    (&["env", "*", "default"], "write the value itself, and a different one in the layer of an environment"),
];

/// Sets the hint of a finding about a value of a wrong type or about a key of Compose, if there is one for the field.
pub fn complete(finding: &mut Diagnostic) {
    let hint = match finding.code {
        Code::UnknownField => foreign_words::hint(&finding.path).or_else(|| {
            let is_unexplained = !finding.hint.starts_with("did you mean");
            is_unexplained.then(|| foreign_words::hint_of_similar_word(&finding.path)).flatten()
        }),
        Code::BadValue if finding.hint.is_empty() => hint_of_field(&VALUES, finding).map(str::to_owned),
        // Two values of a field that Nickel cannot merge: that of the library, and that of the user.
        Code::Evaluation if finding.hint.is_empty() && finding.message.ends_with("a record is needed here") => {
            hint_of_record(finding)
        }
        Code::Contract | Code::WrongType => {
            let hint = hint_of_type(finding);
            let is_unexplained = hint.is_none() && finding.hint.is_empty();
            hint.or_else(|| is_unexplained.then(|| "`nself schema` describes the values that the field takes".into()))
        }
        _ => None,
    };
    if let Some(hint) = hint {
        finding.hint = hint;
    }
}

/// Returns the hint for a field whose value is a record.
fn hint_of_record(finding: &Diagnostic) -> Option<String> {
    hint_of_field(&RECORDS, finding).map(|hint| hint.replace("NAME", finding.path.last_key()))
}

/// Returns the hint for a value of a wrong type.
fn hint_of_type(finding: &Diagnostic) -> Option<String> {
    let name = finding.path.last_key();
    let is = |kind: &str| finding.message.ends_with(kind);
    let path = finding.path.to_string();
    if is(": null") && !path.contains('[') {
        return Some(format!(
            "`null` removes a value only in the layer of an environment: `environments.prod.{path} = null`"
        ));
    }
    match finding.expected.as_str() {
        "a record" => hint_of_record(finding),
        expected if expected.starts_with("a list of service names") => {
            Some(format!("write a list: `{name} = [\"postgres\"]`"))
        }
        expected if expected.starts_with("an array") => {
            let is_list_of_names = expected == "an array of text" && is(": text") && !COMMANDS.contains(&name);
            let form = || is_list_of_names.then(|| format!("put it into brackets: `{name} = [\"…\"]`"));
            hint_of_field(&LISTS, finding).map(str::to_owned).or_else(form)
        }
        // A secret that the operator provides has a description.
        expected if expected.starts_with("text") && name == "external" => {
            Some("describe the value: `nself.external \"the key of the mail provider\"`".to_owned())
        }
        expected if expected.starts_with("text") && REASONS.contains(&name) => {
            Some(format!("write the reason in words: `{name} = \"the image has no shell\"`"))
        }
        // In the schema, a port with the type of text is the name of one.
        expected if expected.starts_with("text") && is("a number") && name == "port" => {
            Some("write the name of the port, such as `port = \"http\"`".to_owned())
        }
        expected if expected.starts_with("text") && is("a number") => {
            let unit = UNITS.iter().find(|(field, _)| *field == name);
            let form = FORMS.iter().find(|(field, _)| *field == name);
            unit.map(|(_, example)| format!("write it with its unit, in double quotes: `\"{example}\"`"))
                .or_else(|| form.map(|(_, example)| format!("write it in double quotes, such as `\"{example}\"`")))
        }
        _ => None,
    }
}

/// Returns the hint of the longest pattern that fits the end of a finding's path. A longer pattern is more precise: of a
/// field `volumes.env`, both `volumes.*` and `env` fit the end.
fn hint_of_field<'a>(fields: &[(&[&str], &'a str)], finding: &Diagnostic) -> Option<&'a str> {
    let ends_with = |pattern: &[&str]| {
        let Some(start) = finding.path.0.len().checked_sub(pattern.len()) else { return false };
        finding.path.0[start..].iter().zip(pattern).all(|(segment, step)| match segment {
            Segment::Key(key) => *step == "*" || key == step,
            Segment::Index(_) => *step == "[]",
        })
    };
    let fitting_patterns = fields.iter().filter(|(pattern, _)| ends_with(pattern));
    fitting_patterns.max_by_key(|(pattern, _)| pattern.len()).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    #[test]
    fn values_of_other_tools_have_hints() {
        let mut finding = Diagnostic::error(Code::BadValue, path!("services", "a", "depends_on", "b", "condition"));
        complete(&mut finding);
        assert!(finding.hint.contains("`depends_on.orders = 'healthy`"));
        let mut finding = Diagnostic::error(Code::BadValue, path!("services", "a", "env", "b", "valueFrom"));
        complete(&mut finding);
        assert!(finding.hint.contains("`nself.secret"));
    }

    #[test]
    fn hints_name_the_field_that_takes_the_value() {
        let hint = |path, expected: &str| {
            let mut finding = Diagnostic::error(Code::Contract, path).expected(expected);
            complete(&mut finding);
            finding.hint
        };
        assert!(hint(path!("services", "orders", "volumes", "env"), "a record").contains("`volumes.env.path"));
        assert!(hint(path!("services", "orders", "volumes"), "a record").contains("`volumes.data.path"));
        assert!(hint(path!("secrets", "key"), "a record").contains("`nself.random 43`"));
        assert!(hint(path!("services", "orders", "env"), "a record").contains("`env.LOG_LEVEL = "));
        assert!(hint(path!("services", "orders", "tmpfs"), "an array").contains("[{ path"));
        assert!(hint(path!("services", "orders", "tmpfs").index(0), "a record").starts_with("name its path"));
        assert!(hint(path!("secrets", "key"), "text").contains("`nself schema`"));
        assert!(hint(path!("services", "orders"), "a record").contains("`nself schema`"));
        assert!(
            hint(path!("services", "orders", "depends_on"), "a list of service names such as …")
                .contains("`depends_on = [")
        );
        assert!(hint(path!("mail", "relay"), "a record").contains("`mail.relay.host = "));
    }
}
