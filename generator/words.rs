//! Words as people see them: marks that hide or reorder text, and the nearest of several words.

/// Whether a character is invisible or changes the direction of what follows.
pub fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}')
}

/// `1 file`, `2 files`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Longest word that is compared: the time grows with the square, and more is no slip of the finger.
const LONGEST: usize = 128;
/// Most candidates that are looked at, and most of them that are compared letter by letter: a stack may hold thousands of
/// names and as many misspellings.
const CANDIDATES: usize = 1_000;
const COMPARED: usize = 16;
/// Least likeness of two words, from 0 to 1, at which one is taken for the other.
const ALIKE: f32 = 0.65;

/// The candidate most like `word`, when it is like it at all.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let letters = counts(word);
    let looked_at = candidates.into_iter().take(CANDIDATES).filter(|candidate| candidate.len() <= LONGEST);
    let bounded = looked_at.map(|candidate| (most_alike(&letters, &counts(candidate)), candidate)).enumerate();
    let mut likely: Vec<(usize, (f32, &str))> = bounded.filter(|(_, (bound, _))| *bound > ALIKE).collect();
    likely.sort_by(|(_, (a, _)), (_, (b, _))| b.total_cmp(a));
    likely.truncate(COMPARED);
    likely.sort_by_key(|(place, _)| *place);
    let likeness = |candidate: &str| similar::TextDiff::from_chars(candidate, word).ratio();
    let rated = likely.into_iter().map(|(_, (_, candidate))| (likeness(candidate), candidate));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness > ALIKE).map(|(_, candidate)| candidate)
}

/// How often a word holds each letter; other characters than ASCII share their places.
fn counts(word: &str) -> [u8; 128] {
    let mut counts = [0; 128];
    word.chars().for_each(|c| counts[c as usize % 128] += 1);
    counts
}

/// A likeness that two words with these letters cannot exceed, in whatever order they hold them.
fn most_alike(a: &[u8; 128], b: &[u8; 128]) -> f32 {
    let sum = |counts: &mut dyn Iterator<Item = u8>| counts.map(u16::from).sum::<u16>();
    let common = sum(&mut a.iter().zip(b).map(|(a, b)| *a.min(b)));
    let all = sum(&mut a.iter().copied()) + sum(&mut b.iter().copied());
    if all == 0 { 1.0 } else { 2.0 * f32::from(common) / f32::from(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(nearest("gr\u{fc}n", ["rot", "gr\u{fc}m"]), Some("gr\u{fc}m"));
    }
}
