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
    let corpus = corpus("sql");
    let mut numbers = Numbers::new(seed());
    let (mut expressions, mut queries, mut asked) = (Vec::new(), Vec::new(), [0_u64; 2]);
    let (mut refused, mut other) = (Vec::new(), Vec::new());
    let count = cases(usual);
    for i in 0..count {
        let text = mutate(&mut numbers, &corpus, SQL);
        if Expression::new(&text).is_ok() {
            expressions.push(text);
        } else if Query::new(&text).is_ok() {
            queries.push(text);
        }
        if expressions.len() + queries.len() >= 1000 || i + 1 == count {
            asked[0] += expressions.len() as u64;
            asked[1] += queries.len() as u64;
            for (texts, around) in [(&expressions, around_expression as Around), (&queries, around_query)] {
                for reading in readings(&mut parser, texts, around) {
                    match reading {
                        Reading::Same => {}
                        Reading::Refused(shown) => refused.push(shown),
                        Reading::Other(shown) => other.push(shown),
                    }
                }
            }
            expressions.clear();
            queries.clear();
        }
    }
    eprintln!("{version:?}: {count} texts, taken as expression {}, as query {}", asked[0], asked[1]);
    assert!(asked[0] > count / 100 && asked[1] > 0, "too few texts are taken to say anything: {asked:?}");
    eprintln!("{} that the server reads differently, {} that it refuses", other.len(), refused.len());
    let shown = |all: &[String]| all.iter().take(60).cloned().collect::<Vec<_>>().join("\n");
    assert!(other.is_empty(), "{}", shown(&other));
    // Squawk's grammar accepts slightly more than the server's; such text never runs. Its share is limited.
    let taken = asked[0] + asked[1];
    assert!(refused.len() as u64 <= 1 + taken / 200, "{}", shown(&refused));
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
