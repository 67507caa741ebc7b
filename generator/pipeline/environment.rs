//! Plans and renders environments, in parallel, since no environment depends on a different one.

use std::collections::BTreeMap;

use crate::artifact::{ArtifactPath, Artifacts, Digest, RecordedFile, Reusable};
use crate::backend::PlanDigests;
use crate::backend::{self, compose, kubernetes, postgres, summary, timers, waivers};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Segment};
use crate::files::{FileKind, Root};
use crate::parallel;
use crate::path;
use crate::plan::{self, DeclaredProcesses, Plan, ProjectFiles};
use crate::source::{Environment, Origins, is_meant};
use crate::words;

/// An environment's plan, and the places in the source of its fields.
#[derive(Debug)]
pub struct PlannedEnvironment {
    pub plan: Plan,
    /// Digests of the plan's parts, by names such as `local: services.orders`.
    pub(super) parts: BTreeMap<String, Digest>,
    pub origins: Origins,
}

/// The plan and the files of one environment.
pub struct RenderedEnvironment {
    pub planned: PlannedEnvironment,
    /// Empty if there was an error.
    pub artifacts: Artifacts,
    /// Errors and warnings about the environment.
    pub findings: Vec<Diagnostic>,
    /// Warnings about the change from the previous outputs.
    pub upgrade_warnings: Vec<Diagnostic>,
}

/// Renders environments from the same files of the project.
pub struct Renderer<'a> {
    pub files: &'a ProjectFiles,
    /// The files in the output folder that may be reused.
    pub previous: &'a BTreeMap<ArtifactPath, RecordedFile>,
    /// The output folder.
    pub out: &'a Root,
    /// Whether to refuse images without a digest.
    pub frozen: bool,
    /// Whether reading the stack or the project failed. If so, environments are planned, to find more errors, but not
    /// rendered.
    pub has_errors: bool,
}

impl Renderer<'_> {
    /// Plans and renders all environments. Returns the results in the order of the environments.
    pub fn render_all(&self, environments: Vec<Environment>) -> Vec<RenderedEnvironment> {
        parallel::each(environments, |environment| self.render(environment))
    }

    /// Plans an environment and renders its files.
    fn render(&self, environment: Environment) -> RenderedEnvironment {
        let (plan, mut findings) = plan::resolve(&environment.name, &environment.stack, self.files);
        let processes = DeclaredProcesses::of(&environment.stack);
        // From here on, only the plan is needed. The memory of the stack is freed early.
        drop(environment.stack);
        if self.frozen {
            findings.extend(unpinned_images(&plan));
        }
        let digests = PlanDigests::of(&plan);
        let mut artifacts = Artifacts::default();
        let mut upgrade_warnings = Vec::new();
        if !self.has_errors {
            let plan_has_error = findings.iter().any(Diagnostic::is_error);
            let reusable = Reusable::of_environment(self.previous, environment.name.as_str());
            match backend::generate(&plan, &digests, reusable) {
                Ok(files) => {
                    upgrade_warnings = self.upgrade_warnings(&plan, &files);
                    artifacts = files;
                }
                Err(backend_findings) => {
                    // An error in the plan can break assumptions of a backend. The backend's NS901 is then only a
                    // consequence.
                    let is_consequence = |finding: &Diagnostic| plan_has_error && finding.code == Code::Internal;
                    let is_reported = |finding: &Diagnostic| {
                        findings.iter().any(|reported| reported.is_error() && reported.path == finding.path)
                    };
                    let new_findings: Vec<Diagnostic> = processes
                        .report_at_services(backend_findings)
                        .into_iter()
                        .filter(|finding| !is_consequence(finding) && !is_reported(finding))
                        .collect();
                    findings.extend(new_findings);
                }
            }
        }
        findings.extend(waivers::unknown_waivers(&plan));
        findings.extend(waivers::unused_waivers(&plan, &digests));
        findings.retain(|finding| {
            let follows_broken_field = environment.broken.iter().any(|broken: &FieldPath| {
                finding.path.starts_with(broken)
                    || lacks_refused(finding, broken)
                    || (finding.code == Code::NoImage && broken.parent() == finding.path)
            });
            let follows_refused_value = || environment.refused.iter().any(|refused| follows_refused(finding, refused));
            !follows_broken_field && !follows_refused_value()
        });
        for finding in findings.iter_mut().chain(&mut upgrade_warnings) {
            environment.origins.locate(finding);
            finding.environments = vec![environment.name.to_string()];
        }
        let parts =
            digests.parts().map(|(name, part)| (format!("{}: {name}", plan.environment), part.digest)).collect();
        let planned = PlannedEnvironment { plan, parts, origins: environment.origins };
        RenderedEnvironment { planned, artifacts, findings, upgrade_warnings }
    }

    /// Returns warnings about changes from the previous outputs that a running server or cluster would refuse.
    fn upgrade_warnings(&self, plan: &Plan, artifacts: &Artifacts) -> Vec<Diagnostic> {
        // Returns the previous and the new content of a file if they differ. A file that was not rendered is unchanged,
        // so it has no warnings.
        let changed_file = |file: &str| {
            let new = artifacts.get(file)?.bytes()?;
            let old = self.out.read(format!("{}/{file}", plan.environment), FileKind::Output).ok()??;
            (old != new).then_some((old, new))
        };
        let compose_change = changed_file(compose::FILE);
        let compose_upgrade = compose_change.map(|(old, new)| compose::upgrade(plan, &old, new));
        // The database server of a project with a new name is new.
        let has_new_server = plan.setup.as_ref().is_some_and(|setup| setup.is_own_server)
            && compose_upgrade.as_ref().is_some_and(|upgrade| upgrade.is_other_project);
        let mut warnings = compose_upgrade.map_or_else(Vec::new, |upgrade| upgrade.warnings);
        let setup_change = changed_file(postgres::SETUP).filter(|_| !has_new_server).into_iter();
        warnings.extend(setup_change.flat_map(|(old, new)| postgres::upgrade_warnings(plan, &old, new)));
        let volumes_change = changed_file(kubernetes::VOLUMES).into_iter();
        warnings.extend(volumes_change.flat_map(|(old, new)| kubernetes::upgrade_warnings(plan, &old, new)));
        let old_file = |file: &str| changed_file(file).map(|(old, _)| old);
        warnings.extend(kubernetes::handover_warnings(plan, &old_file));
        warnings.extend(timers::upgrade_warnings(plan, &self.old_timers(plan), artifacts));
        let secrets_change = changed_file(summary::SECRETS).into_iter();
        warnings.extend(secrets_change.flat_map(|(old, new)| summary::upgrade_warnings(plan, &old, new)));
        warnings
    }

    /// Returns the names of the files in the output folder of an environment's timers.
    fn old_timers(&self, plan: &Plan) -> Vec<String> {
        let folder = self.out.open().ok().flatten();
        let timers = folder.and_then(|folder| {
            folder.folder(format!("{}/{}", plan.environment, timers::FOLDER.trim_end_matches('/'))).ok()?
        });
        let files = timers.and_then(|timers| timers.list().ok()).unwrap_or_default();
        files.into_iter().filter_map(|file| file.name.into_string().ok()).collect()
    }
}

/// Codes of findings that can follow from a refused value of a service, each with the field of the service that would
/// have declared what is missing.
const FOLLOW_UPS: [(Code, &str); 6] = [
    (Code::UnknownPort, "port"),
    (Code::UnknownPort, "ports"),
    (Code::NoHealth, "health"),
    (Code::UnknownDatabase, "databases"),
    (Code::DatabaseTaken, "databases"),
    (Code::UnknownSecret, "secrets"),
];

/// Returns whether a finding of the plan is only a consequence of a value that was refused: it is about that value,
/// about a record that lacks it, or about something that the value would have declared.
fn follows_refused(finding: &Diagnostic, refused: &FieldPath) -> bool {
    let lacks_field = match finding.code {
        // A misspelled field, such as `imag`, is meant to be the image.
        Code::NoImage => words::nearest(refused.last_key(), ["image", "build"]).is_some(),
        Code::BadValue | Code::MissingField | Code::UnknownSecret | Code::ServiceFile => true,
        _ => false,
    };
    if finding.path.starts_with(refused) || lacks_field && finding.path == refused.parent() {
        return true;
    }
    // A field that is missing because its name is a different one, such as `subdomain` for `route`.
    if lacks_field && finding.path.parent() == refused.parent() && is_meant(refused.last_key(), finding.path.last_key())
    {
        return true;
    }
    if lacks_refused(finding, refused) {
        return true;
    }
    // A check of a definition that lacks a refused part. The path of a table has four steps:
    // `databases.shop.tables.orders`.
    let is_definition = matches!(finding.path.0.first(), Some(Segment::Key(section)) if section == "databases");
    if is_definition && finding.path.0.len() >= 4 && refused.starts_with(&finding.path) {
        return true;
    }
    // A secret whose only recipe was refused.
    if finding.code == Code::BadValue
        && finding.path.parent().last_key() == "secrets"
        && refused.starts_with(&finding.path)
    {
        return true;
    }
    if finding.code == Code::UnknownSecret && may_declare_secret(refused, finding.lacks.as_ref()) {
        return true;
    }
    // `services.orders.port` has the section `services`, the name `orders`, and `port` below it.
    let [section, Segment::Key(name), below @ ..] = refused.0.as_slice() else { return false };
    let entry = FieldPath(vec![section.clone(), Segment::Key(name.clone())]);
    let mut paths = std::iter::once(&finding.path).chain(finding.related.iter().map(|related| &related.path));
    let names_entry = finding.message.contains(&format!("`{name}`"));
    let concerns_entry = names_entry || paths.any(|path| path.starts_with(&entry));
    match below.first() {
        None => names_entry,
        Some(Segment::Key(field)) => concerns_entry && FOLLOW_UPS.contains(&(finding.code, field.as_str())),
        Some(Segment::Index(_)) => false,
    }
}

/// Returns whether a finding is about a missing field that the stack has, but with a refused value: decoding leaves out the
/// field, or the record with it.
fn lacks_refused(finding: &Diagnostic, refused: &FieldPath) -> bool {
    finding.lacks.as_ref().is_some_and(|missing| refused.starts_with(missing) || missing.starts_with(refused))
}

/// Returns whether a refused field may declare the secret that a finding lacks. A whole service may declare any secret.
fn may_declare_secret(refused: &FieldPath, lacks: Option<&FieldPath>) -> bool {
    match refused.0.as_slice() {
        [Segment::Key(services), Segment::Key(_)] => services == "services",
        [Segment::Key(services), _, Segment::Key(secrets), Segment::Key(name), ..] => {
            // A secret that a service of the library declares is missing together with this service.
            let is_lacking = |missing: &FieldPath| *missing == path!("secrets", name) || refused.starts_with(missing);
            services == "services" && secrets == "secrets" && lacks.is_some_and(is_lacking)
        }
        _ => false,
    }
}

/// Returns an error for each image without a digest.
fn unpinned_images(plan: &Plan) -> Vec<Diagnostic> {
    let mut unpinned: BTreeMap<&str, Vec<FieldPath>> = BTreeMap::new();
    for (field, image) in plan.images().filter(|(_, image)| !image.as_str().contains('@')) {
        unpinned.entry(image.as_str()).or_default().push(field);
    }
    let findings = unpinned.into_iter().filter_map(|(image, fields)| {
        let mut fields = fields.into_iter();
        let finding = Diagnostic::error(Code::Unpinned, fields.next()?)
            .message(format!("`{image}` is not pinned by a digest"))
            .expected("`name:tag@sha256:…`, or an entry of nself.lock")
            .hint("run `nself lock`, which looks up the digest and writes nself.lock");
        Some(fields.fold(finding, |finding, field| finding.related(field, "the same image")))
    });
    let untagged_bases = plan.services.values().flat_map(|service| {
        let names = service.bases.iter().filter(|(_, image)| image.is_none());
        names.map(|(name, _)| {
            Diagnostic::error(Code::Unpinned, service.origin.key("build"))
                .message(format!("the base image `{name}` of the Dockerfile cannot be pinned by nself.lock"))
                .expected("`FROM name:tag`, with a tag other than latest")
        })
    });
    findings.chain(untagged_bases).collect()
}
