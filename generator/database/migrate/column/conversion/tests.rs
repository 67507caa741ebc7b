//! Tests of conversions between types.

use super::*;
use crate::values::Checked;

#[test]
fn only_conversions_that_keep_every_value_need_no_using() {
    let description =
        |old: &str, new: &str| match conversion(&TypeName::new(old).unwrap(), &TypeName::new(new).unwrap()) {
            Conversion::Free { reversible } => format!("free {reversible}"),
            Conversion::Widens { reversible } => format!("widens {reversible}"),
            Conversion::Narrows { changes_values } => format!("narrows {changes_values}"),
            Conversion::Other => "other".to_owned(),
        };
    for (old, new, expected) in [
        ("varchar(10)", "varchar(20)", "free false"),
        ("varchar(20)", "varchar(10)", "narrows true"),
        ("varchar", "text", "free true"),
        ("numeric(10,2)", "numeric(12,2)", "free true"),
        ("numeric(10,2)", "numeric(12,3)", "narrows true"),
        ("integer", "bigint", "widens true"),
        ("bigint", "integer", "narrows false"),
        ("timestamp", "text", "other"),
        ("date", "timestamptz", "other"),
        ("bigint", "oid", "narrows false"),
        ("inet", "cidr", "narrows true"),
        ("xml", "text", "narrows true"),
        ("citext", "text", "free false"),
        ("text", "citext", "narrows false"),
        ("isbn", "ean13", "free false"),
        ("boolean", "citext", "narrows true"),
        ("interval", "integer", "other"),
        ("time", "interval", "widens false"),
        ("time", "interval(0)", "narrows true"),
        ("text", "integer", "other"),
        ("integer[]", "bigint[]", "widens true"),
        ("varchar(10)[]", "text[]", "widens false"),
        ("integer[]", "bigint", "other"),
        ("interval(0)", "interval", "free false"),
        ("interval", "interval(0)", "narrows true"),
        ("interval hour to second", "interval year to month", "narrows true"),
        ("interval day", "time", "narrows true"),
        ("timetz(3)", "timetz", "free false"),
        ("timetz", "timetz(3)", "narrows true"),
        ("char(5)", "bpchar", "free false"),
        ("bpchar", "char(5)", "narrows true"),
        ("text", "bpchar", "narrows false"),
        ("integer", "regclass", "narrows true"),
        ("oid", "regtype", "narrows true"),
        ("text", "regclass", "narrows true"),
        ("regclass", "regtype", "other"),
        ("date", "name", "other"),
        ("numeric", "name", "narrows true"),
        ("text", "\"char\"", "narrows true"),
    ] {
        assert_eq!(description(old, new), expected, "{old} to {new}");
    }
}

#[test]
fn types_of_extensions_are_known_in_each_schema_and_declared_types_are_not() {
    let schema: Schema = serde_json::from_value(serde_json::json!({
        "schemas": { "ext": {}, "s": {} },
        "extensions": [{ "name": "citext", "schema": "ext" }],
        "types": { "citext": { "enum": { "values": ["a"] } }, "s.citext": { "enum": { "values": ["a"] } } },
    }))
    .unwrap();
    let name = |kind: &str| type_in_conversions(&schema, &TypeName::new(kind).unwrap()).map(|kind| kind.to_string());
    assert_eq!(name("ext.citext[]").as_deref(), Some("citext[]"));
    assert_eq!(name("varchar(3)").as_deref(), Some("varchar(3)"));
    assert_eq!((name("citext"), name("s.citext"), name("ext.other")), (None, None, None));
}

#[test]
fn a_conversion_that_depends_on_a_setting_has_its_name() {
    let setting = |old: &str, new: &str| deciding_setting(&TypeName::new(old).unwrap(), &TypeName::new(new).unwrap());
    assert_eq!(setting("date", "timestamptz"), Some("the setting `TimeZone` of the session"));
    assert_eq!(setting("timestamptz[]", "date[]"), Some("the setting `TimeZone` of the session"));
    assert_eq!(setting("interval", "text"), Some("the setting `IntervalStyle` of the session"));
    assert_eq!(setting("interval day", "text"), Some("the setting `IntervalStyle` of the session"));
    assert_eq!(setting("interval_kind", "text"), Some("the text form of the values"));
    assert_eq!(setting("interval", "integer"), None);
    assert_eq!(setting("text", "text[]"), None);
    assert_eq!(setting("date[]", "timestamptz"), None);
    assert_eq!(setting("date[]", "name"), Some("the text form of the array"));
}
