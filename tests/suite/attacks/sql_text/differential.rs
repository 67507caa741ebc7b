//! Compares two parsers: every text that this crate accepts as one expression or query is sent to the server's parser.

use nself::database::model::{Expression, Query};
use nself::values::Checked;

use super::wire::{Answer, Parser};
use crate::database::server::{Server, Version};
use crate::fuzz::targets::SQL;
use crate::fuzz::{Numbers, cases, corpus, mutate, seed};

/// A simple statement around a text, and a statement that the server accepts only if the text fills its slot: the text
/// is in brackets, between key words and in an array at once, so that it cannot close all of them.
type Around = fn(&str) -> [String; 2];

fn around_expression(text: &str) -> [String; 2] {
    [
        format!("ALTER TABLE a ADD COLUMN b int DEFAULT ({text});"),
        format!(
            "ALTER TABLE a ADD COLUMN b int DEFAULT ({text}), ADD CHECK (CASE WHEN {text} THEN {text} ELSE ARRAY[{text}] END), \
             ALTER COLUMN c TYPE d USING ({text});"
        ),
    ]
}

fn around_query(text: &str) -> [String; 2] {
    [format!("CREATE VIEW v AS\n{text};"), format!("COPY ({text}) TO STDOUT;")]
}

/// How the server reads a text that this crate accepts.
enum Reading {
    Same,
    /// The server refuses it, so a migration with it fails before any change.
    Refused(String),
    /// The server reads it differently.
    Other(String),
}

fn readings(parser: &mut Parser, texts: &[String], around: Around) -> Vec<Reading> {
    let statements: Vec<String> = texts.iter().flat_map(|text| around(text)).collect();
    let answers = parser.parse(&statements);
    let has_several_commands =
        |answer: &Answer| answer.as_ref().is_err_and(|(_, message)| message.contains("multiple commands"));
    let read = |(text, pair): (&String, &[Answer])| match (&pair[0], &pair[1]) {
        (Ok(()), Ok(())) => Reading::Same,
        (Err((code, message)), Err(_)) if !pair.iter().any(has_several_commands) => {
            Reading::Refused(format!("{text:?}: {code} {message}"))
        }
        _ => Reading::Other(format!("{text:?}: {pair:?}")),
    };
    texts.iter().zip(answers.chunks(2)).map(read).collect()
}

/// The least number of compared queries.
const QUERIES: usize = 200;
/// The largest number of additional mutations that are tried for them.
const TRIES: usize = 40_000;

/// Mutates the corpus this often. Returns the mutations that this crate accepts as an expression, and those that it
/// accepts as a query.
fn accepted_texts(count: u64) -> [Vec<String>; 2] {
    let corpus = corpus("sql");
    let mut numbers = Numbers::new(seed());
    let (mut expressions, mut queries) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let text = mutate(&mut numbers, &corpus, SQL);
        if Expression::new(&text).is_ok() {
            expressions.push(text);
        } else if Query::new(&text).is_ok() {
            queries.push(text);
        }
    }
    // Few texts of the corpus are queries, so they are mutated more often than the others.
    let corpus: Vec<String> = corpus.into_iter().filter(|text| Query::new(text).is_ok()).collect();
    for _ in 0..TRIES {
        if queries.len() >= QUERIES {
            break;
        }
        let text = mutate(&mut numbers, &corpus, SQL);
        if Query::new(&text).is_ok() {
            queries.push(text);
        }
    }
    let counts = [expressions.len(), queries.len()];
    eprintln!("{count} texts, taken as expression {}, as query {}", counts[0], counts[1]);
    assert!(counts[0] as u64 > count / 100 && counts[1] >= QUERIES, "too few texts are taken: {counts:?}");
    [expressions, queries]
}

fn compare(version: Version, usual: u64) {
    let Some(server) = Server::start(version) else { return };
    let mut parser = Parser::connect(server.folder());
    // Controls: the server refuses text that escapes from its slot, and accepts other text.
    for (text, taken) in
        [("1) + (2", false), ("1, 2", false), ("E'a'\n'\\'' || 'b'", true), ("1]||ARRAY[2", false), ("a + 1", true)]
    {
        let readings = readings(&mut parser, &[text.to_owned()], around_expression);
        assert_eq!(matches!(readings[0], Reading::Same), taken, "{text}");
    }
    for (text, taken) in
        [("SELECT 1) TO STDOUT; COPY (SELECT 2", false), ("SELECT 1; SELECT 2", false), ("SELECT 1", true)]
    {
        let readings = readings(&mut parser, &[text.to_owned()], around_query);
        assert_eq!(matches!(readings[0], Reading::Same), taken, "{text}");
    }
    let (mut refused, mut other) = (Vec::new(), Vec::new());
    let accepted = accepted_texts(cases(usual));
    for (texts, around) in accepted.iter().zip([around_expression as Around, around_query]) {
        for reading in texts.chunks(1000).flat_map(|texts| readings(&mut parser, texts, around)) {
            match reading {
                Reading::Same => {}
                Reading::Refused(shown) => refused.push(shown),
                Reading::Other(shown) => other.push(shown),
            }
        }
    }
    eprintln!(
        "{version:?}: {} texts that the server reads differently, {} that it refuses",
        other.len(),
        refused.len()
    );
    let shown = |all: &[String]| all.iter().take(60).cloned().collect::<Vec<_>>().join("\n");
    assert!(other.is_empty(), "{}", shown(&other));
    // Squawk's grammar accepts slightly more than the server's; such text never runs. Its share is limited.
    let taken = accepted.iter().map(Vec::len).sum::<usize>();
    assert!(refused.len() <= 1 + taken / 200, "{}", shown(&refused));
}

/// Attack: a text that this crate reads as one expression or query, and the server differently.
/// Expectation: there is none, and the server parses at least 199 of 200 accepted texts.
#[test]
fn postgresql_15_accepts_the_same_texts() {
    compare(Version::V15, 3_000);
}

/// Attack: the same with the newer grammar of PostgreSQL 17.
/// Expectation: there is none.
#[test]
fn postgresql_17_accepts_the_same_texts() {
    compare(Version::V17, 3_000);
}
