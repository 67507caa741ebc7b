//! The configuration of nginx, the edge: one file for each site, and `nginx.conf` for all sites. It includes the user's
//! files last.

mod headers;
mod nginx_conf;
mod provenance;
mod routes;
mod site;
mod upstreams;

use crate::artifact::Artifacts;
use crate::backend::{Description, Emit, PlanField};
use crate::diagnostic::Diagnostic;
use crate::path;
use crate::plan::{Location, Plan};

pub const DESCRIPTION: Description = Description {
    paths: &["nginx/"],
    reads: "ingress, profile",
    emit: Emit::FromPlanParts { parts: &[PlanField::Ingress, PlanField::Profile], emit },
    file_fields: |plan, path| provenance::site_fields(plan, path).unwrap_or_else(|| vec![path!("edge")]),
    line_fields: provenance::line_fields,
};

/// The program that the container runs.
const START_SCRIPT: &str = include_str!("start.sh");

/// Writes the edge's files below `nginx/`.
///
/// # Errors
/// NS901 for a host name that is not valid.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let ingress = &plan.ingress;
    let mut files = Artifacts::default();
    files.add("nginx/nginx.conf", nginx_conf::render_file(plan)?)?;
    files.add(upstreams::FILE, upstreams::render_all(ingress)?)?;
    files.add("nginx/start.sh", START_SCRIPT)?;
    let sets_headers = |location: &Location| !routes::request_headers(location).is_empty();
    if ingress.sites.values().flat_map(|site| &site.locations).any(sets_headers) {
        files.add("nginx/request_headers.conf", headers::render_file(ingress)?)?;
    }
    for (name, site) in &ingress.sites {
        files.add(format!("nginx/sites/{name}.conf"), site::render_file(ingress, site)?)?;
    }
    for (name, text) in &ingress.nginx_snippets {
        files.add(format!("nginx/conf.d/{name}"), text.as_bytes())?;
    }
    if ingress.nginx_snippets.is_empty() {
        // nginx needs no file here; the folder shows where the user's files are mounted.
        files.add("nginx/conf.d/README", "Files of nginx/conf.d beside stack.ncl are copied here.\n")?;
    }
    Ok(files)
}
