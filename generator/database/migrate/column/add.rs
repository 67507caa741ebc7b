//! Plans new columns and their values in existing rows.

use super::change::ColumnChange;
use super::identity::refuse_identity;
use super::not_null::set_not_null;
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::lexer::{self, TokenKind};
use crate::database::migrate::planner::Planner;
use crate::database::migrate::step::{Down, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;

/// Returns whether an expression has the same value for every row and at any time. It may consist of literals, numbers,
/// signs, a few words such as `null` and `array`, and names of types in casts, as in `'{}'::text[]`.
fn is_constant(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let mut in_cast_type = false;
    for (index, token) in tokens.iter().enumerate() {
        let after_cast = index >= 2 && tokens[index - 1].text == ":" && tokens[index - 2].text == ":";
        in_cast_type = after_cast
            || (in_cast_type
                && (token.kind == TokenKind::Word || ["(", ")", "[", "]", ",", "."].contains(&token.text)));
        let word = token.text.to_ascii_lowercase();
        let token_is_constant = match token.kind {
            TokenKind::Literal | TokenKind::Number | TokenKind::Symbol => true,
            TokenKind::Word | TokenKind::Quoted => {
                in_cast_type
                    || ["null", "true", "false", "array", "interval", "date", "timestamp"].contains(&word.as_str())
            }
            TokenKind::Comment => false,
        };
        if !token_is_constant {
            return false;
        }
    }
    true
}

/// Functions that return the same value for all rows of a statement.
const STABLE_FUNCTIONS: [&str; 7] = [
    "now",
    "current_timestamp",
    "current_date",
    "localtimestamp",
    "transaction_timestamp",
    "current_user",
    "statement_timestamp",
];

/// Returns whether an expression is constant, or all of its functions have the same value for all rows of a statement.
fn is_stable(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let words = tokens.iter().filter(|token| token.kind == TokenKind::Word);
    let is_stable_word = |word: &str| STABLE_FUNCTIONS.contains(&word) || is_constant(&Expression::from_word(word));
    is_constant(expression) || words.into_iter().all(|token| is_stable_word(&token.text.to_ascii_lowercase()))
}

/// The reason why the addition of a column cannot be reverted.
const VALUES_LOST: &str = "values written since would be lost";

/// Plans a new column.
pub(super) fn add_column(planner: &mut Planner, change: &ColumnChange, column: &Column) {
    if change.table.new.partition_by.is_some() && column.identity.is_some() {
        refuse_identity(planner, change);
        return;
    }
    if let Some(backfill) = &column.backfill {
        add_with_backfill(planner, change, column, backfill);
        return;
    }
    let has_value = column.default.is_some() || column.identity.is_some() || column.generated.is_some();
    // In `allow`, `may_fail` for a new column means that the table has no rows.
    let is_table_empty = planner.allows(&change.object(), Hazard::MayFail);
    if !has_value && !column.nullable && !is_table_empty {
        planner.refuse(
            Code::NeedsBackfill,
            change.path(),
            format!("{} is NOT NULL, but existing rows have no value for it", change.object()),
            &format!(
                "set a `default` or `backfill = \"an expression\"`, make it `nullable`, or write `allow.\"{}\".may_fail = \
                 \"why\"` if the table has no rows",
                escaped_for_nickel(&change.object())
            ),
        );
        return;
    }
    let domain = match column.kind.object().and_then(|kind| planner.new.types.get(&kind)) {
        Some(UserType::Domain(domain)) => Some(domain),
        _ => None,
    };
    let is_computed = column.identity.is_some() || (column.generated.is_some() && !column.is_virtual);
    let is_volatile = column.default.as_ref().is_some_and(|default| !is_stable(default));
    let mut step = change
        .step(Phase::Create, "", "is new")
        .up(format!("ALTER TABLE {} ADD COLUMN {};", change.table.name.sql(), ddl::column(change.column, column)))
        // The server rewrites the table for a domain, which may refuse NULL or have a default.
        .hazards((is_computed || is_volatile || domain.is_some()).then_some(Hazard::Rewrite));
    step.down = removal(change, column, domain);
    planner.push(step);
}

/// Plans a new column whose values in existing rows come from an expression.
fn add_with_backfill(planner: &mut Planner, change: &ColumnChange, column: &Column, backfill: &Expression) {
    let (table, name) = (change.table.name.sql(), quoted(change.column));
    let nullable_column = Column { nullable: true, default: None, ..column.clone() };
    let mut up = vec![format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(change.column, &nullable_column))];
    up.extend(column.default.as_ref().map(|default| change.set_default(Some(default))));
    up.push(
        change.without_forced_row_security(&format!("UPDATE {table} SET {name} = ({backfill}) WHERE {name} IS NULL;")),
    );
    planner.push(change.step(Phase::Create, "", "is new").up(up.join("\n")).irreversible(VALUES_LOST));
    if !column.nullable {
        set_not_null(planner, change, None);
    }
}

/// Returns the way to revert a new column: SQL that drops the column only if no row has a value that was written since.
/// If these values cannot be distinguished from those that the server filled in, the addition is irreversible.
fn removal(change: &ColumnChange, column: &Column, domain: Option<&Domain>) -> Down {
    let (table, name) = (change.table.name.sql(), quoted(change.column));
    let drop = format!("ALTER TABLE {table} DROP COLUMN {name};");
    if column.generated.is_some() {
        return Down::Sql(drop);
    }
    // The base of a domain may be a domain with a default.
    let has_domain_default = domain.is_some_and(|domain| domain.default.is_some() || domain.base.object().is_some());
    if column.identity.is_some() || has_domain_default || !column.default.as_ref().is_none_or(is_constant) {
        return Down::Irreversible(VALUES_LOST);
    }
    let rows_with_values = match &column.default {
        None => format!("SELECT FROM {table} WHERE {name} IS NOT NULL"),
        Some(default) => {
            // Compared as text, since not every type has an equality operator.
            let kind = column.kind.sql();
            format!("SELECT FROM {table} WHERE {name}::text IS DISTINCT FROM (({default})::{kind})::text")
        }
    };
    let guard = ddl::fail_if_rows(&rows_with_values, &format!("{} holds values", change.object()));
    Down::Sql(format!("{}\n{drop}", change.without_forced_row_security(&guard)))
}
