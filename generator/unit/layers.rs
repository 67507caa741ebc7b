//! The layers of the crate: which module may import which, and that files of one folder do not import each other in a
//! circle. Both are read from the sources.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Module, Sources};

/// For each module at the top the modules that it may import; code for tests is exempt.
const LAYERS: &[(&str, &[&str])] = &[];

/// Reads all sources of this crate.
fn crate_sources() -> Sources {
    let folder = std::env::var("LAYERS_OF").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/generator").to_owned());
    let folder = std::path::Path::new(&folder);
    let entries = walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "rs"));
    let files: Vec<(String, String)> = files
        .map(|entry| {
            let path = entry.path().strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            (path, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    Sources::read(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

/// Returns the imports between modules at the top.
fn layers(sources: &Sources) -> BTreeMap<String, BTreeSet<String>> {
    let mut layers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in sources.imports() {
        if let (Some(from), Some(to)) = (from.first(), to.first())
            && from != to
        {
            layers.entry(from.clone()).or_default().insert(to.clone());
        }
    }
    layers
}

/// Returns the files and folders of one folder that import each other, by the folder.
fn circles(sources: &Sources) -> Vec<(String, BTreeSet<String>)> {
    // For each folder: its files and folders, and those that each imports. A folder's own `mod.rs` has the name `mod`.
    let mut folders: BTreeMap<&[String], BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    let imports: Vec<(&Module, Module)> = sources.imports().collect();
    for (from, to) in &imports {
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let entry = |module: &Module| module.get(common).cloned().unwrap_or_else(|| "mod".to_owned());
        folders.entry(&from[..common]).or_default().entry(entry(from)).or_default().insert(entry(to));
    }
    let mut circles = Vec::new();
    for (folder, imports) in folders {
        let reached = |start: &String| {
            let (mut reached, mut next) = (BTreeSet::new(), vec![start]);
            while let Some(entry) = next.pop() {
                next.extend(imports.get(entry).into_iter().flatten().filter(|to| reached.insert((*to).clone())));
            }
            reached
        };
        let reach: BTreeMap<&String, BTreeSet<String>> = imports.keys().map(|entry| (entry, reached(entry))).collect();
        let circle = |entry: &String| -> BTreeSet<String> {
            let others = reach[entry].iter().filter(|to| reach.get(to).is_some_and(|back| back.contains(entry)));
            others.cloned().collect()
        };
        let found: BTreeSet<BTreeSet<String>> = imports.keys().map(circle).filter(|found| !found.is_empty()).collect();
        circles.extend(found.into_iter().map(|found| (folder.join("/"), found)));
    }
    circles
}

#[test]
fn print_layers() {
    let sources = crate_sources();
    for (from, to) in layers(&sources) {
        println!("{from} -> {to:?}");
    }
    let circles = circles(&sources);
    println!("{} circles, {} files", circles.len(), circles.iter().map(|(_, c)| c.len()).sum::<usize>());
    for (folder, circle) in circles {
        println!("CIRCLE {folder}: {circle:?}");
    }
    for (from, to) in sources.imports() {
        println!("I {} {}", from.join("/"), to.join("/"));
    }
}
