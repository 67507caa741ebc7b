//! Text for people: invisible characters, plurals, and suggestions for misspelled words.

/// Returns whether a character is invisible or changes the direction of the following text.
pub fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Returns a number with its noun: `1 file`, `2 files`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Maximum length of a compared word, since the time grows with its square.
const LONGEST: usize = 128;
/// Maximum number of candidates, and of candidates that are compared letter by letter. A stack can have thousands of
/// names and as many misspellings.
const CANDIDATES: usize = 1_000;
const COMPARED: usize = 16;
/// Minimum similarity, from 0 to 1, at which a word letter_counts as a misspelling of a candidate.
const MIN_SIMILARITY: f32 = 0.65;

/// Returns the candidate that is most similar to `word`; `None` if none is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let letters = letter_counts(word);
    let short_candidates = candidates.into_iter().take(CANDIDATES).filter(|candidate| candidate.len() <= LONGEST);
    let bounded =
        short_candidates.map(|candidate| (max_similarity(&letters, &letter_counts(candidate)), candidate)).enumerate();
    let mut likely: Vec<(usize, (f32, &str))> = bounded.filter(|(_, (bound, _))| *bound > MIN_SIMILARITY).collect();
    likely.sort_by(|(_, (a, _)), (_, (b, _))| b.total_cmp(a));
    likely.truncate(COMPARED);
    likely.sort_by_key(|(place, _)| *place);
    let similarity = |candidate: &str| similar::TextDiff::from_chars(candidate, word).ratio();
    let rated = likely.into_iter().map(|(_, (_, candidate))| (similarity(candidate), candidate));
    let best = rated.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(similarity, _)| *similarity > MIN_SIMILARITY).map(|(_, candidate)| candidate)
}

/// Returns the question whether the most similar candidate was meant; empty if none is similar enough.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}

/// Returns the number of times that a word contains each letter. Characters beyond ASCII share the counters.
fn letter_counts(word: &str) -> [u8; 128] {
    let mut letter_counts = [0; 128];
    word.chars().for_each(|c| letter_counts[c as usize % 128] += 1);
    letter_counts
}

/// Returns the maximum similarity of two words with these letters, regardless of their order.
fn max_similarity(a: &[u8; 128], b: &[u8; 128]) -> f32 {
    let sum = |letter_counts: &mut dyn Iterator<Item = u8>| letter_counts.map(u16::from).sum::<u16>();
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
    fn a_suggestion_is_a_similar_word() {
        assert_eq!(nearest("postgress", ["redis", "postgres"]), Some("postgres"));
        assert_eq!(nearest("mail", ["redis", "postgres"]), None);
        let long = "postgres".repeat(20);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        assert_eq!(nearest("gr\u{fc}n", ["rot", "gr\u{fc}m"]), Some("gr\u{fc}m"));
    }
}
