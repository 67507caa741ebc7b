//! Tests of accepted and refused expressions.

use super::*;

#[test]
fn brackets_and_quotes_close() {
    for text in ["sum(rate(a{b=\")\"}[5m])) > 1", "a # (", "a{b='\\''}", "a{b=`\\`}"] {
        assert_eq!(PromqlExpression::refusal(text), None, "{text}");
    }
    for text in ["", " ", "sum(a", "a)", "a{b=\"}", "a[5m)", "a\u{0}"] {
        assert!(PromqlExpression::refusal(text).is_some(), "{text}");
    }
}

#[test]
fn expressions_that_prometheus_refuses_are_refused() {
    for text in [
        "-1 < a",
        "time() - a > +1",
        "a / on(b) group_left() c",
        "sum by () (a)",
        "a offset -5m",
        "a{offset=\"1\"} and offset_total offset 1h30m",
        "a @ end() and b unless on() c",
        "http_2_requests > 1_000",
        r#"a{b=~`\d+"`, c="\\d`", d='"'}"#,
        "{__name__=~\"a|b ==\"} == bool 1",
        "a # ==\n> 1 # ==",
        "SUM(a) BY (b) > bool 1 and on(c) d atan2 e",
        "rate(a[5m] offset 1h30m @ 1609746000) > 0x1F",
        "(day_of_week() == 0 or a) == -Inf",
        "max_over_time(rate(a[5m])[1h:1m] @ end())",
    ] {
        assert_eq!(PromqlExpression::refusal(text), None, "{text}");
    }
    for text in [
        "up ==",
        "sum(a >) > 1",
        "a and",
        "a > ()",
        "* a",
        "# a",
        "foo >> 1",
        "a == > b",
        "foo bar",
        "1 2",
        "up = 0",
        "a ~ b",
        "a > 1;",
        "rate(x_total) > 1",
        "x[5m] > 1",
        "x{job=~orders} > 1",
        "x{job==\"a\"}",
        "x{a=\"1\" b=\"2\"}",
        "rate(x[5 m])",
        "rate(x[5min])",
        "avg_over_time(x)",
        "histogram_quantile(rate(x[5m]))",
        "topk(x)",
        "sum(x) by (a) (b)",
        "rate(sum(x)[5m])",
        "x and 1",
        "x == \"a\"",
        "5xx > 1",
        "x{a=~\"(\"}",
        "x / on y",
        "{}",
        "limitk(2, a)",
        "sum(sort_by_label(a, \"b\")) > 1",
        "a offset NaN",
        "a offset - Inf",
        "a OFFSET 1e308",
        "a offset 9999999999999999999999",
        "a offset #\n1e308",
    ] {
        assert!(PromqlExpression::refusal(text).is_some(), "{text}");
    }
}

#[test]
fn a_refusal_names_what_is_meant() {
    let cases = [
        ("ratee(a[5m])", "PromQL has no function `ratee`; did you mean `rate`?"),
        ("a && b", "PromQL has no operator `&&`; use `and`"),
        ("a = 0", "PromQL has no operator `=`; use `==`"),
        ("limitk(2, a)", "`limitk` is experimental, and Prometheus does not enable it"),
    ];
    for (text, reason) in cases {
        assert_eq!(PromqlExpression::refusal(text).as_deref(), Some(reason));
    }
}

#[test]
fn values_of_labels_are_found() {
    let expression = r#"rate(a{job="x", le="0.1"}[5m]) / on(job) b{instance="i",job=~'y|z'} > up{job = "v"}"#;
    assert_eq!(label_values(expression, "job"), ["x", "y", "z", "v"]);
    for other in [
        r#"a{job!="x"}"#,
        r#"a{job=~"x.*"}"#,
        r#"a{job=~"$job"}"#,
        r#"rate(a{job="${job}"}[$__range])"#,
        "a{job=\"\"}",
        "a",
        "job",
        r#"a{myjob="x"}"#,
    ] {
        assert!(label_values(other, "job").is_empty(), "{other}");
    }
}

#[test]
fn variables_of_grafana_fit_anywhere() {
    for text in [
        "rate(a[$__rate_interval])",
        "topk($count, ${metric:raw}) > 0",
        "a{job=~\"${job:regex}\"}",
        "sum by ($by) (a)",
        "up",
    ] {
        assert_eq!(panel_refusal(text), None, "{text}");
    }
    for text in ["rate(a[$__rate_interval]", "rate(a[$__interval]) >", "up =="] {
        assert!(panel_refusal(text).is_some(), "{text}");
    }
}
