//! Generated files of the database servers, and settings in their commands.

use crate::plan::service_names::{DATABASE, REPLICA};
use crate::plan::wiring::Addition;
use crate::values::{Checked, ContainerPath, Text};

/// Returns the folder of a server's generated files in its container: `"standby"` → `/etc/nself/standby`.
pub fn folder(name: &str) -> ContainerPath {
    ContainerPath::wrap(format!("/etc/nself/{name}"))
}

/// Database servers, with the names of the folders of their generated files.
pub const SERVERS: [(&str, &str); 2] = [(DATABASE, "server"), (REPLICA, "standby")];

/// Returns a setting of PostgreSQL as an argument of the server's command.
pub fn setting_argument(setting: &str) -> Addition {
    let text = |text: &str| Text::wrap(text.to_owned());
    Addition::Arguments { program: Some(text("postgres")), arguments: vec![text("-c"), text(setting)] }
}

/// Returns the addition that starts a server with a script in its folder: `script("server", "guard.sh")` runs
/// `/bin/sh /etc/nself/server/guard.sh`. The script then runs the image's entrypoint.
pub fn script(subfolder: &str, file: &str) -> Addition {
    let text = |text: &str| Text::wrap(text.to_owned());
    let prefix = vec![text("/bin/sh"), text(&format!("{}/{file}", folder(subfolder)))];
    Addition::EntrypointPrefix { prefix, program: text("docker-entrypoint.sh") }
}
