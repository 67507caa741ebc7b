//! The scripts of backups, which are the same for every stack: all parameters are variables of the containers.

use super::{Description, Emit, PlanField};
use crate::artifact::Artifacts;
use crate::diagnostic::Diagnostic;
use crate::path;
use crate::plan::Plan;

pub const DESCRIPTION: Description = Description {
    paths: &["backups/"],
    reads: "backups, access",
    emit: Emit::FromPlanParts { parts: &[PlanField::Backups, PlanField::Access], emit },
    file_fields: |_, _| vec![path!("backups")],
    line_fields: |_, _| Vec::new(),
};

/// The scripts of the services and jobs, by file name; some are only included by other scripts.
const SCRIPTS: [(&str, &str); 15] = [
    ("backup.sh", include_str!("scripts/backup.sh")),
    ("common.sh", include_str!("scripts/common.sh")),
    ("entries.sh", include_str!("scripts/entries.sh")),
    ("files.sh", include_str!("scripts/files.sh")),
    ("files-backup.sh", include_str!("scripts/files-backup.sh")),
    ("files-restore.sh", include_str!("scripts/files-restore.sh")),
    ("files-verify.sh", include_str!("scripts/files-verify.sh")),
    ("list.sh", include_str!("scripts/list.sh")),
    ("receive.sh", include_str!("scripts/receive.sh")),
    ("recovery.sh", include_str!("scripts/recovery.sh")),
    ("restore.sh", include_str!("scripts/restore.sh")),
    ("retention.sh", include_str!("scripts/retention.sh")),
    ("segment.sh", include_str!("scripts/segment.sh")),
    ("snapshot.sh", include_str!("scripts/snapshot.sh")),
    ("verify.sh", include_str!("scripts/verify.sh")),
];
/// The script that the database server's container runs before its entrypoint.
const GUARD: &str = include_str!("guard.sh");

/// Writes `backups/scripts/` and `backups/server/` if the environment has backups.
///
/// # Errors
/// NS901 if a path is written twice.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    if plan.backups.is_none() {
        return Ok(files);
    }
    for (name, script) in SCRIPTS {
        files.add(format!("backups/scripts/{name}"), script)?;
    }
    if let Some(access) = &plan.access {
        // The scripts read the host name of the database server from this file.
        files.add("backups/scripts/server", format!("{}\n", access.primary_host()))?;
    }
    files.add("backups/server/guard.sh", GUARD)?;
    Ok(files)
}
