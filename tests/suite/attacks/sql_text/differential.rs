//! Two answers to one question: whether a text is one expression or one query. The server's parser is asked about
//! every text that this crate takes.

use nself::database::model::{Expression, Query};
use nself::stack::Checked;

use super::wire::{Answer, Parser};
use crate::database::server::{Server, Version};
use crate::fuzz::targets::SQL;
use crate::fuzz::{Numbers, cases, corpus, mutated, seed};

/// Statements that the server reads only if the text is one expression: it stands in brackets, between key words and
/// in an array at once, so that nothing that closes one of them closes all.
fn around_expression(text: &str) -> Vec<String> {
    vec![format!(
        "ALTER TABLE a ADD COLUMN b int DEFAULT ({text}), ADD CHECK (CASE WHEN (1=1) THEN ARRAY[{text}] ELSE f({text}, 1) END), \
         ALTER COLUMN c TYPE d USING ({text});"
    )]
}

fn around_query(text: &str) -> Vec<String> {
    vec![format!("CREATE VIEW v AS\n{text};"), format!("COPY ({text}) TO STDOUT;")]
}

/// What the server says about texts that this crate takes: pairs of text and first refusal.
fn refused(parser: &mut Parser, texts: &[String], around: fn(&str) -> Vec<String>) -> Vec<(String, String)> {
    let statements: Vec<Vec<String>> = texts.iter().map(|text| around(text)).collect();
    let answers = parser.parse(&statements.concat());
    let mut answers = answers.into_iter();
    let mut found = Vec::new();
    for (text, statements) in texts.iter().zip(&statements) {
        let own: Vec<Answer> = answers.by_ref().take(statements.len()).collect();
        if let Some((code, message)) = own.into_iter().find_map(Result::err) {
            found.push((text.clone(), format!("{code} {message}")));
        }
    }
    found
}

fn compare(version: Version, usual: u64) {
    let Some(server) = Server::start(version) else { return };
    let mut parser = Parser::connect(server.folder());
    // Controls: the server refuses what leaves its place, and takes what does not.
    for (text, taken) in
        [("1) + (2", false), ("1, 2", false), ("E'a'\n'\\'' || 'b'", true), ("1]||ARRAY[2", false), ("a + 1", true)]
    {
        let answers = parser.parse(&around_expression(text));
        assert_eq!(answers.iter().all(Result::is_ok), taken, "{text}: {answers:?}");
    }
    let corpus = corpus("sql");
    let mut numbers = Numbers::new(seed());
    let (mut expressions, mut queries, mut asked, mut differ) = (Vec::new(), Vec::new(), [0_u64; 2], Vec::new());
    let count = cases(usual);
    for i in 0..count {
        let text = mutated(&mut numbers, &corpus, SQL);
        if Expression::new(&text).is_ok() {
            expressions.push(text);
        } else if Query::new(&text).is_ok() {
            queries.push(text);
        }
        if expressions.len() + queries.len() >= 1000 || i + 1 == count {
            asked[0] += expressions.len() as u64;
            asked[1] += queries.len() as u64;
            differ.extend(refused(&mut parser, &expressions, around_expression));
            differ.extend(refused(&mut parser, &queries, around_query));
            expressions.clear();
            queries.clear();
        }
    }
    eprintln!("{version:?}: {count} texts, taken as expression {}, as query {}", asked[0], asked[1]);
    assert!(asked[0] > count / 100 && asked[1] > 0, "too few texts are taken to say anything: {asked:?}");
    let shown: Vec<String> = differ.iter().take(40).map(|(text, answer)| format!("{text:?}: {answer}")).collect();
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), shown.join("\n"));
}

/// Attack: a text that this crate takes for one expression or query and the server for something else.
/// Expectation: there is none; a text that the server refuses is refused here.
#[test]
fn postgresql_15_agrees() {
    compare(Version::V15, 3_000);
}

/// Attack: the same, where the server's grammar is newer.
/// Expectation: there is none.
#[test]
fn postgresql_17_agrees() {
    compare(Version::V17, 3_000);
}
