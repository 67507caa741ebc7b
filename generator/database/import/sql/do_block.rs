//! `DO` blocks that create objects, create them unless they exist, or change them if they exist, as Drizzle and hand-written
//! migrations do it.

use std::collections::BTreeSet;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode, ast::AstNode};

use super::do_statement::{ChangedName, Guard, actions, changed_name, created_name, creates};
use super::reader::Reader;
use super::tree::{Parsed, Parts, start_offset, string_content, tokens, unsupported};
use crate::database::lexer::{self, Token, TokenKind};

/// Words between WHEN and THEN in a handler of EXCEPTION that ignores the error about an existing object: names of
/// errors, and the `or` between them.
const HANDLER_WORDS: [&str; 9] = [
    "duplicate_object",
    "duplicate_table",
    "duplicate_column",
    "duplicate_schema",
    "duplicate_function",
    "unique_violation",
    "undefined_object",
    "others",
    "or",
];

/// The statements of a `DO` block, and the conditions under which they run.
struct Block {
    /// The text with blanks in place of everything other than the statements.
    statements: String,
    /// Whether a handler of EXCEPTION ignores errors. After an error, the server undoes all statements of the block.
    has_handler: bool,
    conditions: Vec<Condition>,
}

impl Block {
    /// Reads the text of a block: BEGIN, statements, also inside of `IF NOT EXISTS (…) THEN … END IF` and `IF EXISTS (…) THEN
    /// … END IF`, handlers after EXCEPTION, END. Returns `None` if the block has other parts.
    fn read(text: &str) -> Option<Block> {
        let all_tokens = lexer::tokens(text).ok()?;
        let tokens: Vec<&Token> = all_tokens.iter().filter(|token| token.kind != TokenKind::Comment).collect();
        let is_word = |token: &Token, word: &str| token.text.eq_ignore_ascii_case(word);
        let words_at = |at: usize, words: &[&str]| {
            words.iter().enumerate().all(|(i, word)| tokens.get(at + i).is_some_and(|token| is_word(token, word)))
        };
        let end = tokens.iter().rposition(|token| is_word(token, "end"))?;
        let is_last_word = tokens[end + 1..].iter().all(|token| token.text == ";");
        if !words_at(0, &["begin"]) || !is_last_word {
            return None;
        }
        let mut block = Block { statements: text.to_owned(), has_handler: false, conditions: Vec::new() };
        let mut body_end = end;
        if let Some(exception) = tokens.iter().position(|token| is_word(token, "exception")).filter(|at| *at < end) {
            block.has_handler = true;
            if !is_ignoring_handler(&tokens[exception + 1..end]) {
                return None;
            }
            body_end = exception;
        }
        // Byte ranges without statements: the text up to BEGIN, and from EXCEPTION or the last END on.
        let mut blank_ranges = vec![(0, tokens[0].at + tokens[0].text.len()), (tokens[body_end].at, text.len())];
        // In the body, conditions, END IF and RAISE NOTICE are blank too.
        let mut open_conditions = Vec::new();
        let mut at = 1;
        while at < body_end {
            let begins_statement = at == 1 || tokens[at - 1].text == ";" || is_word(tokens[at - 1], "then");
            let last_blank_token = if begins_statement && is_word(tokens[at], "if") {
                let then = (at..body_end).find(|at| is_word(tokens[*at], "then"))?;
                open_conditions.push(block.conditions.len());
                block.conditions.push(Condition::read(&tokens[at + 1..then])?);
                then
            } else if begins_statement && words_at(at, &["end", "if"]) {
                block.conditions[open_conditions.pop()?].to = tokens[at].at;
                (at..body_end).find(|at| tokens[*at].text == ";")?
            } else if begins_statement && words_at(at, &["raise", "notice"]) {
                (at..body_end).find(|at| tokens[*at].text == ";")?
            } else {
                at += 1;
                continue;
            };
            blank_ranges.push((tokens[at].at, tokens[last_blank_token].at + tokens[last_blank_token].text.len()));
            at = last_blank_token + 1;
        }
        if !open_conditions.is_empty() {
            return None;
        }
        for (from, to) in blank_ranges {
            block.statements.replace_range(from..to, &" ".repeat(to - from));
        }
        Some(block)
    }

    /// Returns the condition on which the statement at an offset in the text runs. `None` if the statement is not supported,
    /// or if the conditions around it are about a different object: they could be false on a new server.
    fn guard(&self, statement: &SyntaxNode, at: usize) -> Option<Guard> {
        let conditions: Vec<&Condition> =
            self.conditions.iter().filter(|condition| (condition.from..condition.to).contains(&at)).collect();
        if conditions.iter().any(|condition| condition.object_exists) {
            let name = changed_name(statement)?;
            let suits = |condition: &&Condition| condition.object_exists && condition.is_only_about(&name);
            return (!self.has_handler && conditions.iter().all(suits)).then_some(Guard::IfExists);
        }
        let is_guarded = self.has_handler || !conditions.is_empty();
        let name = created_name(statement);
        let suits = |condition: &Condition| name.as_ref().is_some_and(|name| condition.strings.contains(name));
        if !creates(statement) || (!conditions.is_empty() && !conditions.iter().any(|condition| suits(condition))) {
            return None;
        }
        if !is_guarded {
            return Some(Guard::Always);
        }
        // With two or more actions, some of their objects may exist and others not, so the statement is not supported.
        (actions(statement).count() < 2).then_some(Guard::UnlessExists)
    }
}

/// A condition of IF, and the statements that run only if it is true.
struct Condition {
    /// The range of bytes from THEN to END IF.
    from: usize,
    to: usize,
    /// True for a condition that the object exists; false for a condition that it does not exist.
    object_exists: bool,
    /// The strings in the condition, in lower case.
    strings: BTreeSet<String>,
    /// Whether the condition has numbers other than 1, or comparisons other than `=`.
    has_other_comparison: bool,
}

impl Condition {
    /// Reads the tokens between IF and THEN: `NOT EXISTS (…)`, `EXISTS (…)`, `to_regclass('…') IS NULL` or `to_regtype('…') IS
    /// NULL`. Returns `None` for other conditions, also if one continues after the bracket, as in `AND …`, since it may then
    /// be false on a new server.
    fn read(tokens: &[&Token]) -> Option<Condition> {
        let words: Vec<String> = tokens.iter().map(|token| token.text.to_ascii_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (object_exists, tokens) = match words.as_slice() {
            ["not", "exists", ..] => (false, &tokens[2..]),
            ["exists", ..] => (true, &tokens[1..]),
            ["to_regclass" | "to_regtype", .., "is", "null"] => (false, &tokens[1..tokens.len() - 2]),
            _ => return None,
        };
        let mut depth = 0;
        let end = tokens.iter().position(|token| {
            depth += i32::from(token.text == "(") - i32::from(token.text == ")");
            depth == 0
        });
        let last = tokens.last().filter(|_| end.is_some_and(|end| end + 1 == tokens.len()))?;
        let strings = tokens.iter().filter(|token| token.kind == TokenKind::Literal);
        Some(Condition {
            from: last.at,
            to: usize::MAX,
            object_exists,
            strings: strings.map(|token| token.text.trim_matches('\'').to_lowercase()).collect(),
            has_other_comparison: tokens.iter().any(|token| {
                token.text != "1" && token.text.starts_with(|c: char| c.is_ascii_digit() || "<>!~".contains(c))
            }),
        })
    }

    /// Returns whether the condition mentions the part of a table and nothing else apart from the table and its schema.
    fn is_only_about(&self, name: &ChangedName) -> bool {
        let is_known = |text: &String| {
            let last_name = text.rsplit('.').next().unwrap_or(text).trim_matches('"');
            [name.part.as_str(), name.table.as_str(), name.schema.as_str()].contains(&last_name)
        };
        !self.has_other_comparison && self.strings.contains(&name.part) && self.strings.iter().all(is_known)
    }
}

/// Returns whether the handlers of EXCEPTION only ignore the error: `WHEN duplicate_object THEN null;`.
fn is_ignoring_handler(tokens: &[&Token]) -> bool {
    let words: Vec<String> = tokens.iter().map(|token| token.text.to_ascii_lowercase()).collect();
    let mut handlers = words.as_slice();
    while let [first, after @ ..] = handlers {
        let Some(then) = after.iter().position(|word| word == "then").filter(|_| first == "when") else { return false };
        if !after[..then].iter().all(|word| HANDLER_WORDS.contains(&word.as_str())) {
            return false;
        }
        let handler = &after[then + 1..];
        let Some(end) = handler.iter().position(|word| word == ";") else { return false };
        match handler[..end].iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] | ["null"] | ["raise", "notice", ..] => handlers = &handler[end + 1..],
            _ => return false,
        }
    }
    true
}

impl Reader {
    /// Returns the statements of a block, each with the condition on which it runs.
    pub(super) fn statements_of_do_block(node: &SyntaxNode) -> Parsed<Vec<(SyntaxNode, Guard)>> {
        let mut parts = Parts::of(node);
        let body = parts.require(SyntaxKind::LITERAL)?;
        let text = string_content(&body)?;
        let refusal = || {
            unsupported(
                node,
                "nself can represent a `DO` block only if it creates objects, also `IF NOT EXISTS`, or changes columns and \
                 constraints `IF EXISTS`; write its statements without the block",
            )
        };
        // Quotes inside of a string in single quotes are doubled, so the places of its statements are approximate.
        let is_plain_text = tokens(&body).next().is_some_and(|token| token.text().starts_with(['$', '\'']));
        let has_other_language = parts.take_rest().iter().any(|part| {
            !tokens(part).any(|token| token.text().trim_matches(['\'', '"']).eq_ignore_ascii_case("plpgsql"))
        });
        let Some(block) = Block::read(&text).filter(|_| is_plain_text && !has_other_language) else {
            return refusal();
        };
        // The text begins after `$$`, `$name$` or a single quote. Blanks before it give its statements the byte offsets that
        // they have in the file.
        let tag_length = body.text().to_string()[1..].find('$').map_or(0, |end| end + 2);
        let offset = start_offset(&body) + tag_length;
        let parsed = SourceFile::parse(&format!("{}{}", " ".repeat(offset), block.statements));
        if !parsed.errors().is_empty() {
            return refusal();
        }
        let statements: Vec<SyntaxNode> =
            parsed.tree().syntax().children().filter(|statement| statement.kind() != SyntaxKind::EMPTY_STMT).collect();
        // If a handler catches the error of one statement, the server also undoes the others.
        if block.has_handler && statements.len() > 1 {
            return refusal();
        }
        let guard = |statement: &SyntaxNode| block.guard(statement, start_offset(statement).checked_sub(offset)?);
        let guards: Option<Vec<Guard>> = statements.iter().map(guard).collect();
        guards.map_or_else(refusal, |guards| Ok(statements.into_iter().zip(guards).collect()))
    }
}

#[cfg(test)]
mod tests {
    use crate::database::import::sql::read;

    #[test]
    fn a_block_adds_a_label_unless_it_exists() {
        let block = |label: &str| {
            format!(
                "CREATE TYPE mood AS ENUM ('sad', 'happy'); \
                 DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_enum WHERE enumlabel = '{label}') THEN ALTER TYPE mood ADD VALUE '{label}' BEFORE 'happy'; END IF; END $$;"
            )
        };
        for (label, values) in [("calm", "'sad', 'calm', 'happy'"), ("sad", "'sad', 'happy'")] {
            let plain = read(&format!("CREATE TYPE mood AS ENUM ({values});")).unwrap().schema;
            assert_eq!(read(&block(label)).unwrap().schema, plain, "{label}");
        }
        let other_condition = block("calm").replacen("'calm'", "'angry'", 1);
        assert!(read(&other_condition).is_err());
    }

    #[test]
    fn a_block_creates_a_type_that_is_null() {
        let domain = "CREATE DOMAIN email AS text CHECK (VALUE <> '');";
        let block = format!("DO $$ BEGIN IF to_regtype('EMAIL') IS NULL THEN {domain} END IF; END $$;");
        assert_eq!(read(&format!("{block} {block}")).unwrap().schema, read(domain).unwrap().schema);
        assert!(read(&block.replace("EMAIL", "mail")).is_err());
    }
}
