//! Reads names, types and options from the text of a statement.

use squawk_syntax::quote::is_reserved_word;

use super::*;
use crate::database::lexer::{self, Token, TokenKind};
use crate::values::Checked;

/// The two spellings of a part of an object's identity: in the key of the object in a definition, such as `mood`, and
/// in SQL, such as `"public"."mood"`.
type KeyAndSql = (String, String);

/// A place between the tokens of a statement.
pub struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    /// Index of the token after the place.
    next: usize,
    /// The types that were read, without pseudo-types such as `anyelement`.
    pub types: Vec<TypeName>,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Cursor { text, tokens: lexer::tokens(text).unwrap_or_default(), next: 0, types: Vec::new() }
    }

    /// Returns whether these words, which are separated by spaces, follow.
    pub fn has_words(&self, words: &str) -> bool {
        let mut following = self.tokens.iter().skip(self.next);
        words.split(' ').all(|word| following.next().is_some_and(|token| token.text.eq_ignore_ascii_case(word)))
    }

    /// Skips these words, and returns whether all of them follow. The words before the first that does not follow
    /// remain skipped.
    pub fn skip_words(&mut self, words: &str) -> bool {
        words.split(' ').all(|word| {
            let follows = self.tokens.get(self.next).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
            self.next += usize::from(follows);
            follows
        })
    }

    /// Skips the tokens before the next one with this text; returns whether there is one.
    pub fn skip_to(&mut self, text: &str) -> bool {
        let following = self.tokens.iter().skip(self.next);
        let skipped = following.take_while(|token| token.text != text).count();
        self.next += skipped;
        self.next < self.tokens.len()
    }

    /// Takes a token that is a word without quotes.
    pub fn word(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.next).filter(|token| token.kind == TokenKind::Word)?;
        self.next += 1;
        Some(token.text)
    }

    /// Takes a name and returns it as the server stores it; `None` if no name follows, or a reserved word.
    pub fn name(&mut self) -> Option<String> {
        let token = self.tokens.get(self.next)?;
        let name = match token.kind {
            TokenKind::Word if is_reserved_word(token.text) => return None,
            TokenKind::Word => token.text.to_ascii_lowercase(),
            TokenKind::Quoted => lexer::unquoted_name(token.text).into_owned(),
            _ => return None,
        };
        self.next += 1;
        SqlName::new(&name).ok().map(|name| name.to_string())
    }

    /// Takes a name, or a schema and a name with a dot between them.
    pub fn path(&mut self) -> Option<ObjectName> {
        let first = self.name()?;
        let name = match self.skip_words(".") {
            true => ObjectName::new_in(&first, &self.name()?),
            false => ObjectName::new_in(PUBLIC_SCHEMA, &first),
        };
        ObjectName::new(name.as_str()).ok()
    }

    /// Takes the signs of an operator, or a schema and the signs with a dot between them: `===`, or `shop.===`.
    pub fn operator(&mut self) -> Option<ObjectName> {
        let schema = match self.name() {
            Some(schema) => self.skip_words(".").then_some(schema)?,
            None => PUBLIC_SCHEMA.to_owned(),
        };
        let signs = self.until(&["("]);
        Operator::new(signs).ok().map(|signs| ObjectName::new_in(&schema, signs.as_str()))
    }

    /// Takes the text before the first of these tokens outside of brackets, or up to the end of the statement.
    fn until(&mut self, ends: &[&str]) -> &'a str {
        let start = self.tokens.get(self.next).map_or(self.text.len(), |token| token.at);
        let (mut depth, mut end) = (0_usize, start);
        while let Some(token) = self.tokens.get(self.next) {
            if depth == 0 && ends.iter().any(|end| token.text.eq_ignore_ascii_case(end)) {
                break;
            }
            match token.text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            end = token.at + token.text.len();
            self.next += 1;
        }
        &self.text[start..end]
    }

    /// Takes the types of arguments in brackets: `(integer, text)`, `(*)` or, for an aggregate,
    /// `(integer ORDER BY text)`.
    pub fn arguments(&mut self) -> Option<KeyAndSql> {
        self.skip_words("(").then_some(())?;
        if self.skip_words("*") {
            return self.skip_words(")").then(|| ("(*)".to_owned(), "(*)".to_owned()));
        }
        let (mut key, mut sql) = (String::new(), String::new());
        if !self.has_words("ORDER BY") {
            (key, sql) = self.argument_list()?;
        }
        if self.skip_words("ORDER") {
            self.skip_words("BY").then_some(())?;
            let (ordered_key, ordered_sql) = self.argument_list()?;
            let separator = if key.is_empty() { "" } else { " " };
            key = format!("{key}{separator}order by {ordered_key}");
            sql = format!("{sql}{separator}ORDER BY {ordered_sql}");
        }
        self.skip_words(")").then(|| (format!("({key})"), format!("({sql})")))
    }

    /// Takes a list of arguments that are separated by commas, and returns their types.
    fn argument_list(&mut self) -> Option<KeyAndSql> {
        let (mut keys, mut sql) = (Vec::new(), Vec::new());
        loop {
            let text = self.until(&[",", ")", "ORDER"]);
            let (key, sql_type) = self.argument_type(text)?;
            keys.push(key);
            sql.push(sql_type);
            if !self.skip_words(",") {
                return Some((keys.join(", "), sql.join(", ")));
            }
        }
    }

    /// Takes the options of CREATE OPERATOR, and returns its operands as DROP OPERATOR names them.
    pub fn operands(&mut self) -> Option<KeyAndSql> {
        let options = self.options()?;
        let mut operand = |side: &str| match options.iter().find(|(name, _)| name.eq_ignore_ascii_case(side)) {
            Some((_, value)) => self.type_spelling(value),
            None => Some(("none".to_owned(), "NONE".to_owned())),
        };
        let (left_key, left_sql) = operand("leftarg")?;
        let (right_key, right_sql) = operand("rightarg")?;
        Some((format!("({left_key}, {right_key})"), format!("({left_sql}, {right_sql})")))
    }

    /// Takes a list of options in brackets, and returns their names and values. An option without `=` has an empty
    /// value.
    pub fn options(&mut self) -> Option<Vec<(&'a str, &'a str)>> {
        self.skip_words("(").then_some(())?;
        let mut options = Vec::new();
        loop {
            let name = self.until(&["=", ",", ")"]).trim_matches('"');
            let value = if self.skip_words("=") { self.until(&[",", ")"]) } else { "" };
            options.push((name, value));
            if !self.skip_words(",") {
                break;
            }
        }
        self.skip_words(")").then_some(options)
    }

    /// Takes the two types of a cast, such as `(text AS mood)`.
    pub fn cast(&mut self) -> Option<(KeyAndSql, KeyAndSql)> {
        self.skip_words("(").then_some(())?;
        let from = self.until(&["AS"]);
        let from = self.type_spelling(from)?;
        self.skip_words("AS").then_some(())?;
        let to = self.until(&[")"]);
        let to = self.type_spelling(to)?;
        self.skip_words(")").then_some((from, to))
    }

    /// Returns the spelling of an argument's type, without the mode and name of the argument: `text` for `IN note
    /// text`.
    fn argument_type(&mut self, text: &str) -> Option<KeyAndSql> {
        let mut remaining = text;
        loop {
            if let Some(spelling) = self.type_spelling(remaining) {
                return Some(spelling);
            }
            let word_length = lexer::tokens(remaining).ok()?.first().map(|token| token.text.len())?;
            remaining = remaining[word_length..].trim_start();
            if remaining.is_empty() {
                return None;
            }
        }
    }

    /// Returns the spelling of a type without modifiers, which the server ignores, and adds the type to `types`.
    /// Returns `None` if the text is not a type.
    fn type_spelling(&mut self, text: &str) -> Option<KeyAndSql> {
        let text = text.trim();
        let without_schema =
            ["pg_catalog.", "public."].iter().find_map(|schema| text.strip_prefix(schema)).unwrap_or(text);
        let lower_case = without_schema.to_ascii_lowercase();
        // Pseudo-types cannot be types of columns, so `types` does not contain them.
        let is_pseudo_type = stands_for_several_types(&lower_case)
            || ["\"any\"", "record", "internal", "cstring"].contains(&lower_case.as_str());
        if is_pseudo_type && !lower_case.contains(' ') {
            return Some((lower_case.clone(), lower_case));
        }
        let kind = TypeName::new(without_schema).ok()?.without_modifiers();
        let spelling = (kind.to_string(), kind.sql());
        self.types.push(kind);
        Some(spelling)
    }
}
