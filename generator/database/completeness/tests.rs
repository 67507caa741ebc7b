//! Tests of definitions with and without all that an import reads.

use super::*;

fn expression_fault(text: &str) -> Option<Fault> {
    fault(text, TextForm::ExpressionOrQuery)
}

#[test]
fn complete_expressions_are_accepted() {
    for text in [
        "a + (b[1:2])",
        "'it''s; )'",
        "e'\\'; ('",
        "$$ ; ( $$",
        "\"odd ( name\"",
        "x ~ '^[(]'",
        "$a$ $b$ $a$",
        "a[i : j]::text",
    ] {
        assert_eq!(expression_fault(text), None, "{text}");
    }
    assert_eq!(fault("INSERT INTO t VALUES (1); -- done\n/* ( /* ; */ */ SELECT 1;", TextForm::Statements), None);
}

#[test]
fn incomplete_and_extended_expressions_are_refused() {
    for text in
        ["", "a; DROP TABLE x", "a)", "(a", "'a", "\"a", "$$a", "a -- b", "a /* b", "a /* b */", "[1)", "a \\! id"]
    {
        assert!(expression_fault(text).is_some(), "{text}");
    }
}

#[test]
fn ambiguous_texts_are_refused() {
    for text in [
        "E'a'\n'\\''",
        "'a' 'b'",
        "B'0''1'",
        "U&\"d\"",
        "0x1F",
        "1_000",
        "1a",
        "1$$a$$",
        "+$$a$$",
        ":name",
        "a[1:n]",
        ":'x'",
        ":{?x}",
        "a\u{b}+ b",
        "a\r+ b",
        "a\0",
        "\u{feff}a",
    ] {
        assert!(expression_fault(text).is_some(), "{text:?}");
    }
}

#[test]
fn nesting_has_limits() {
    let nested = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
    assert_eq!(expression_fault(&nested(MAX_DEPTH - 1)), None);
    for text in [
        nested(MAX_DEPTH),
        nested(8000),
        format!("{}1{}", "case when ".repeat(300), " then 1 end".repeat(300)),
        format!("{}1", "- ".repeat(300)),
        format!("{}1", "+-".repeat(300)),
        format!("{}1", "a = not ".repeat(300)),
        format!("1{}", "+1".repeat(4000)),
        format!("x{}", "::int".repeat(4000)),
    ] {
        assert!(expression_fault(&text).is_some_and(|fault| fault.code == Code::TooDeep), "{}", &text[..40]);
    }
    let body = format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT {} $$;", nested(300));
    assert!(fault(&body, TextForm::Statements).is_some_and(|fault| fault.code == Code::TooDeep && fault.at == 48));
    let empty = format!(
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ DECLARE a text := ''; BEGIN {} END $$;",
        "a = a || b; ".repeat(40)
    );
    assert_eq!(nested_too_deep(&empty), None);
    let rows = format!("INSERT INTO t VALUES {};", vec!["(1, -1, NOT true, 'a' || 'b')"; 5000].join(", "));
    assert_eq!(fault(&rows, TextForm::Statements), None);
}

proptest::proptest! {
    /// An accepted text can be put in brackets: the bracket after it is the closing one.
    #[test]
    fn accepted_texts_fit_in_brackets(text in "[a-z'\"$();\\[\\]\\\\/*e\n -]{0,24}") {
        if expression_fault(&text).is_none() {
            let around = format!("({text})");
            let all = tokens(&around).unwrap();
            let last = all.last().unwrap();
            proptest::prop_assert_eq!((last.text, last.at), (")", around.len() - 1));
        }
    }
}
