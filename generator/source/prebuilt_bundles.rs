//! The bundles of the library as evaluated trees, which are part of the program. To parse and evaluate their files in every
//! cold run would take a sixth of the evaluation of a small stack. `tests/bless` writes the trees, and a test compares
//! them with the files.

use super::bundles;
use super::errors;
use super::node::{Document, Node, Value};
use crate::diagnostic::Code;

/// The import path of the file of each bundle, and the document to which it evaluates, as JSON.
const DOCUMENTS: [(&str, &str); 2] = [
    ("nself/backups/main.ncl", include_str!("../../stdlib/backups/evaluated.json")),
    ("nself/monitoring/main.ncl", include_str!("../../stdlib/monitoring/evaluated.json")),
];

/// Adds the bundles that a stack needs to its document.
pub fn add_needed(document: &mut Document) {
    for (name, file) in bundles::needed(&document.root) {
        let bundle = DOCUMENTS.iter().find(|(path, _)| *path == file);
        match bundle.and_then(|(_, text)| serde_json::from_str::<Document>(text).ok()) {
            Some(mut bundle) => {
                let first_file = u32::try_from(document.files.len()).unwrap_or(u32::MAX);
                renumber_files(&mut bundle.root, first_file);
                document.files.append(&mut bundle.files);
                bundles::insert(&mut document.root, &name, bundle.root);
            }
            None => {
                let message = format!("the program has no evaluated tree of the bundle `{name}`");
                document.findings.push(errors::without_place(Code::Internal, message));
            }
        }
    }
}

/// Adds `first_file` to the number of the file in each place of a tree.
fn renumber_files(node: &mut Node, first_file: u32) {
    if let Some(mark) = &mut node.mark {
        mark.0 = mark.0.saturating_add(first_file);
    }
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| renumber_files(item, first_file)),
        Value::Record(fields) => {
            for entry in fields.values_mut() {
                if let Some(mark) = &mut entry.key {
                    mark.0 = mark.0.saturating_add(first_file);
                }
                renumber_files(&mut entry.node, first_file);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::files::{Root, Scope, real_path};
    use crate::source::program::NickelProgram;
    use crate::source::{evaluator, library};

    /// Returns a document as JSON with a line for each item of its tree, so that a diff shows which changed.
    fn to_lines(document: &Document) -> String {
        serde_json::to_string(document).unwrap().replace("},{\"", "},\n{\"") + "\n"
    }

    #[test]
    fn the_prebuilt_bundles_are_current() {
        let cache = tempfile::tempdir().unwrap();
        let library = library::write_to_cache(&Root::at(cache.path(), Scope::Cache)).unwrap();
        let folder = real_path(&library.folder).unwrap();
        for (path, _) in DOCUMENTS {
            let program = NickelProgram {
                stack: folder.join(path),
                library: folder.clone(),
                allow_imports: Vec::new(),
                depth: 100,
            };
            let Document { root, files, .. } = evaluator::in_process(&program);
            let evaluated = Document { root, files, ..Document::default() };
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path.replacen("nself", "stdlib", 1));
            let prebuilt_file = file.with_file_name("evaluated.json");
            if std::env::var_os("NSELF_BLESS").is_some() {
                fs::write(&prebuilt_file, to_lines(&evaluated)).unwrap();
            }
            let prebuilt = serde_json::from_str::<Document>(&fs::read_to_string(&prebuilt_file).unwrap());
            assert!(prebuilt.unwrap() == evaluated, "{} is stale; `tests/bless` rewrites it", prebuilt_file.display());
        }
    }

    #[test]
    fn places_of_a_bundle_name_its_files() {
        let mut document = Document::default();
        let stack = serde_json::json!({
            "nself_bundles": { "monitoring": { "file": "nself/monitoring/main.ncl", "profiles": ["prod"] } },
        });
        document.root = (&stack).into();
        document.files = vec![crate::source::node::File { shown: "stack.ncl".into(), user: true }];
        add_needed(&mut document);
        let step = |node: &Node, key: &str| node.get(key).unwrap().node.clone();
        let keys = ["nself_bundles", "monitoring", "layer", "services", "grafana", "user"];
        let user = keys.iter().fold(document.root.clone(), |node, key| step(&node, key));
        assert_eq!(document.span(user.mark.unwrap()).unwrap().file, "nself/monitoring/grafana.ncl");
        assert_eq!(document.findings, []);
    }

    #[test]
    fn a_bundle_that_the_program_does_not_have_is_a_finding() {
        let bundle = serde_json::json!({ "file": "other.ncl", "profiles": ["prod"] });
        let root = (&serde_json::json!({ "nself_bundles": { "other": bundle } })).into();
        let mut document = Document { root, ..Document::default() };
        add_needed(&mut document);
        assert_eq!(document.findings[0].code, Code::Internal.id());
    }
}
