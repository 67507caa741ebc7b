//! Plans the hooks of plugins: a plugin's services wait for its jobs, and its job `after_migrate` waits for its migrations.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::model::Migrations;
use crate::plan::roster::{Roster, plugin_of};
use crate::plan::wiring::{Addition, Planned, Wiring};
use crate::stack::{Condition, Stack};
use crate::values::{ServiceName, SqlIdent};
use std::collections::BTreeMap;

/// Plans the order of each plugin's jobs and services. A service on which a job depends does not wait for that job.
pub fn plan(stack: &Stack, roster: &Roster, migrations: &BTreeMap<SqlIdent, Migrations>) -> Planned<()> {
    let mut planned = Planned::<()>::default();
    for (plugin, declared) in &stack.plugins {
        let jobs: Vec<(&str, &ServiceName)> = declared.hooks.jobs().collect();
        let services = roster.keys().filter(|name| plugin_of(roster, name) == Some(plugin));
        for name in services.filter(|name| jobs.iter().all(|(_, job)| job != name)) {
            // The plugin's migrations wait for no hook: `after_migrate` waits for them.
            let is_migration = migrations.values().any(|migrations| migrations.job == *name);
            let planned_jobs = jobs.iter().filter_map(|(field, job)| Some((field, *job, roster.get(*job)?)));
            let awaited_jobs =
                planned_jobs.filter(|(_, _, member)| !is_migration && !member.service.depends_on.contains_key(name));
            planned.wirings.extend(awaited_jobs.map(|(field, job, _)| {
                let wait = Addition::Dependency(job.clone(), Condition::Completed);
                Wiring::new(name, wait, &path!("plugins", plugin, "hooks", field))
            }));
        }
        let Some(job) = declared.hooks.after_migrate.as_ref().filter(|job| roster.contains_key(*job)) else { continue };
        let cause = path!("services", job);
        match declared.database.as_ref().and_then(|database| migrations.get(database)) {
            Some(migrations) => {
                let wait = Addition::Dependency(migrations.job.clone(), Condition::Completed);
                planned.wirings.push(Wiring::new(job, wait, &cause));
            }
            None => planned.findings.push(
                Diagnostic::error(Code::PluginHook, cause)
                    .message(format!("`after_migrate` runs after migrations, but the plugin `{plugin}` has none"))
                    .hint("declare the plugin's tables in `database` and let a service use that database, or run the job with `before_start`"),
            ),
        }
    }
    planned
}
