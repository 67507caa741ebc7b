//! The syntax tree, read so that no clause is ignored by accident: a reader takes the parts of a node one by one, and
//! any part that remains is reported as unsupported.

mod leaf;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

pub use leaf::*;

/// Something that nself cannot represent, at a byte of the text.
#[derive(Debug)]
pub struct Unsupported {
    pub at: usize,
    pub what: String,
}

pub type Parsed<T> = Result<T, Unsupported>;

pub fn start(node: &SyntaxNode) -> usize {
    usize::from(node.text_range().start())
}

/// Returns an error at a node.
pub fn unsupported<T>(node: &SyntaxNode, what: impl Into<String>) -> Parsed<T> {
    Err(Unsupported { at: start(node), what: what.into() })
}

/// Adds the place of a node to the reason that a checked type gives.
pub trait AtNode<T> {
    fn at(self, node: &SyntaxNode) -> Parsed<T>;
}

impl<T> AtNode<T> for Result<T, String> {
    fn at(self, node: &SyntaxNode) -> Parsed<T> {
        self.map_err(|what| Unsupported { at: start(node), what })
    }
}

fn trivia(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::WHITESPACE | SyntaxKind::COMMENT)
}

/// Returns the tokens of a node, without blanks and comments.
pub fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> {
    let all = node.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    all.filter(|token| !trivia(token.kind()))
}

/// The parts of a node that have not been taken yet.
pub struct Parts {
    node: SyntaxNode,
    remaining: Vec<SyntaxElement>,
}

impl Parts {
    pub fn of(node: &SyntaxNode) -> Parts {
        let remaining = node.children_with_tokens().filter(|part| !trivia(part.kind())).collect();
        Parts { node: node.clone(), remaining }
    }

    /// Returns no parts, for a list that is left out.
    pub fn none(node: &SyntaxNode) -> Parts {
        Parts { node: node.clone(), remaining: Vec::new() }
    }

    pub fn syntax_node(&self) -> &SyntaxNode {
        &self.node
    }

    /// Takes the first node whose kind matches.
    fn first(&mut self, passes: impl Fn(SyntaxKind) -> bool) -> Option<SyntaxNode> {
        let index = self.remaining.iter().position(|part| part.as_node().is_some() && passes(part.kind()))?;
        self.remaining.remove(index).into_node()
    }

    /// Takes the first node of a kind.
    pub fn take_node(&mut self, kind: SyntaxKind) -> Option<SyntaxNode> {
        self.first(|other| other == kind)
    }

    /// Takes all nodes of a kind.
    pub fn take_all(&mut self, kind: SyntaxKind) -> Vec<SyntaxNode> {
        std::iter::from_fn(|| self.take_node(kind)).collect()
    }

    /// Takes the first node of a kind, which must exist.
    pub fn require(&mut self, kind: SyntaxKind) -> Parsed<SyntaxNode> {
        self.take_node(kind)
            .map_or_else(|| unsupported(&self.node, format!("nself cannot parse this `{}`", clause(&self.node))), Ok)
    }

    /// Takes the first node of any kind, such as an expression.
    pub fn take_any(&mut self) -> Parsed<SyntaxNode> {
        self.first(|_| true)
            .map_or_else(|| unsupported(&self.node, format!("nself cannot parse this `{}`", clause(&self.node))), Ok)
    }

    /// Takes all nodes that remain.
    pub fn take_rest(&mut self) -> Vec<SyntaxNode> {
        std::iter::from_fn(|| self.first(|_| true)).collect()
    }

    /// Takes a type.
    pub fn take_type(&mut self) -> Option<SyntaxNode> {
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

    /// Takes a token by its text; returns whether it exists.
    pub fn take_token(&mut self, word: &str) -> bool {
        let same = |part: &SyntaxElement| part.as_token().is_some_and(|token| token.text().eq_ignore_ascii_case(word));
        match self.remaining.iter().position(same) {
            Some(index) => {
                self.remaining.remove(index);
                true
            }
            None => false,
        }
    }

    /// Checks that no part remains, except for the words and signs in `glue`, which carry no further
    /// information.
    pub fn expect_end(mut self, glue: &str) -> Parsed<()> {
        let is_glue = |part: &SyntaxElement| {
            part.as_token().is_some_and(|token| glue.split(' ').any(|word| token.text().eq_ignore_ascii_case(word)))
        };
        self.remaining.retain(|part| !is_glue(part));
        match self.remaining.first() {
            None => Ok(()),
            Some(part) => {
                let what = match part {
                    SyntaxElement::Node(node) => clause(node),
                    SyntaxElement::Token(token) => token.text().to_ascii_uppercase(),
                };
                let at = usize::from(part.text_range().start());
                Err(Unsupported { at, what: format!("nself cannot represent `{what}`") })
            }
        }
    }
}

/// Returns the keywords that a clause or statement begins with, else its first name. Never returns a value, which
/// could be confidential.
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

/// Returns the first words of a statement and the name of its object.
pub fn summary(node: &SyntaxNode) -> String {
    use SyntaxKind::{PATH, PATH_REF};
    let name = node.descendants().find(|part| matches!(part.kind(), PATH | PATH_REF));
    let begins = |part: &SyntaxNode| tokens(part).next().map(|token| token.text_range());
    let words = clause(node);
    match name.filter(|name| begins(name) != begins(node)) {
        Some(name) => format!("{words} {}", path(&name).join(".")),
        None => words,
    }
}
