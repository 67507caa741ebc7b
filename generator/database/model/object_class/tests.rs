//! Tests of the keys of objects that a definition keeps as their SQL.

use super::*;

#[test]
fn each_object_has_one_key() {
    for (text, key, sql) in [
        ("CREATE STATISTICS s ON a, b FROM t", "statistics s", "STATISTICS \"public\".\"s\""),
        ("create collation \"De\".x (provider = icu, locale = 'de')", "collation \"De\".x", "COLLATION \"De\".\"x\""),
        (
            "CREATE AGGREGATE public.median(value int4, pg_catalog.text) (SFUNC = f, STYPE = int)",
            "aggregate median(integer, text)",
            "AGGREGATE \"public\".\"median\"(integer, text)",
        ),
        ("CREATE AGGREGATE n(*) (SFUNC = f, STYPE = int)", "aggregate n(*)", "AGGREGATE \"public\".\"n\"(*)"),
        (
            "CREATE AGGREGATE m(x double precision) (SFUNC = f, STYPE = int)",
            "aggregate m(double precision)",
            "AGGREGATE \"public\".\"m\"(double precision)",
        ),
        (
            "CREATE AGGREGATE m(xid8, varchar(10)) (SFUNC = f, STYPE = int)",
            "aggregate m(xid8, varchar)",
            "AGGREGATE \"public\".\"m\"(xid8, varchar)",
        ),
        (
            "CREATE AGGREGATE p(share float8 ORDER BY value public.mood) (SFUNC = f, STYPE = int)",
            "aggregate p(double precision order by mood)",
            "AGGREGATE \"public\".\"p\"(double precision ORDER BY \"public\".\"mood\")",
        ),
        (
            "CREATE AGGREGATE p(ORDER BY int, text) (SFUNC = f, STYPE = int)",
            "aggregate p(order by integer, text)",
            "AGGREGATE \"public\".\"p\"(ORDER BY integer, text)",
        ),
        (
            "CREATE OPERATOR !! (FUNCTION = f, \"rightarg\" = bigint, \"leftarg\" = text)",
            "operator !!(text, bigint)",
            "OPERATOR \"public\".!!(text, bigint)",
        ),
        (
            "CREATE OPERATOR public.=== (FUNCTION = public.f, LEFTARG = public.mood, RIGHTARG = integer)",
            "operator ===(mood, integer)",
            "OPERATOR \"public\".===(\"public\".\"mood\", integer)",
        ),
        (
            "CREATE OPERATOR !! (FUNCTION = f, RIGHTARG = bigint)",
            "operator !!(none, bigint)",
            "OPERATOR \"public\".!!(NONE, bigint)",
        ),
        (
            "CREATE CAST (text AS public.mood) WITH FUNCTION public.f(text)",
            "cast (text as mood)",
            "CAST (text AS \"public\".\"mood\")",
        ),
        (
            "CREATE RULE r AS ON DELETE TO audit.t DO INSTEAD NOTHING",
            "rule r on audit.t",
            "RULE \"r\" ON \"audit\".\"t\"",
        ),
        ("CREATE PUBLICATION p FOR TABLE t", "publication p", "PUBLICATION \"p\""),
        (
            "CREATE TEXT SEARCH CONFIGURATION german2 (COPY = german)",
            "text search configuration german2",
            "TEXT SEARCH CONFIGURATION \"public\".\"german2\"",
        ),
    ] {
        let identity = ObjectIdentity::of_statement(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((identity.key.as_str(), identity.sql.as_str()), (key, sql));
    }
    let operator = ObjectClass::of_node(SyntaxKind::DROP_OPERATOR).unwrap();
    let dropped = ObjectIdentity::of_reference(operator, "=== (public.mood, int)").unwrap();
    assert_eq!(dropped.key, "operator ===(mood, integer)");
    assert_eq!(
        option_of_statement("CREATE AGGREGATE a(text) (SFUNC = f, stype = Internal)", "STYPE"),
        Some("Internal")
    );
}
