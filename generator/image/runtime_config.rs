//! `config.json` of the runtime specification, for runtimes without an engine: `umoci unpack` or `skopeo` bring the
//! root file system, this file says how to run it. The container has no network until the operator gives it one.

use oci_spec::image::ImageConfiguration;
use serde_json::{Value, json};

use crate::plan::{self, Plan};
use crate::values::{Memory, ServiceName};

/// What every container has besides its root file system.
const MOUNTS: [(&str, &str, &[&str]); 5] = [
    ("/proc", "proc", &["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
];

/// Paths of the kernel that containers do not see, and those that they see read-only; as Docker has them.
const MASKED: [&str; 9] = [
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
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The file of one service. What is a secret is named in annotations and comes from the operator.
pub fn config(plan: &Plan, name: &ServiceName, service: &plan::Service, image: &ImageConfiguration) -> Value {
    let defaults = image.config().clone().unwrap_or_default();
    let mut env = defaults.env().clone().unwrap_or_default();
    let mut withheld = Vec::new();
    for (variable, value) in &service.env {
        match value {
            plan::Value::Text(text) => {
                env.retain(|line| !line.starts_with(&format!("{variable}=")));
                env.push(format!("{variable}={text}"));
            }
            plan::Value::Secret(_) => withheld.push(variable.to_string()),
        }
    }
    let arguments: Vec<String> =
        [defaults.entrypoint(), defaults.cmd()].into_iter().flatten().flatten().cloned().collect();
    let (uid, gid) = owner(service.user.as_ref().map_or("0:0", |user| user.as_str()));
    let capabilities: Vec<String> = service.capabilities.iter().map(|capability| format!("CAP_{capability}")).collect();
    let mut mounts: Vec<Value> = MOUNTS
        .iter()
        .map(|(path, kind, options)| json!({ "destination": path, "type": kind, "source": kind, "options": options }))
        .collect();
    let shm = service.shm_size.unwrap_or(Memory(64 << 20));
    mounts.push(tmpfs("/dev/shm", shm, "mode=1777"));
    for memory in &service.tmpfs {
        let owner = memory.owner.as_ref().map_or_else(
            || "mode=1777".to_owned(),
            |user| {
                let (uid, gid) = self::owner(user.as_str());
                format!("mode=0770,uid={uid},gid={gid}")
            },
        );
        mounts.push(tmpfs(memory.path.as_str(), memory.size.unwrap_or(Memory(64 << 20)), &owner));
    }
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({ "type": kind }));
    let secret_files: Vec<String> = service.secret_files.iter().map(ToString::to_string).collect();
    let mut annotations = serde_json::Map::new();
    annotations.insert("org.nself.service".into(), json!(format!("{}-{}-{name}", plan.project, plan.environment)));
    for (key, names) in [("org.nself.secret-variables", withheld), ("org.nself.secret-files", secret_files)] {
        if !names.is_empty() {
            annotations.insert(key.into(), json!(names.join(",")));
        }
    }
    json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": service.read_only },
        "hostname": name,
        "mounts": mounts,
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
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                "memory": { "limit": service.memory_limit.0, "reservation": service.memory_reservation.0 },
                "cpu": { "quota": u64::from(service.cpu_limit.0) * 100, "period": 100_000 },
                "pids": { "limit": service.pids_limit },
            },
        },
    })
}

/// Both are numbers: the type of users is checked.
fn owner(user: &str) -> (u32, u32) {
    let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
    (uid.parse().unwrap_or_default(), gid.parse().unwrap_or_default())
}

fn tmpfs(path: &str, size: Memory, owner: &str) -> Value {
    let mut options = vec!["nosuid".to_owned(), "noexec".to_owned(), "nodev".to_owned(), format!("size={}", size.0)];
    options.extend(owner.split(',').map(str::to_owned));
    json!({ "destination": path, "type": "tmpfs", "source": "tmpfs", "options": options })
}
