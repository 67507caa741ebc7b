//! Facts about known extensions, from their control files: which extensions they require, and the schema that some
//! of them always have.

use std::collections::BTreeSet;

use crate::values::ExtensionName;

/// Extensions of PostgreSQL's own contrib modules and languages, which every build of the official image has.
const CONTRIB: &str = "adminpack amcheck autoinc bloom bool_plperl bool_plperlu btree_gin btree_gist citext cube dblink dict_int \
    dict_xsyn earthdistance file_fdw fuzzystrmatch hstore hstore_plperl hstore_plperlu hstore_plpython3u \
    insert_username intagg intarray isn jsonb_plperl jsonb_plperlu jsonb_plpython3u lo ltree ltree_plpython3u \
    moddatetime old_snapshot pageinspect pg_buffercache pg_freespacemap pg_logicalinspect pg_prewarm \
    pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks pgstattuple plperl \
    plperlu plpgsql plpython3u pltcl pltclu postgres_fdw refint seg sslinfo tablefunc tcn unaccent uuid-ossp \
    xml2";
/// Prefix of additional contrib modules.
const CONTRIB_PREFIX: &str = "tsm_system_";

/// The field `requires` of control files, without plpgsql, which every database has.
const REQUIREMENTS: [(&str, &[&str]); 22] = [
    ("bool_plperl", &["plperl"]),
    ("bool_plperlu", &["plperlu"]),
    ("earthdistance", &["cube"]),
    ("hstore_plperl", &["hstore", "plperl"]),
    ("hstore_plperlu", &["hstore", "plperlu"]),
    ("hstore_plpython3u", &["hstore", "plpython3u"]),
    ("jsonb_plperl", &["plperl"]),
    ("jsonb_plperlu", &["plperlu"]),
    ("jsonb_plpython3u", &["plpython3u"]),
    ("ltree_plpython3u", &["ltree", "plpython3u"]),
    ("mobilitydb", &["postgis"]),
    ("pg_stat_kcache", &["pg_stat_statements"]),
    ("pgjwt", &["pgcrypto"]),
    ("pgrouting", &["postgis"]),
    ("pointcloud_postgis", &["pointcloud", "postgis"]),
    ("postgis_raster", &["postgis"]),
    ("postgis_sfcgal", &["postgis"]),
    ("postgis_tiger_geocoder", &["fuzzystrmatch", "postgis"]),
    ("postgis_topology", &["postgis"]),
    ("powa", &["btree_gist", "pg_stat_statements"]),
    ("vchord", &["vector"]),
    ("vectorscale", &["vector"]),
];

/// The field `schema` of control files. The server refuses any other schema, and creates this one if it is missing.
const FIXED_SCHEMAS: [(&str, &str); 14] = [
    ("adminpack", "pg_catalog"),
    ("pg_cron", "pg_catalog"),
    ("pg_graphql", "graphql"),
    ("pgmq", "pgmq"),
    ("pgsodium", "pgsodium"),
    ("plperl", "pg_catalog"),
    ("plperlu", "pg_catalog"),
    ("plpgsql", "pg_catalog"),
    ("plpython3u", "pg_catalog"),
    ("pltcl", "pg_catalog"),
    ("pltclu", "pg_catalog"),
    ("postgis_tiger_geocoder", "tiger"),
    ("postgis_topology", "topology"),
    ("supabase_vault", "vault"),
];

/// Types of extensions.
const TYPES: [(&str, &[&str]); 10] = [
    ("citext", &["citext"]),
    ("cube", &["cube"]),
    ("hstore", &["hstore"]),
    ("intarray", &["query_int"]),
    ("isn", &["ean13", "isbn", "isbn13", "ismn", "ismn13", "issn", "issn13", "upc"]),
    ("lo", &["lo"]),
    ("ltree", &["lquery", "ltree", "ltxtquery"]),
    ("postgis", &["box2d", "box3d", "geography", "geometry"]),
    ("seg", &["seg"]),
    ("vector", &["halfvec", "sparsevec", "vector"]),
];

/// Functions of extensions that expressions of tables often call.
const FUNCTIONS: [(&str, &[&str]); 5] = [
    ("fuzzystrmatch", &["difference", "dmetaphone", "levenshtein", "metaphone", "soundex"]),
    ("pg_trgm", &["show_trgm", "similarity", "strict_word_similarity", "word_similarity"]),
    (
        "pgcrypto",
        &[
            "armor",
            "crypt",
            "dearmor",
            "decrypt",
            "decrypt_iv",
            "digest",
            "encrypt",
            "encrypt_iv",
            "gen_random_bytes",
            "gen_salt",
            "hmac",
            "pgp_pub_decrypt",
            "pgp_pub_encrypt",
            "pgp_sym_decrypt",
            "pgp_sym_encrypt",
        ],
    ),
    ("unaccent", &["unaccent"]),
    (
        "uuid-ossp",
        &[
            "uuid_generate_v1",
            "uuid_generate_v1mc",
            "uuid_generate_v3",
            "uuid_generate_v4",
            "uuid_generate_v5",
            "uuid_nil",
            "uuid_ns_dns",
            "uuid_ns_oid",
            "uuid_ns_url",
            "uuid_ns_x500",
        ],
    ),
];

/// Operator classes of extensions.
const OPERATOR_CLASSES: [(&str, &[&str]); 5] = [
    ("hstore", &["gin_hstore_ops", "gist_hstore_ops"]),
    ("intarray", &["gin__int_ops", "gist__int_ops", "gist__intbig_ops"]),
    ("ltree", &["gist__ltree_ops", "gist_ltree_ops"]),
    ("pg_trgm", &["gin_trgm_ops", "gist_trgm_ops"]),
    (
        "vector",
        &[
            "bit_hamming_ops",
            "bit_jaccard_ops",
            "halfvec_cosine_ops",
            "halfvec_ip_ops",
            "halfvec_l1_ops",
            "halfvec_l2_ops",
            "sparsevec_cosine_ops",
            "sparsevec_ip_ops",
            "sparsevec_l1_ops",
            "sparsevec_l2_ops",
            "vector_cosine_ops",
            "vector_ip_ops",
            "vector_l1_ops",
            "vector_l2_ops",
        ],
    ),
];

/// Returns whether every build of the official image has the extension.
pub fn is_contrib(name: &str) -> bool {
    CONTRIB.split_whitespace().any(|module| module == name) || name.starts_with(CONTRIB_PREFIX)
}

/// Returns the extensions that must exist before the extension `name` is created; none for an unknown extension.
pub fn requirements(name: &str) -> &'static [&'static str] {
    REQUIREMENTS.iter().find(|(extension, _)| *extension == name).map_or(&[], |(_, requirements)| requirements)
}

/// Returns the schema that an extension always has; `None` for other extensions.
pub fn fixed_schema(name: &str) -> Option<&'static str> {
    FIXED_SCHEMAS.iter().find(|(extension, _)| *extension == name).map(|(_, schema)| *schema)
}

/// Returns whether all objects of an extension are certainly in the schema of the extension. Scripts of other extensions
/// can create further schemas, as pg_cron does.
pub fn is_in_one_schema(name: &str) -> bool {
    is_contrib(name) || TYPES.iter().any(|(extension, _)| *extension == name)
}

/// Returns the extension that has a type of this name; `None` if no known extension has one.
pub fn extension_of_type(name: &str) -> Option<&'static str> {
    extension_with(&TYPES, name)
}

/// Returns the extension that has a function of this name; `None` if no known extension has one.
pub fn extension_of_function(name: &str) -> Option<&'static str> {
    extension_with(&FUNCTIONS, name)
}

/// Returns the extension that has an operator class of this name; `None` if no known extension has one.
pub fn extension_of_operator_class(name: &str) -> Option<&'static str> {
    extension_with(&OPERATOR_CLASSES, name)
}

/// Returns the names of the types of an extension; none for an unknown extension.
pub fn type_names(extension: &str) -> &'static [&'static str] {
    names_of(&TYPES, extension)
}

/// Returns the names of functions of an extension; none for an unknown extension.
pub fn function_names(extension: &str) -> &'static [&'static str] {
    names_of(&FUNCTIONS, extension)
}

/// Returns the names of the operator classes of an extension; none for an unknown extension.
pub fn operator_class_names(extension: &str) -> &'static [&'static str] {
    names_of(&OPERATOR_CLASSES, extension)
}

fn names_of(objects: &[(&str, &'static [&'static str])], extension: &str) -> &'static [&'static str] {
    objects.iter().find(|(name, _)| *name == extension).map_or(&[], |(_, names)| names)
}

fn extension_with(objects: &[(&'static str, &[&str])], name: &str) -> Option<&'static str> {
    objects.iter().find(|(_, names)| names.contains(&name)).map(|(extension, _)| *extension)
}

/// Returns extensions in an order in which they can be created: each after those that it requires, otherwise by name.
pub fn in_order_of_creation(names: &BTreeSet<ExtensionName>) -> Vec<ExtensionName> {
    fn add(name: &ExtensionName, names: &BTreeSet<ExtensionName>, order: &mut Vec<ExtensionName>) {
        if order.contains(name) {
            return;
        }
        for requirement in requirements(name.as_str()).iter().filter_map(|requirement| names.get(*requirement)) {
            add(requirement, names, order);
        }
        order.push(name.clone());
    }
    let mut order = Vec::new();
    for name in names {
        add(name, names, &mut order);
    }
    order
}

/// Returns extensions in an order in which they can be removed: each before those that it requires, otherwise by name.
pub fn in_order_of_removal(names: &BTreeSet<ExtensionName>) -> Vec<ExtensionName> {
    fn add(name: &ExtensionName, names: &BTreeSet<ExtensionName>, order: &mut Vec<ExtensionName>) {
        if order.contains(name) {
            return;
        }
        for dependent in names.iter().filter(|other| requirements(other.as_str()).contains(&name.as_str())) {
            add(dependent, names, order);
        }
        order.push(name.clone());
    }
    let mut order = Vec::new();
    for name in names {
        add(name, names, &mut order);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn an_extension_is_created_after_those_that_it_requires() {
        let names = ["hstore", "hstore_plperl", "pgrouting", "plperl", "postgis", "postgis_topology"];
        let order = in_order_of_creation(&names.iter().map(|name| ExtensionName::new(name).unwrap()).collect());
        let order: Vec<&str> = order.iter().map(ExtensionName::as_str).collect();
        assert_eq!(order, ["hstore", "plperl", "hstore_plperl", "postgis", "pgrouting", "postgis_topology"]);
        let order = in_order_of_removal(&names.iter().map(|name| ExtensionName::new(name).unwrap()).collect());
        let order: Vec<&str> = order.iter().map(ExtensionName::as_str).collect();
        assert_eq!(order, ["hstore_plperl", "hstore", "pgrouting", "plperl", "postgis_topology", "postgis"]);
    }

    #[test]
    fn requirements_have_no_cycle() {
        for (name, _) in REQUIREMENTS {
            let mut pending = requirements(name).to_vec();
            while let Some(requirement) = pending.pop() {
                assert_ne!(requirement, name);
                pending.extend(requirements(requirement));
            }
        }
    }
}
