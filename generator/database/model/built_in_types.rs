//! The types that every server has, and their alternative spellings, as data.

/// Alternative spellings of built-in types, each with the canonical one.
pub(super) const SPELLINGS: &[(&str, &str)] = &[
    ("int2", "smallint"),
    ("int", "integer"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("float", "double precision"),
    ("bool", "boolean"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("national character varying", "varchar"),
    ("national char varying", "varchar"),
    ("nchar varying", "varchar"),
    ("character", "char"),
    ("national character", "char"),
    ("national char", "char"),
    ("nchar", "char"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("bit varying", "varbit"),
];

/// The type of one byte. Without the double quotes, `char` is a type of texts.
pub(super) const SINGLE_BYTE: &str = "\"char\"";

/// The types of whole numbers, each smaller than the next.
pub const INTEGER_TYPES: [&str; 3] = ["smallint", "integer", "bigint"];

/// The types of texts.
pub const TEXT_TYPES: [&str; 4] = ["text", "varchar", "char", "bpchar"];

/// Types that every server has, sorted.
pub const BUILT_IN_TYPES: &[&str] = &[
    SINGLE_BYTE,
    "bigint",
    "bit",
    "boolean",
    "box",
    "bpchar",
    "bytea",
    "char",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "double precision",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "integer",
    "interval",
    "interval day",
    "interval day to hour",
    "interval day to minute",
    "interval day to second",
    "interval hour",
    "interval hour to minute",
    "interval hour to second",
    "interval minute",
    "interval minute to second",
    "interval month",
    "interval second",
    "interval year",
    "interval year to month",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "real",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "smallint",
    "text",
    "tid",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "trigger",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "uuid",
    "varbit",
    "varchar",
    "void",
    "xid",
    "xid8",
    "xml",
];

/// Types without values, which only results of functions have.
pub const PSEUDO_TYPES: [&str; 2] = ["trigger", "void"];

/// Types of arguments that stand for several types, sorted.
pub(super) const POLYMORPHIC_TYPES: &[&str] = &[
    "anyarray",
    "anycompatible",
    "anycompatiblearray",
    "anycompatiblemultirange",
    "anycompatiblenonarray",
    "anycompatiblerange",
    "anyelement",
    "anyenum",
    "anymultirange",
    "anynonarray",
    "anyrange",
    "record",
];

/// Returns whether a name in lower case is that of a type of the server, such as `anyelement`, that an argument can have
/// and that stands for several types.
pub fn stands_for_several_types(name: &str) -> bool {
    name == "any" || (name.starts_with("any") && POLYMORPHIC_TYPES.binary_search(&name).is_ok())
}
