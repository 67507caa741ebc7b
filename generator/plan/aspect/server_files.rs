//! Generated files of the database servers, and settings in their commands.

use crate::plan::service_names::{DATABASE, REPLICA};
use crate::plan::wiring::Addition;
use crate::values::{Checked, ContainerPath, Text};

/// Returns the folder of a server's generated files in its container.
pub fn folder(name: &str) -> ContainerPath {
    ContainerPath::wrap(format!("/etc/nself/{name}"))
}

/// Database servers, with the folders of their generated files.
pub const SERVERS: [(&str, &str); 2] = [(DATABASE, "server"), (REPLICA, "standby")];

/// Returns a setting of PostgreSQL as an argument of the server's command.
pub fn setting(setting: &str) -> Addition {
    let text = |text: &str| Text::wrap(text.to_owned());
    Addition::Arguments { program: Some(text("postgres")), arguments: vec![text("-c"), text(setting)] }
}

/// Returns the addition that a script of a server's folder runs the entrypoint of its image.
pub fn script(place: &str, file: &str) -> Addition {
    let text = |text: &str| Text::wrap(text.to_owned());
    let prefix = vec![text("/bin/sh"), text(&format!("{}/{file}", folder(place)))];
    Addition::EntrypointPrefix { prefix, program: text("docker-entrypoint.sh") }
}
