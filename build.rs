//! Embeds the Nickel library and the templates, and computes a digest of the sources of each backend, so that a changed
//! backend has a changed derivation.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script reads the sources and prints to cargo"
)]

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use walkdir::WalkDir;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").unwrap_or_else(|_| ".".into());
    write(&out, "library.rs", &library());
    write(&out, "generators.rs", &generators());
    write(&out, "templates.rs", &templates());
}

fn write(out: &str, name: &str, text: &str) {
    if let Err(error) = fs::write(Path::new(out).join(name), text) {
        panic!("{name}: {error}");
    }
}

/// Returns the paths of all files of a folder, sorted and with `/`.
fn files(folder: &str) -> Vec<String> {
    assert!(fs::exists(folder).is_ok_and(|exists| exists), "{folder} does not exist");
    println!("cargo:rerun-if-changed={folder}");
    let entries = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file());
    entries.map(|entry| entry.path().to_string_lossy().replace('\\', "/")).collect()
}

/// Writes one pair of a list: the name and the bytes of the file at `path`.
///
/// The folder of the checkout is read at compile time of the crate, so checkouts that share a target folder each embed
/// their files.
fn embed(text: &mut String, name: &str, path: &str) {
    let file = format!("/{path}");
    let _ = writeln!(text, "    ({name:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {file:?}))),");
}

/// Embeds the library: programs import `stdlib/x` as `nself/x`, and `schemas/x` as `nself/schemas/x`.
fn library() -> String {
    let mut text = String::from("pub const FILES: &[(&str, &[u8])] = &[\n");
    for path in files("stdlib").into_iter().chain(files("schemas")) {
        if path.ends_with(".ncl") && !path.starts_with("stdlib/init/") {
            embed(&mut text, path.strip_prefix("stdlib/").unwrap_or(&path), &path);
        }
    }
    text + "];\n"
}

/// Embeds the templates by their paths below `templates`.
fn templates() -> String {
    let mut text = String::from("pub const FILES: &[(&str, &[u8])] = &[\n");
    // Folders that the tools of a template's language create.
    let generated = ["/node_modules/", "/dist/", "/__pycache__/", "/.pytest_cache/"];
    for path in files("templates") {
        if !generated.iter().any(|folder| path.contains(folder)) {
            embed(&mut text, path.trim_start_matches("templates/"), &path);
        }
    }
    text + "];\n"
}

/// The sources that every backend shares: the modules that a backend may import (`generator/unit/layers.rs` holds the
/// backends to them) and the writers.
const SHARED: [&str; 6] = [
    "generator/artifact",
    "generator/database",
    "generator/plan",
    "generator/stack",
    "generator/values",
    "generator/words.rs",
];

/// Writes a digest for each backend: of its folder, the files in the folder above it and the shared sources.
fn generators() -> String {
    println!("cargo:rerun-if-changed=generator/backend");
    let entries = WalkDir::new("generator/backend").min_depth(1).max_depth(1).sort_by_file_name();
    let entries: Vec<_> = entries.into_iter().filter_map(Result::ok).collect();
    let path = |entry: &walkdir::DirEntry| entry.path().to_string_lossy().replace('\\', "/");
    let files_above = entries.iter().filter(|entry| entry.file_type().is_file()).map(path);
    let shared: Vec<String> = SHARED.map(str::to_owned).into_iter().chain(files_above).collect();
    let mut shared_hasher = blake3::Hasher::new();
    shared.iter().for_each(|path| digest(path, &mut shared_hasher));
    let mut text = String::from("pub const SOURCES: &[(&str, &str)] = &[\n");
    for folder in entries.iter().filter(|entry| entry.file_type().is_dir()) {
        let mut hasher = shared_hasher.clone();
        digest(&path(folder), &mut hasher);
        let name = folder.file_name().to_string_lossy();
        let _ = writeln!(text, "    ({name:?}, {:?}),", hasher.finalize().to_hex().to_string());
    }
    text + "];\n"
}

/// Adds all files of a folder, or one file, with their paths.
fn digest(path: &str, hasher: &mut blake3::Hasher) {
    for path in files(path) {
        hasher.update(path.as_bytes()).update(&[0]);
        hasher.update(&fs::read(&path).unwrap_or_default()).update(&[0]);
    }
}
