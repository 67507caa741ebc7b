//! Checks that the Dockerfiles of services exist, and proposes templates for missing ones.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::dockerfile;
use crate::plan::inputs::ProjectFiles;
use crate::plan::roster::{Category, PlannedService};
use crate::stack::Service;
use crate::stack::health::{HttpCheck, HttpTool};
use crate::templates;
use crate::values::ServiceName;

/// Checks that a build has a Dockerfile.
pub fn check(member: &PlannedService, files: &ProjectFiles) -> Option<Diagnostic> {
    let build = member.service.build.as_ref()?;
    let file = dockerfile::path(build);
    // `Some(None)`: the file does not exist. `None`: it is not a file of the project, which the builder reports.
    if !matches!(files.dockerfiles.get(&file), Some(None)) {
        return None;
    }
    let field = if build.dockerfile.is_some() { "dockerfile" } else { "context" };
    Some(
        Diagnostic::error(Code::NoDockerfile, member.path.key("build").key(field))
            .message(format!("`{file}` does not exist in the folder of the stack"))
            .expected("a folder of the project with a Dockerfile")
            .hint(match fitting_templates(&member.service)[..] {
                _ if member.category == Category::Catalogue => {
                    let name = member.service.catalogue.as_ref().map_or("", ServiceName::as_str);
                    format!("create it as the comment at the start of .nself/nself/services/{name}.ncl shows")
                }
                [template] => format!("create one with `nself init {} --template {template}`", build.context),
                ref templates => {
                    let names = templates.join(", ");
                    format!("create one with `nself init {} --template NAME`; NAME is one of {names}", build.context)
                }
            }),
    )
}

/// Returns the templates that may fit the service. They are selected by its health check, whose program depends on the
/// programming language.
fn fitting_templates(service: &Service) -> Vec<&'static str> {
    let health = service.health.as_ref();
    match (health.and_then(|health| health.http.as_ref()), health.and_then(|health| health.exec.as_ref())) {
        (Some(HttpCheck { tool: HttpTool::Python, .. }), _) => templates::names_with_file("requirements.txt"),
        (Some(HttpCheck { tool: HttpTool::Node, .. }), _) => {
            let redis_variable = "REDIS_URL";
            let mut names = templates::names_with_file("package.json");
            names.retain(|name| templates::reads(name, redis_variable) == service.env.contains_key(redis_variable));
            names
        }
        (_, Some(words)) if words.first().is_some_and(|word| word.as_str() == "/app/service") => {
            templates::names_with_file("go.mod")
        }
        _ => templates::names().into_iter().collect(),
    }
}
