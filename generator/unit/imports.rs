//! Reads the imports of source files: paths that begin with `crate`, `super` or the name of a child module. Comments,
//! strings and code for tests are skipped.

use std::collections::BTreeMap;

/// The path of a module: `["store", "manifest"]` for `generator/store/manifest.rs`; empty for the crate's root.
pub type Module = Vec<String>;

/// The source files of a crate, with the imports of each.
#[derive(Debug, Default)]
pub struct Sources {
    modules: BTreeMap<Module, File>,
}

#[derive(Debug, Default)]
struct File {
    /// Absolute paths that the file names outside of re-exports.
    paths: Vec<Module>,
    /// Names that `use` brings into the module, with their absolute paths.
    aliases: BTreeMap<String, Module>,
}

impl Sources {
    /// Reads files by their paths below the crate's root, such as `store/mod.rs`. Files with the name `tests.rs` have only
    /// code for tests.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files = files.into_iter().filter(|(path, _)| !path.ends_with("/tests.rs"));
        let texts: BTreeMap<Module, String> = files.map(|(path, text)| (module(path), code_only(text))).collect();
        let file = |(module, text): (&Module, &String)| (module.clone(), File::read(module, text, &texts));
        Sources { modules: texts.iter().map(file).collect() }
    }

    /// Returns each import as a pair: the importing module, and the imported one. For a re-exported item, the second is
    /// the module that defines it.
    pub fn imports(&self) -> impl Iterator<Item = (&Module, Module)> {
        self.modules.iter().flat_map(move |(module, file)| {
            let targets = file.paths.iter().map(move |path| (module, self.definition(path.clone(), 8)));
            targets.filter(|(module, target)| *module != target)
        })
    }

    /// Returns the module that defines the item with this path; a re-export is followed up to `steps` times.
    fn definition(&self, mut path: Module, steps: usize) -> Module {
        // The parts of the path below the innermost module, in reverse order.
        let mut parts_below = Vec::new();
        while !self.modules.contains_key(&path) {
            parts_below.extend(path.pop());
        }
        let alias = parts_below.last().and_then(|name| self.modules[&path].aliases.get(name));
        match alias {
            Some(target) if steps > 0 && *target != path => {
                let below = parts_below.iter().rev().skip(1).cloned();
                self.definition(target.iter().cloned().chain(below).collect(), steps - 1)
            }
            _ => path,
        }
    }
}

impl File {
    /// Reads the imports of the file of a module. `text` has no comments, literals and tests.
    fn read(module: &Module, text: &str, modules: &BTreeMap<Module, String>) -> Self {
        let mut file = File::default();
        let mut scanner = Scanner { words: words(text), position: 0 };
        while scanner.position < scanner.words.len() {
            let statement_start = scanner.position;
            let is_use = scanner.take("use");
            let first = scanner.word();
            let is_child = || modules.contains_key(&[module.as_slice(), &[first.to_owned()]].concat());
            let is_path = scanner.peek(1) == "::" && !matches!(scanner.word_before(), "::" | "$");
            if !(is_path && (matches!(first, "crate" | "super" | "self") || is_child())) {
                scanner.position = statement_start + 1;
                continue;
            }
            // `pub use`, or the end of `pub(super) use`.
            let word_before_statement = statement_start.checked_sub(1).map(|before| scanner.words[before]);
            let is_public = is_use && matches!(word_before_statement, Some("pub" | ")"));
            for (path, name) in scanner.tree(Vec::new()) {
                let path = absolute(module, &path);
                if is_use {
                    file.aliases.insert(name, path.clone());
                }
                if !is_public {
                    file.paths.push(path);
                }
            }
        }
        file
    }
}

/// Returns the module of a file: `["store", "manifest"]` for `store/manifest.rs`, `["store"]` for `store/mod.rs`.
fn module(path: &str) -> Module {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Returns the absolute path of a path that a module uses: in `a::b`, `super::c` is `["a", "c"]`.
fn absolute(module: &Module, path: &[String]) -> Module {
    let supers = path.iter().take_while(|part| *part == "super").count();
    match path[0].as_str() {
        "crate" => path[1..].to_vec(),
        "super" => [&module[..module.len().saturating_sub(supers)], &path[supers..]].concat(),
        "self" => [module.as_slice(), &path[1..]].concat(),
        _ => [module.as_slice(), path].concat(),
    }
}

/// Reads the words of a file one after the other.
struct Scanner<'a> {
    words: Vec<&'a str>,
    /// The index of the next word.
    position: usize,
}

impl<'a> Scanner<'a> {
    /// Returns the word `ahead` words after the next one; empty at the end.
    fn peek(&self, ahead: usize) -> &'a str {
        self.words.get(self.position + ahead).copied().unwrap_or_default()
    }

    /// Returns the next word; empty at the end.
    fn word(&self) -> &'a str {
        self.peek(0)
    }

    /// Returns the word before the next one; empty at the start.
    fn word_before(&self) -> &'a str {
        self.position.checked_sub(1).map_or("", |before| self.words[before])
    }

    /// Skips the next word if it is this one, and returns whether it is.
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.word() == word;
        self.position += usize::from(is_next);
        is_next
    }

    /// Reads a path, or the tree of a `use`: each path with the name that it brings into the module.
    fn tree(&mut self, mut prefix: Module) -> Vec<(Module, String)> {
        loop {
            if self.take("{") {
                let mut paths = Vec::new();
                while !self.take("}") && self.position < self.words.len() {
                    paths.extend(self.tree(prefix.clone()));
                    self.take(",");
                }
                return paths;
            }
            // In `a::{self, b}`, `self` means `a`.
            if self.word() != "self" || prefix.is_empty() {
                prefix.push(self.word().to_owned());
            }
            self.position += 1;
            if !self.take("::") {
                break;
            }
        }
        let mut name = prefix.last().cloned().unwrap_or_default();
        if self.take("as") {
            name = self.word().to_owned();
            self.position += 1;
        }
        vec![(prefix, name)]
    }
}

/// Splits code into words, `::` and single characters: `use a::b;` has the words `use`, `a`, `::`, `b` and `;`.
fn words(code: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut remaining = code.trim_start();
    while let Some(first) = remaining.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = match remaining.find(|c| !is_word(c)).unwrap_or(remaining.len()) {
            0 if remaining.starts_with("::") => 2,
            0 => first.len_utf8(),
            end => end,
        };
        words.push(&remaining[..end]);
        remaining = remaining[end..].trim_start();
    }
    words
}

/// Returns the text without comments, literals and items for tests.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut remaining = text;
    while let Some(first) = remaining.chars().next() {
        let skipped_length = literal_length(remaining);
        if skipped_length > 0 {
            code.push(' ');
        } else {
            code.push(first);
        }
        remaining = &remaining[skipped_length.max(first.len_utf8())..];
    }
    const TEST: &str = "#[cfg(test)]";
    while let Some(start) = code.find(TEST) {
        let item = &code[start + TEST.len()..];
        let mut depth = 0;
        let end = item.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && matches!(c, ';' | '}')
        });
        code.replace_range(start..start + TEST.len() + end.map_or(item.len(), |end| end + 1), "");
    }
    code
}

/// Returns the length of the comment or literal with which the text begins; 0 if it begins with code.
fn literal_length(text: &str) -> usize {
    // Returns the length of a literal whose content begins at `open` and ends with `close`.
    let length_to =
        |open: usize, close: &str| text[open..].find(close).map_or(text.len(), |at| open + at + close.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("r\"") {
        return length_to(2, "\"");
    }
    if text.starts_with("r#\"") {
        return length_to(3, "\"#");
    }
    if let Some(content) = text.strip_prefix('"') {
        let mut is_escaped = false;
        let end = content.find(|c| {
            let closes = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            closes
        });
        return end.map_or(text.len(), |end| end + 2);
    }
    let mut chars = text.strip_prefix('\'').unwrap_or_default().char_indices();
    match (chars.next(), chars.next()) {
        // An escape such as `'\n'`: the character after the backslash may be a quote.
        (Some((_, '\\')), Some(_)) => length_to("'\\n".len(), "'"),
        (Some(_), Some((end, '\''))) => end + 2,
        // A lifetime such as `'a` has no quote at its end.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let sources = Sources::read(files.iter().copied());
        sources.imports().map(|(from, to)| (from.join("::"), to.join("::"))).collect()
    }

    #[test]
    fn imports_are_found_in_trees_and_in_code() {
        let files = [
            ("lib.rs", ""),
            ("a/mod.rs", "mod b; pub use b::Item; pub mod c; use c::f; fn g() { b::h::<'a'>(c::D) }"),
            ("a/b.rs", "use crate::{e::{self, Thing as Other}, a::c};\nfn x<'a>() { super::super::e::y() }"),
            ("a/c.rs", "use super::Item; // crate::e::no\nconst T: &str = \"crate::e::no\";"),
            ("e.rs", "fn f() { crate::a::Item } #[cfg(test)]\nmod tests { use crate::a::c; }"),
            ("e/tests.rs", "use crate::a::c;"),
        ];
        let all_imports = imports(&files);
        let imported_by = |from: &str| {
            all_imports.iter().filter(|(file, _)| file == from).map(|(_, to)| to.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(imported_by("a"), ["a::c", "a::b", "a::c"]);
        assert_eq!(imported_by("a::b"), ["e", "e", "a::c", "e"]);
        assert_eq!(imported_by("a::c"), ["a::b"], "a re-export counts as its definition");
        assert_eq!(imported_by("e"), ["a::b"], "code for tests is exempt");
    }
}
