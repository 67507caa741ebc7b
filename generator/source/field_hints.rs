//! Hints for values that should be records: the field of the record that takes the value.

use crate::diagnostic::{Code, Diagnostic, Segment};

/// Fields that hold records, each with the field of the record to set. `*` is the name of an entry, which
/// replaces `NAME` in a hint.
const FIELDS: [(&[&str], &str); 20] = [
    (&["volumes"], "name each volume: `volumes.data.path = \"/data\"`"),
    (&["volumes", "*"], "set its path: `volumes.NAME.path = \"/data\"`"),
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
    (&["route"], "set its host: `route.subdomain = \"orders\"`"),
    (&["routes", "*"], "set its host: `routes.NAME.subdomain = \"orders\"`"),
    (&["health"], "name the check: `health.http.path = \"/healthz\"`"),
    (&["limits"], "name the limit: `limits.memory = \"256MiB\"`"),
    (&["databases"], "name each database: `databases.main = {}`"),
    (&["databases", "*"], "set its name: `databases.NAME.name = \"orders\"`"),
    (&["plugins"], "name each plugin: `plugins.notify = import \"plugins/notify/plugin.ncl\"`"),
    (&["plugins", "*"], "import it: `plugins.NAME = import \"plugins/NAME/plugin.ncl\"`"),
    (&["target", "s3", "access_key"], "refer to a secret: `nself.secret \"backup_access_key\"`"),
    (&["target", "s3", "secret_key"], "refer to a secret: `nself.secret \"backup_secret_key\"`"),
    (&["relay", "password"], "refer to a secret: `nself.secret \"smtp_password\"`"),
];

/// Sets the hint of a finding about a value that should be a record, if the field is known.
pub fn complete(finding: &mut Diagnostic) {
    let is_about_type = matches!(finding.code, Code::Contract | Code::WrongType);
    if !is_about_type || finding.expected != "a record" {
        return;
    }
    let ends_with = |pattern: &[&str]| {
        let Some(start) = finding.path.0.len().checked_sub(pattern.len()) else { return false };
        finding.path.0[start..].iter().zip(pattern).all(|(segment, wanted)| match segment {
            Segment::Key(key) => *wanted == "*" || key == wanted,
            Segment::Index(_) => false,
        })
    };
    // A longer pattern is more precise: `volumes.env` is a volume.
    let fitting = FIELDS.iter().filter(|(pattern, _)| ends_with(pattern));
    let hint = fitting.max_by_key(|(pattern, _)| pattern.len()).map(|(_, hint)| hint);
    if let Some(hint) = hint {
        finding.hint = hint.replace("NAME", finding.path.last_key());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

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
        assert_eq!(hint(path!("secrets", "key"), "text"), "");
        assert_eq!(hint(path!("services", "orders"), "a record"), "");
    }
}
