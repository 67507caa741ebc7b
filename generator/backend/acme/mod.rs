//! The script that obtains and renews the certificates of the edge, and its metrics, if a certificate authority issues
//! the certificates.

use super::{Description, Emit, PlanField};
use crate::artifact::Artifacts;
use crate::backend::provenance::field_of_service;
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::stack::TlsMode;

pub const DESCRIPTION: Description = Description {
    paths: &["acme/"],
    reads: "ingress",
    emit: Emit::FromPlanParts { parts: &[PlanField::Ingress], emit },
    file_fields: |plan, _| field_of_service(plan, "acme"),
    line_fields: |_, _| Vec::new(),
};

const SCRIPT: &str = include_str!("acme.sh");
const METRICS: &str = include_str!("metrics.py");

/// Writes the script and its metrics if a certificate authority issues the certificates.
///
/// # Errors
/// Never fails; all content backends have this signature.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    if plan.ingress.tls == TlsMode::Acme {
        files.add("acme/acme.sh", SCRIPT)?;
        files.add("acme/metrics.py", METRICS)?;
    }
    Ok(files)
}
