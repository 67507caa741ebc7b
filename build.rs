//! Embeds the Nickel library and digests each generator's sources, so that a changed generator is a
//! changed derivation.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it reads the sources that are built and tells cargo"
)]

use std::collections::BTreeMap;
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

/// All files of a folder by their paths with `/`, sorted.
fn files(folder: &str) -> Vec<(String, String)> {
    assert!(fs::exists(folder).is_ok_and(|there| there), "{folder} is not there");
    println!("cargo:rerun-if-changed={folder}");
    let root = env::current_dir().unwrap_or_default();
    let entries = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file());
    let paths = entries.map(|entry| {
        let path = entry.path().to_string_lossy().replace('\\', "/");
        (path.clone(), root.join(&path).to_string_lossy().into_owned())
    });
    paths.collect()
}

/// `stdlib/x` is seen as `nself/x`, `schemas/x` as `nself/schemas/x`.
fn library() -> String {
    let mut text = String::from("pub const FILES: &[(&str, &[u8])] = &[\n");
    for (path, absolute) in files("stdlib").into_iter().chain(files("schemas")) {
        if path.ends_with(".ncl") && !path.starts_with("stdlib/init/") {
            let seen = path.strip_prefix("stdlib/").map_or_else(|| path.clone(), str::to_owned);
            let _ = writeln!(text, "    ({seen:?}, include_bytes!({absolute:?})),");
        }
    }
    text + "];\n"
}

/// `templates/NAME/PATH`, as they are.
fn templates() -> String {
    let mut text = String::from("pub const FILES: &[(&str, &[u8])] = &[\n");
    // What the languages' own tools leave there when one works on a template.
    let made = ["/node_modules/", "/dist/", "/__pycache__/", "/.pytest_cache/"];
    for (path, absolute) in files("templates") {
        if !made.iter().any(|made| path.contains(made)) {
            let _ = writeln!(text, "    ({:?}, include_bytes!({absolute:?})),", path.trim_start_matches("templates/"));
        }
    }
    text + "];\n"
}

/// One digest per generator over its own folder and what all generators share.
fn generators() -> String {
    let shared = [
        "generator/artifact/json.rs",
        "generator/artifact/yaml",
        "generator/backend/fidelity.rs",
        "generator/backend/raw_keys.rs",
        "generator/backend/render.rs",
        "generator/plan/health_command.rs",
    ];
    // Each folder is a target.
    let folders = WalkDir::new("generator/backend").min_depth(1).max_depth(1).into_iter().filter_map(Result::ok);
    let folders = folders.filter(|entry| entry.file_type().is_dir()).filter_map(|entry| {
        let name = entry.file_name().to_str()?.to_owned();
        Some((name.clone(), format!("generator/backend/{name}")))
    });
    let targets: BTreeMap<String, String> = folders.collect();
    println!("cargo:rerun-if-changed=generator/backend");
    let mut text = String::from("pub const SOURCES: &[(&str, &str)] = &[\n");
    for (name, folder) in &targets {
        // Statements that several files begin with.
        let elsewhere: &[&str] = match name.as_str() {
            "migrations" => {
                &["generator/database/catalog.sql", "generator/database/ledger", "generator/database/superuser"]
            }
            "postgres" => &["generator/database/superuser"],
            _ => &[],
        };
        let mut hasher = blake3::Hasher::new();
        for (path, absolute) in
            shared.iter().chain([&folder.as_str()]).chain(elsewhere).flat_map(|folder| files(folder))
        {
            hasher.update(path.as_bytes()).update(&[0]);
            hasher.update(&fs::read(absolute).unwrap_or_default()).update(&[0]);
        }
        let _ = writeln!(text, "    ({name:?}, {:?}),", hasher.finalize().to_hex().to_string());
    }
    text + "];\n"
}
