//! Checks the templates in the texts of alerts.

/// The functions, keywords and constants of Go's `text/template`, and the functions that Prometheus adds to it.
const WORDS: [&str; 64] = [
    "and",
    "args",
    "block",
    "break",
    "call",
    "continue",
    "define",
    "else",
    "end",
    "eq",
    "externalURL",
    "false",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "htmlEscape",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "if",
    "index",
    "js",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "nil",
    "not",
    "now",
    "or",
    "parseDuration",
    "parseDurationTime",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "range",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "template",
    "title",
    "tmpl",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "true",
    "urlQueryEscape",
    "urlquery",
    "value",
    "with",
];

/// Returns why Prometheus refuses the text of an alert, in which `{{ … }}` is an action of a template. Only the first
/// word of an action is checked: `{{ labels.x }}` is refused, because `labels` is not a function.
pub fn template_refusal(text: &str) -> Option<String> {
    let mut remaining_text = text;
    while let Some((_, after_braces)) = remaining_text.split_once("{{") {
        let Some((action, text_after_action)) = split_action(after_braces) else {
            return Some("a `{{` has no `}}`".into());
        };
        // `{{-` and `-}}` also remove the blanks around the action.
        let action = action.trim_start_matches('-').trim_start();
        let first_word = action.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_name = first_word.starts_with(|c: char| c.is_ascii_alphabetic());
        if action.trim_end_matches('-').trim().is_empty() {
            return Some("`{{ }}` is empty".into());
        }
        if is_name && !WORDS.contains(&first_word) {
            return Some(format!(
                "templates have no function `{first_word}`; a label is `{{{{ $labels.{first_word} }}}}`"
            ));
        }
        remaining_text = text_after_action;
    }
    None
}

/// Splits a text that follows `{{` at the end of the action: into the action and the text after its `}}`. Braces in
/// quotes and comments belong to the action. `None` if the action has no end.
fn split_action(text: &str) -> Option<(&str, &str)> {
    if text.trim_start_matches('-').trim_start().starts_with("/*") {
        let (comment, text_after_comment) = text.split_once("*/")?;
        let (end, text_after_action) = text_after_comment.split_once("}}")?;
        return matches!(end.trim(), "" | "-").then_some((comment, text_after_action));
    }
    let mut chars = text.char_indices();
    while let Some((offset, c)) = chars.next() {
        let rest = &text[offset..];
        if let Some(text_after_action) = rest.strip_prefix("}}") {
            return Some((&text[..offset], text_after_action));
        }
        if rest.starts_with("{{") {
            return None;
        }
        if matches!(c, '"' | '\'' | '`') {
            // In backquotes, a backslash is an ordinary character.
            while let Some((_, quoted)) = chars.next().filter(|(_, quoted)| *quoted != c) {
                if quoted == '\\' && c != '`' {
                    chars.next();
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_of_templates_are_closed_and_begin_with_a_function_or_a_value() {
        for text in [
            "",
            "plain }}",
            "{{ $labels.instance }} has {{ $value | humanize }}",
            "{{- if gt $value 1.0 -}}many{{- else -}}one{{ end }}",
            "{{ printf \"%.2f\" $value }}",
            "{{ with query \"up\" }}{{ . | first | value }}{{ end }}",
            "{{/* a comment */}}",
            "{{ \"{\" }}",
            "{{ \"{{\" }} and {{ `}}` }}",
            "{{ \"\\\"}}\" }}{{ '}' }}{{ `\\` }}",
            "{{/* {{ */}}{{- /* a */ -}}",
        ] {
            assert_eq!(template_refusal(text), None, "{text}");
        }
        for text in [
            "{{ \"{{\" }} {{ bad }}",
            "{{ \"}} }}",
            "{{/* a }}",
            "{{/* a */ b }}",
            "{{ $labels.x }} {{ bad",
            "{{ bad }}",
            "{{ $labels.x }",
            "{{}}",
            "{{ {{ $value }} }}",
            "{{ labels.x }}",
        ] {
            assert!(template_refusal(text).is_some(), "{text}");
        }
    }
}
