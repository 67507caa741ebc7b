//! Writes objects, one to a file, and a kustomization for each folder and for the whole set.

use serde::Serialize;

use super::model::Object;
use crate::artifact::{Artifacts, StepInput, yaml};
use crate::diagnostic::Diagnostic;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    api_version: &'static str,
    kind: &'static str,
    resources: Vec<String>,
}

/// The files so far, and the folders that the kustomization of the environment lists, in their order.
#[derive(Default)]
pub struct Writer {
    files: Artifacts,
    /// Files whose derivation is set.
    derived_files: Vec<Artifacts>,
    folders: Vec<String>,
}

impl Writer {
    /// Adds a file that belongs to no step. The path is relative to `kubernetes/`.
    pub fn add(&mut self, path: &str, text: impl Into<Vec<u8>>) -> Result<(), Vec<Diagnostic>> {
        self.files.add(format!("kubernetes/{path}"), text).map_err(|finding| vec![finding])
    }

    /// Writes an object into a folder and returns its file's name.
    pub fn write_object(&mut self, folder: &str, object: &Object) -> Result<String, Vec<Diagnostic>> {
        let text = yaml::to_yaml(object).map_err(|finding| vec![finding])?;
        let file = format!("{}-{}.yaml", object.kind.to_ascii_lowercase(), object.metadata.name);
        self.add(&format!("{folder}/{file}"), text)?;
        Ok(file)
    }

    fn write_kustomization(&mut self, path: &str, resources: Vec<String>) -> Result<(), Vec<Diagnostic>> {
        let api_version = "kustomize.config.k8s.io/v1beta1";
        let kustomization = Kustomization { api_version, kind: "Kustomization", resources };
        let text = yaml::to_yaml(&kustomization).map_err(|finding| vec![finding])?;
        self.add(path, text)
    }

    /// Writes a folder of objects and lists it in the kustomization of the environment; an empty folder is omitted.
    pub fn write_folder(&mut self, folder: &str, objects: Vec<Object>) -> Result<(), Vec<Diagnostic>> {
        if !objects.is_empty() {
            self.write_unlisted_folder(folder, objects)?;
            self.folders.push(folder.to_owned());
        }
        Ok(())
    }

    /// Writes a folder of objects, as `<kind>-<name>.yaml`, that the environment's kustomization does not list.
    pub fn write_unlisted_folder(&mut self, folder: &str, objects: Vec<Object>) -> Result<(), Vec<Diagnostic>> {
        let mut resources = Vec::new();
        for object in &objects {
            resources.push(self.write_object(folder, object)?);
        }
        self.write_kustomization(&format!("{folder}/kustomization.yaml"), resources)
    }

    /// Writes a folder of objects as one step with a separate input.
    pub fn write_step(&mut self, folder: &str, objects: Vec<Object>, input: &StepInput) -> Result<(), Vec<Diagnostic>> {
        let mut step = Writer::default();
        step.write_folder(folder, objects)?;
        self.add_folder(folder, step.files.derived_from(input));
        Ok(())
    }

    /// Adds a folder of files whose derivation is set, and lists it in the kustomization of the environment.
    pub fn add_folder(&mut self, folder: &str, files: Artifacts) {
        self.folders.push(folder.to_owned());
        self.derived_files.push(files);
    }

    /// Returns all files; `input` is the input of files that belong to no step.
    pub fn finish(mut self, report: Vec<u8>, input: &StepInput) -> Result<Artifacts, Vec<Diagnostic>> {
        let folders = std::mem::take(&mut self.folders);
        self.write_kustomization("kustomization.yaml", folders)?;
        self.add("fidelity.json", report)?;
        self.derived_files.push(self.files.derived_from(input));
        Artifacts::collect(self.derived_files).map_err(|finding| vec![finding])
    }
}
