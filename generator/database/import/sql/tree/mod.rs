//! The syntax tree, read so that no clause is ignored by accident: a reader takes the parts of a node one by one, and
//! any part that remains is reported as unsupported.

mod leaf;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

pub use leaf::*;

/// A part of the SQL that nself cannot represent. `at` is the offset of its first byte.
#[derive(Debug)]
pub struct Unsupported {
    pub at: usize,
    pub what: String,
}

/// The result of reading a part of the syntax tree.
pub type Parsed<T> = Result<T, Unsupported>;

/// Returns the offset of a node's first byte.
pub fn start_offset(node: &SyntaxNode) -> usize {
    usize::from(node.text_range().start())
}

/// Returns an error at a node.
pub fn unsupported<T>(node: &SyntaxNode, what: impl Into<String>) -> Parsed<T> {
    Err(Unsupported { at: start_offset(node), what: what.into() })
}

/// Adds the place of a node to an error without a place, such as the reason for which a checked type refuses a text.
pub trait AtNode<T> {
    fn at(self, node: &SyntaxNode) -> Parsed<T>;
}

impl<T> AtNode<T> for Result<T, String> {
    fn at(self, node: &SyntaxNode) -> Parsed<T> {
        self.map_err(|what| Unsupported { at: start_offset(node), what })
    }
}

/// Returns whether tokens of a kind are blanks or comments.
fn is_trivia(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::WHITESPACE | SyntaxKind::COMMENT)
}

/// Returns the tokens of a node, without blanks and comments.
pub fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    let all_tokens = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    all_tokens.filter(|token| !is_trivia(token.kind()))
}

/// The parts of a node that have not been taken yet.
pub struct Parts {
    node: SyntaxNode,
    remaining: Vec<SyntaxElement>,
}

impl Parts {
    /// Returns all parts of a node: its child nodes and its tokens, without blanks and comments.
    pub fn of(node: &SyntaxNode) -> Parts {
        let remaining = node.children_with_tokens().filter(|part| !is_trivia(part.kind())).collect();
        Parts { node: node.clone(), remaining }
    }

    /// Returns an empty list of parts, for an optional list that the node does not have.
    pub fn none(node: &SyntaxNode) -> Parts {
        Parts { node: node.clone(), remaining: Vec::new() }
    }

    /// Returns the node whose parts these are.
    pub fn syntax_node(&self) -> &SyntaxNode {
        &self.node
    }

    /// Takes the first node whose kind matches.
    fn take_first(&mut self, kind_matches: impl Fn(SyntaxKind) -> bool) -> Option<SyntaxNode> {
        let index = self.remaining.iter().position(|part| part.as_node().is_some() && kind_matches(part.kind()))?;
        self.remaining.remove(index).into_node()
    }

    /// Takes the first node of a kind.
    pub fn take_node(&mut self, kind: SyntaxKind) -> Option<SyntaxNode> {
        self.take_first(|other| other == kind)
    }

    /// Takes all nodes of a kind.
    pub fn take_all(&mut self, kind: SyntaxKind) -> Vec<SyntaxNode> {
        std::iter::from_fn(|| self.take_node(kind)).collect()
    }

    /// Takes the first node of a kind, which must exist.
    pub fn require(&mut self, kind: SyntaxKind) -> Parsed<SyntaxNode> {
        self.take_node(kind).map_or_else(|| self.unparsed(), Ok)
    }

    /// Takes the first node of any kind, such as an expression.
    pub fn take_any(&mut self) -> Parsed<SyntaxNode> {
        self.take_first(|_| true).map_or_else(|| self.unparsed(), Ok)
    }

    /// Returns the error about a node that lacks a part.
    fn unparsed(&self) -> Parsed<SyntaxNode> {
        unsupported(&self.node, format!("nself cannot parse this `{}`", leading_keywords(&self.node)))
    }

    /// Takes all nodes that remain.
    pub fn take_rest(&mut self) -> Vec<SyntaxNode> {
        std::iter::from_fn(|| self.take_first(|_| true)).collect()
    }

    /// Takes the first node that is a type, if there is one.
    pub fn take_type(&mut self) -> Option<SyntaxNode> {
        use SyntaxKind::*;
        self.take_first(|kind| {
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

    /// Takes a token by its text; returns whether it exists.
    pub fn take_token(&mut self, word: &str) -> bool {
        let is_word =
            |part: &SyntaxElement| part.as_token().is_some_and(|token| token.text().eq_ignore_ascii_case(word));
        match self.remaining.iter().position(is_word) {
            Some(index) => {
                self.remaining.remove(index);
                true
            }
            None => false,
        }
    }

    /// Returns an error about the first part that has not been taken. The words and signs in `ignored` may
    /// remain, such as `ALTER COLUMN`: they follow from the kind of the node.
    pub fn refuse_rest_except(mut self, ignored: &str) -> Parsed<()> {
        let is_ignored = |part: &SyntaxElement| {
            part.as_token().is_some_and(|token| ignored.split(' ').any(|word| token.text().eq_ignore_ascii_case(word)))
        };
        self.remaining.retain(|part| !is_ignored(part));
        match self.remaining.first() {
            None => Ok(()),
            Some(part) => {
                let what = match part {
                    SyntaxElement::Node(node) => leading_keywords(node),
                    SyntaxElement::Token(token) => token.text().to_ascii_uppercase(),
                };
                let at = usize::from(part.text_range().start());
                Err(Unsupported { at, what: format!("nself cannot represent `{what}`") })
            }
        }
    }
}

/// Returns the keywords (at most four) with which a clause or statement begins, else its first name. Never returns a
/// value, which could be confidential.
pub fn leading_keywords(node: &SyntaxNode) -> String {
    let is_keyword = |token: &SyntaxToken| format!("{:?}", token.kind()).ends_with("_KW");
    let mut words: Vec<String> =
        tokens(node).take_while(is_keyword).take(4).map(|token| token.text().to_ascii_uppercase()).collect();
    if words.is_empty() {
        words.extend(
            tokens(node).next().filter(|token| token.kind() == SyntaxKind::IDENT).map(|token| token.text().to_owned()),
        );
    }
    words.join(" ")
}

/// Returns the keywords with which a statement begins and the name of its object, such as `ALTER TYPE audit.status`.
pub fn summary(node: &SyntaxNode) -> String {
    use SyntaxKind::{PATH, PATH_REF};
    let name = node.descendants().find(|part| matches!(part.kind(), PATH | PATH_REF));
    let start_of = |part: &SyntaxNode| tokens(part).next().map(|token| token.text_range());
    let keywords = leading_keywords(node);
    // A clause that begins with its name has no keywords: the name is not repeated.
    match name.filter(|name| start_of(name) != start_of(node)) {
        Some(name) => format!("{keywords} {}", path(&name).join(".")),
        None => keywords,
    }
}
