//! Compares the migrations of each database with its definition and, for one database, with the ledger of a server.

use serde::Serialize;

use super::definition::{Selection, not_one_database};
use crate::database::history::SumLine;
use crate::database::snapshot;
use crate::diagnostic::Diagnostic;
use crate::server::{Server, is_pooler_refusal};
use crate::values::SqlIdent;

/// The migrations of one database.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseStatus {
    pub database: SqlIdent,
    /// Number of written migrations.
    pub migrations: usize,
    /// Name of the last written migration; `None` if there is none.
    pub last: Option<String>,
    /// Whether the definition has changes for which `nself db new` would write a migration.
    pub changes_without_migration: bool,
    /// `None` if no server was compared.
    pub server: Option<ServerStatus>,
}

/// The comparison of a server's ledger with the written migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Number of written migrations that the server has applied.
    pub applied: usize,
    /// Number of migrations in the ledger that are not `applied`: the first that differs from the written migration in
    /// its place, and all after it.
    pub foreign: usize,
    /// Number of written migrations that the server has not applied.
    pub waiting: usize,
}

/// The name of a migration that a server has applied, and the digest of its `up.sql`.
type LedgerRow = (String, String);

impl DatabaseStatus {
    /// Returns whether definition, migrations and server agree.
    pub fn is_up_to_date(&self) -> bool {
        let is_applied = self.server.is_none_or(|server| server.waiting == 0 && server.foreign == 0);
        !self.changes_without_migration && is_applied
    }
}

/// Returns the state of the selected databases. With `url`, also reads the ledger of that server.
///
/// # Errors
/// NS305 if `url` is given and not exactly one database is selected; NS804 with the message of psql.
pub fn status(selection: &Selection, url: Option<&str>) -> Result<Vec<DatabaseStatus>, Vec<Diagnostic>> {
    let definitions = selection.definitions()?;
    if url.is_some() && definitions.len() != 1 {
        return Err(vec![not_one_database("--url names the server of one database", definitions.len())]);
    }
    let mut statuses = Vec::new();
    for definition in definitions {
        let history = selection.history(&definition.name)?;
        let sum = history.sum();
        let ledger = url.map(read_ledger).transpose()?;
        statuses.push(DatabaseStatus {
            migrations: sum.len(),
            last: sum.last().map(|line| line.name.to_string()),
            changes_without_migration: history.snapshot != snapshot::objects(&definition.schema),
            server: ledger.map(|rows| ServerStatus::new(&rows, &sum)),
            database: definition.name,
        });
    }
    Ok(statuses)
}

impl ServerStatus {
    /// Compares the rows of a ledger with the lines of the sum file, up to the first difference.
    fn new(ledger: &[LedgerRow], sum: &[SumLine]) -> Self {
        let is_same = |(row, line): &(&LedgerRow, &SumLine)| row.0 == line.name.as_str() && row.1 == line.up.as_str();
        let applied = ledger.iter().zip(sum).take_while(is_same).count();
        ServerStatus { applied, foreign: ledger.len() - applied, waiting: sum.len() - applied }
    }
}

/// Prints the table `nself.ledger` if it exists. COPY refuses views. A SELECT would accept a view of this name, which
/// would run code of its owner with the rights of this session.
const PRINT_LEDGER: &str = "BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'nself' AND c.relname = 'ledger') AS has_ledger \\gset
\\if :has_ledger
COPY nself.ledger (number, name, sum, state) TO STDOUT;
\\endif
COMMIT;
";

/// Reads names and digests of the applied migrations from the ledger of a server, in order.
fn read_ledger(url: &str) -> Result<Vec<LedgerRow>, Vec<Diagnostic>> {
    let answer = match Server::new(url)?.query(PRINT_LEDGER) {
        // The statements are one transaction, so a pooler also runs them in one session of the server.
        Err(findings) if is_pooler_refusal(&findings) => Server::new(url)?.through_pooler().query(PRINT_LEDGER)?,
        answer => answer?,
    };
    Ok(parse_ledger(&answer))
}

/// Returns the rows that [`PRINT_LEDGER`] printed, in the order of their numbers, without unfinished migrations.
fn parse_ledger(answer: &str) -> Vec<LedgerRow> {
    let mut rows: Vec<(u32, LedgerRow)> = answer.lines().filter_map(parse_applied_row).collect();
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Parses a row that COPY prints: number, name, digest and state, separated by tabs. Returns the number and the row;
/// `None` for an unfinished migration.
fn parse_applied_row(line: &str) -> Option<(u32, LedgerRow)> {
    let mut columns = line.split('\t');
    let number = columns.next()?.parse().ok()?;
    let (name, digest) = (columns.next()?.to_owned(), columns.next()?.to_owned());
    (columns.next() == Some("done")).then_some((number, (name, digest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::history::{History, Migration};
    use crate::database::model::MigrationName;

    fn sum(slugs: &[&str]) -> Vec<SumLine> {
        let mut history = History::default();
        for (index, slug) in slugs.iter().enumerate() {
            let name = MigrationName::numbered(index + 1, slug).unwrap();
            history.migrations.push(Migration::handwritten(name, &history.snapshot));
        }
        history.sum()
    }

    #[test]
    fn a_ledger_is_read_in_order_and_without_unfinished_migrations() {
        let answer = "2\t0002_b\tbb\tdone\n1\t0001_a\taa\tdone\n3\t0003_c\tcc\trunning\n";
        assert_eq!(
            parse_ledger(answer),
            [("0001_a".to_owned(), "aa".to_owned()), ("0002_b".to_owned(), "bb".to_owned())]
        );
    }

    #[test]
    fn a_ledger_counts_up_to_its_first_difference() {
        let written = sum(&["a", "b", "c"]);
        let row = |line: &SumLine| (line.name.to_string(), line.up.as_str().to_owned());
        let ledger: Vec<LedgerRow> = written.iter().map(row).collect();
        let status = |ledger: &[LedgerRow]| ServerStatus::new(ledger, &written);
        assert_eq!(status(&ledger[..2]), ServerStatus { applied: 2, foreign: 0, waiting: 1 });
        let mut changed = ledger.clone();
        changed[1].1 = "other".to_owned();
        assert_eq!(status(&changed), ServerStatus { applied: 1, foreign: 2, waiting: 2 });
        assert_eq!(status(&[]), ServerStatus { applied: 0, foreign: 0, waiting: 3 });
    }
}
