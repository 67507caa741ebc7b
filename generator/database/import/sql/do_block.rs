//! `DO` blocks that create objects, or create them unless they exist, as Drizzle and hand-written migrations do it.

use std::collections::BTreeSet;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode, ast::AstNode};

use super::reader::Reader;
use super::tree::{Parsed, Parts, ident, object_name, start_offset, string_content, tokens, unsupported};
use crate::database::lexer::{self, Token, TokenKind};
use crate::database::model::*;

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
    /// Whether a statement is inside of `IF NOT EXISTS (…) THEN`.
    has_condition: bool,
    /// The strings in the conditions of IF.
    strings_in_conditions: BTreeSet<String>,
}

impl Block {
    /// Returns whether the statements run only if their objects do not exist.
    fn is_guarded(&self) -> bool {
        self.has_handler || self.has_condition
    }

    /// Reads the text of a block: BEGIN, statements, also inside of `IF NOT EXISTS (…) THEN … END IF`, handlers after
    /// EXCEPTION, END. Returns `None` if the block has other parts.
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
        let mut block = Block {
            statements: text.to_owned(),
            has_handler: false,
            has_condition: false,
            strings_in_conditions: BTreeSet::new(),
        };
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
        let mut at = 1;
        while at < body_end {
            let begins_statement = at == 1 || tokens[at - 1].text == ";" || is_word(tokens[at - 1], "then");
            let last_blank_token = if begins_statement && words_at(at, &["if", "not", "exists", "("]) {
                let then = (at..body_end).find(|at| is_word(tokens[*at], "then"))?;
                // A condition that continues after the bracket, such as `AND …`, may be false on a new server.
                if !is_one_bracket(&tokens[at + 3..then]) {
                    return None;
                }
                block.has_condition = true;
                let strings = tokens[at..then].iter().filter(|token| token.kind == TokenKind::Literal);
                block.strings_in_conditions.extend(strings.map(|token| token.text.trim_matches('\'').to_lowercase()));
                then
            } else if begins_statement && (words_at(at, &["end", "if"]) || words_at(at, &["raise", "notice"])) {
                (at..body_end).find(|at| tokens[*at].text == ";")?
            } else {
                at += 1;
                continue;
            };
            blank_ranges.push((tokens[at].at, tokens[last_blank_token].at + tokens[last_blank_token].text.len()));
            at = last_blank_token + 1;
        }
        for (from, to) in blank_ranges {
            block.statements.replace_range(from..to, &" ".repeat(to - from));
        }
        Some(block)
    }
}

/// Returns whether the tokens are one pair of brackets with its content.
fn is_one_bracket(tokens: &[&Token]) -> bool {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        depth == 0
    });
    end.is_some_and(|end| end + 1 == tokens.len())
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
    /// Returns the statements of a block that creates objects. The `bool` is true if the statement runs only if its
    /// object does not exist.
    pub(super) fn statements_of_do_block(node: &SyntaxNode) -> Parsed<Vec<(SyntaxNode, bool)>> {
        let mut parts = Parts::of(node);
        let body = parts.require(SyntaxKind::LITERAL)?;
        let text = string_content(&body)?;
        let refusal = || {
            unsupported(
                node,
                "nself can represent a `DO` block only if it creates objects, also `IF NOT EXISTS`; write its statements without \
                 the block",
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
        let statements: Vec<SyntaxNode> = parsed.tree().syntax().children().collect();
        // A condition about a different object could be false on a new server.
        let suits_condition = |statement: &SyntaxNode| {
            !block.has_condition
                || created_name(statement).is_some_and(|name| block.strings_in_conditions.contains(&name))
        };
        let non_empty_statements: Vec<&SyntaxNode> =
            statements.iter().filter(|statement| statement.kind() != SyntaxKind::EMPTY_STMT).collect();
        // The results of some actions of a guarded statement may exist already, and those of others not.
        let suits_guard = |statement: &SyntaxNode| !block.is_guarded() || actions(statement).count() < 2;
        let is_supported =
            |statement: &SyntaxNode| creates(statement) && suits_condition(statement) && suits_guard(statement);
        // If a handler catches the error of one statement, the server also undoes the others.
        let suits_handler = !block.has_handler || non_empty_statements.len() < 2;
        if !suits_handler || !non_empty_statements.into_iter().all(is_supported) {
            return refusal();
        }
        Ok(statements.into_iter().map(|statement| (statement, block.is_guarded())).collect())
    }

    /// Returns whether the object that a statement creates exists.
    pub(super) fn creates_existing_object(&self, statement: &SyntaxNode) -> bool {
        use SyntaxKind::*;
        let part = |kind: SyntaxKind| statement.descendants().find(|part| part.kind() == kind);
        let object = |kind: SyntaxKind| part(kind).and_then(|part| object_name(&part).ok());
        let name = |kind: SyntaxKind| part(kind).and_then(|part| ident(&part).ok());
        let table = |kind: SyntaxKind| object(kind).and_then(|table| self.schema.tables.get(&table));
        match statement.kind() {
            CREATE_TYPE => object(TYPE_NAME).is_some_and(|name| self.schema.types.contains_key(&name)),
            CREATE_DOMAIN => object(DOMAIN).is_some_and(|name| self.schema.types.contains_key(&name)),
            CREATE_TABLE => object(TABLE_NAME).is_some_and(|name| self.is_relation_name_taken(&name)),
            CREATE_SEQUENCE => object(SEQUENCE).is_some_and(|name| self.is_relation_name_taken(&name)),
            CREATE_INDEX => object(TABLE_RELATION_NAME)
                .zip(name(INDEX))
                .is_some_and(|(table, index)| self.is_relation_name_taken(&table.in_same_schema(&index))),
            CREATE_POLICY => table(TABLE_NAME_REF)
                .zip(name(POLICY))
                .is_some_and(|(table, policy)| table.policies.contains_key(&policy)),
            CREATE_TRIGGER => object(RELATION_NAME_REF).zip(name(TRIGGER)).is_some_and(|(relation, trigger)| {
                let of_table = self.schema.tables.get(&relation).map(|table| &table.triggers);
                let of_view = self.schema.views.get(&relation).map(|view| &view.triggers);
                of_table.or(of_view).is_some_and(|triggers| triggers.contains_key(&trigger))
            }),
            CREATE_PUBLICATION => name(PUBLICATION).is_some_and(|name| {
                self.schema.objects.contains_key(format!("publication {}", quoted_if_needed(name.as_str())).as_str())
            }),
            ALTER_TABLE => {
                let table = table(TABLE_RELATION_NAME);
                let adds_key = part(PRIMARY_KEY_CONSTRAINT).is_some();
                match part(ADD_CONSTRAINT) {
                    Some(_) if adds_key => table.is_some_and(|table| !table.primary_key.is_empty()),
                    Some(_) => {
                        table.zip(name(CONSTRAINT_NAME)).is_some_and(|(table, name)| table.has_constraint(&name))
                    }
                    None => table.zip(name(COLUMN_NAME)).is_some_and(|(table, name)| table.columns.contains_key(&name)),
                }
            }
            _ => false,
        }
    }
}

/// Returns whether a statement only creates objects, or adds columns and constraints to a table.
fn creates(statement: &SyntaxNode) -> bool {
    use SyntaxKind::*;
    match statement.kind() {
        CREATE_TYPE | CREATE_DOMAIN | CREATE_TABLE | CREATE_SEQUENCE | CREATE_INDEX | CREATE_POLICY
        | CREATE_TRIGGER | CREATE_EXTENSION | CREATE_SCHEMA | CREATE_PUBLICATION | CREATE_ROLE | CREATE_USER
        | EMPTY_STMT => true,
        ALTER_TABLE => actions(statement).all(|part| matches!(part.kind(), ADD_CONSTRAINT | ADD_COLUMN)),
        _ => false,
    }
}

/// Returns the actions of ALTER TABLE; none for another statement.
fn actions(statement: &SyntaxNode) -> impl Iterator<Item = SyntaxNode> {
    use SyntaxKind::*;
    let is_alter = statement.kind() == ALTER_TABLE;
    statement.children().filter(move |part| is_alter && !matches!(part.kind(), TABLE_RELATION_NAME | IF_EXISTS))
}

/// Returns the name of the created object in lower case and without its schema; for a primary key without a name, that of
/// its table.
fn created_name(statement: &SyntaxNode) -> Option<String> {
    use SyntaxKind::*;
    let kind = match statement.kind() {
        CREATE_TYPE => TYPE_NAME,
        CREATE_DOMAIN => DOMAIN,
        CREATE_TABLE => TABLE_NAME,
        CREATE_SEQUENCE => SEQUENCE,
        CREATE_INDEX => INDEX,
        CREATE_POLICY => POLICY,
        CREATE_TRIGGER => TRIGGER,
        CREATE_PUBLICATION => PUBLICATION,
        CREATE_SCHEMA => SCHEMA,
        CREATE_EXTENSION => EXTENSION,
        CREATE_ROLE | CREATE_USER => ROLE,
        ALTER_TABLE if actions(statement).any(|part| part.kind() == ADD_COLUMN) => COLUMN_NAME,
        ALTER_TABLE => CONSTRAINT_NAME,
        _ => return None,
    };
    let part = |kind: SyntaxKind| statement.descendants().find(|part| part.kind() == kind);
    let name_node = part(kind).or_else(|| part(TABLE_RELATION_NAME))?;
    tokens(&name_node).last().map(|token| token.text().trim_matches('"').to_lowercase())
}
