//! Finds the names that the user's SQL mentions, to order objects by their dependencies and to rename them.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeSet;

use super::lexer::{Token, TokenKind, content_of_literal, tokens, unquoted_name};

/// Types whose literals name objects, as in `'orders'::regclass`.
const OBJECT_TYPES: [&str; 6] = ["regclass", "regconfig", "regdictionary", "regproc", "regprocedure", "regtype"];

/// Functions of the server whose first argument names an object, as text or as a value of one of [`OBJECT_TYPES`] (from
/// `pg_proc`).
const FUNCTIONS_OF_NAMES: [&str; 37] = [
    "brin_desummarize_range",
    "brin_summarize_new_values",
    "brin_summarize_range",
    "currval",
    "gin_clean_pending_list",
    "nextval",
    "pg_column_is_updatable",
    "pg_get_replica_identity_index",
    "pg_get_serial_sequence",
    "pg_index_column_has_property",
    "pg_index_has_property",
    "pg_indexes_size",
    "pg_partition_ancestors",
    "pg_partition_root",
    "pg_partition_tree",
    "pg_relation_filenode",
    "pg_relation_filepath",
    "pg_relation_is_publishable",
    "pg_relation_is_updatable",
    "pg_relation_size",
    "pg_sequence_last_value",
    "pg_table_size",
    "pg_total_relation_size",
    "phraseto_tsquery",
    "plainto_tsquery",
    "setval",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "to_regclass",
    "to_regproc",
    "to_regprocedure",
    "to_regtype",
    "to_tsquery",
    "to_tsvector",
    "ts_headline",
    "websearch_to_tsquery",
];

/// Returns the names ([`mentioned_names`]) and the operators ([`mentioned_operators`]) in a text, with repetitions.
pub fn mentioned_names_and_operators(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let tokens = significant_tokens(text);
    names_of_tokens(&tokens).into_iter().chain(operators_of_tokens(&tokens).into_iter().map(Cow::Owned))
}

/// Returns the operators in a text: each run of signs that may form one, such as `->>` and `<@` in `a ->> 'b' <@ c`.
pub fn mentioned_operators(text: &str) -> Vec<String> {
    operators_of_tokens(&significant_tokens(text))
}

fn operators_of_tokens(tokens: &[Token]) -> Vec<String> {
    let mut operators: Vec<String> = Vec::new();
    // The end of the last token if it is a sign; otherwise a number at which no token begins.
    let mut end_of_sign = usize::MAX;
    for token in tokens {
        let is_sign = token.kind == TokenKind::Symbol && "+-*/<>=~!@#%^&|`?".contains(token.text);
        match operators.last_mut() {
            Some(operator) if is_sign && end_of_sign == token.at => operator.push_str(token.text),
            _ if is_sign => operators.push(token.text.to_owned()),
            _ => {}
        }
        end_of_sign = if is_sign { token.at + token.text.len() } else { usize::MAX };
    }
    operators
}

/// Returns every name that a text mentions, with repetitions: words in lower case, quoted names, and the names in
/// strings that the server reads as names, as in `nextval('orders_seq')` and `'orders'::regclass`.
pub fn mentioned_names(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    names_of_tokens(&significant_tokens(text)).into_iter()
}

/// Words of SQL that begin a list of tables.
const WORDS_BEFORE_TABLES: [&str; 6] = ["from", "into", "join", "table", "update", "using"];

/// Words of SQL that end a list of tables.
const WORDS_AFTER_TABLES: [&str; 9] =
    ["group", "having", "on", "order", "returning", "select", "set", "values", "where"];

/// Returns the names that a text mentions, without those that mean a variable: an argument of the function whose body is
/// the text, or a column of the table to which the text belongs. The name of a function in a call, of a type in a cast or
/// of a table is returned even if a variable has the same name: without the variable `a`, `SELECT a, a(b) FROM a` mentions
/// `select`, `a`, `b`, `from` and `a`.
pub fn mentioned_names_except<'a>(text: &'a str, variables: &BTreeSet<&str>) -> impl Iterator<Item = Cow<'a, str>> {
    let mut tokens = significant_tokens(text);
    let calls_and_types: Vec<bool> = (0..tokens.len()).map(|index| is_call_or_type(&tokens, index)).collect();
    let (mut next_index, mut is_in_table_list) = (0, false);
    tokens.retain(|token| {
        let index = next_index;
        next_index += 1;
        let Some(name) = name_of_token(token) else { return true };
        if token.kind == TokenKind::Word && WORDS_BEFORE_TABLES.contains(&&*name) {
            is_in_table_list = true;
        } else if token.kind == TokenKind::Word && WORDS_AFTER_TABLES.contains(&&*name) {
            is_in_table_list = false;
        }
        is_in_table_list || calls_and_types[index] || !variables.contains(&*name)
    });
    names_of_tokens(&tokens).into_iter()
}

/// Returns whether the token at an index is the name of a function in a call (`name(`), or of a type in a cast (`::name`,
/// `::schema.name` or `AS name`).
fn is_call_or_type(tokens: &[Token], index: usize) -> bool {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    let text_before = |i: usize, count: usize| i.checked_sub(count).map_or("", text);
    // A type may have its schema in front of it.
    let start = if text_before(index, 1) == "." { index.saturating_sub(2) } else { index };
    let is_after_colons = text_before(start, 1) == ":" && text_before(start, 2) == ":";
    text(index + 1) == "(" || is_after_colons || text_before(start, 1).eq_ignore_ascii_case("as")
}

/// Returns the tokens of a text without its comments.
fn significant_tokens(text: &str) -> Vec<Token<'_>> {
    let mut significant_tokens = tokens(text).unwrap_or_default();
    significant_tokens.retain(|token| token.kind != TokenKind::Comment);
    significant_tokens
}

/// Returns the names that the tokens spell, including the names inside strings that the server reads as names.
fn names_of_tokens<'a>(significant_tokens: &[Token<'a>]) -> Vec<Cow<'a, str>> {
    let mut names = Vec::with_capacity(significant_tokens.len());
    for (i, token) in significant_tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Literal if is_name_of_object(significant_tokens, i) => {
                let tokens_of_literal = tokens(content_of_literal(token.text)).unwrap_or_default();
                names.extend(tokens_of_literal.iter().filter_map(name_of_token));
            }
            _ => names.extend(name_of_token(token)),
        }
    }
    names
}

/// Returns whether a text mentions the name of one of the columns.
pub fn mentions_column<Column: Borrow<str> + Ord>(text: &str, columns: &BTreeSet<Column>) -> bool {
    !columns.is_empty() && mentioned_names(text).any(|word| columns.contains(word.as_ref()))
}

/// Returns the name that a token spells: a word in lower case, or the content of double quotes; `None` for other tokens.
pub fn name_of_token<'a>(token: &Token<'a>) -> Option<Cow<'a, str>> {
    match token.kind {
        TokenKind::Word => Some(lowercase(token.text)),
        TokenKind::Quoted => Some(unquoted_name(token.text)),
        TokenKind::Literal | TokenKind::Number | TokenKind::Symbol | TokenKind::Comment => None,
    }
}

/// Returns whether the server reads the string at an index as the name of an object: in `'orders'::regclass`,
/// `CAST('orders' AS regclass)`, `regclass 'orders'` and `nextval('orders')`.
pub fn is_name_of_object(tokens: &[Token], index: usize) -> bool {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    let is_one_of = |names: &[&str], i: usize| names.iter().any(|name| name.eq_ignore_ascii_case(text(i)));
    let is_object_type = |i: usize| {
        let is_qualified = text(i).eq_ignore_ascii_case("pg_catalog") && text(i + 1) == ".";
        is_one_of(&OBJECT_TYPES, if is_qualified { i + 2 } else { i })
    };
    let index_before = |count: usize| index.checked_sub(count);
    (text(index + 1) == ":" && text(index + 2) == ":" && is_object_type(index + 3))
        || (text(index + 1).eq_ignore_ascii_case("as") && is_object_type(index + 2))
        || index_before(1).is_some_and(|i| is_one_of(&OBJECT_TYPES, i))
        || index_before(2).is_some_and(|i| text(i + 1) == "(" && is_one_of(&FUNCTIONS_OF_NAMES, i))
}

fn lowercase(word: &str) -> Cow<'_, str> {
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) { word.to_ascii_lowercase().into() } else { word.into() }
}

/// Returns the text with the names replaced for which `rename` returns a new name. Names inside strings stay.
pub fn replace_names(text: &str, rename: impl Fn(&str) -> Option<String>) -> String {
    let mut new_text = String::new();
    // Length of the part of `text` that is copied or replaced already.
    let mut processed_length = 0;
    for token in tokens(text).unwrap_or_default() {
        if let Some(new_name) = name_of_token(&token).and_then(|name| rename(&name)) {
            new_text.push_str(&text[processed_length..token.at]);
            new_text.push_str(&new_name);
            processed_length = token.at + token.text.len();
        }
    }
    new_text.push_str(&text[processed_length..]);
    new_text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(text: &str) -> Vec<Cow<'_, str>> {
        mentioned_names(text).collect()
    }

    #[test]
    fn names_are_found_and_replaced() {
        assert_eq!(names_in("Total - \"Odd\" /* note */"), ["total", "Odd"]);
        let text = replace_names("total >= 0 AND note <> 'total'", |word| (word == "total").then(|| "amount".into()));
        assert_eq!(text, "amount >= 0 AND note <> 'total'");
        assert_eq!(names_in("\"a\"\"b\" + \"createdAt\" + CreatedAt"), ["a\"b", "createdAt", "createdat"]);
    }

    #[test]
    fn a_variable_hides_names_except_those_of_tables_functions_and_types() {
        let names = |text| mentioned_names_except(text, &BTreeSet::from(["a", "Odd"])).collect::<Vec<_>>();
        assert_eq!(names("SELECT lower(a), \"Odd\""), ["select", "lower"]);
        assert_eq!(names("SELECT a FROM b, a WHERE b.id = a"), ["select", "from", "b", "a", "where", "b", "id"]);
        assert_eq!(names("SELECT a(1)"), ["select", "a"]);
        assert_eq!(names("SELECT a::a, $1::b.a, cast(a AS a)"), ["select", "a", "b", "a", "cast", "as", "a"]);
    }

    #[test]
    fn strings_are_names_where_the_server_reads_them_as_such() {
        assert_eq!(names_in("nextval('audit.Orders_seq') + 1"), ["nextval", "audit", "orders_seq"]);
        assert_eq!(names_in("pg_catalog.SETVAL ( 'x', 1)"), ["pg_catalog", "setval", "x"]);
        assert_eq!(names_in("'\"Odd\".x'::regclass"), ["Odd", "x", "regclass"]);
        assert_eq!(names_in("'f(t)' :: pg_catalog.regprocedure"), ["f", "t", "pg_catalog", "regprocedure"]);
        assert_eq!(names_in("CAST($a$x$a$ AS regtype)"), ["cast", "x", "as", "regtype"]);
        assert_eq!(names_in("regclass 'x'"), ["regclass", "x"]);
        assert_eq!(names_in("$$x$$::regclass"), ["x", "regclass"]);
    }

    #[test]
    fn other_strings_are_not_names() {
        for (text, words) in [
            ("kind = 'orders'", vec!["kind"]),
            ("'orders'::text", vec!["text"]),
            ("coalesce('orders', kind)", vec!["coalesce", "kind"]),
            ("kind IN ('orders', 'items')", vec!["kind", "in"]),
            ("nextval(prefix || 'orders')", vec!["nextval", "prefix"]),
            ("$$orders$$", vec![]),
            ("''", vec![]),
        ] {
            assert_eq!(names_in(text), words, "{text}");
        }
    }

    proptest::proptest! {
        /// Any text is read to its end.
        #[test]
        fn any_text_is_accepted_without_a_panic(text in "[xe'\"$:(. ]{0,16}(::regclass)?") {
            mentioned_names(&text).for_each(drop);
        }
    }
}
