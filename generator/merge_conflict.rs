//! Finds conflict markers, which version control writes into a file if both sides of a merge changed the same lines.

/// Returns the line, counted from 1, of the first conflict marker; `None` if the text has none.
pub fn first_line(text: &[u8]) -> Option<usize> {
    text.split(|byte| *byte == b'\n').position(|line| line.starts_with(b"<<<<<<< ")).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_markers_at_the_start_of_a_line_count() {
        assert_eq!(first_line(b"a\n<<<<<<< ours\nb\n"), Some(2));
        assert_eq!(first_line(b"a <<<<<<< ours\n<<<<<<<\n=======\n"), None);
    }
}
