//! Checks texts in GraphQL's schema language as far as a text without its types allows: strings end, brackets are in pairs, and
//! definitions begin with a keyword. Hasura refuses all of its metadata if one of these texts does not parse.

use super::handlers::CallReader;
use crate::diagnostic::{Code, Diagnostic};
use crate::stack::handlers::RemoteSchema;

/// The words with which a definition begins.
const KEYWORDS: [&str; 9] = ["directive", "enum", "extend", "input", "interface", "scalar", "schema", "type", "union"];

impl CallReader<'_> {
    /// Returns a finding for each role whose part of a remote schema does not parse.
    pub fn check_role_schemas(&self, remote: &RemoteSchema) -> Vec<Diagnostic> {
        let path = self.path.key("remote_schema").key("permissions");
        let faults = remote.permissions.iter().filter_map(|(role, schema)| Some((role, fault(schema.as_str())?)));
        let finding = |(role, fault): (&crate::values::ApiRole, String)| {
            Diagnostic::error(Code::ApiMismatch, path.key(role.as_str()))
                .message(format!("the schema does not parse: {fault}"))
                .expected(
                    "definitions in GraphQL's schema language, such as `type Query { available(product: ID!): Int }`",
                )
        };
        faults.map(finding).collect()
    }
}

/// Returns what is wrong with a text; `None` if nothing is found.
fn fault(text: &str) -> Option<String> {
    let words = match tokens(text) {
        Ok(tokens) => tokens,
        Err(fault) => return Some(fault),
    };
    match words.iter().find(|(token, _)| *token != "\"") {
        None => return Some("it has no definition".to_owned()),
        Some((word, line)) if !KEYWORDS.contains(word) => {
            return Some(format!("line {line} begins with `{word}`, which starts no definition"));
        }
        Some(_) => {}
    }
    // The brackets that are open, each with its line.
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut previous = "";
    for (token, line) in words {
        match token {
            "{" | "(" | "[" => open.push((token, line)),
            "}" | ")" | "]" => {
                let opening = open.pop().map_or("", |(opening, _)| opening);
                if !matches!((opening, token), ("{", "}") | ("(", ")") | ("[", "]")) {
                    return Some(format!("the `{token}` in line {line} closes nothing"));
                }
                if previous == opening {
                    return Some(format!("`{opening}{token}` in line {line} is empty"));
                }
            }
            _ => {}
        }
        previous = token;
    }
    open.pop().map(|(bracket, line)| format!("the `{bracket}` in line {line} has no end"))
}

/// Returns the words and signs of a text, each with its line. A string is the token `"`, and comments are left out.
fn tokens(text: &str) -> Result<Vec<(&str, usize)>, String> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' => string_length(rest).ok_or_else(|| format!("the string in line {line} has no end"))?,
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if first.is_whitespace() || "{}()[]:!=|&@$,.-+\u{feff}".contains(first) => first.len_utf8(),
            _ => return Err(format!("line {line} has the character `{first}`")),
        };
        let (token, after) = rest.split_at(length);
        if first == '"' {
            tokens.push((&token[..1], line));
        } else if first != '#' && first != ',' && !first.is_whitespace() {
            tokens.push((token, line));
        }
        line += token.matches('\n').count();
        rest = after;
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns the length of the string at the start of a text; `None` if it has no end.
fn string_length(text: &str) -> Option<usize> {
    let is_block = text.starts_with("\"\"\"");
    let end = if is_block { "\"\"\"" } else { "\"" };
    let mut position = end.len();
    loop {
        let rest = text.get(position..)?;
        let next = rest.chars().next()?;
        if rest.starts_with(end) {
            return Some(position + end.len());
        }
        position += match next {
            '\n' if !is_block => return None,
            '\\' if is_block && rest[1..].starts_with(end) => 1 + end.len(),
            '\\' if !is_block => 1 + rest[1..].chars().next()?.len_utf8(),
            _ => next.len_utf8(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_parse_have_no_fault() {
        for text in [
            "type Query { a: String }",
            "\"\"\"Says \"hi\" and } \\\"\"\" too.\"\"\" type Query { \"a \\\" }\" a(x: [Int!]! = [1], y: F = -1.5): B! @deprecated(reason: \"old\") } # }",
            "schema { query: Query }\ntype Query {\n  a: Int,\n}\nunion U = A | B\nenum E { X Y }\nscalar Date",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn a_fault_has_its_line() {
        for (text, expected) in [
            ("", "it has no definition"),
            ("# only a comment", "it has no definition"),
            ("type Query { a: Strin", "the `{` in line 1 has no end"),
            ("type Query {\n a: [Int }", "the `}` in line 2 closes nothing"),
            ("type Query { a: Int }\n}", "the `}` in line 2 closes nothing"),
            ("type Query {}", "`{}` in line 1 is empty"),
            ("typ Query { a: Int }", "line 1 begins with `typ`, which starts no definition"),
            ("type Query { \"a: Int }", "the string in line 1 has no end"),
            ("type Query { a: Int; }", "line 1 has the character `;`"),
        ] {
            assert_eq!(fault(text).as_deref(), Some(expected), "{text}");
        }
    }
}
