//! Reports seeds that change the rows of tables that do not exist.

use std::collections::BTreeSet;

use super::Check;
use crate::database::lexer::{self, Token, TokenKind};
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::words;

/// The words before the name of a table at the beginning of a statement that changes rows.
const CHANGES_OF_ROWS: [&[&str]; 7] = [
    &["INSERT", "INTO"],
    &["UPDATE"],
    &["DELETE", "FROM"],
    &["MERGE", "INTO"],
    &["TRUNCATE", "TABLE"],
    &["TRUNCATE"],
    &["COPY"],
];

impl Check<'_> {
    /// Checks the tables that the statements of the seeds name.
    pub(super) fn check_seeds(&mut self) {
        let schema = self.schema;
        for (environment, seeds) in &schema.seeds {
            // A seed may fill a table that an earlier one creates.
            let mut created = BTreeSet::new();
            let texts_and_tokens: Vec<(&str, Vec<Token>)> =
                seeds.iter().map(|seed| (seed.as_str(), tokens_without_comments(seed.as_str()))).collect();
            if texts_and_tokens.iter().any(|(_, tokens)| may_change_names(tokens)) {
                continue;
            }
            for (i, (text, tokens)) in texts_and_tokens.into_iter().enumerate() {
                for statement in tokens.split(|token| token.text == ";") {
                    created.extend(created_table(text, statement));
                    let unknown = changed_table(text, statement).filter(|name| !created.contains(name));
                    if let Some(finding) = unknown.and_then(|name| self.unknown_table(&name)) {
                        let path = self.root.key("seeds").key(environment.as_str()).index(i);
                        self.findings.push(Diagnostic { path, ..finding });
                    }
                }
            }
        }
    }

    /// Returns the finding, still without its place, about a table that neither the definition nor an extension can have.
    fn unknown_table(&self, name: &ObjectName) -> Option<Diagnostic> {
        let schema = self.schema;
        let is_known = schema.tables.contains_key(name) || schema.views.contains_key(name) || self.is_partition(name);
        // Services create the tables in their schemas.
        let is_foreign = name.schema() != PUBLIC_SCHEMA && !schema.schemas.contains_key(name.schema());
        let near = words::nearest(name.as_str(), schema.tables.keys().map(ObjectName::as_str));
        let is_of_server = name.name().starts_with("pg_");
        if is_known || is_foreign || is_of_server || (near.is_none() && schema.extension_may_have(name)) {
            return None;
        }
        let hint = near.map_or_else(
            || "correct the name, or declare the table in `tables`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let finding = Diagnostic::error(Code::UnknownSeedTable, self.root.clone());
        Some(finding.message(format!("the seed changes rows of `{name}`, but there is no such table")).hint(hint))
    }
}

fn tokens_without_comments(text: &str) -> Vec<Token<'_>> {
    let tokens = lexer::tokens(text).unwrap_or_default();
    tokens.into_iter().filter(|token| token.kind != TokenKind::Comment).collect()
}

/// Returns whether seeds may use other names than those of the definition: with a search path, temporary tables, tables that
/// a query creates, or renames.
fn may_change_names(tokens: &[Token]) -> bool {
    let words: Vec<String> = tokens.iter().map(|token| token.text.to_ascii_lowercase()).collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    let has_pair = |first: &str, second: &str| words.windows(2).any(|pair| pair[0] == first && pair[1] == second);
    let selects_into = words.windows(2).any(|pair| pair[1] == "into" && pair[0] != "insert" && pair[0] != "merge");
    ["search_path", "set_config", "temp", "temporary", "pg_temp"].into_iter().any(has)
        || has_pair("rename", "to")
        || selects_into
}

/// Returns the name that follows some words at the beginning of a statement; `None` if it begins with other words.
fn name_after(text: &str, statement: &[Token], words: &[&str]) -> Option<ObjectName> {
    let begins = words.iter().zip(statement).filter(|(word, token)| token.text.eq_ignore_ascii_case(word)).count();
    let next = statement.get(words.len()).filter(|_| begins == words.len())?;
    // `COPY (SELECT …) TO` reads rows.
    if next.text == "(" { None } else { leading_name(&text[next.at..]) }
}

/// Returns the table whose rows a statement changes.
fn changed_table(text: &str, statement: &[Token]) -> Option<ObjectName> {
    CHANGES_OF_ROWS.iter().find_map(|words| name_after(text, statement, words))
}

/// Returns the table that a statement creates.
fn created_table(text: &str, statement: &[Token]) -> Option<ObjectName> {
    const KINDS: [&str; 5] = ["TABLE", "TEMP", "TEMPORARY", "UNLOGGED", "VIEW"];
    if !statement.first()?.text.eq_ignore_ascii_case("CREATE") {
        return None;
    }
    let is_kind = |token: &&Token| KINDS.iter().any(|kind| token.text.eq_ignore_ascii_case(kind));
    let kinds = statement[1..].iter().take_while(is_kind).count();
    let is_condition =
        |token: &&Token| ["IF", "NOT", "EXISTS"].iter().any(|word| token.text.eq_ignore_ascii_case(word));
    let conditions = statement[1 + kinds..].iter().take_while(is_condition).count();
    let name = statement.get(1 + kinds + conditions).filter(|_| kinds > 0)?;
    leading_name(&text[name.at..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::FieldPath;

    /// Returns the messages about one seed of a definition with the table `orders`.
    fn messages(seed: &str, extensions: &[&str]) -> Vec<String> {
        let definition = json!({
            "extensions": extensions, "schemas": { "app": {} }, "seeds": { "local": [seed] },
            "tables": { "orders": { "columns": { "id": { "type": "integer" } } } },
        });
        let schema: Schema = serde_json::from_value(definition).unwrap();
        let findings = super::super::check(&schema, &FieldPath::root());
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_seed_names_tables_that_exist() {
        for seed in [
            "INSERT INTO orders VALUES (1);",
            "insert into public.\"orders\" (id) values (2); UPDATE ONLY orders SET id = 3; TRUNCATE orders;",
            "CREATE TEMP TABLE IF NOT EXISTS raw (id integer); INSERT INTO raw VALUES (1); COPY (SELECT 1) TO STDOUT;",
            "INSERT INTO auth.users VALUES (1); SELECT 'DELETE FROM nothing';",
            "WITH x AS (SELECT 1) INSERT INTO orders SELECT * FROM x;",
        ] {
            assert_eq!(messages(seed, &[]), [""; 0], "{seed}");
        }
        for (seed, name) in [
            ("INSERT INTO order_s VALUES (1);", "order_s"),
            ("SELECT 1; /* all */ DELETE FROM only t9 WHERE true;", "t9"),
            ("MERGE INTO app.orders USING orders o ON true WHEN MATCHED THEN DELETE;", "app.orders"),
            ("COPY items (id) FROM '/x';", "items"),
        ] {
            assert_eq!(
                messages(seed, &[]),
                [format!("the seed changes rows of `{name}`, but there is no such table")],
                "{seed}"
            );
        }
    }

    #[test]
    fn an_extension_may_have_other_tables() {
        assert_eq!(messages("INSERT INTO spatial_ref_sys VALUES (1);", &["postgis"]), [""; 0]);
        assert_eq!(messages("INSERT INTO oders VALUES (1);", &["postgis"]).len(), 1);
    }
}
