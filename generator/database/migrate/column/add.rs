//! Plans new columns, values for existing rows, and the change to NOT NULL.

use super::ColumnChange;
use super::identity::refuse_identity;
use crate::artifact::Digest;
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::lexer::{self, TokenKind};
use crate::database::migrate::table::fail_if_rows;
use crate::database::migrate::{Down, Phase, Planner};
use crate::database::model::*;
use crate::diagnostic::Code;

/// Whether an expression has the same value for every row and at any time.
fn is_constant(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let mut cast = false;
    for (i, token) in tokens.iter().enumerate() {
        let after_cast = i >= 2 && tokens[i - 1].text == ":" && tokens[i - 2].text == ":";
        cast = after_cast
            || (cast && (token.kind == TokenKind::Word || ["(", ")", "[", "]", ",", "."].contains(&token.text)));
        let word = token.text.to_ascii_lowercase();
        let constant = match token.kind {
            TokenKind::Literal | TokenKind::Number | TokenKind::Symbol => true,
            TokenKind::Word | TokenKind::Quoted => {
                cast || ["null", "true", "false", "array", "interval", "date", "timestamp"].contains(&word.as_str())
            }
            TokenKind::Comment => false,
        };
        if !constant {
            return false;
        }
    }
    true
}

/// Functions that have one value for all rows of a statement, since the server computes them once.
const STABLE: [&str; 7] = [
    "now",
    "current_timestamp",
    "current_date",
    "localtimestamp",
    "transaction_timestamp",
    "current_user",
    "statement_timestamp",
];

fn is_stable(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let words = tokens.iter().filter(|token| token.kind == TokenKind::Word);
    let known = |word: &str| STABLE.contains(&word) || is_constant(&Expression::from_word(word));
    is_constant(expression) || words.into_iter().all(|token| known(&token.text.to_ascii_lowercase()))
}

/// Plans a new column.
pub(super) fn add(planner: &mut Planner, at: &ColumnChange, is: &Column) {
    if at.divided && is.identity.is_some() {
        refuse_identity(planner, at);
        return;
    }
    let table = at.table.sql();
    let column = quoted(at.column);
    let filled = is.default.is_some() || is.identity.is_some() || is.generated.is_some() || is.nullable;
    if !filled && is.backfill.is_none() {
        planner.refuse(
            Code::NeedsBackfill,
            at.path(),
            format!("{}.{} is NOT NULL, but existing rows have no value for it", at.table, at.column),
            "set a `default` or `backfill = \"an expression\"`, or make it `nullable`",
        );
        return;
    }
    // A domain may refuse NULL or have a default.
    let (domain, fills) = match is.kind.object().and_then(|kind| planner.new.types.get(&kind)) {
        Some(UserType::Domain(domain)) => (true, domain.default.is_some() || domain.base.object().is_some()),
        _ => (false, false),
    };
    let computed = is.identity.is_some() || is.generated.is_some();
    let drop = format!("ALTER TABLE {table} DROP COLUMN {column};");
    if let Some(backfill) = &is.backfill {
        let bare = Column { nullable: true, default: None, ..is.clone() };
        let mut up = vec![format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(at.column, &bare))];
        if let Some(default) = &is.default {
            up.push(format!("{} SET DEFAULT ({default});", at.alter()));
        }
        up.push(at.on_all_rows(&format!("UPDATE {table} SET {column} = ({backfill}) WHERE {column} IS NULL;")));
        planner
            .push(at.step(Phase::Create, "", "is new").up(up.join("\n")).never("values written since would be lost"));
        if !is.nullable {
            not_null(planner, at, None);
        }
        return;
    }
    let constant = is.default.as_ref().is_none_or(is_constant) && is.identity.is_none() && !fills;
    let down = if is.generated.is_some() {
        Down::Sql(drop)
    } else if constant {
        let lossy = match &is.default {
            None => format!("SELECT FROM {table} WHERE {column} IS NOT NULL"),
            Some(default) => {
                // Compared as text, since not every type has an equality operator.
                let kind = is.kind.sql();
                format!("SELECT FROM {table} WHERE {column}::text IS DISTINCT FROM (({default})::{kind})::text")
            }
        };
        let guard = fail_if_rows(&lossy, &format!("{}.{} holds values", at.table, at.column));
        Down::Sql(format!("{}\n{drop}", at.on_all_rows(&guard)))
    } else {
        Down::Never("values written since would be lost")
    };
    let volatile = is.default.as_ref().is_some_and(|default| !is_stable(default));
    let mut step = at
        .step(Phase::Create, "", "is new")
        .up(format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(at.column, is)))
        .hazards((computed || volatile || domain).then_some(Hazard::Rewrite));
    // Columns in its expression may be new as well.
    step.rank += usize::from(is.generated.is_some());
    step.down = down;
    planner.push(step);
}

/// Makes a column NOT NULL without a long lock: a check is validated while rows can be written.
pub(super) fn not_null(planner: &mut Planner, at: &ColumnChange, backfill: Option<&Expression>) {
    let table = at.table.sql();
    let column = quoted(at.column);
    let helper = format!("\"nn_{}\"", Digest::of(at.column.as_str().as_bytes()).short());
    if let Some(backfill) = backfill {
        planner.push(
            at.step(Phase::Create, "backfill", "gets values where it has none")
                .rank(at.rank + 1)
                .up(at.on_all_rows(&format!("UPDATE {table} SET {column} = ({backfill}) WHERE {column} IS NULL;")))
                .never("the rows that had NULL are not recorded"),
        );
    }
    let add = format!("ALTER TABLE {table} ADD CONSTRAINT {helper} CHECK ({column} IS NOT NULL) NOT VALID;");
    let remove = format!("ALTER TABLE {table} DROP CONSTRAINT {helper};");
    planner.push(
        at.step(Phase::Attach, "nullable", "takes no more NULLs").up(add).down(remove.clone()).hazard(Hazard::MayFail),
    );
    planner.push(
        at.step(Phase::Validate, "nullable", "has no NULLs")
            .up(format!(
                "ALTER TABLE {table} VALIDATE CONSTRAINT {helper};\n{} SET NOT NULL;\n{remove}",
                at.alter()
            ))
            .down(format!(
                "ALTER TABLE {table} ADD CONSTRAINT {helper} CHECK ({column} IS NOT NULL) NOT VALID;\n{} DROP NOT NULL;",
                at.alter()
            ))
            .hazard(Hazard::MayFail),
    );
}
