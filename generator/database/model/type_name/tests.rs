//! Tests of the names of types.

use super::*;
use crate::database::model::stands_for_several_types;

#[test]
fn only_types_of_the_server_stand_for_several_types() {
    assert!(["any", "anyelement", "anycompatiblerange"].into_iter().all(stands_for_several_types));
    assert!(!["anyway", "any_kind", "anyelements", "record", "text"].into_iter().any(stands_for_several_types));
}

#[test]
fn any_text_in_brackets_is_a_modifier() {
    let has_modifiers = |text: &str| TypeName::new(text).unwrap().has_modifiers();
    assert!(has_modifiers("geometry(Point)") && has_modifiers("varchar(20)[]"));
    assert!(!has_modifiers("mood[]") && !has_modifiers("\"a(b)\"") && !has_modifiers("integer"));
}

#[test]
fn types_have_one_spelling() {
    assert!(BUILT_IN_TYPES.is_sorted() && POLYMORPHIC_TYPES.is_sorted());
    for (text, expected) in [
        ("INT", "integer"),
        ("timestamp (3) with time zone", "timestamptz(3)"),
        ("character varying( 20 ) [][]", "varchar(20)[]"),
        ("numeric(12, 0)", "numeric(12)"),
        ("double  precision[]", "double precision[]"),
        ("audit.mood[]", "audit.mood[]"),
        ("geometry(Point,4326)", "geometry(Point,4326)"),
        ("float(24)[]", "real[]"),
        ("bpchar[]", "bpchar[]"),
        ("bpchar(3)", "char(3)"),
        ("float(25)", "double precision"),
        ("national character varying(10)", "varchar(10)"),
        ("\"Status\"[]", "\"Status\"[]"),
        ("INTERVAL day TO second(3)", "interval day to second(3)"),
        ("interval  year to month[]", "interval year to month[]"),
        ("\"char\"[]", "\"char\"[]"),
        ("Audit.\"mood\"", "audit.mood"),
        ("\"a b\".\"x[(\"\".\"(3)[]", "\"a b\".\"x[(\"\".\"(3)[]"),
    ] {
        assert_eq!(TypeName::new(text).unwrap().as_str(), expected);
    }
    for bad in [
        "serial",
        "int; drop",
        "a b",
        "int(",
        "numeric(a b')",
        "public.mood",
        "\"x",
        "\"text\"",
        "\"char\"(3)",
        "\"Status\"[3]",
        "varchar(0)",
        "int(11)",
        "float(0)",
        "\"\"",
        "\"x\" y",
    ] {
        assert!(TypeName::new(bad).is_err(), "{bad}");
    }
    assert_eq!(TypeName::new("\"x[(\"\".\"[]").unwrap().sql(), "\"public\".\"x[(\"\".\"[]");
    assert_eq!(TypeName::new("\"Status\"").unwrap().object().unwrap().as_str(), "Status");
    assert_eq!(TypeName::new("audit.mood[]").unwrap().sql(), "\"audit\".\"mood\"[]");
}
