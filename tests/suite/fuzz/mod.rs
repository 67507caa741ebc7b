//! Inputs made from a committed corpus by mutation, for every reader of text that comes from outside. A panic, an
//! abort or a reader that never ends fails the test.
//!
//! Each target runs a few hundred inputs; `NSELF_CASES=100000` runs more, `NSELF_SEED=7` other ones. With
//! `NSELF_CASES` the input under test is kept in `target/fuzz/<target>`, so that it survives an abort.

pub mod targets;

use std::fs;
use std::path::PathBuf;

use crate::support::root;

/// A generator of numbers that gives the same ones for the same seed (xorshift).
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

/// How many cases a target runs.
pub fn cases(usual: u64) -> u64 {
    variable("NSELF_CASES").unwrap_or(usual)
}

pub fn seed() -> u64 {
    variable("NSELF_SEED").unwrap_or(1)
}

/// The texts of `tests/corpus/<target>`, in the order of their names; those of the manifest are the golden ones. A file
/// holds one text, or several with lines of four hyphens between them.
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

/// One of the texts, changed a few times: cut, doubled, repeated, spliced with another text, or with a word of the
/// dictionary in it.
pub fn mutated(numbers: &mut Numbers, corpus: &[String], dictionary: &[&str]) -> String {
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

/// Runs a reader on mutated texts of a corpus; says how many it took.
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
    for text in corpus.iter().cloned().chain((0..count).map(|_| mutated(&mut numbers, &corpus, dictionary))) {
        if keep {
            fs::write(folder.join(target), &text).unwrap();
        }
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| accepts(&text)));
        accepted += u64::from(ran.unwrap_or_else(|_| panic!("{target} fails on {text:?}")));
    }
    eprintln!("{target}: {count} cases, {accepted} accepted");
    assert!(accepted > 0, "{target}: no input is accepted, so the corpus tests nothing");
}
