//! Text for people: invisible characters, plurals, and suggestions for misspelled words.

use std::fmt;

/// Returns whether a character is invisible or changes the direction of the following text: marks of direction, spaces
/// and joiners without width, soft hyphens, fillers, separators of lines, characters that are reserved for formatting, and
/// Unicode's tag characters, which are invisible letters. These are the characters with the property
/// `Default_Ignorable_Code_Point`, without variation selectors, and a few others.
pub fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E00FF}' | '\u{E01F0}'..='\u{E0FFF}')
}

/// Returns whether a character selects a variant of the character before it, such as the coloured form of an emoji. It is
/// invisible where it selects nothing.
pub fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Returns a number with its noun: `1 file`, `2 files`.
pub fn count<N: fmt::Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Returns the expected values as text: `one of a, b`, or the only value.
pub fn one_of<S: AsRef<str>>(values: &[S]) -> String {
    let names: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
    format!("{}{}", if names.len() == 1 { "" } else { "one of " }, names.join(", "))
}

/// The maximum length of a compared word in bytes. The time of a comparison grows with its square.
const MAX_LENGTH: usize = 128;
/// The maximum number of candidates. A stack can have thousands of names and as many misspellings.
const MAX_CANDIDATES: usize = 1_000;
/// The maximum number of candidates that are compared letter by letter, which takes longest.
const MAX_COMPARED: usize = 16;
/// The minimum similarity, from 0 to 1, of a misspelling to the candidate that was meant.
const MIN_SIMILARITY: f32 = 0.7;
/// The minimum similarity of two words of three letters, of which one may differ.
const MIN_SIMILARITY_OF_SHORT: f32 = 0.66;

/// Returns the candidate that is most similar to `word`; `None` if none is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_LENGTH {
        return None;
    }
    let min_similarity = |candidate: &str| match (word.len(), candidate.len()) {
        (3, 3) => MIN_SIMILARITY_OF_SHORT,
        _ => MIN_SIMILARITY,
    };
    let word_letters = letter_counts(word);
    let short_candidates =
        candidates.into_iter().take(MAX_CANDIDATES).filter(|candidate| candidate.len() <= MAX_LENGTH);
    // Counts of letters give an upper bound of the similarity in little time. The candidates with the highest bounds
    // are then compared exactly, in their original order.
    let candidates_with_bounds = short_candidates
        .map(|candidate| (max_similarity(&word_letters, &letter_counts(candidate)), candidate))
        .enumerate();
    // Each candidate with its index and its bound.
    let mut likely_candidates: Vec<(usize, (f32, &str))> =
        candidates_with_bounds.filter(|(_, (bound, candidate))| *bound > min_similarity(candidate)).collect();
    likely_candidates.sort_by(|(_, (a, _)), (_, (b, _))| b.total_cmp(a));
    likely_candidates.truncate(MAX_COMPARED);
    likely_candidates.sort_by_key(|(index, _)| *index);
    let similarity = |candidate: &str| similar::TextDiff::from_chars(candidate, word).ratio();
    let with_similarity = likely_candidates.into_iter().map(|(_, (_, candidate))| (similarity(candidate), candidate));
    let best_candidate = with_similarity.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best_candidate
        .filter(|(similarity, candidate)| *similarity > min_similarity(candidate))
        .map(|(_, candidate)| candidate)
}

/// Returns the question whether the most similar candidate was meant, such as ``did you mean `postgres`?``; empty if none
/// is similar enough.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |candidate| format!("did you mean `{candidate}`?"))
}

/// Returns the question whether the most similar candidate was meant, or `otherwise` if none is similar enough.
pub fn suggestion_or<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    Some(suggestion(word, candidates)).filter(|question| !question.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}

/// Returns how often a word contains each letter. Characters outside of ASCII share the counters of ASCII letters.
fn letter_counts(word: &str) -> [u8; 128] {
    let mut counts = [0; 128];
    word.chars().for_each(|c| counts[c as usize % 128] += 1);
    counts
}

/// Returns the maximum similarity of two words that have these letters in any order.
fn max_similarity(a: &[u8; 128], b: &[u8; 128]) -> f32 {
    // Sums as 16 bits, since two words of 128 letters exceed 8 bits.
    let sum = |counts: &mut dyn Iterator<Item = u8>| counts.map(u16::from).sum::<u16>();
    let common = sum(&mut a.iter().zip(b).map(|(a, b)| *a.min(b)));
    let total = sum(&mut a.iter().copied()) + sum(&mut b.iter().copied());
    if total == 0 { 1.0 } else { 2.0 * f32::from(common) / f32::from(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_one_is_not_a_list() {
        assert_eq!(super::one_of(&["main"]), "main");
        assert_eq!(super::one_of(&["main", "orders"]), "one of main, orders");
    }

    #[test]
    fn only_the_number_one_has_the_singular() {
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
