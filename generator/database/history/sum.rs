//! The sum file: one line per migration, each with a digest of the lines before it.

use super::{SUM_FILE, finding_at};
use crate::artifact::Sha256;
use crate::database::model::{HexDigest, MigrationName};
use crate::diagnostic::{Code, Diagnostic};
use crate::values::Checked;
use crate::values::SqlIdent;
use crate::values::plugin_names::database_folder;

/// A line of the sum file: `0007_orders up:DIGEST chain:DIGEST`. `up` is the digest of `up.sql`; `chain` is the digest
/// of the migration's files and all earlier lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumLine {
    pub name: MigrationName,
    pub up: HexDigest,
    pub chain: HexDigest,
}

/// Returns the SHA-256 digest of bytes.
pub fn sha256(bytes: &[u8]) -> HexDigest {
    HexDigest::wrap(Sha256::of(bytes).hex().to_owned())
}

impl SumLine {
    /// Returns the line with its line break.
    pub fn text(&self) -> String {
        format!("{} up:{} chain:{}\n", self.name, self.up, self.chain)
    }

    /// Parses a sum file; `None` if a line is malformed.
    pub fn parse(text: &str) -> Option<Vec<SumLine>> {
        let parse_line = |line: &str| {
            let mut parts = line.split(' ');
            let (name, up, chain) = (parts.next()?, parts.next()?, parts.next()?);
            let parse_digest = |part: &str, prefix: &str| HexDigest::new(part.strip_prefix(prefix)?).ok();
            let (up, chain) = (parse_digest(up, "up:")?, parse_digest(chain, "chain:")?);
            let name = MigrationName::new(name).ok()?;
            parts.next().is_none().then_some(SumLine { name, up, chain })
        };
        text.lines().filter(|line| !line.is_empty()).map(parse_line).collect()
    }
}

/// Returns a finding about the first line of the sum file that differs from the base, which is the sum file of the
/// revision into which the branch will be merged. Lines after those of the base are allowed.
pub fn check_base_unchanged(database: &SqlIdent, base: &[SumLine], current: &[SumLine]) -> Option<Diagnostic> {
    // Each line of the base with the line at the same position, or `None` after the last line.
    let mut pairs = base.iter().zip(current.iter().map(Some).chain(std::iter::repeat(None)));
    let (base_line, current_line) = pairs.find(|(base_line, current_line)| Some(*base_line) != *current_line)?;
    let base_name = &base_line.name;
    let message = match current_line.map(|line| &line.name) {
        Some(name) if name == base_name => {
            format!("the migration {name} differs from the one in the base revision")
        }
        Some(name) => {
            format!("the order of migrations changed: {name} is where the base revision has {base_name}")
        }
        None => format!("the migration {base_name} of the base revision is missing"),
    };
    Some(
        finding_at(Code::MigrationTampered, &format!("{}/{SUM_FILE}", database_folder(database)))
            .message(message)
            .hint("if both branches added migrations, put yours after theirs with `nself db rebase --base REV`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, content: &str) -> SumLine {
        let digest = sha256(content.as_bytes());
        SumLine { name: MigrationName::new(name).unwrap(), up: digest.clone(), chain: digest }
    }

    #[test]
    fn a_sum_file_is_read_as_it_was_written_and_malformed_lines_are_refused() {
        let lines = [line("0001_init", "a"), line("0002_more", "b")];
        let text: String = lines.iter().map(SumLine::text).collect();
        assert_eq!(SumLine::parse(&text).unwrap(), lines);
        for bad in [text.replace("up:", "down:"), text.replace("0002_", "2_"), text.replace('\n', " more\n")] {
            assert_eq!(SumLine::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_history_extends_its_base_unless_a_line_changed_moved_or_is_missing() {
        let database = SqlIdent::new("shop").unwrap();
        let (a, b, c) = (line("0001_a", "a"), line("0002_b", "b"), line("0002_c", "c"));
        let message = |base: &[SumLine], now: &[SumLine]| {
            check_base_unchanged(&database, base, now).map(|finding| finding.message).unwrap_or_default()
        };
        assert_eq!(message(std::slice::from_ref(&a), &[a.clone(), b.clone()]), "");
        assert_eq!(
            message(&[a.clone(), b.clone()], std::slice::from_ref(&a)),
            "the migration 0002_b of the base revision is missing"
        );
        assert_eq!(
            message(&[a.clone(), b.clone()], &[a.clone(), c]),
            "the order of migrations changed: 0002_c is where the base revision has 0002_b"
        );
        assert_eq!(
            message(&[a, b], &[line("0001_a", "x")]),
            "the migration 0001_a differs from the one in the base revision"
        );
    }
}
