//! The sum: a line for each migration, which seals those before it.

use super::{SUM_FILE, at};
use crate::artifact::Sha256;
use crate::database::model::{MigrationName, Sum};
use crate::diagnostic::{Code, Diagnostic};
use crate::values::Checked;
use crate::values::SqlIdent;

/// A line of the sum: name, digest of `up.sql`, digest of everything so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumLine {
    pub name: MigrationName,
    pub up: Sum,
    pub chain: Sum,
}

pub fn sha256(bytes: &[u8]) -> Sum {
    Sum::wrap(Sha256::of(bytes).hex().to_owned())
}

impl SumLine {
    pub fn text(&self) -> String {
        format!("{} up:{} chain:{}\n", self.name, self.up, self.chain)
    }

    /// The lines of a sum file; nothing where a line has another form.
    pub fn parse(text: &str) -> Option<Vec<SumLine>> {
        let line = |line: &str| {
            let mut parts = line.split(' ');
            let (name, up, chain) = (parts.next()?, parts.next()?, parts.next()?);
            let sum = |part: &str, prefix: &str| Sum::new(part.strip_prefix(prefix)?).ok();
            let (up, chain) = (sum(up, "up:")?, sum(chain, "chain:")?);
            let name = MigrationName::new(name).ok()?;
            parts.next().is_none().then_some(SumLine { name, up, chain })
        };
        text.lines().filter(|text| !text.is_empty()).map(line).collect()
    }
}

/// Whether the history only check_extends: every line of the base is where it was.
pub fn check_extends(database: &SqlIdent, base: &[SumLine], now: &[SumLine]) -> Option<Diagnostic> {
    let changed =
        base.iter().zip(now.iter().map(Some).chain(std::iter::repeat(None))).find(|(was, is)| Some(*was) != *is)?;
    let message = match changed.1 {
        Some(is) if is.name == changed.0.name => format!("{} is not what it was in the base", is.name),
        Some(is) => format!("{} stands where the base has {}", is.name, changed.0.name),
        None => format!("{} of the base is gone", changed.0.name),
    };
    Some(
        at(Code::MigrationTampered, &format!("db/{database}/{SUM_FILE}"))
            .message(message)
            .hint("if both branches added migrations, `nself db rebase --base REV` puts yours after theirs"),
    )
}
