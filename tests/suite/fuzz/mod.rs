//! Runs every reader of untrusted text on mutations of a committed corpus. A panic, an abort or a reader that does not
//! end fails the test.
//!
//! Each target runs a few hundred inputs; `NSELF_CASES=100000` runs more, `NSELF_SEED=7` different ones. With
//! `NSELF_CASES`, the current input is stored in `target/fuzz/<target>`, so that it is available after an abort.

pub mod targets;

use std::fs;
use std::path::PathBuf;

use crate::support::root;

/// A deterministic generator of pseudo-random numbers (xorshift).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % (end as u64)).unwrap()
    }

    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Returns the number of cases of a target.
pub fn cases(usual: u64) -> u64 {
    variable("NSELF_CASES").unwrap_or(usual)
}

pub fn seed() -> u64 {
    variable("NSELF_SEED").unwrap_or(1)
}

/// Returns the texts of `tests/corpus/<target>`, in the order of their names. The target `manifest` has the manifest of a
/// golden case.
/// A file has one text, or several separated by lines of four hyphens.
pub fn corpus(target: &str) -> Vec<String> {
    if target == "manifest" {
        return vec![fs::read_to_string(root().join("golden/minimal/out/nself.manifest")).unwrap()];
    }
    let folder = root().join("tests/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap());
    let parts: Vec<String> =
        texts.flat_map(|text| text.split("\n----\n").map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(!parts.is_empty());
    parts
}

/// Mutates one of the texts a few times: truncates it, repeats parts, splices it with a different text, or inserts a
/// word of the dictionary.
pub fn mutate(numbers: &mut Numbers, corpus: &[String], dictionary: &[&str]) -> String {
    let mut text = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..=numbers.below(6) {
        let at = boundary(&text, numbers.below(text.len() + 1));
        let end = boundary(&text, (at + numbers.below(24)).min(text.len()));
        match numbers.below(8) {
            0 => text.replace_range(at..end, ""),
            1 | 2 => text.insert_str(at, numbers.pick(dictionary)),
            3 => text.replace_range(at..end, numbers.pick(dictionary)),
            4 => {
                let piece = text[at..end].to_owned();
                text.insert_str(at, &piece);
            }
            5 => {
                let other = &corpus[numbers.below(corpus.len())];
                let from = boundary(other, numbers.below(other.len() + 1));
                let to = boundary(other, (from + numbers.below(40)).min(other.len()));
                text.insert_str(at, &other[from..to]);
            }
            6 => {
                let sign = char::from(u8::try_from(numbers.below(128)).unwrap());
                text.insert(at, sign);
            }
            _ if numbers.below(20) == 0 && text.len() < 4096 => {
                let piece = text[at..end].repeat(1 + numbers.below(400));
                text.insert_str(at, &piece);
            }
            _ => text.truncate(end),
        }
    }
    text
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Runs a reader on mutated texts of a corpus, and prints how many it accepted.
pub fn run(target: &str, usual: u64, dictionary: &[&str], mut accepts: impl FnMut(&str) -> bool) {
    let corpus = corpus(target);
    let mut numbers = Numbers::new(seed());
    let folder = root().join("target/fuzz");
    let keep = variable("NSELF_CASES").is_some();
    if keep {
        fs::create_dir_all(&folder).unwrap();
    }
    let count = cases(usual);
    let mut accepted = 0;
    for text in corpus.iter().cloned().chain((0..count).map(|_| mutate(&mut numbers, &corpus, dictionary))) {
        if keep {
            fs::write(folder.join(target), &text).unwrap();
        }
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| accepts(&text)));
        accepted += u64::from(ran.unwrap_or_else(|_| panic!("{target} fails on {text:?}")));
    }
    eprintln!("{target}: {count} cases, {accepted} accepted");
    assert!(accepted > 0, "{target}: no input is accepted, so the corpus tests nothing");
}
