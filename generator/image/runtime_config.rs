//! Writes `config.json` of the OCI runtime specification, for runtimes that are used without a container engine. `umoci
//! unpack` or `skopeo` create the root file system; this file describes how to run it. The container has no network
//! until the operator sets one up.

use oci_spec::image::ImageConfiguration;
use serde_json::{Value, json};

use crate::plan::{self, Plan};
use crate::values::{Memory, ServiceName};

/// Mounts of every container: path, type and options.
const MOUNTS: [(&str, &str, &[&str]); 5] = [
    ("/proc", "proc", &["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
];

/// Paths of the kernel that are hidden from containers; the same as in Docker.
const MASKED_PATHS: [&str; 9] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/scsi",
    "/sys/firmware",
];
/// Paths of the kernel that are read-only in containers; the same as in Docker.
const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Default size of `/dev/shm`, as in Docker.
const DEFAULT_SHARED_MEMORY: Memory = Memory(64 << 20);

/// Returns the configuration of one service. Secrets are not part of it: their names are annotations, and the operator
/// provides the values.
///
/// # Errors
/// The image runs as a user whose number is unknown. The text says so.
pub fn config(
    plan: &Plan,
    name: &ServiceName,
    service: &plan::Service,
    image: &ImageConfiguration,
) -> Result<Value, String> {
    let defaults = image.config().clone().unwrap_or_default();
    let (env, secret_variables) = environment(service, defaults.env().clone().unwrap_or_default());
    let arguments: Vec<String> =
        [defaults.entrypoint(), defaults.cmd()].into_iter().flatten().flatten().cloned().collect();
    // The configuration of the image has the user of the service, or else that of the base image.
    let (uid, gid) = image_user_ids(defaults.user().as_deref().unwrap_or_default())?;
    let capabilities: Vec<String> = service.capabilities.iter().map(|capability| format!("CAP_{capability}")).collect();
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({ "type": kind }));
    let secret_files: Vec<String> = service.secret_files.iter().map(ToString::to_string).collect();
    let mut annotations = serde_json::Map::new();
    annotations.insert("org.nself.service".into(), json!(format!("{}-{}-{name}", plan.project, plan.environment)));
    for (key, names) in [("org.nself.secret-variables", secret_variables), ("org.nself.secret-files", secret_files)] {
        if !names.is_empty() {
            annotations.insert(key.into(), json!(names.join(",")));
        }
    }
    // The processor time in microseconds for each period of 100 ms; the limit is in thousandths of a processor.
    let cpu = json!({ "quota": u64::from(service.cpu_limit.0) * 100, "period": 100_000 });
    Ok(json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": service.read_only },
        "hostname": name,
        "mounts": mounts(service),
        "process": {
            "terminal": false,
            "user": { "uid": uid, "gid": gid },
            "args": arguments,
            "env": env,
            "cwd": defaults.working_dir().clone().filter(|folder| !folder.is_empty()).unwrap_or_else(|| "/".into()),
            "noNewPrivileges": true,
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
        },
        "annotations": annotations,
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": MASKED_PATHS,
            "readonlyPaths": READ_ONLY_PATHS,
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                "memory": { "limit": service.memory_limit.0, "reservation": service.memory_reservation.0 },
                "cpu": cpu,
                "pids": { "limit": service.pids_limit },
            },
        },
    }))
}

/// Returns the lines `NAME=value` of the environment, and the names of variables whose values are secrets.
/// `image_lines` are the lines of the image; a variable of the service replaces the image's variable of the same name.
fn environment(service: &plan::Service, image_lines: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut lines = image_lines;
    let mut secret_variables = Vec::new();
    for (variable, value) in &service.env {
        match value {
            plan::Value::Text(text) => {
                lines.retain(|line| !line.starts_with(&format!("{variable}=")));
                lines.push(format!("{variable}={text}"));
            }
            plan::Value::Secret(_) => secret_variables.push(variable.to_string()),
        }
    }
    (lines, secret_variables)
}

/// Returns the fixed mounts, `/dev/shm`, and the folders in memory that the service declares.
fn mounts(service: &plan::Service) -> Vec<Value> {
    let fixed_mounts = MOUNTS
        .iter()
        .map(|(path, kind, options)| json!({ "destination": path, "type": kind, "source": kind, "options": options }));
    let shared_memory = tmpfs("/dev/shm", service.shm_size.unwrap_or(DEFAULT_SHARED_MEMORY), "mode=1777");
    let declared_mounts = service.tmpfs.iter().map(|mount| {
        let access_options = match &mount.owner {
            None => "mode=1777".to_owned(),
            Some(user) => {
                let (uid, gid) = user_ids(user.as_str());
                format!("mode=0770,uid={uid},gid={gid}")
            }
        };
        tmpfs(mount.path.as_str(), mount.limit(), &access_options)
    });
    fixed_mounts.chain([shared_memory]).chain(declared_mounts).collect()
}

/// Returns the numbers of the user and group of an image, which runs as root if `user` is empty.
///
/// # Errors
/// The user or group is a name other than `root`, whose number only the image knows.
fn image_user_ids(user: &str) -> Result<(u32, u32), String> {
    let id = |name: &str| if name == "root" { Some(0) } else { name.parse().ok() };
    let (user_name, group_name) = user.split_once(':').unwrap_or((user, "0"));
    match (id(user_name), id(group_name)) {
        _ if user.is_empty() => Ok((0, 0)),
        (Some(uid), Some(gid)) => Ok((uid, gid)),
        _ => Err(format!("it runs as `{user}`, which is not a number; set the `user` of the service")),
    }
}

/// Returns the numbers of user and group: 1000 and 50 for `1000:50`, 1000 and 0 for `1000`. The caller has checked
/// that both are numbers.
fn user_ids(user: &str) -> (u32, u32) {
    let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
    (uid.parse().unwrap_or_default(), gid.parse().unwrap_or_default())
}

/// Returns the mount of a folder in memory. `access_options` are further options, such as `mode=0770,uid=1,gid=1`.
fn tmpfs(path: &str, size: Memory, access_options: &str) -> Value {
    let mut options = vec!["nosuid".to_owned(), "noexec".to_owned(), "nodev".to_owned(), format!("size={}", size.0)];
    options.extend(access_options.split(',').map(str::to_owned));
    json!({ "destination": path, "type": "tmpfs", "source": "tmpfs", "options": options })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_image_is_a_number_or_root() {
        for (user, ids) in [("", (0, 0)), ("65532", (65532, 0)), ("10001:10002", (10001, 10002)), ("root:0", (0, 0))] {
            assert_eq!(image_user_ids(user), Ok(ids), "{user}");
        }
        for user in ["nonroot", "nonroot:nonroot", "1000:www", "-1", "1000:"] {
            assert!(image_user_ids(user).unwrap_err().contains(user), "{user}");
        }
    }
}
