//! Checks the documentation: the generated reference is current, links point to existing files and headings, and
//! commands and scripts in the pages exist. `NSELF_BLESS=1` rewrites `docs/reference`.

mod plain_language;
mod reference;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{nself_in, root, stack};

/// Returns every page, with its path relative to the root.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = [root(), root().join("docs"), root().join("docs/reference")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect();
    paths.sort();
    assert!(paths.len() > 12, "{paths:?}");
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Returns the pages except CONTRIBUTING.md, whose walk-throughs name commands that do not exist.
fn pages_for_users() -> impl Iterator<Item = (PathBuf, String)> {
    pages().into_iter().filter(|(page, _)| !page.ends_with("CONTRIBUTING.md"))
}

#[test]
fn the_reference_is_current() {
    for (name, text) in reference::pages() {
        let path = root().join("docs/reference").join(name);
        if std::env::var_os("NSELF_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/reference/{name} is stale; `tests/bless` rewrites it");
    }
}

/// Returns the text outside code blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Returns the anchor that renderers create for a heading.
fn anchor(heading: &str) -> String {
    let characters = heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    characters.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    prose(text).lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// Returns the targets of the links of a page that do not leave the repository.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).filter(|target| !target.starts_with("http")).collect()
}

/// Returns what is wrong with a link; `None` if its file and heading exist.
fn fault(page: &Path, text: &str, target: &str) -> Option<String> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    if !path.exists() {
        return Some(format!("{}: {target} does not exist", page.display()));
    }
    let text = if file.is_empty() { text.to_owned() } else { fs::read_to_string(&path).unwrap_or_default() };
    let target_exists = heading.is_empty() || anchors(&text).contains(heading);
    (!target_exists).then(|| format!("{}: {target} has no such heading", page.display()))
}

#[test]
fn links_point_to_files_and_headings_that_exist() {
    let (mut count, mut faults) = (0, Vec::new());
    for (page, text) in pages() {
        for target in links(&text) {
            count += 1;
            faults.extend(fault(&page, &text, &target));
        }
    }
    assert!(count > 100 && faults.is_empty(), "{count} links; {faults:#?}");
    // Known-bad controls.
    let page = root().join("README.md");
    assert!(fault(&page, "", "docs/nothing.md").is_some() && fault(&page, "", "docs/databases.md#nothing").is_some());
}

/// Pages name commands in code, such as `nself gen --check`, or in a console after `$ `.
#[test]
fn commands_in_the_documentation_exist() {
    let help = nself_in(Path::new("/"), ["--help"]).stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let commands: BTreeSet<&str> = list.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    assert!(commands.contains("gen") && commands.len() > 15, "{commands:?}");
    let mut count = 0;
    for (page, text) in pages_for_users() {
        for rest in ["`nself ", "$ nself "].iter().flat_map(|start| text.split(start).skip(1)) {
            let word = rest.split(|char: char| !char.is_ascii_lowercase() && char != '_').next().unwrap_or_default();
            let exists = commands.contains(word) || word == "__evaluate" || word.is_empty();
            assert!(exists, "{}: there is no command `nself {word}`", page.display());
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn recipes_and_scripts_in_the_documentation_exist() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    let recipes: BTreeSet<&str> = justfile
        .lines()
        .filter(|line| line.starts_with(|char: char| char.is_ascii_lowercase()))
        .filter_map(|line| line.split([' ', ':']).next())
        .collect();
    assert!(["quick", "ci", "bless", "bench"].iter().all(|recipe| recipes.contains(recipe)), "{recipes:?}");
    let scripts = justfile.lines().filter(|line| line.starts_with("    ") && line.contains('/'));
    let mut scripts_and_commands: BTreeSet<String> = scripts.map(|line| line.trim().to_owned()).collect();
    for (page, text) in pages() {
        for rest in text.split("`just ").skip(1) {
            let recipe = rest.split(|char: char| !char.is_ascii_lowercase()).next().unwrap_or_default();
            assert!(recipe.is_empty() || recipes.contains(recipe), "{}: just {recipe}", page.display());
        }
        for start in ["`tests/", "`benches/", "`packaging/"] {
            let names = text.split(start).skip(1).filter_map(|rest| rest.split('`').next());
            scripts_and_commands.extend(names.map(|rest| format!("{}{rest}", &start[1..])));
        }
    }
    for name in &scripts_and_commands {
        let path = name.split([' ', ':']).next().unwrap_or_default();
        assert!(path.contains(['<', '*', '{']) || root().join(path).exists(), "{name}");
    }
    assert!(scripts_and_commands.len() > 5, "{scripts_and_commands:?}");
}

/// Each Nickel block that is a complete stack generates without errors.
#[test]
fn stacks_in_the_documentation_generate() {
    let mut count = 0;
    for (page, text) in pages_for_users() {
        for block in text.split("```nickel\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let Some((_, body)) = block.split_once("let nself = import \"nself/main.ncl\" in\n") else { continue };
            let project = stack(body.trim_end().trim_end_matches("| nself.Stack"));
            let context = project.path().join("services/orders");
            fs::create_dir_all(&context).unwrap();
            fs::write(context.join("Dockerfile"), "FROM docker.io/library/busybox:1.37.0\n").unwrap();
            let output = nself_in(project.path(), ["gen"]);
            assert_eq!(output.code, 0, "{}: {}", page.display(), output.stderr);
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines < 200, "{lines} lines; the details belong to docs/");
}
