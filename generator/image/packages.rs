//! Reads the packages of programming languages from their lock files.

use serde_json::Value;

/// A package from the registry of a programming language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// Package URL, <https://github.com/package-url/purl-spec>.
    pub url: String,
}

impl Package {
    fn new(kind: &str, name: &str, version: &str) -> Self {
        let url = format!("pkg:{kind}/{}@{version}", name.replace('@', "%40"));
        Package { name: name.to_owned(), version: version.to_owned(), url }
    }
}

/// Returns the packages in a lock file, which is recognized by its name; empty for any other file.
pub fn packages_of_file(path: &str, bytes: &[u8]) -> Vec<Package> {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name {
        "package-lock.json" => npm_packages(&serde_json::from_slice(bytes).unwrap_or_default()),
        "requirements.txt" => String::from_utf8_lossy(bytes).lines().filter_map(python_package).collect(),
        "go.mod" => go_packages(&String::from_utf8_lossy(bytes)),
        _ => Vec::new(),
    }
}

/// Returns the packages of a `package-lock.json`. Its keys are paths such as `node_modules/a/node_modules/@scope/b` for
/// the package `@scope/b`; the entry of a package under a different name has its own name.
fn npm_packages(lock: &Value) -> Vec<Package> {
    let entries = lock["packages"].as_object().into_iter().flatten();
    let packages = entries.filter_map(|(path, entry)| {
        let (_, folder_name) = path.rsplit_once("node_modules/")?;
        let name = entry["name"].as_str().unwrap_or(folder_name);
        Some(Package::new("npm", name, entry["version"].as_str()?))
    });
    packages.collect()
}

/// Returns the package that a line of a `requirements.txt` pins, such as `fastapi[standard] == 0.116.1 ; python_version >
/// '3'`; `None` for any other line.
fn python_package(line: &str) -> Option<Package> {
    let requirement = line.split([';', '#']).next()?;
    let (name, version) = requirement.split_once("==")?;
    let name = name.split('[').next()?.trim();
    // `===` also pins a version. A hash or a second condition may follow.
    let version = version.trim_start_matches('=').trim_start();
    let version = version.split(|c: char| c.is_whitespace() || ",\\".contains(c)).next()?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let is_version = !version.is_empty() && !version.contains('*');
    (is_name && !name.starts_with('-') && is_version).then(|| Package::new("pypi", &name.to_ascii_lowercase(), version))
}

/// Returns the modules that a `go.mod` requires. In the place of a module that it replaces, the list has the
/// replacement, unless that is a folder.
fn go_packages(text: &str) -> Vec<Package> {
    let directives = go_directives(text);
    let replacements = directives.iter().filter(|(directive, _)| *directive == "replace").filter_map(|(_, words)| {
        let arrow = words.iter().position(|word| *word == "=>")?;
        Some((&words[..arrow], &words[arrow + 1..]))
    });
    let replacements: Vec<(&[&str], &[&str])> = replacements.collect();
    let requirements = directives.iter().filter(|(directive, _)| *directive == "require");
    let modules = requirements.filter_map(|(_, words)| {
        let required_module = words.get(..2)?;
        // A replacement of one version precedes a replacement of all versions.
        let is_replaced = |length: usize| {
            move |(old, _): &&(&[&str], &[&str])| old.len() == length && required_module.starts_with(old)
        };
        let replacement = replacements.iter().find(is_replaced(2)).or_else(|| replacements.iter().find(is_replaced(1)));
        match replacement.map_or(required_module, |(_, new)| *new) {
            [module, version, ..] => Some(Package::new("golang", module, version)),
            _ => None,
        }
    });
    modules.collect()
}

/// Returns the directives of a `go.mod`, each with its words: `require` and `[a.com/b, v1.0.0]` for `require a.com/b v1.0.0`.
/// A directive in a block, such as `require ( … )`, is one for each of its lines.
fn go_directives(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut directives = Vec::new();
    let mut block = None;
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        let words: Vec<&str> = code.split_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        match (block, words.as_slice()) {
            (_, []) => {}
            (Some(_), [")"]) => block = None,
            (Some(directive), _) => directives.push((directive, words)),
            (None, [directive, "("]) => block = Some(*directive),
            (None, [directive, arguments @ ..]) => directives.push((*directive, arguments.to_vec())),
        }
    }
    directives
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(path: &str, text: &str) -> Vec<String> {
        packages_of_file(path, text.as_bytes()).into_iter().map(|package| package.url).collect()
    }

    #[test]
    fn npm_packages_have_their_own_names() {
        let npm = r#"{"packages":{"":{"version":"1.0.0"},"node_modules/@a/b":{"version":"2.0.0"},
            "node_modules/c/node_modules/alias":{"name":"d","version":"3.0.0"},"node_modules/linked":{"link":true}}}"#;
        assert_eq!(urls("/app/package-lock.json", npm), ["pkg:npm/%40a/b@2.0.0", "pkg:npm/d@3.0.0"]);
    }

    #[test]
    fn pins_of_python_packages_may_have_spaces() {
        for (line, package) in [
            ("FastAPI[standard]==0.116.1 \\", "pkg:pypi/fastapi@0.116.1"),
            ("fastapi == 0.116.1", "pkg:pypi/fastapi@0.116.1"),
            ("fastapi [standard] ==0.116.1\\", "pkg:pypi/fastapi@0.116.1"),
            ("uvicorn==0.35.0 ; python_version > '3'", "pkg:pypi/uvicorn@0.35.0"),
            ("a_b.c-d===1.0+local,<2  # comment", "pkg:pypi/a_b.c-d@1.0+local"),
        ] {
            assert_eq!(urls("/app/requirements.txt", line), [package], "{line}");
        }
        for line in
            ["# a==1", "a>=1", "a==1.*", "    --hash=sha256:00", "--index-url=https://a/?b==c", "a @ https://b/c==1"]
        {
            assert!(urls("/app/requirements.txt", line).is_empty(), "{line}");
        }
        assert!(urls("/app/main.py", "a==1").is_empty());
    }

    #[test]
    fn go_modules_are_required_or_replacements() {
        let single = "module example.com/x\n\ngo 1.24\n\nrequire connectrpc.com/connect v1.18.1\n";
        assert_eq!(urls("/go.mod", single), ["pkg:golang/connectrpc.com/connect@v1.18.1"]);
        let blocks = "require (\n\ta.com/a v1.0.0\n\tc.com/old v1.0.0 // indirect\n\te.com/local v1.0.0\n\tf.com/f v1.1.0\n)\n\
            exclude (\n\tb.com/excluded v1.2.3\n)\nexclude b.com/other v1.0.0\nretract v1.0.0\n\
            replace (\n\tc.com/old v1.0.0 => d.com/new v2.0.0\n\te.com/local => ../local\n\tf.com/f v1.0.0 => g.com/g v1.0.0\n)\n\
            replace h.com/unused => i.com/i v1.0.0\n";
        assert_eq!(
            urls("/go.mod", blocks),
            ["pkg:golang/a.com/a@v1.0.0", "pkg:golang/d.com/new@v2.0.0", "pkg:golang/f.com/f@v1.1.0"]
        );
    }
}
