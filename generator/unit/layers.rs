//! The layers of the crate: the modules that each module may import, and the rule that the files of a folder do not
//! import each other in circles. Both are checked against the sources.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Module, Sources};

/// Top-level modules that every other module may import. They import only each other.
const BASE: &[&str] = &["codes", "commands", "diagnostic", "merge_conflict", "parallel", "terminal", "words"];

/// The other top-level modules, each with the modules that it may import besides [`BASE`]. Code for tests is exempt.
const LAYERS: &[(&str, &[&str])] = &[
    ("values", &[]),
    ("files", &["artifact"]),
    ("templates", &[]),
    ("artifact", &["values"]),
    ("database", &["artifact", "values"]),
    ("stack", &["database", "values"]),
    ("lock", &["artifact", "files", "values"]),
    ("source", &["artifact", "database", "files", "stack", "values"]),
    ("plan", &["database", "lock", "stack", "templates", "values"]),
    ("project", &["database", "files", "lock", "plan", "plugins", "source", "stack", "store", "values"]),
    ("migrations", &["database", "files", "plan", "project", "server", "source", "values"]),
    ("backend", &["artifact", "database", "plan", "stack", "values"]),
    ("formatter", &["files", "source"]),
    ("store", &["artifact", "backend", "files"]),
    ("server", &["database", "files", "values"]),
    ("image", &["artifact", "files", "lock", "plan", "stack", "values"]),
    ("registry", &["artifact", "files", "image", "lock", "values"]),
    ("release", &["artifact", "backend", "files", "image", "lock", "registry", "store"]),
    ("secrets", &["artifact", "files", "plan", "stack", "values"]),
    ("plugins", &["artifact", "files", "lock", "values"]),
    ("pipeline", &["artifact", "backend", "files", "lock", "plan", "project", "source", "stack", "store", "values"]),
    ("main", &["cli"]),
];

/// Imports that [`LAYERS`] does not allow yet, as a file and a module.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Circles of imports between the files and folders of one folder, with the reason why they are allowed. `mod` is the
/// folder's own `mod.rs`.
const CIRCLES: &[(&str, &[&str], &str)] = &[
    (
        "cli",
        &[
            "completions",
            "db",
            "env",
            "explain",
            "fmt",
            "generate",
            "graph",
            "image",
            "init",
            "lock",
            "mod",
            "output",
            "plugin",
            "publish",
            "pull",
            "schema",
            "secrets",
            "usage",
            "verify",
            "why",
        ],
        "`mod` runs the commands, which share its arguments",
    ),
    (
        "cli/db",
        &["baseline", "diff", "down", "export", "import", "lint", "mod", "new", "status", "verify"],
        "`mod` runs the commands, which share its arguments",
    ),
    (
        "source",
        &["decode", "entries"],
        "a decoder and the entries of its records call each other for each level of the tree",
    ),
];

/// Reads the sources of this crate.
fn crate_sources() -> Sources {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("generator");
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

/// Returns each import that the layers do not allow, as a file and a top-level module.
fn forbidden_imports(sources: &Sources) -> BTreeSet<(String, String)> {
    let allows = |from: &str, to: &str| {
        let layer = LAYERS.iter().find(|(module, _)| *module == from).map(|(_, allowed)| *allowed);
        match layer {
            Some(allowed) => BASE.contains(&to) || allowed.contains(&to),
            // The command line is the top layer, and the tests may import everything.
            None => matches!(from, "cli" | "unit") && to != "unit" || BASE.contains(&from) && BASE.contains(&to),
        }
    };
    let forbidden = sources.imports().filter_map(|(from, to)| {
        let (from_top, to_top) = (from.first()?, to.first()?);
        (from_top != to_top && !allows(from_top, to_top)).then(|| (from.join("/"), to_top.clone()))
    });
    forbidden.collect()
}

/// Returns the sets of files and folders of one folder that import each other, with the folder.
fn circles(sources: &Sources) -> BTreeSet<(String, BTreeSet<String>)> {
    // For each folder, its files and folders with their imports.
    let mut folders: BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (from, to) in sources.imports() {
        let common_length = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        // The file or folder of a module in the innermost folder that contains both modules.
        let entry = |module: &Module| module.get(common_length).cloned().unwrap_or_else(|| "mod".to_owned());
        folders.entry(from[..common_length].to_vec()).or_default().entry(entry(from)).or_default().insert(entry(&to));
    }
    let mut circles = BTreeSet::new();
    for (folder, imports) in folders {
        let reachable_from = |start: &String| {
            let (mut reachable, mut to_visit) = (BTreeSet::new(), vec![start]);
            while let Some(entry) = to_visit.pop() {
                let imported = imports.get(entry).into_iter().flatten();
                to_visit.extend(imported.filter(|imported| reachable.insert((*imported).clone())));
            }
            reachable
        };
        let reachable: BTreeMap<&String, BTreeSet<String>> =
            imports.keys().map(|entry| (entry, reachable_from(entry))).collect();
        for (entry, targets) in &reachable {
            // A file that the entry reaches, and that reaches the entry, is in one circle with it.
            let leads_back = |target: &&String| reachable.get(target).is_some_and(|back| back.contains(*entry));
            let circle: BTreeSet<String> = targets.iter().filter(leads_back).cloned().collect();
            if !circle.is_empty() {
                circles.insert((folder.join("/"), circle));
            }
        }
    }
    circles
}

#[test]
fn modules_import_lower_layers_only() {
    let sources = crate_sources();
    let exceptions = EXCEPTIONS.iter().map(|(file, module)| ((*file).to_owned(), (*module).to_owned())).collect();
    assert_eq!(forbidden_imports(&sources), exceptions, "left: the imports of the crate; right: EXCEPTIONS");
}

#[test]
fn files_of_a_folder_do_not_import_each_other_in_circles() {
    let allowed = CIRCLES.iter().map(|(folder, files, _)| {
        ((*folder).to_owned(), files.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<_>>())
    });
    assert_eq!(circles(&crate_sources()), allowed.collect(), "left: the circles of the crate; right: CIRCLES");
}

/// Checks that both rules find violations in sources that break them.
#[test]
fn forbidden_imports_and_circles_are_found() {
    let sources = Sources::read([
        ("lib.rs", "mod store; mod source;"),
        ("source/mod.rs", "use crate::words::count;"),
        ("words.rs", "use crate::cli::run;"),
        ("cli.rs", "use crate::store::a::f;"),
        ("store/mod.rs", "pub mod a; mod b; use b::g;"),
        ("store/a.rs", "use super::g; fn f() { crate::source::load() }"),
        ("store/b.rs", "use super::a::f;"),
        ("unknown.rs", "use crate::words::count;"),
    ]);
    let forbidden_pairs = forbidden_imports(&sources);
    let forbidden_pairs: Vec<(&str, &str)> =
        forbidden_pairs.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(forbidden_pairs, [("store/a", "source"), ("unknown", "words"), ("words", "cli")]);
    let file_circles = circles(&sources);
    let store = ("store".to_owned(), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert!(file_circles.contains(&store), "{file_circles:?}");
}

/// The digests that `build.rs` computes for backends cover every module that they may import.
#[test]
fn digests_of_backends_cover_their_layer() {
    let build_script = include_str!("../../build.rs");
    let shared = build_script.split_once("const SHARED").and_then(|(_, rest)| rest.split_once("];")).unwrap().0;
    let (_, allowed) = LAYERS.iter().find(|(module, _)| *module == "backend").unwrap();
    let missing = |module: &&&str| !shared.contains(&format!("\"generator/{module}\","));
    assert_eq!(allowed.iter().filter(missing).collect::<Vec<_>>(), Vec::<&&str>::new());
}
