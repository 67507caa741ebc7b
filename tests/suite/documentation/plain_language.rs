//! Words that the project does not use, in code, comments, messages and pages. Their ordinary replacements are easier to
//! understand at first reading.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Forbidden phrases, also as words of identifiers.
const PHRASES: [&str; 19] = [
    "anew",
    "nobody",
    "somebody",
    "whoever",
    "sees to",
    "hands on",
    "by itself",
    "of its own",
    "of their own",
    "another one",
    "lets in",
    "is told",
    "are told",
    "says nothing",
    "so many",
    "cannot be had",
    "ends where",
    "by http",
    "swallows packets",
];

/// Legitimate uses by file and phrase; an entry without a use fails the test.
const ALLOWED: [(&str, &str); 5] = [
    // The user of that name in Unix.
    ("generator/backend/kubernetes/container.rs", "nobody"),
    ("generator/backend/kubernetes/wait.rs", "nobody"),
    ("tests/suite/determinism.rs", "nobody"),
    // Names in test data.
    ("golden/error-dependencies/stack.ncl", "nobody"),
    ("tests/sql/shop.sql", "nobody"),
];

/// Returns the text files that people write, with paths relative to the root.
fn files() -> Vec<PathBuf> {
    let folders = [
        "generator",
        "tests",
        "docs",
        "schemas",
        "stdlib",
        "templates",
        "examples",
        "packaging",
        "benches",
        "golden",
        ".github",
    ];
    let kinds = ["rs", "md", "ncl", "sh", "py", "sql", "j2", "yml", "js", "ts", "go", "cjs"];
    let scripts =
        ["tests/run", "tests/quick", "tests/bless", "benches/run", "packaging/build", "packaging/push-images"];
    let is_output = |path: &Path| {
        path.starts_with("docs/reference")
            || path.components().any(|part| ["out", "node_modules"].iter().any(|name| part.as_os_str() == *name))
    };
    let below = folders.iter().flat_map(|folder| walkdir::WalkDir::new(root().join(folder))).map(Result::unwrap);
    let mut files: Vec<PathBuf> = below.map(|entry| entry.path().strip_prefix(root()).unwrap().to_owned()).collect();
    files.extend(fs::read_dir(root()).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name())));
    files.retain(|path| {
        path.extension().is_some_and(|kind| kinds.iter().any(|known| kind == *known)) && !is_output(path)
    });
    files.retain(|path| root().join(path).is_file() && path != Path::new(file!()));
    files.extend(["Cargo.toml", "justfile", "build.rs"].iter().chain(&scripts).map(PathBuf::from));
    files.sort();
    files.dedup();
    files
}

/// Returns the phrases of a text with their line numbers. Line breaks, comment signs and `_` only separate words, so a
/// phrase is also found where a line ends inside of it. Punctuation ends a phrase.
fn phrases(text: &str) -> Vec<(usize, &'static str)> {
    const PUNCTUATION: [char; 6] = ['.', ',', ':', ';', '!', '?'];
    let mut words: Vec<(usize, String)> = Vec::new();
    for (line, text) in text.lines().enumerate() {
        for part in text.split_inclusive(PUNCTUATION) {
            let part_words = part.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
            words.extend(part_words.map(|word| (line + 1, word.to_lowercase())));
            if part.ends_with(PUNCTUATION) {
                words.push((line + 1, String::new()));
            }
        }
    }
    let starts_with = |start: usize, phrase: &str| {
        phrase.split(' ').enumerate().all(|(i, word)| words.get(start + i).is_some_and(|(_, other)| other == word))
    };
    let phrases_at = |start: usize| {
        let line = words[start].0;
        PHRASES.iter().filter(move |phrase| starts_with(start, phrase)).map(move |phrase| (line, *phrase))
    };
    (0..words.len()).flat_map(phrases_at).collect()
}

#[test]
fn texts_use_ordinary_words() {
    // Known-bad controls: any case, across a line break with comment signs, inside of an identifier.
    assert_eq!(
        phrases("/// Nobody reads\n/// a folder of its\n/// own.\nfn derived_anew() {}"),
        [(1, "nobody"), (2, "of its own"), (4, "anew")]
    );
    assert!(phrases("a new file; its own folder; by the server itself; what it says: nothing").is_empty());

    let files = files();
    assert!(files.len() > 400, "{}", files.len());
    let (mut faults, mut used) = (Vec::new(), BTreeSet::new());
    for path in files {
        let path = path.display().to_string();
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        for (line, phrase) in phrases(&text) {
            match ALLOWED.iter().find(|allowed| **allowed == (path.as_str(), phrase)) {
                Some(allowed) => drop(used.insert(allowed)),
                None => faults.push(format!("{path}:{line}: `{phrase}`")),
            }
        }
    }
    assert!(faults.is_empty(), "use ordinary words instead of:\n{}", faults.join("\n"));
    let unused: Vec<_> = ALLOWED.iter().filter(|allowed| !used.contains(allowed)).collect();
    assert!(unused.is_empty(), "no longer needed: {unused:?}");
}
