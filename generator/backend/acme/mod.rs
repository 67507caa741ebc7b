//! The script that obtains and renews the certificates of the edge, and the program that serves metrics about them. Both
//! are written only if a public certificate authority issues the certificates.

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
/// The program that serves the times at which the certificates expire.
const METRICS: &str = include_str!("metrics.py");

/// Writes `acme/` if a public certificate authority issues the certificates.
///
/// # Errors
/// NS901; the paths are constant, so it cannot occur.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    if plan.ingress.tls == TlsMode::Acme {
        files.add("acme/acme.sh", SCRIPT)?;
        files.add("acme/metrics.py", METRICS)?;
    }
    Ok(files)
}
