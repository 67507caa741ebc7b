//! Removes the double quotes of names that need none, as `pg_dump --quote-all-identifiers` writes them. So the texts of
//! a definition are the same whether a dump has quotes or not.

use squawk_syntax::SourceFile;
use squawk_syntax::quote::is_reserved_word;

use crate::database::lexer::{self, Token, TokenKind};

/// Key words that are not reserved, but that the server prints in double quotes when they are names: words for types and
/// functions with their own syntax (`col_name_keyword` and `type_func_name_keyword` in `kwlist.h`), and `exclude`, which
/// the parser of this crate mistakes for a constraint. `json` is left out: PostgreSQL 15 prints it without quotes.
const QUOTED_KEY_WORDS: &[&str] = &[
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "collation",
    "concurrently",
    "cross",
    "current_schema",
    "dec",
    "decimal",
    "exclude",
    "exists",
    "extract",
    "float",
    "freeze",
    "full",
    "greatest",
    "grouping",
    "ilike",
    "inner",
    "inout",
    "int",
    "integer",
    "interval",
    "is",
    "isnull",
    "join",
    "least",
    "left",
    "like",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "notnull",
    "nullif",
    "numeric",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "position",
    "precision",
    "real",
    "right",
    "row",
    "setof",
    "similar",
    "smallint",
    "substring",
    "tablesample",
    "time",
    "timestamp",
    "treat",
    "trim",
    "values",
    "varchar",
    "verbose",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// Key words that can name a result column only after AS or in double quotes.
const QUOTED_LABELS: &[&str] =
    &["day", "filter", "hour", "minute", "month", "over", "second", "varying", "within", "without", "year"];

/// Types of the server whose texts are names of objects, as in `'public.orders'::regclass`.
const TYPES_OF_NAMES: &[&str] = &[
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
];

/// An SQL text without the double quotes that its names do not need.
pub struct PlainNames {
    pub sql: String,
    /// Offsets in the original text of the quotes that are left out, ascending.
    quotes: Vec<usize>,
    /// Offsets in `sql` of the bytes that follow these quotes.
    quote_places: Vec<usize>,
}

impl PlainNames {
    /// Removes the double quotes. If the parser accepts the text only with them, the text stays as it is.
    pub fn of(text: &str) -> PlainNames {
        let quotes = unneeded_quotes(text);
        let unchanged = || PlainNames { sql: text.to_owned(), quotes: Vec::new(), quote_places: Vec::new() };
        if quotes.is_empty() {
            return unchanged();
        }
        let mut sql = String::with_capacity(text.len());
        let mut copied_until = 0;
        for at in &quotes {
            sql.push_str(&text[copied_until..*at]);
            copied_until = at + 1;
        }
        sql.push_str(&text[copied_until..]);
        let is_accepted = |sql: &str| SourceFile::parse(sql).errors().is_empty();
        if !is_accepted(&sql) && is_accepted(text) {
            return unchanged();
        }
        let quote_places = quotes.iter().enumerate().map(|(i, at)| at - i).collect();
        PlainNames { sql, quotes, quote_places }
    }

    /// Returns the offset in the original text of a byte of `sql`: for the first byte of a name, that of its quote.
    pub fn original(&self, at: usize) -> usize {
        let count = self.quote_places.partition_point(|quote| *quote <= at);
        // Opening and closing quotes alternate.
        let begins_name = count % 2 == 1 && self.quote_places[count - 1] == at;
        at + count - usize::from(begins_name)
    }

    /// Returns the offset in `sql` of a byte of the original text.
    pub fn changed(&self, at: usize) -> usize {
        at - self.quotes.partition_point(|quote| *quote < at)
    }
}

/// Returns the offsets of the double quotes that the names of a text do not need.
fn unneeded_quotes(text: &str) -> Vec<usize> {
    if !text.contains('"') {
        return Vec::new();
    }
    let tokens = lexer::tokens(text).unwrap_or_default();
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let mut offsets = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Quoted if is_plain(text, token) && !is_bare_label(&tokens, i) => {
                offsets.extend([token.at, token.at + token.text.len() - 1]);
            }
            TokenKind::Literal if token.text.starts_with("'\"") && is_cast_to_name(&tokens[i + 1..]) => {
                let content = &token.text[1..token.text.len() - 1];
                offsets.extend(unneeded_quotes(content).into_iter().map(|at| token.at + 1 + at));
            }
            _ => {}
        }
    }
    offsets
}

/// Returns whether a name in double quotes means the same without them.
fn is_plain(text: &str, token: &Token) -> bool {
    let Some(name) = token.text.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else { return false };
    let is_simple =
        name.bytes().enumerate().all(|(i, b)| b.is_ascii_lowercase() || b == b'_' || (i > 0 && b.is_ascii_digit()));
    // Without the quotes, the name must not merge with the characters next to it, as in `AS"id"` or `"e"'text'`.
    let is_part_of_word = |byte: &u8| lexer::starts_word(*byte) || byte.is_ascii_digit() || *byte == b'$';
    let before = token.at.checked_sub(1).and_then(|at| text.as_bytes().get(at));
    let after = text.as_bytes().get(token.at + token.text.len());
    let is_apart = !before.is_some_and(is_part_of_word)
        && !after.is_some_and(|byte| is_part_of_word(byte) || matches!(byte, b'\'' | b'"' | b'&'));
    !name.is_empty()
        && is_simple
        && is_apart
        && !is_reserved_word(name)
        && QUOTED_KEY_WORDS.binary_search(&name).is_err()
}

/// Returns whether the token is a key word that names a result column without AS, as in `SELECT born "year"`.
fn is_bare_label(tokens: &[Token], i: usize) -> bool {
    /// Words that are not reserved, but that come before an expression.
    const BEFORE_EXPRESSIONS: [&str; 6] = ["between", "by", "ilike", "like", "of", "set"];
    let name = tokens[i].text.trim_matches('"');
    let ends_expression = |token: &Token| match token.kind {
        TokenKind::Word => {
            let word = token.text.to_ascii_lowercase();
            word == "end" || !(is_reserved_word(&word) || BEFORE_EXPRESSIONS.contains(&word.as_str()))
        }
        TokenKind::Symbol => matches!(token.text, ")" | "]" | "*"),
        _ => true,
    };
    QUOTED_LABELS.contains(&name) && i.checked_sub(1).is_some_and(|before| ends_expression(&tokens[before]))
}

/// Returns whether tokens begin with a cast to a type whose texts are names, such as `::regclass`.
fn is_cast_to_name(tokens: &[Token]) -> bool {
    let [first_colon, second_colon, kind @ ..] = tokens else { return false };
    let kind = match kind {
        [schema, dot, kind, ..] if schema.text.trim_matches('"') == "pg_catalog" && dot.text == "." => kind,
        [kind, ..] => kind,
        [] => return false,
    };
    first_colon.text == ":" && second_colon.text == ":" && TYPES_OF_NAMES.contains(&kind.text.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_need_no_quotes_lose_them() {
        assert!(QUOTED_KEY_WORDS.is_sorted());
        for (text, expected) in [
            (r#"SET x = "heap";"#, "SET x = heap;"),
            (r#"SELECT "a"."id", "b"."Id", "user" FROM "a";"#, r#"SELECT a.id, b."Id", "user" FROM a;"#),
            (
                r#"CREATE TABLE "t" ("time" "time", "c" "char", "k" "uuid");"#,
                r#"CREATE TABLE t ("time" "time", c "char", k uuid);"#,
            ),
            (
                r#"SELECT nextval('"public"."t_id_seq"'::"regclass"), '"a"'::text;"#,
                r#"SELECT nextval('public.t_id_seq'::regclass), '"a"'::text;"#,
            ),
            (r#"SELECT '"s"."A"'::pg_catalog.regclass;"#, r#"SELECT 's."A"'::pg_catalog.regclass;"#),
            (r#"SELECT a AS"id", 1"b", "e"'x', U&"d";"#, r#"SELECT a AS"id", 1"b", "e"'x', U&"d";"#),
            (
                r#"SELECT x "year", y AS "year" FROM t GROUP BY "year";"#,
                r#"SELECT x "year", y AS year FROM t GROUP BY year;"#,
            ),
            (r#"SELECT '"a"', $$"b"$$; -- "c""#, r#"SELECT '"a"', $$"b"$$; -- "c""#),
            (r#"SELECT "a""b", "1a", "";"#, r#"SELECT "a""b", "1a", "";"#),
        ] {
            assert_eq!(PlainNames::of(text).sql, expected);
        }
    }

    #[test]
    fn places_are_those_of_the_original_text() {
        let text = r#"SELECT "a", 'x', "b" FROM "c";"#;
        let names = PlainNames::of(text);
        assert_eq!(names.sql, "SELECT a, 'x', b FROM c;");
        for word in ["SELECT", "'x'", "FROM", ";"] {
            let (at, original) = (names.sql.find(word).unwrap(), text.find(word).unwrap());
            assert_eq!((names.original(at), names.changed(original)), (original, at), "{word}");
        }
        assert_eq!(names.original(names.sql.find('b').unwrap()), text.find("\"b").unwrap());
    }
}
