//! The syntax tree, read so that nothing is left out: who reads a node takes its parts one by one, and what nobody
//! took is a loss with a name and a place.

mod leaf;

use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

pub use leaf::*;

/// What is not taken over, at a byte of the text.
#[derive(Debug)]
pub struct Unsupported {
    pub at: usize,
    pub what: String,
}

pub type Take<T> = Result<T, Unsupported>;

pub fn start(node: &SyntaxNode) -> usize {
    usize::from(node.text_range().start())
}

/// A loss at a node.
pub fn loss<T>(node: &SyntaxNode, what: impl Into<String>) -> Take<T> {
    Err(Unsupported { at: start(node), what: what.into() })
}

/// A loss at a node for a reason that a checked type gives.
pub trait Placed<T> {
    fn at(self, node: &SyntaxNode) -> Take<T>;
}

impl<T> Placed<T> for Result<T, String> {
    fn at(self, node: &SyntaxNode) -> Take<T> {
        self.map_err(|what| Unsupported { at: start(node), what })
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
                Err(Unsupported { at, what: format!("`{what}` has no place in the model") })
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
