//! Unified diffs whose cost grows with the length of the texts, whatever they hold: both sides may come from an
//! untrusted project. Lines that occur once on both sides divide a large difference; a part that is still large is
//! shown as replaced. How many lines are shown is limited, and what is left out is counted.

use std::collections::BTreeMap;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use crate::terminal::Lines;
use crate::words;

/// Most lines of a diff that are shown, of one text and of all.
const SHOWN: usize = 2_000;
const SHOWN_OF_ALL: usize = 20_000;
/// Most lines of a text that is compared.
const COMPARED: usize = 1_000_000;
/// Most characters of a line that are shown.
const WIDTH: usize = 2_000;
/// Most lines on both sides of a part that is compared line by line, since the time grows with the square.
const PART: usize = 1_000;
/// How often a part is divided.
const ROUNDS: u8 = 3;
/// Lines that are shown around a change.
const AROUND: usize = 3;

/// Lines that may still be shown of all files together.
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Budget(SHOWN_OF_ALL)
    }
}

/// Whether lines that only the old text has are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSide {
    Shown,
    /// They may hold what must not reach a log.
    Counted,
}

/// The line that stands for lines of the old side.
pub fn hidden(lines: usize) -> String {
    format!("-[{} of the file on disk, not shown]", words::count(lines, "line"))
}

/// A unified diff of two texts with their names; nothing when they are equal.
pub fn text_diff(old: (&str, &str), new: (&str, &str), old_side: OldSide, budget: &mut Budget) -> Lines {
    let mut lines = Lines::default();
    if old.1 == new.1 {
        return lines;
    }
    lines.push(&format!("--- {}", old.0));
    lines.push(&format!("+++ {}", new.0));
    let (before, after) = (old.1.split_inclusive('\n').count(), new.1.split_inclusive('\n').count());
    if before.max(after) > COMPARED {
        lines.push(&format!("# too long to compare: {before} lines before, {after} lines after"));
        return lines;
    }
    let sides = [old.1, new.1].map(|text| text.split_inclusive('\n').collect::<Vec<&str>>());
    let mut numbers = BTreeMap::new();
    let [a, b] = [&sides[0], &sides[1]].map(|side| number(side, &mut numbers));
    drop(numbers);
    let mut comparison = Comparison { old: &a, new: &b, operations: Vec::new() };
    comparison.part((0, a.len()), (0, b.len()), ROUNDS);
    let mut limit = SHOWN.min(budget.0);
    let all = limit;
    let mut left_out = 0;
    for group in group_diff_ops(comparison.operations, AROUND) {
        left_out += show(&group, [&sides[0], &sides[1]], old_side, &mut limit, &mut lines);
    }
    budget.0 -= all - limit;
    if left_out > 0 {
        lines.push(&format!("# {} of this difference not shown", words::count(left_out, "more line")));
    }
    lines
}

/// Equal lines get equal numbers.
fn number<'a>(lines: &[&'a str], numbers: &mut BTreeMap<&'a str, u32>) -> Vec<u32> {
    let mut numbered = Vec::with_capacity(lines.len());
    for line in lines {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        numbered.push(*numbers.entry(line).or_insert(next));
    }
    numbered
}

/// Two texts as the numbers of their lines, and what makes one the other.
struct Comparison<'a> {
    old: &'a [u32],
    new: &'a [u32],
    operations: Vec<DiffOp>,
}

/// The first line of a part and the one behind its last.
type Span = (usize, usize);

impl Comparison<'_> {
    fn part(&mut self, old: Span, new: Span, rounds: u8) {
        let (a, b) = (&self.old[old.0..old.1], &self.new[new.0..new.1]);
        let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let end = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(a, b)| a == b).count();
        self.equal(old.0, new.0, start);
        self.middle((old.0 + start, old.1 - end), (new.0 + start, new.1 - end), rounds);
        self.equal(old.1 - end, new.1 - end, end);
    }

    /// A part whose first lines differ, and whose last lines do.
    fn middle(&mut self, old: Span, new: Span, rounds: u8) {
        let (old_len, new_len) = (old.1 - old.0, new.1 - new.0);
        let (old_index, new_index) = (old.0, new.0);
        if old_len + new_len == 0 {
            return;
        }
        if old_len + new_len <= PART {
            let operations = capture_diff_slices(Algorithm::Myers, &self.old[old.0..old.1], &self.new[new.0..new.1]);
            operations.into_iter().for_each(|operation| self.push(moved(operation, old_index, new_index)));
            return;
        }
        let anchors = if rounds == 0 { Vec::new() } else { anchors(&self.old[old.0..old.1], &self.new[new.0..new.1]) };
        if anchors.is_empty() {
            self.push(DiffOp::Replace { old_index, old_len, new_index, new_len });
            return;
        }
        let mut from = (old.0, new.0);
        for (a, b) in anchors {
            let at = (old_index + a, new_index + b);
            self.part((from.0, at.0), (from.1, at.1), rounds - 1);
            self.equal(at.0, at.1, 1);
            from = (at.0 + 1, at.1 + 1);
        }
        self.part((from.0, old.1), (from.1, new.1), rounds - 1);
    }

    fn equal(&mut self, old_index: usize, new_index: usize, len: usize) {
        if len > 0 {
            self.push(DiffOp::Equal { old_index, new_index, len });
        }
    }

    /// Runs of equal lines are one run.
    fn push(&mut self, operation: DiffOp) {
        if let (Some(DiffOp::Equal { len, .. }), DiffOp::Equal { len: more, .. }) =
            (self.operations.last_mut(), operation)
        {
            *len += more;
        } else {
            self.operations.push(operation);
        }
    }
}

fn moved(operation: DiffOp, old: usize, new: usize) -> DiffOp {
    match operation {
        DiffOp::Equal { old_index, new_index, len } => {
            DiffOp::Equal { old_index: old_index + old, new_index: new_index + new, len }
        }
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + old, old_len, new_index: new_index + new }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + old, new_index: new_index + new, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + old, old_len, new_index: new_index + new, new_len }
        }
    }
}

/// Lines that occur once on both sides, in the order of both: the longest sequence of them that rises.
fn anchors(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    // How often on each side, and where.
    let mut lines: BTreeMap<u32, [(usize, usize); 2]> = BTreeMap::new();
    for (side, numbers) in [old, new].into_iter().enumerate() {
        for (at, line) in numbers.iter().enumerate() {
            let (count, place) = &mut lines.entry(*line).or_default()[side];
            (*count, *place) = (*count + 1, at);
        }
    }
    let once = old.iter().filter_map(|line| match lines[line] {
        [(1, a), (1, b)] => Some((a, b)),
        _ => None,
    });
    let once: Vec<(usize, usize)> = once.collect();
    // Piles of patience: the last of each, and for each card the one below it on the pile before.
    let mut tops: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(once.len());
    for (card, (_, b)) in once.iter().enumerate() {
        let pile = tops.partition_point(|top| once[*top].1 < *b);
        before.push(pile.checked_sub(1).map(|below| tops[below]));
        if pile == tops.len() {
            tops.push(card);
        } else {
            tops[pile] = card;
        }
    }
    let mut rising = Vec::with_capacity(tops.len());
    let mut card = tops.last().copied();
    while let Some(at) = card {
        rising.push(once[at]);
        card = before[at];
    }
    rising.reverse();
    rising
}

/// Adds one hunk as far as the limit allows; returns how many changed lines were left out.
fn show(group: &[DiffOp], sides: [&[&str]; 2], old_side: OldSide, limit: &mut usize, lines: &mut Lines) -> usize {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return 0 };
    let range = |start: usize, end: usize| match end - start {
        1 => format!("{}", start + 1),
        0 => format!("{start},0"),
        length => format!("{},{length}", start + 1),
    };
    if *limit > 0 {
        lines.push(&format!(
            "@@ -{} +{} @@",
            range(first.old_range().start, last.old_range().end),
            range(first.new_range().start, last.new_range().end)
        ));
    }
    let mut left_out = 0;
    for operation in group {
        let (old, new) = (operation.old_range(), operation.new_range());
        let shown = match operation {
            DiffOp::Equal { .. } => [(' ', &sides[0][old]), (' ', &[][..])],
            _ => [('-', &sides[0][old]), ('+', &sides[1][new])],
        };
        for (sign, part) in shown {
            let is_counted = sign == '-' && old_side == OldSide::Counted && !part.is_empty();
            let room = if is_counted { 1 } else { part.len() }.min(*limit);
            *limit -= room;
            if is_counted && room == 1 {
                lines.push(&hidden(part.len()));
                continue;
            }
            part[..room].iter().for_each(|line| push_line(lines, sign, line));
            left_out += if sign == ' ' { 0 } else { part.len() - room };
        }
    }
    left_out
}

fn push_line(lines: &mut Lines, sign: char, line: &str) {
    let text = line.strip_suffix('\n').unwrap_or(line);
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => {
            let rest = words::count(text[end..].chars().count(), "more character");
            lines.push(&format!("{sign}{} [{rest}]", &text[..end]));
        }
        None => lines.push(&format!("{sign}{text}")),
    }
    if !line.ends_with('\n') {
        lines.push("\\ No newline at end of file");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        text_diff(("a", old), ("b", new), OldSide::Shown, &mut Budget::default()).as_str().to_owned()
    }

    /// The new side as the diff gives it; the old side has to be as it says.
    fn applied(old: &str, diff: &str) -> String {
        let old: Vec<&str> = old.split_inclusive('\n').collect();
        let (mut new, mut at) = (String::new(), 0);
        for line in diff.lines().skip(2) {
            let (sign, text) = line.split_at(1);
            match sign {
                "@" => {
                    let start = text.split(['-', ',', ' ']).nth(2).unwrap().parse::<usize>().unwrap();
                    let empty = text.split(' ').nth(1).unwrap().ends_with(",0");
                    let start = if empty { start } else { start - 1 };
                    new.extend(old[at..start].iter().copied());
                    at = start;
                }
                "\\" => drop(new.pop()),
                _ => {
                    if sign != "+" {
                        assert_eq!(old[at].trim_end_matches('\n'), text);
                        at += 1;
                    }
                    if sign != "-" {
                        new.extend([text, "\n"]);
                    }
                }
            }
        }
        new.extend(old[at..].iter().copied());
        new
    }

    #[test]
    fn a_small_diff_is_as_usual() {
        assert_eq!(
            diff("a\nb\nc\n", "a\nB\nc"),
            "--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n-b\n-c\n+B\n+c\n\\ No newline at end of file\n"
        );
        assert_eq!(diff("", "x\n"), "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
        assert_eq!(diff("x\n", "x\n"), "");
    }

    #[test]
    fn lines_of_the_old_side_are_counted_where_they_may_be_private() {
        let shown = text_diff(("a", "a\nprivate\nb\nc"), ("b", "a\nb\nd\n"), OldSide::Counted, &mut Budget::default());
        let expected = "--- a\n+++ b\n@@ -1,4 +1,3 @@\n a\n-[1 line of the file on disk, not shown]\n b\n\
                        -[1 line of the file on disk, not shown]\n+d\n";
        assert_eq!(shown.as_str(), expected);
    }

    #[test]
    fn a_diff_leads_from_one_text_to_the_other_however_large() {
        let text = |lines: usize, of: &dyn Fn(usize) -> usize| -> String {
            (0..lines).map(|line| format!("line {}\n", of(line))).collect()
        };
        let cases = [
            (text(5_000, &|i| i), text(5_000, &|i| if i % 700 == 5 { i + 90_000 } else { i })),
            // Blocks that changed places, and lines that occur often.
            (text(4_000, &|i| i), text(4_000, &|i| (i + 20) % 4_000)),
            (text(3_000, &|i| i % 7), text(3_000, &|i| if i == 1_500 { 99 } else { i % 7 })),
            (text(600, &|i| i % 3), text(700, &|i| i % 5)),
        ];
        for (old, new) in cases {
            assert_eq!(applied(&old, &diff(&old, &new)), new);
        }
    }

    #[test]
    fn nothing_is_shown_without_end() {
        let (old, new) = ("a\nb\n".repeat(5_000), "b\nc\nb\n".repeat(5_000));
        let shown = diff(&old, &new);
        assert!(shown.lines().count() <= SHOWN + 5, "{}", shown.lines().count());
        assert!(shown.ends_with(" more lines of this difference not shown\n"), "{}", shown.len());
        let mut budget = Budget::default();
        let total: usize = (0..20)
            .map(|_| text_diff(("a", &old), ("b", &new), OldSide::Shown, &mut budget).as_str().lines().count())
            .sum();
        assert!(total <= SHOWN_OF_ALL + 20 * 5, "{total}");
        let wide = diff("", &"x".repeat(1_000_000));
        assert!(wide.len() < 3_000 && wide.contains("[998000 more characters]"));
        assert!(diff("", &"\n".repeat(COMPARED + 1)).contains("too long to compare"));
    }
}
