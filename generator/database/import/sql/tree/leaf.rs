//! Leaves of the syntax tree: names, types, constants and expressions.

use squawk_syntax::{SyntaxKind, SyntaxNode, SyntaxToken};

use super::{AtNode, Parsed, Parts, tokens, unsupported};
use crate::database::lexer;
use crate::database::model::*;
use crate::values::{Checked, SqlIdent};

/// Returns a name as the server stores it: in lower case unless it is quoted, and at most the first 63 bytes.
pub fn folded_name(token: &SyntaxToken) -> String {
    let name = match token.text() {
        quoted if quoted.starts_with('"') => lexer::unquoted_name(quoted).into_owned(),
        plain => plain.to_ascii_lowercase(),
    };
    prefix(&name, LONGEST_NAME).to_owned()
}

/// Reads a single name.
pub fn ident(node: &SyntaxNode) -> Parsed<SqlName> {
    let mut tokens = tokens(node);
    let (Some(token), None) = (tokens.next(), tokens.next()) else {
        return unsupported(node, format!("`{}` is not a plain name", node.text()));
    };
    name_at(&folded_name(&token), node)
}

/// Reads the name of a role. Names of roles also appear in files other than SQL, so fewer characters are allowed.
pub fn role(node: &SyntaxNode) -> Parsed<SqlIdent> {
    let name = ident(node)?;
    SqlIdent::new(name.as_str()).map_err(|reason| format!("the role `{name}`: {reason}")).at(node)
}

/// Returns a name, or an error at the node if the text is not a valid name.
pub fn name_at(text: &str, node: &SyntaxNode) -> Parsed<SqlName> {
    SqlName::new(text).map_err(|reason| format!("the name `{text}`: {reason}")).at(node)
}

/// Returns the names of a path: `["app", "orders", "id"]` for `app.orders.id`. ONLY before it and `*` after it are left
/// out.
pub fn path(node: &SyntaxNode) -> Vec<String> {
    let without_signs = tokens(node).filter(|token| token.kind() != SyntaxKind::DOT && token.text() != "*");
    let names = without_signs.filter(|token| !token.text().eq_ignore_ascii_case("only"));
    names.map(|token| folded_name(&token)).collect()
}

/// Returns the name of an object from the names of its path: `[name]` or `[schema, name]`.
pub fn object_from_path(names: &[String], node: &SyntaxNode) -> Parsed<ObjectName> {
    let name = match names {
        [name] => ObjectName::new_in(PUBLIC_SCHEMA, name),
        [schema, name] => ObjectName::new_in(schema, name),
        _ => return unsupported(node, format!("`{}` is not a name with at most one schema", names.join("."))),
    };
    ObjectName::new(name.as_str()).map_err(|reason| format!("the name `{name}`: {reason}")).at(node)
}

/// Reads the name of an object, with its schema if given.
pub fn object_name(node: &SyntaxNode) -> Parsed<ObjectName> {
    object_from_path(&path(node), node)
}

/// Returns a text with one blank in place of each comment and the blanks around it.
pub fn without_comments(text: &str) -> String {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let mut out = String::new();
    let mut copied_until = 0;
    for token in tokens.iter().filter(|token| token.kind == lexer::TokenKind::Comment) {
        out.push_str(text[copied_until..token.at].trim_end());
        out.push(' ');
        copied_until = token.at + token.text.len();
        // Skip the blanks after a comment.
        copied_until += text[copied_until..].len() - text[copied_until..].trim_start().len();
    }
    out.push_str(&text[copied_until..]);
    out.trim().to_owned()
}

/// Reads an expression, without brackets around the whole expression: `a + 1` for `((a + 1))`.
pub fn expression(node: &SyntaxNode) -> Parsed<Expression> {
    let mut expression = node.clone();
    while expression.kind() == SyntaxKind::PAREN_EXPR {
        match Parts::of(&expression).take_any() {
            Ok(bracket_content) => expression = bracket_content,
            Err(_) => break,
        }
    }
    let text = without_comments(&expression.text().to_string());
    Expression::new(&text).map_err(|reason| format!("an expression: {reason}")).at(node)
}

/// Reads the content of a string constant. Strings on successive lines are parts of one constant.
pub fn string_content(node: &SyntaxNode) -> Parsed<String> {
    let parts: Vec<SyntaxToken> = tokens(node).collect();
    let [token, further_parts @ ..] = parts.as_slice() else { return unsupported(node, "a string is expected") };
    let plain_content = |text: &str| text[1..text.len() - 1].replace("''", "'");
    if !further_parts.is_empty() {
        if parts.iter().any(|part| part.kind() != SyntaxKind::STRING) {
            return unsupported(node, "nself cannot represent a string with escapes that is written in several parts");
        }
        return Ok(parts.iter().map(|part| plain_content(part.text())).collect());
    }
    let text = token.text();
    match token.kind() {
        SyntaxKind::STRING => Ok(plain_content(text)),
        SyntaxKind::ESC_STRING => {
            let mut out = squawk_syntax::decoded_text::DecodedText::new(token.text_range().start());
            squawk_syntax::unescape::decode_esc_string(&text[2..text.len() - 1], token.text_range().start(), &mut out);
            Ok(out.into_text())
        }
        SyntaxKind::DOLLAR_QUOTED_STRING => {
            // The tag at both ends: `$$` or `$name$`.
            let tag_length = text[1..].find('$').map_or(0, |end| end + 2);
            Ok(text[tag_length..text.len() - tag_length].to_owned())
        }
        _ => unsupported(node, "nself cannot represent this form of a string"),
    }
}

/// Reads a whole number.
pub fn number(node: &SyntaxNode) -> Parsed<i64> {
    let text: String = tokens(node).map(|token| token.text().to_owned()).collect();
    text.parse().map_err(|_| "a whole number of at most 64 bits is expected".to_owned()).at(node)
}

/// Returns the text of a type in lower case, without the schemas `pg_catalog` and `public`, with quotes around the
/// names that need them: `varchar(10)[]` for `pg_catalog.VARCHAR (10) ARRAY`.
pub fn type_text(node: &SyntaxNode) -> Parsed<String> {
    let mut text = String::new();
    let mut inside_brackets = false;
    for token in tokens(node) {
        // `"char"` with quotes is a type of the server that differs from `char`.
        let spelling = match token.text() {
            quoted @ "\"char\"" if ["", "pg_catalog."].contains(&text.as_str()) => quoted.to_owned(),
            "\"char\"" => return unsupported(node, "nself cannot represent a type called \"char\""),
            quoted if quoted.starts_with('"') => quoted_if_needed(name_at(&folded_name(&token), node)?.as_str()),
            other => other.to_ascii_lowercase(),
        };
        match spelling.as_str() {
            // The server does not store the length of an array, such as 3 in `integer[3]`.
            "[" => inside_brackets = true,
            "]" => {
                inside_brackets = false;
                text.push_str("[]");
            }
            "array" => text.push_str("[]"),
            _ if inside_brackets => {}
            symbol @ ("(" | ")" | "," | "." | "-") => text.push_str(symbol),
            _ => {
                let follows_word = text.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ')' || c == '"');
                if follows_word {
                    text.push(' ');
                }
                text.push_str(&spelling);
            }
        }
    }
    let without_schema = text.strip_prefix("pg_catalog.").or_else(|| text.strip_prefix("public."));
    Ok(without_schema.unwrap_or(&text).to_owned())
}

/// Reads a type.
pub fn type_name(node: &SyntaxNode) -> Parsed<TypeName> {
    let text = type_text(node)?;
    TypeName::new(&text).map_err(|reason| format!("the type `{text}`: {reason}")).at(node)
}

/// Reads a list of names, such as columns. `kind` is the kind of the nodes in the list.
pub fn idents(node: &SyntaxNode, kind: SyntaxKind) -> Parsed<Vec<SqlName>> {
    let mut parts = Parts::of(node);
    let names = parts.take_all(kind).iter().map(ident).collect::<Parsed<Vec<_>>>()?;
    parts.refuse_rest_except("( ) ,")?;
    Ok(names)
}
