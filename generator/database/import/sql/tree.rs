//! The syntax tree, read so that nothing is left out: who reads a node takes its parts one by one, and what nobody
//! took is a loss with a name and a place.

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

use crate::database::lexer;
use crate::database::model::*;
use crate::stack::{Checked, SqlIdent};

/// What is not taken over, at a byte of the text.
#[derive(Debug)]
pub struct Loss {
    pub at: usize,
    pub what: String,
}

pub type Take<T> = Result<T, Loss>;

pub fn start(node: &SyntaxNode) -> usize {
    usize::from(node.text_range().start())
}

/// A loss at a node.
pub fn loss<T>(node: &SyntaxNode, what: impl Into<String>) -> Take<T> {
    Err(Loss { at: start(node), what: what.into() })
}

/// A loss at a node for a reason that a checked type gives.
pub trait Placed<T> {
    fn at(self, node: &SyntaxNode) -> Take<T>;
}

impl<T> Placed<T> for Result<T, String> {
    fn at(self, node: &SyntaxNode) -> Take<T> {
        self.map_err(|what| Loss { at: start(node), what })
    }
}

fn trivia(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::WHITESPACE | SyntaxKind::COMMENT)
}

/// Tokens of a node, without blanks and comments.
pub fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    let all = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    all.filter(|token| !trivia(token.kind()))
}

/// The parts of a node that nobody took yet.
pub struct Parts {
    node: SyntaxNode,
    left: Vec<SyntaxElement>,
}

impl Parts {
    pub fn of(node: &SyntaxNode) -> Parts {
        let left = node.children_with_tokens().filter(|part| !trivia(part.kind())).collect();
        Parts { node: node.clone(), left }
    }

    pub fn all(&self) -> &SyntaxNode {
        &self.node
    }

    /// The first node that passes.
    fn first(&mut self, passes: impl Fn(SyntaxKind) -> bool) -> Option<SyntaxNode> {
        let found = self.left.iter().position(|part| part.as_node().is_some() && passes(part.kind()))?;
        self.left.remove(found).into_node()
    }

    /// The first node of a kind.
    pub fn node(&mut self, kind: SyntaxKind) -> Option<SyntaxNode> {
        self.first(|found| found == kind)
    }

    /// All nodes of a kind.
    pub fn nodes(&mut self, kind: SyntaxKind) -> Vec<SyntaxNode> {
        std::iter::from_fn(|| self.node(kind)).collect()
    }

    /// A node that has to be there.
    pub fn must(&mut self, kind: SyntaxKind) -> Take<SyntaxNode> {
        self.node(kind).map_or_else(|| loss(&self.node, format!("`{}` is not understood", clause(&self.node))), Ok)
    }

    /// The first node, whatever it is; such as an expression.
    pub fn any(&mut self) -> Take<SyntaxNode> {
        self.first(|_| true).map_or_else(|| loss(&self.node, format!("`{}` is not understood", clause(&self.node))), Ok)
    }

    /// All nodes that are left.
    pub fn rest(&mut self) -> Vec<SyntaxNode> {
        std::iter::from_fn(|| self.first(|_| true)).collect()
    }

    /// A type.
    pub fn kind(&mut self) -> Option<SyntaxNode> {
        use SyntaxKind::*;
        self.first(|kind| {
            matches!(
                kind,
                PATH_TYPE
                    | ARRAY_TYPE
                    | VARCHAR_TYPE
                    | CHARACTER_TYPE
                    | DOUBLE_TYPE
                    | TIMESTAMP_TYPE
                    | TIME_TYPE
                    | BIT_TYPE
                    | BIT_VARYING_TYPE
                    | INTERVAL_TYPE
            )
        })
    }

    /// Takes a token by its text.
    pub fn word(&mut self, word: &str) -> bool {
        let same = |part: &SyntaxElement| part.as_token().is_some_and(|token| token.text().eq_ignore_ascii_case(word));
        match self.left.iter().position(same) {
            Some(found) => {
                self.left.remove(found);
                true
            }
            None => false,
        }
    }

    /// Nothing else is said; `glue` are the words that say nothing by themselves.
    pub fn end(mut self, glue: &str) -> Take<()> {
        let said = |part: &SyntaxElement| {
            part.as_token().is_none_or(|token| !glue.split(' ').any(|word| token.text().eq_ignore_ascii_case(word)))
        };
        self.left.retain(said);
        match self.left.first() {
            None => Ok(()),
            Some(part) => {
                let what = match part {
                    SyntaxElement::Node(node) => clause(node),
                    SyntaxElement::Token(token) => token.text().to_ascii_uppercase(),
                };
                let at = usize::from(part.text_range().start());
                Err(Loss { at, what: format!("`{what}` has no place in the model") })
            }
        }
    }
}

/// The words that a clause or statement begins with, and the name that it is about; never a value.
pub fn clause(node: &SyntaxNode) -> String {
    let keyword = |token: &SyntaxToken| format!("{:?}", token.kind()).ends_with("_KW");
    let mut words: Vec<String> =
        tokens(node).take_while(keyword).take(4).map(|token| token.text().to_ascii_uppercase()).collect();
    if words.is_empty() {
        words.extend(
            tokens(node).next().filter(|token| token.kind() == SyntaxKind::IDENT).map(|token| token.text().to_owned()),
        );
    }
    words.join(" ")
}

/// A name as it is stored: in quotes as written, otherwise in lower case.
pub fn spelled(token: &SyntaxToken) -> String {
    let text = token.text();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => text.to_ascii_lowercase(),
    }
}

/// A single name.
pub fn ident(node: &SyntaxNode) -> Take<SqlIdent> {
    let mut all = tokens(node);
    let (Some(token), None) = (all.next(), all.next()) else {
        return loss(node, format!("`{}` is no plain name", node.text()));
    };
    named(&spelled(&token), node)
}

pub fn named(text: &str, node: &SyntaxNode) -> Take<SqlIdent> {
    SqlIdent::new(text).map_err(|reason| format!("the name `{text}`: {reason}")).at(node)
}

/// The names of a path: `schema.table.column`.
pub fn path(node: &SyntaxNode) -> Vec<String> {
    let dotted = tokens(node).filter(|token| token.kind() != SyntaxKind::DOT && token.text() != "*");
    dotted.filter(|token| !token.text().eq_ignore_ascii_case("only")).map(|token| spelled(&token)).collect()
}

pub fn object_of(names: &[String], node: &SyntaxNode) -> Take<ObjectName> {
    let text = match names {
        [name] => name.clone(),
        [schema, name] if schema == PUBLIC => name.clone(),
        [schema, name] => format!("{schema}.{name}"),
        _ => return loss(node, format!("`{}` is no name with its schema", names.join("."))),
    };
    ObjectName::new(&text).map_err(|reason| format!("the name `{text}`: {reason}")).at(node)
}

/// A table or something else with its schema.
pub fn object(node: &SyntaxNode) -> Take<ObjectName> {
    object_of(&path(node), node)
}

/// A text of the user without comments.
pub fn plain(text: &str) -> String {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let mut out = String::new();
    let mut copied = 0;
    for token in tokens.iter().filter(|token| token.kind == lexer::Kind::Comment) {
        out.push_str(text[copied..token.at].trim_end());
        out.push(' ');
        copied = token.at + token.text.len();
        copied += text[copied..].len() - text[copied..].trim_start().len();
    }
    out.push_str(&text[copied..]);
    out.trim().to_owned()
}

/// An expression, without brackets around all of it.
pub fn expression(node: &SyntaxNode) -> Take<Expression> {
    let mut inner = node.clone();
    while inner.kind() == SyntaxKind::PAREN_EXPR {
        match Parts::of(&inner).any() {
            Ok(next) => inner = next,
            Err(_) => break,
        }
    }
    let text = plain(&inner.text().to_string());
    Expression::new(&text).map_err(|reason| format!("an expression: {reason}")).at(node)
}

/// A string constant.
pub fn string(node: &SyntaxNode) -> Take<String> {
    let mut all = tokens(node);
    let (Some(token), None) = (all.next(), all.next()) else {
        return loss(node, "a string in parts has no place in the model");
    };
    let text = token.text();
    match token.kind() {
        SyntaxKind::STRING => Ok(text[1..text.len() - 1].replace("''", "'")),
        SyntaxKind::ESC_STRING => {
            let mut out = squawk_syntax::decoded_text::DecodedText::new(token.text_range().start());
            squawk_syntax::unescape::decode_esc_string(&text[2..text.len() - 1], token.text_range().start(), &mut out);
            Ok(out.into_text())
        }
        SyntaxKind::DOLLAR_QUOTED_STRING => {
            let tag = text[1..].find('$').map_or(0, |end| end + 2);
            Ok(text[tag..text.len() - tag].to_owned())
        }
        _ => loss(node, "this form of a string has no place in the model"),
    }
}

/// A whole number.
pub fn number(node: &SyntaxNode) -> Take<i64> {
    let text: String = tokens(node).map(|token| token.text().to_owned()).collect();
    text.parse().map_err(|_| "a number of 64 bits is expected".to_owned()).at(node)
}

/// A type's text; names in quotes must be plain names.
pub fn type_text(node: &SyntaxNode) -> Take<String> {
    let mut text = String::new();
    let mut bound = false;
    for token in tokens(node) {
        let spelling = match token.text() {
            "\"char\"" => return loss(node, "the type \"char\" has no place in the model"),
            quoted if quoted.starts_with('"') => named(&spelled(&token), node)?.to_string(),
            other => other.to_ascii_lowercase(),
        };
        match spelling.as_str() {
            // How long an array is meant to be is not stored.
            "[" => bound = true,
            "]" => {
                bound = false;
                text.push_str("[]");
            }
            "array" => text.push_str("[]"),
            _ if bound => {}
            symbol @ ("(" | ")" | "," | "." | "-") => text.push_str(symbol),
            _ => {
                if text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ')') {
                    text.push(' ');
                }
                text.push_str(&spelling);
            }
        }
    }
    let text = text.strip_prefix("pg_catalog.").or_else(|| text.strip_prefix("public.")).unwrap_or(&text).to_owned();
    Ok(text)
}

/// A type.
pub fn type_name(node: &SyntaxNode) -> Take<TypeName> {
    let text = type_text(node)?;
    TypeName::new(&text).map_err(|reason| format!("the type `{text}`: {reason}")).at(node)
}

/// Names in a list, such as columns.
pub fn idents(node: &SyntaxNode, kind: SyntaxKind) -> Take<Vec<SqlIdent>> {
    let mut parts = Parts::of(node);
    let names = parts.nodes(kind).iter().map(ident).collect::<Take<Vec<_>>>()?;
    parts.end("( ) ,")?;
    Ok(names)
}
