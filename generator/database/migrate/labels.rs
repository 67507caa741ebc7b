//! Compares the labels of two versions of an enumeration.

use std::collections::BTreeSet;

use crate::database::model::Label;

/// Returns the new labels of an enumeration, each with the old label before which it is added (`None` at the end): for
/// the old labels `b d` and the new labels `a b d e`, these are `a` before `b`, and `e` at the end. Returns `None` if an
/// old label is missing or the old labels change their order.
pub fn added_labels<'a>(old: &[Label], new: &'a [Label]) -> Option<Vec<(&'a Label, Option<&'a Label>)>> {
    let old_labels: BTreeSet<&Label> = old.iter().collect();
    let mut remaining_old = old.iter().rev().peekable();
    let mut added = Vec::new();
    // The labels are read from the end, so that the old label that follows a new label is known.
    let mut next_old = None;
    for label in new.iter().rev() {
        if remaining_old.peek() == Some(&label) {
            remaining_old.next();
            next_old = Some(label);
        } else if old_labels.contains(label) {
            return None;
        } else {
            added.push((label, next_old));
        }
    }
    added.reverse();
    remaining_old.next().is_none().then_some(added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn added_labels_are_before_the_next_old_label() {
        let labels =
            |text: &str| -> Vec<Label> { text.split_whitespace().map(|label| Label::new(label).unwrap()).collect() };
        let added = |old: &str, new: &str| -> Option<Vec<(String, Option<String>)>> {
            let (old, new) = (labels(old), labels(new));
            let added = added_labels(&old, &new)?;
            Some(added.into_iter().map(|(label, next)| (label.to_string(), next.map(ToString::to_string))).collect())
        };
        let expected = |pairs: &[(&str, &str)]| {
            let next = |next: &str| (!next.is_empty()).then(|| next.to_owned());
            Some(pairs.iter().map(|(label, before)| ((*label).to_owned(), next(before))).collect::<Vec<_>>())
        };
        assert_eq!(added("b d", "a b c1 c2 d e"), expected(&[("a", "b"), ("c1", "d"), ("c2", "d"), ("e", "")]));
        assert_eq!(added("a b", "a b"), expected(&[]));
        assert_eq!(added("a b", "b a"), None, "old labels are reordered");
        assert_eq!(added("a b c", "a c"), None, "an old label is removed");
        // With this number of labels, comparing each with all others would take minutes.
        let old: Vec<String> = (0..5_000).map(|i| format!("l{i}")).collect();
        let new: Vec<String> = old.iter().cloned().chain((0..5_000).map(|i| format!("n{i}"))).collect();
        assert_eq!(added(&old.join(" "), &new.join(" ")).map(|added| added.len()), Some(5_000));
    }
}
