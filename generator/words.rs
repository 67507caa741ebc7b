//! Words as people see them: marks that hide or reorder text, and the nearest of several words.

use std::fmt::Write;

/// Whether a character is invisible or changes the direction of what follows.
pub fn is_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Text as a terminal or a review may show it: control characters and marks by number. Line breaks and tabs
/// stay when `lines` says so.
pub fn visible(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let kept = lines && matches!(c, '\n' | '\t');
        if !kept && (c.is_control() || is_mark(c)) {
            let _ = write!(out, "\\u{{{:04X}}}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

/// `1 file`, `2 files`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Longest word that is compared: the time grows with the square, and more is no slip of the finger.
const LONGEST: usize = 128;

/// The candidate most like `word`, when it is like it at all.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let likeness = |candidate: &str| similar::TextDiff::from_chars(candidate, word).ratio();
    let rated = candidates.into_iter().map(|candidate| (likeness(candidate), candidate));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness > 0.65).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_shown_by_number() {
        assert_eq!(visible("a\u{202E}b\u{1b}[31m\n", false), "a\\u{202E}b\\u{001B}[31m\\u{000A}");
        assert_eq!(visible("a\n\tb", true), "a\n\tb");
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "file")), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("postgress", ["redis", "postgres"]), Some("postgres"));
        assert_eq!(nearest("mail", ["redis", "postgres"]), None);
        let long = "postgres".repeat(20);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
