//! SQL of types and sequences.

use super::{GrantTarget, change_grants, comment};
use crate::database::model::*;

/// Returns the SQL that creates a type with its comment.
pub fn create_type(name: &ObjectName, kind: &UserType) -> String {
    let mut sql = match kind {
        UserType::Enum(enumeration) => {
            let labels: Vec<String> = enumeration.values.iter().map(|label| literal(label.as_str())).collect();
            format!("CREATE TYPE {} AS ENUM ({});", name.sql(), labels.join(", "))
        }
        UserType::Domain(domain) => {
            let mut sql =
                format!("CREATE DOMAIN {} AS {}", name.sql(), collated(&domain.base, domain.collation.as_ref()));
            if let Some(default) = &domain.default {
                sql += &format!(" DEFAULT ({default})");
            }
            if domain.not_null {
                sql += " NOT NULL";
            }
            for (check, expression) in &domain.checks {
                sql += &format!(" CONSTRAINT {} CHECK ({expression})", quoted(check));
            }
            sql + ";"
        }
        UserType::Composite(composite) => {
            let attributes: Vec<String> = composite
                .attributes
                .iter()
                .map(|attribute| format!("{} {}", quoted(&attribute.name), attribute_type(attribute)))
                .collect();
            format!("CREATE TYPE {} AS ({});", name.sql(), attributes.join(", "))
        }
        UserType::Range(range) => create_range(name, range),
    };
    for statement in change_type_grants(name, None, kind) {
        sql += &format!("\n{statement}");
    }
    if kind.comment().is_some() {
        sql += &format!("\n{}", comment(type_kind(kind), &name.sql(), kind.comment()));
    }
    sql
}

/// Returns `CREATE TYPE … AS RANGE`, without grants and comment.
fn create_range(name: &ObjectName, range: &RangeType) -> String {
    let mut options = vec![format!("SUBTYPE = {}", range.subtype.sql())];
    options.extend(range.opclass.iter().map(|class| format!("SUBTYPE_OPCLASS = {}", operator_class(class))));
    options.extend(range.collation.iter().map(|collation| format!("COLLATION = {}", collation.sql())));
    options.extend(range.subtype_diff.iter().map(|function| format!("SUBTYPE_DIFF = {}", function.sql())));
    options.push(format!("MULTIRANGE_TYPE_NAME = {}", range.multirange_name(name).sql()));
    format!("CREATE TYPE {} AS RANGE ({});", name.sql(), options.join(", "))
}

/// Returns the name of an operator class. Those of the server and of extensions in `public` are written without a schema.
fn operator_class(class: &ObjectName) -> String {
    if class.schema() == PUBLIC_SCHEMA { quoted(class.name()) } else { class.sql() }
}

/// Returns the statements that change the privileges on a type. For a new type, `from` is `None`. All roles may use a new type.
pub fn change_type_grants(name: &ObjectName, from: Option<&UserType>, to: &UserType) -> Vec<String> {
    let (object, no_grants) = (name.sql(), Grants::new());
    let target = GrantTarget::new(type_kind(to), &object);
    let Some(from) = from else {
        let revoke = format!("REVOKE ALL ON {} {object} FROM PUBLIC;", type_kind(to));
        let grants = change_grants(target, Rights::new(&no_grants, &no_grants), to.rights());
        return to.is_private().then_some(revoke).into_iter().chain(grants).collect();
    };
    let (old, new) = (from.effective_grants(), to.effective_grants());
    change_grants(target, Rights::new(&old, from.rights().options), Rights::new(&new, to.rights().options))
}

/// Returns a type with its collation.
fn collated(kind: &TypeName, collation: Option<&Collation>) -> String {
    collation.map_or_else(|| kind.sql(), |collation| format!("{} COLLATE {}", kind.sql(), collation.sql()))
}

/// Returns the type of an attribute, with its collation.
pub fn attribute_type(attribute: &Attribute) -> String {
    collated(&attribute.kind, attribute.collation.as_ref())
}

/// Returns the keyword of a type in ALTER, DROP and COMMENT.
pub fn type_kind(kind: &UserType) -> &'static str {
    if matches!(kind, UserType::Domain(_)) { "DOMAIN" } else { "TYPE" }
}

/// Returns `CREATE SEQUENCE`.
pub fn create_sequence(name: &ObjectName, sequence: &Sequence) -> String {
    format!("CREATE SEQUENCE {} {};", name.sql(), sequence_options(sequence))
}

/// Returns all options of a sequence, so that the result of ALTER does not depend on earlier options.
pub fn sequence_options(sequence: &Sequence) -> String {
    format!("AS {} {}", sequence.kind.sql(), numbering(sequence).join(" "))
}

/// Returns the options of a sequence without its type: `INCREMENT BY 1`, `NO MINVALUE` and so on.
pub fn numbering(sequence: &Sequence) -> [String; 6] {
    let bound = |word: &str, value: Option<i64>| {
        value.map_or_else(|| format!("NO {word}VALUE"), |value| format!("{word}VALUE {value}"))
    };
    [
        format!("INCREMENT BY {}", sequence.increment.unwrap_or(1)),
        bound("MIN", sequence.min),
        bound("MAX", sequence.max),
        format!("START WITH {}", sequence.start.unwrap_or(sequence.default_start())),
        format!("CACHE {}", sequence.cache.unwrap_or(1)),
        if sequence.cycle { "CYCLE".into() } else { "NO CYCLE".into() },
    ]
}
