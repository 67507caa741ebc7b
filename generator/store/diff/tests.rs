//! Tests of printed differences between files.

use super::*;

fn diff(old: &str, new: &str) -> String {
    text_diff(("a", old), ("b", new), OldSide::Printed, &mut DiffBudget::default()).as_str().to_owned()
}

/// Applies a diff to the old side and returns the new side; the diff's old lines must match.
fn apply_diff(old: &str, diff: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut new, mut old_position) = (String::new(), 0);
    for line in diff.lines().skip(2) {
        let (sign, text) = line.split_at(1);
        match sign {
            "@" => {
                // "@ -3,7 +3,8 @@"
                let old_range = text.split(' ').nth(1).unwrap().trim_start_matches('-');
                let (start, length) = old_range.split_once(',').unwrap_or((old_range, "1"));
                let start = start.parse::<usize>().unwrap() - usize::from(length != "0");
                new.extend(old[old_position..start].iter().copied());
                old_position = start;
            }
            "\\" => drop(new.pop()),
            _ => {
                if sign != "+" {
                    assert_eq!(old[old_position].trim_end_matches('\n'), text);
                    old_position += 1;
                }
                if sign != "-" {
                    new.extend([text, "\n"]);
                }
            }
        }
    }
    new.extend(old[old_position..].iter().copied());
    new
}

#[test]
fn a_small_diff_is_a_unified_diff() {
    assert_eq!(
        diff("a\nb\nc\n", "a\nB\nc"),
        "--- a\n+++ b\n@@ -1,3 +1,3 @@\n a\n-b\n-c\n+B\n+c\n\\ No newline at end of file\n"
    );
    assert_eq!(diff("", "x\n"), "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
    assert_eq!(diff("x\n", "x\n"), "");
}

#[test]
fn private_lines_of_the_old_side_are_only_counted() {
    let diff = text_diff(("a", "a\nprivate\nb\nc"), ("b", "a\nb\nd\n"), OldSide::Counted, &mut DiffBudget::default());
    let expected = "--- a\n+++ b\n@@ -1,4 +1,3 @@\n a\n-[1 line of the file on disk, not shown]\n b\n\
                        -[1 line of the file on disk, not shown]\n+d\n";
    assert_eq!(diff.as_str(), expected);
}

#[test]
fn applying_a_diff_gives_the_new_text() {
    let text = |lines: usize, line_number: &dyn Fn(usize) -> usize| -> String {
        (0..lines).map(|line| format!("line {}\n", line_number(line))).collect()
    };
    let cases = [
        (text(5_000, &|i| i), text(5_000, &|i| if i % 700 == 5 { i + 90_000 } else { i })),
        // Blocks that changed places, and lines that occur often.
        (text(4_000, &|i| i), text(4_000, &|i| (i + 20) % 4_000)),
        (text(3_000, &|i| i % 7), text(3_000, &|i| if i == 1_500 { 99 } else { i % 7 })),
        (text(600, &|i| i % 3), text(700, &|i| i % 5)),
    ];
    for (old, new) in cases {
        assert_eq!(apply_diff(&old, &diff(&old, &new)), new);
    }
}

#[test]
fn a_diff_has_a_maximum_length() {
    let (old, new) = ("a\nb\n".repeat(5_000), "b\nc\nb\n".repeat(5_000));
    let shown = diff(&old, &new);
    assert!(shown.lines().count() <= MAX_LINES_PER_TEXT + 5, "{}", shown.lines().count());
    assert!(shown.ends_with(" more lines of this difference not shown\n"), "{}", shown.len());
    let mut budget = DiffBudget::default();
    let total: usize = (0..20)
        .map(|_| text_diff(("a", &old), ("b", &new), OldSide::Printed, &mut budget).as_str().lines().count())
        .sum();
    assert!(total <= MAX_LINES_PER_RUN + 20 * 5, "{total}");
    let wide = diff("", &"x".repeat(1_000_000));
    assert!(wide.len() < 3_000 && wide.contains("[998000 more characters]"));
    assert!(diff("", &"\n".repeat(MAX_COMPARED_LINES + 1)).contains("too long to compare"));
}
