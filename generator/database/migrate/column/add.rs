//! Plans new columns and their values in existing rows.

use super::change::ColumnChange;
use super::identity::refuse_identity;
use super::not_null::set_not_null;
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::lexer::{self, Token, TokenKind};
use crate::database::migrate::planner::Planner;
use crate::database::migrate::rename::misspelled_name;
use crate::database::migrate::step::{Down, Phase};
use crate::database::model::*;
use crate::diagnostic::Code;

/// Words whose value is the same for every row and at any time, words of constant operators, and the types that precede a
/// literal.
const CONSTANT_WORDS: [&str; 14] =
    ["and", "array", "at", "date", "false", "interval", "is", "not", "null", "or", "time", "timestamp", "true", "zone"];

/// Functions and words that have the same value for all rows of a statement.
const STABLE_WORDS: [&str; 7] = [
    "now",
    "current_timestamp",
    "current_date",
    "localtimestamp",
    "transaction_timestamp",
    "current_user",
    "statement_timestamp",
];

/// Words after the first word of a type, as in `double precision` and `time with time zone`.
const FURTHER_WORDS_OF_TYPES: [&str; 14] = [
    "array",
    "day",
    "hour",
    "minute",
    "month",
    "precision",
    "second",
    "time",
    "to",
    "varying",
    "with",
    "without",
    "year",
    "zone",
];

/// Returns whether an expression has the same value for every row and at any time. It may consist of literals, numbers,
/// signs, [`CONSTANT_WORDS`], and names of types in casts, as in `'{}'::text[]`.
fn is_constant(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let has_comment = tokens.iter().any(|token| token.kind == TokenKind::Comment);
    !has_comment && names_outside_of_types(&tokens).iter().all(|name| CONSTANT_WORDS.contains(&name.as_str()))
}

/// Returns whether an expression is constant, or all of its functions have the same value for all rows of a statement.
fn is_stable(expression: &Expression) -> bool {
    let tokens = lexer::tokens(expression.as_str()).unwrap_or_default();
    let is_stable_name = |name: &str| CONSTANT_WORDS.contains(&name) || STABLE_WORDS.contains(&name);
    names_outside_of_types(&tokens).iter().all(|name| is_stable_name(name))
}

/// Returns the words in lower case and the quoted names of an expression, except those of types in casts.
fn names_outside_of_types(tokens: &[Token]) -> Vec<String> {
    let mut names = Vec::new();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let is_cast = token.text == ":" && tokens.get(index + 1).is_some_and(|next| next.text == ":");
        index = if is_cast { end_of_type(tokens, index + 2) } else { index + 1 };
        match token.kind {
            TokenKind::Word => names.push(token.text.to_ascii_lowercase()),
            TokenKind::Quoted => names.push(lexer::unquoted_name(token.text).into_owned()),
            TokenKind::Literal | TokenKind::Number | TokenKind::Symbol | TokenKind::Comment => {}
        }
    }
    names
}

/// Returns the index of the token after the type that begins at an index: its name, modifiers and dimensions.
fn end_of_type(tokens: &[Token], start: usize) -> usize {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text);
    let mut end = start + 1;
    while text(end) == "." {
        end += 2;
    }
    loop {
        let word = text(end).to_ascii_lowercase();
        let modifiers = tokens.iter().skip(end).position(|token| token.text == ")");
        match (text(end), modifiers) {
            ("(", Some(distance)) => end += distance + 1,
            ("[", _) if text(end + 1) == "]" => end += 2,
            ("[", _) if text(end + 2) == "]" => end += 3,
            _ if FURTHER_WORDS_OF_TYPES.contains(&word.as_str()) => end += 1,
            _ => return end,
        }
    }
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
        if is_misspelled_rename(planner, change, column) {
            return;
        }
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

/// Returns whether a column is meant to be a renamed one: `renamed_from` is similar to the name of a removed column, whose
/// removal reports this.
fn is_misspelled_rename(planner: &Planner, change: &ColumnChange, column: &Column) -> bool {
    let mut removed = change.table.old.columns.keys().filter(|old| !change.table.new.columns.contains_key(*old));
    removed.any(|old| {
        let object = format!("{}.{old}", change.table.name);
        misspelled_name(column.renamed_from.as_ref(), old.as_str()).is_some()
            && !planner.allows(&object, Hazard::DeletesData)
    })
}

/// Plans a new column whose values in existing rows come from an expression.
fn add_with_backfill(planner: &mut Planner, change: &ColumnChange, column: &Column, backfill: &Expression) {
    let (table, name) = (change.table.name.sql(), quoted(change.column));
    let nullable_column = Column { nullable: true, default: None, ..column.clone() };
    let mut up = vec![format!("ALTER TABLE {table} ADD COLUMN {};", ddl::column(change.column, &nullable_column))];
    up.extend(column.default.as_ref().map(|default| change.set_default(Some(default))));
    up.push(
        change.update_all_rows(planner.new, &format!("UPDATE {table} SET {name} = ({backfill}) WHERE {name} IS NULL;")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_misspelled_rename_has_one_finding() {
        let schema = |columns: serde_json::Value| -> Schema {
            serde_json::from_value(serde_json::json!({ "tables": { "orders": { "columns": columns } } })).unwrap()
        };
        let before = schema(serde_json::json!({ "total": { "type": "bigint" } }));
        let after = schema(serde_json::json!({ "sum": { "type": "bigint", "renamed_from": "totl" } }));
        let root = crate::diagnostic::FieldPath::root();
        let findings = crate::database::migrate::plan(&before, &after, &root).unwrap_err();
        let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::RenameUnclear], "{findings:#?}");
    }

    #[test]
    fn calls_and_operators_after_a_cast_are_not_part_of_its_type() {
        for (text, expected) in [
            ("'{}'::text[]", "constant"),
            ("ARRAY['a', NULL]::shop.\"Mood\"[3]", "constant"),
            ("'1'::double precision", "constant"),
            ("'x'::character varying(3)", "constant"),
            ("'t'::boolean AND NOT false", "constant"),
            ("'12:00'::time(3) with time zone", "constant"),
            ("TIMESTAMP '2026-01-01' AT TIME ZONE 'UTC'", "constant"),
            ("now()", "stable"),
            ("CURRENT_DATE::timestamptz(0)", "stable"),
            ("\"now\"() AT TIME ZONE 'UTC'", "stable"),
            ("'t'::boolean AND now() > '2026-01-01'", "stable"),
            ("'t'::boolean AND random() < 0.5", "volatile"),
            ("\"nextId\"()", "volatile"),
            ("\"Now\"()", "volatile"),
            ("('1'::integer) + random()::integer", "volatile"),
            ("ARRAY['a'::text, \"f\"()::text]", "volatile"),
            ("'1'::\"Kind\" || f()", "volatile"),
        ] {
            let expression = Expression::new(text).unwrap();
            let found = match (is_constant(&expression), is_stable(&expression)) {
                (true, _) => "constant",
                (false, true) => "stable",
                (false, false) => "volatile",
            };
            assert_eq!(found, expected, "{text}");
        }
    }
}
