//! Checks that the database server keeps its data in a mount. The image declares a volume at its default folder, so data
//! outside of the stack's mounts goes to a volume without a name, which is removed together with the container.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::Plan;
use crate::plan::model::{Service, Value};
use crate::plan::roster::Roster;
use crate::plan::service_names::{BACKUP, DATABASE, REPLICA, service_name};
use crate::values::folders::is_in_folder;

/// Returns NS846 for a server whose data folder is in no volume, folder of the host or memory file system. With backups,
/// a stricter check has run before.
pub fn check(roster: &Roster, plan: &Plan) -> Vec<Diagnostic> {
    if plan.services.contains_key(&service_name(BACKUP)) {
        return Vec::new();
    }
    let servers = [DATABASE, REPLICA].map(service_name);
    let servers = servers.iter().filter_map(|name| Some((roster.get(name)?, plan.services.get(name)?)));
    let findings = servers.filter_map(|(member, service)| {
        let Some(Value::Text(folder)) = service.env.get("PGDATA") else { return None };
        (!is_in_mount(service, folder)).then(|| {
            Diagnostic::error(Code::DataFolder, member.path.key("env").key("PGDATA"))
                .message(format!(
                    "the server's data is in `{folder}`, which is in no volume, so it is lost with the container"
                ))
                .expected("`PGDATA` as a path below the path of the server's volume")
                .hint("remove `PGDATA` and the `path` of the volume: the library sets both")
        })
    });
    findings.collect()
}

/// Returns whether a folder is the target of a mount, or is below one.
fn is_in_mount(service: &Service, folder: &str) -> bool {
    let volumes = service.volumes.iter().map(|mount| &mount.path);
    let host_folders = service.host_mounts.iter().map(|mount| &mount.target);
    let mut targets = volumes.chain(host_folders).chain(service.tmpfs.iter().map(|mount| &mount.path));
    targets.any(|target| is_in_folder(folder, target.as_str()))
}
