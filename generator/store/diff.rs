//! Unified diffs whose time grows linearly with the length of the texts, for any content: both sides may come from an
//! untrusted project. Lines that occur once on both sides divide a large difference into parts; a part that is still
//! large is shown as replaced. The number of shown lines is limited, and the omitted lines are counted.

use std::collections::BTreeMap;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use crate::terminal::Lines;
use crate::words;

/// The maximum number of shown lines in the diff of one text.
const MAX_LINES_PER_TEXT: usize = 2_000;
/// The maximum number of shown lines in all diffs of a run.
const MAX_LINES_PER_RUN: usize = 20_000;
/// The maximum number of lines of a text that is compared.
const MAX_COMPARED_LINES: usize = 1_000_000;
/// The maximum number of shown characters of a line.
const MAX_LINE_WIDTH: usize = 2_000;
/// The maximum number of lines on both sides of a part that is compared line by line: the time grows with its square.
const MAX_PART_LINES: usize = 1_000;
/// The maximum depth of divisions.
const MAX_DIVISIONS: u8 = 3;
/// The number of unchanged lines that are shown before and after a change.
const CONTEXT_LINES: usize = 3;

/// The number of lines that may still be shown in all diffs of a run.
pub struct DiffBudget(usize);

impl Default for DiffBudget {
    fn default() -> Self {
        DiffBudget(MAX_LINES_PER_RUN)
    }
}

/// Whether a diff prints the lines that only the old text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSide {
    Printed,
    /// Only their number is printed, because they may contain a value that must not reach a log.
    Counted,
}

/// Returns the line that replaces hidden lines of the old side, with their number.
pub fn hidden_lines(lines: usize) -> String {
    format!("-[{} of the file on disk, not shown]", words::count(lines, "line"))
}

/// Returns a unified diff of two texts; empty if they are equal. Each text is a pair of its name and its content.
pub fn text_diff(
    (old_name, old): (&str, &str),
    (new_name, new): (&str, &str),
    old_side: OldSide,
    budget: &mut DiffBudget,
) -> Lines {
    let mut lines = Lines::default();
    if old == new {
        return lines;
    }
    lines.push(&format!("--- {old_name}"));
    lines.push(&format!("+++ {new_name}"));
    let (old_count, new_count) = (old.split_inclusive('\n').count(), new.split_inclusive('\n').count());
    if old_count.max(new_count) > MAX_COMPARED_LINES {
        let (old_lines, new_lines) = (words::count(old_count, "line"), words::count(new_count, "line"));
        lines.push(&format!("# too long to compare: {old_lines} before, {new_lines} after"));
        return lines;
    }
    let sides = [old, new].map(|text| text.split_inclusive('\n').collect::<Vec<&str>>());
    let mut numbers = BTreeMap::new();
    let [old_lines, new_lines] = [&sides[0], &sides[1]].map(|side| number_lines(side, &mut numbers));
    drop(numbers);
    let mut comparison = Comparison { old: &old_lines, new: &new_lines, operations: Vec::new() };
    comparison.compare_parts((0, old_lines.len()), (0, new_lines.len()), MAX_DIVISIONS);
    let initial_limit = MAX_LINES_PER_TEXT.min(budget.0);
    let mut limit = initial_limit;
    let mut omitted = 0;
    for group in group_diff_ops(comparison.operations, CONTEXT_LINES) {
        omitted += push_hunk(&group, [&sides[0], &sides[1]], old_side, &mut limit, &mut lines);
    }
    budget.0 -= initial_limit - limit;
    if omitted > 0 {
        lines.push(&format!("# {} of this difference not shown", words::count(omitted, "more line")));
    }
    lines
}

/// Returns a number for each line; equal lines have equal numbers.
fn number_lines<'a>(lines: &[&'a str], numbers: &mut BTreeMap<&'a str, u32>) -> Vec<u32> {
    let mut numbered = Vec::with_capacity(lines.len());
    for line in lines {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        numbered.push(*numbers.entry(line).or_insert(next));
    }
    numbered
}

/// Two texts as the numbers of their lines, and the operations that turn the old one into the new one.
struct Comparison<'a> {
    old: &'a [u32],
    new: &'a [u32],
    operations: Vec<DiffOp>,
}

/// The part of a text that is compared: the index of its first line, and the index after its last line.
type Span = (usize, usize);

impl Comparison<'_> {
    /// Compares two parts. `divisions` is the number of divisions that are still allowed.
    fn compare_parts(&mut self, old: Span, new: Span, divisions: u8) {
        let (old_lines, new_lines) = (&self.old[old.0..old.1], &self.new[new.0..new.1]);
        let prefix = old_lines.iter().zip(new_lines).take_while(|(a, b)| a == b).count();
        let (old_lines, new_lines) = (&old_lines[prefix..], &new_lines[prefix..]);
        let suffix = old_lines.iter().rev().zip(new_lines.iter().rev()).take_while(|(a, b)| a == b).count();
        self.push_equal(old.0, new.0, prefix);
        self.compare_different((old.0 + prefix, old.1 - suffix), (new.0 + prefix, new.1 - suffix), divisions);
        self.push_equal(old.1 - suffix, new.1 - suffix, suffix);
    }

    /// Compares two parts whose first lines differ and whose last lines differ.
    fn compare_different(&mut self, old: Span, new: Span, divisions: u8) {
        let (old_len, new_len) = (old.1 - old.0, new.1 - new.0);
        let (old_index, new_index) = (old.0, new.0);
        if old_len + new_len == 0 {
            return;
        }
        if old_len + new_len <= MAX_PART_LINES {
            let operations = capture_diff_slices(Algorithm::Myers, &self.old[old.0..old.1], &self.new[new.0..new.1]);
            operations.into_iter().for_each(|operation| self.push(shift(operation, old_index, new_index)));
            return;
        }
        let anchors =
            if divisions == 0 { Vec::new() } else { anchors(&self.old[old.0..old.1], &self.new[new.0..new.1]) };
        if anchors.is_empty() {
            self.push(DiffOp::Replace { old_index, old_len, new_index, new_len });
            return;
        }
        let (mut old_start, mut new_start) = (old_index, new_index);
        for (old_position, new_position) in anchors {
            let (old_anchor, new_anchor) = (old_index + old_position, new_index + new_position);
            self.compare_parts((old_start, old_anchor), (new_start, new_anchor), divisions - 1);
            self.push_equal(old_anchor, new_anchor, 1);
            (old_start, new_start) = (old_anchor + 1, new_anchor + 1);
        }
        self.compare_parts((old_start, old.1), (new_start, new.1), divisions - 1);
    }

    fn push_equal(&mut self, old_index: usize, new_index: usize, len: usize) {
        if len > 0 {
            self.push(DiffOp::Equal { old_index, new_index, len });
        }
    }

    /// Adds an operation; consecutive equal lines become one operation.
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

/// Returns the operation with its lines counted from the start of the texts instead of the part, which begins at these
/// lines.
fn shift(operation: DiffOp, old_start: usize, new_start: usize) -> DiffOp {
    match operation {
        DiffOp::Equal { old_index, new_index, len } => {
            DiffOp::Equal { old_index: old_index + old_start, new_index: new_index + new_start, len }
        }
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + old_start, old_len, new_index: new_index + new_start }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + old_start, new_index: new_index + new_start, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + old_start, old_len, new_index: new_index + new_start, new_len }
        }
    }
}

/// Returns lines that occur once on each side, as pairs of their old and new positions: the longest sequence that has
/// the same order on both sides.
fn anchors(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    // For each side, the number of occurrences and the last position.
    let mut lines: BTreeMap<u32, [(usize, usize); 2]> = BTreeMap::new();
    for (side, numbers) in [old, new].into_iter().enumerate() {
        for (position, line) in numbers.iter().enumerate() {
            let (count, last_position) = &mut lines.entry(*line).or_default()[side];
            (*count, *last_position) = (*count + 1, position);
        }
    }
    let unique_lines = old.iter().filter_map(|line| match lines[line] {
        [(1, a), (1, b)] => Some((a, b)),
        _ => None,
    });
    let unique_lines: Vec<(usize, usize)> = unique_lines.collect();
    // Patience sorting: `tops` has the top card of each pile, and `predecessors` has for each card the card that was then
    // on top of the previous pile.
    let mut tops: Vec<usize> = Vec::new();
    let mut predecessors: Vec<Option<usize>> = Vec::with_capacity(unique_lines.len());
    for (card, (_, b)) in unique_lines.iter().enumerate() {
        let pile = tops.partition_point(|top| unique_lines[*top].1 < *b);
        predecessors.push(pile.checked_sub(1).map(|below| tops[below]));
        if pile == tops.len() {
            tops.push(card);
        } else {
            tops[pile] = card;
        }
    }
    let mut sequence = Vec::with_capacity(tops.len());
    let mut card = tops.last().copied();
    while let Some(position) = card {
        sequence.push(unique_lines[position]);
        card = predecessors[position];
    }
    sequence.reverse();
    sequence
}

/// Adds the lines of one hunk up to the limit, and returns the number of changed lines that were omitted.
fn push_hunk(group: &[DiffOp], sides: [&[&str]; 2], old_side: OldSide, limit: &mut usize, lines: &mut Lines) -> usize {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return 0 };
    // The lines from `start` to before `end`, as `@@ -3,7 +3,8 @@` counts them.
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
    let mut omitted = 0;
    for operation in group {
        let (old, new) = (operation.old_range(), operation.new_range());
        let signed_lines = match operation {
            DiffOp::Equal { .. } => [(' ', &sides[0][old]), (' ', &[][..])],
            _ => [('-', &sides[0][old]), ('+', &sides[1][new])],
        };
        for (sign, part) in signed_lines {
            let is_hidden = sign == '-' && old_side == OldSide::Counted && !part.is_empty();
            let wanted_count = if is_hidden { 1 } else { part.len() };
            let shown_count = wanted_count.min(*limit);
            *limit -= shown_count;
            let omitted_count = match (is_hidden, shown_count) {
                // The line with the number replaces the whole part.
                (true, 1) => {
                    lines.push(&hidden_lines(part.len()));
                    0
                }
                (true, _) => part.len(),
                (false, _) => {
                    part[..shown_count].iter().for_each(|line| push_line(lines, sign, line));
                    part.len() - shown_count
                }
            };
            omitted += if sign == ' ' { 0 } else { omitted_count };
        }
    }
    omitted
}

/// Adds one line with its sign, cut at the maximum width.
fn push_line(lines: &mut Lines, sign: char, line: &str) {
    let text = line.strip_suffix('\n').unwrap_or(line);
    match text.char_indices().nth(MAX_LINE_WIDTH) {
        Some((end, _)) => {
            let omitted = words::count(text[end..].chars().count(), "more character");
            lines.push(&format!("{sign}{} [{omitted}]", &text[..end]));
        }
        None => lines.push(&format!("{sign}{text}")),
    }
    if !line.ends_with('\n') {
        lines.push("\\ No newline at end of file");
    }
}

#[cfg(test)]
mod tests;
