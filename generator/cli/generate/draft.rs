//! An environment from its stack to its files. None reads what another one makes, so they are made at the same time.

use std::collections::BTreeMap;

use crate::artifact::{ArtifactPath, Artifacts, Digest, RecordedFile, Reusable};
use crate::backend::PlanDigests;
use crate::backend::{self, compose, kubernetes};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::files::{FileKind, Root};
use crate::parallel;
use crate::plan::{self, Plan, ProjectFiles};
use crate::source::{Environment, Origins};

/// An environment's plan, and where its fields were written.
pub struct Planned {
    pub plan: Plan,
    /// Digests of its parts, such as `local: services.orders`.
    pub(super) parts: BTreeMap<String, Digest>,
    pub origins: Origins,
}

/// What one environment came to.
pub struct Draft {
    pub planned: Planned,
    /// Nothing when anything was refused.
    pub made: Artifacts,
    pub findings: Vec<Diagnostic>,
    /// About the change from the last generation.
    pub moved: Vec<Diagnostic>,
}

/// What all environments are drawn from.
pub struct Drawer<'a> {
    pub files: &'a ProjectFiles,
    /// What is known of the output folder.
    pub left: &'a BTreeMap<ArtifactPath, RecordedFile>,
    /// The output folder.
    pub out: &'a Root,
    /// Images without a digest are refused.
    pub frozen: bool,
    /// Whether anything was refused while reading: that must not reach a generator.
    pub refused: bool,
}

impl Drawer<'_> {
    /// In the order of the environments.
    pub fn all(&self, environments: Vec<Environment>) -> Vec<Draft> {
        parallel::each(environments, |environment| self.draft(environment))
    }

    fn draft(&self, environment: Environment) -> Draft {
        let (plan, mut findings) = plan::resolve(&environment.name, &environment.stack, self.files);
        // The plan holds all that is needed of it.
        drop(environment.stack);
        if self.frozen {
            findings.extend(unpinned(&plan));
        }
        let fields = PlanDigests::of(&plan);
        let mut made = Artifacts::default();
        let mut moved = Vec::new();
        if !self.refused {
            let wrong = findings.iter().any(Diagnostic::is_error);
            match backend::generate(&plan, &fields, Reusable::under(self.left, environment.name.as_str())) {
                Ok(files) => {
                    moved = self.moved(&plan, &files);
                    made = files;
                }
                // Generators may contradict themselves over a plan that is wrong already.
                Err(found) => {
                    findings.extend(found.into_iter().filter(|finding| !wrong || finding.code != Code::Internal));
                }
            }
        }
        findings.retain(|finding| {
            !environment.broken.iter().any(|broken: &FieldPath| {
                finding.path.starts_with(broken) || (finding.code == Code::NoImage && broken.parent() == finding.path)
            })
        });
        for finding in findings.iter_mut().chain(&mut moved) {
            environment.origins.locate(finding);
            finding.environments = vec![environment.name.to_string()];
        }
        let parts = fields.parts().map(|(name, part)| (format!("{}: {name}", plan.environment), part.digest)).collect();
        Draft { planned: Planned { plan, parts, origins: environment.origins }, made, findings, moved }
    }

    /// What a running server or cluster would refuse of this generation.
    fn moved(&self, plan: &Plan, made: &Artifacts) -> Vec<Diagnostic> {
        // A file that is kept is the one of the last generation.
        let both = |file: &str| {
            let new = made.get(file)?.bytes()?;
            let old = self.out.read(format!("{}/{file}", plan.environment), FileKind::Output).ok()??;
            (old != new).then_some((old, new))
        };
        let mut moved = both(compose::FILE).map_or_else(Vec::new, |(old, _)| compose::upgrade_warnings(plan, &old));
        moved.extend(
            both(kubernetes::VOLUMES).into_iter().flat_map(|(old, new)| kubernetes::upgrade_warnings(plan, &old, new)),
        );
        moved
    }
}

/// Images without a digest.
fn unpinned(plan: &Plan) -> Vec<Diagnostic> {
    let unpinned = plan.images().filter(|(_, image)| !image.as_str().contains('@'));
    let findings = unpinned.map(|(field, image)| {
        Diagnostic::error(Code::Unpinned, field)
            .message(format!("`{image}` is not pinned by a digest"))
            .expected("`name:tag@sha256:…`, or an entry of nself.lock")
            .hint("`nself lock` asks the registry and writes nself.lock")
    });
    let untagged = plan.services.values().flat_map(|service| {
        let names = service.bases.iter().filter(|(_, image)| image.is_none());
        names.map(|(name, _)| {
            Diagnostic::error(Code::Unpinned, service.origin.key("build"))
                .message(format!("the Dockerfile begins from `{name}`, which no lock can pin"))
                .expected("`FROM name:tag`, with another tag than latest")
        })
    });
    findings.chain(untagged).collect()
}
