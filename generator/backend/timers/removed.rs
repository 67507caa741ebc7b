//! Warnings about timers of services that no longer have a schedule. A timer that was installed before still starts the
//! service.

use super::FOLDER;
use crate::artifact::Artifacts;
use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::Plan;

/// The end of the name of a timer.
const SUFFIX: &str = "@.timer";

/// Returns NS617 for each timer of the last generation that this generation does not have. `old_files` are the names of
/// the files in the folder of the units. In an environment on a cluster, no timers are installed.
pub fn warnings(plan: &Plan, old_files: &[String], new: &Artifacts) -> Vec<Diagnostic> {
    let prefix = format!("{}-{}-", plan.project, plan.environment);
    let units = old_files.iter().filter_map(|file| {
        let unit = file.strip_suffix(SUFFIX)?;
        let is_removed = plan.kubernetes.is_none() && new.get(&format!("{FOLDER}{file}")).is_none();
        is_removed.then_some(unit)
    });
    let findings = units.map(|unit| {
        let service = unit.strip_prefix(&prefix).unwrap_or(unit);
        Diagnostic::warning(Code::RemovedTimer, path!("services", service))
            .message(format!("`{}` no longer has the timer `{unit}`; if it is installed, it keeps running", plan.environment))
            .hint(format!(
                "on the host, run `systemctl disable --now \"{unit}@$(systemd-escape --path \"$PWD\").timer\"` in the folder of \
                 compose.yaml, and then `rm /etc/systemd/system/{unit}@.service /etc/systemd/system/{unit}{SUFFIX}`"
            ))
    });
    findings.collect()
}
