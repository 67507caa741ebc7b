//! The words of PromQL that an expression of the stack may use, from the documentation of Prometheus 3.

/// Operators, modifiers and values that are words; PromQL ignores their case.
const KEYWORDS: [&str; 21] = [
    "and",
    "anchored",
    "atan2",
    "bool",
    "by",
    "fill",
    "fill_left",
    "fill_right",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "offset",
    "on",
    "or",
    "smoothed",
    "unless",
    "without",
    "start",
    "end",
];
/// Aggregations; PromQL ignores their case. `approx_topk` belongs to LogQL.
const AGGREGATIONS: [&str; 15] = [
    "approx_topk",
    "avg",
    "bottomk",
    "count",
    "count_values",
    "group",
    "limit_ratio",
    "limitk",
    "max",
    "min",
    "quantile",
    "stddev",
    "stdvar",
    "sum",
    "topk",
];
/// Functions. Those of bytes, and `rate_counter`, belong to LogQL.
const FUNCTIONS: [&str; 89] = [
    "abs",
    "absent",
    "absent_over_time",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "avg_over_time",
    "bytes_over_time",
    "bytes_rate",
    "ceil",
    "changes",
    "clamp",
    "clamp_max",
    "clamp_min",
    "cos",
    "cosh",
    "count_over_time",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "exp",
    "first_over_time",
    "floor",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_quantiles",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "holt_winters",
    "hour",
    "idelta",
    "increase",
    "info",
    "irate",
    "label_join",
    "label_replace",
    "last_over_time",
    "ln",
    "log10",
    "log2",
    "mad_over_time",
    "max_over_time",
    "min_over_time",
    "minute",
    "month",
    "pi",
    "predict_linear",
    "present_over_time",
    "quantile_over_time",
    "rad",
    "range",
    "rate",
    "rate_counter",
    "resets",
    "round",
    "scalar",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_by_label",
    "sort_by_label_desc",
    "sort_desc",
    "sqrt",
    "stddev_over_time",
    "stdvar_over_time",
    "step",
    "sum_over_time",
    "tan",
    "tanh",
    "time",
    "timestamp",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "vector",
    "year",
];
/// Functions of the templates in the texts of alerts, those of Go's templates, and their keywords.
const TEMPLATE_WORDS: [&str; 60] = [
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
    "urlQueryEscape",
    "urlquery",
    "value",
];

/// Returns whether a word is an operator, a modifier or a value.
pub fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// Returns whether a word is a function or an aggregation.
pub fn is_function(word: &str) -> bool {
    FUNCTIONS.contains(&word) || AGGREGATIONS.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// Returns the names of functions and aggregations.
pub fn functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.into_iter().chain(AGGREGATIONS)
}

/// Returns why Prometheus refuses the text of an alert, in which `{{ … }}` is an action of a template.
pub fn template_refusal(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, action)) = rest.split_once("{{") {
        let Some((action, after)) = action.split_once("}}").filter(|(action, _)| !action.contains("{{")) else {
            return Some("a `{{` has no `}}`".into());
        };
        let action = action.trim_start_matches('-').trim_start();
        let word = action.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if action.trim_end_matches('-').trim().is_empty() {
            return Some("`{{ }}` is empty".into());
        }
        if is_name && !TEMPLATE_WORDS.contains(&word) && !["true", "false", "nil", "with"].contains(&word) {
            return Some(format!("templates have no function `{word}`; a label is `{{{{ $labels.{word} }}}}`"));
        }
        rest = after;
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
        ] {
            assert_eq!(template_refusal(text), None, "{text}");
        }
        for text in
            ["{{ $labels.x }} {{ bad", "{{ bad }}", "{{ $labels.x }", "{{}}", "{{ {{ $value }} }}", "{{ labels.x }}"]
        {
            assert!(template_refusal(text).is_some(), "{text}");
        }
    }
}
