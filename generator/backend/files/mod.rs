//! Configuration files of services, each at its path in the container below the folder of its service.

use super::provenance::GeneratedLine;
use super::{Description, Emit, PlanField};
use crate::artifact::{Artifacts, json, yaml};
use crate::diagnostic::{Diagnostic, FieldPath};
use crate::plan::{FileContent, Plan};

pub const DESCRIPTION: Description = Description {
    paths: &["files/"],
    reads: "configuration files of services",
    emit: Emit::FromPlanParts { parts: &[PlanField::Files], emit },
    file_fields: |plan, path| plan.files.get(path).map(|file| file.origin.clone()).into_iter().collect(),
    line_fields,
};

/// Writes each file with its text, or with its data as YAML or JSON.
///
/// # Errors
/// NS901 for a value that YAML cannot represent.
fn emit(plan: &Plan) -> Result<Artifacts, Diagnostic> {
    let mut files = Artifacts::default();
    for (path, file) in &plan.files {
        let bytes = match &file.content {
            FileContent::Text(text) => text.clone().into_bytes(),
            FileContent::Yaml(data) => yaml::to_yaml(data)?.into_bytes(),
            FileContent::Json(data) => json::pretty(data),
        };
        files.add(path.as_str(), bytes)?;
    }
    Ok(files)
}

/// Returns the field of the data that the line shows, and the fields that contain it, innermost first.
fn line_fields(plan: &Plan, line: &GeneratedLine) -> Vec<FieldPath> {
    let Some(file) = plan.files.get(line.path) else { return Vec::new() };
    if matches!(file.content, FileContent::Text(_)) {
        return vec![file.origin.clone()];
    }
    let mut fields = vec![file.origin.clone()];
    // The file's keys are the keys of the data.
    for key in line.keys() {
        let field = fields[0].key(key);
        fields.insert(0, field);
    }
    fields
}
