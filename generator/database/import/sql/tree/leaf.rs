//! The ends of the tree: names, types, constants and expressions.

use squawk_syntax::{SyntaxKind, SyntaxNode, SyntaxToken};

use super::{Parts, Placed, Take, loss, tokens};
use crate::database::lexer;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

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
    for token in tokens.iter().filter(|token| token.kind == lexer::TokenKind::Comment) {
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
