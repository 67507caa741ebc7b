//! The types of columns that a foreign key can compare (from `pg_amop` and `pg_cast` of PostgreSQL).

use crate::database::model::*;

/// Groups of comparable types. A type can refer to the types of the same list and of the lists after it.
const GROUPS: &[&[&[&str]]] = &[
    &[&INTEGER_TYPES, &["numeric"], &["real", "double precision"]],
    &[&TEXT_TYPES],
    &[&["date", "timestamp", "timestamptz"]],
    &[&["time"], &["timetz"]],
    &[&["uuid"]],
    &[&["boolean"]],
    &[&["bytea"]],
    &[&["macaddr", "macaddr8"]],
    &[&["inet", "cidr"]],
    &[&["jsonb"]],
];

/// Returns the position of a type's group in `GROUPS`, and the position of the type's list in the group: (0, 1) for
/// `numeric`. Returns `None` for types that are not compared, such as arrays and types of extensions.
fn group_and_rank(kind: &TypeName, schema: &Schema) -> Option<(usize, usize)> {
    if kind.is_array() {
        return None;
    }
    if let Some(object) = kind.object() {
        let index = schema
            .types
            .iter()
            .position(|(name, declared)| *name == object && matches!(declared, UserType::Enum(_)))?;
        // Each enumeration is a separate group, after those in `GROUPS`.
        return Some((GROUPS.len() + index, 0));
    }
    GROUPS.iter().enumerate().find_map(|(group, ranks)| {
        let rank = ranks.iter().position(|types| types.contains(&kind.base()))?;
        Some((group, rank))
    })
}

/// Returns whether a foreign key from a column of one type can refer to a column of another. For a type without a
/// group, the answer is yes, since it may be comparable with any type.
pub fn can_refer(from: &TypeName, to: &TypeName, schema: &Schema) -> bool {
    match (group_and_rank(schema.without_domains(from), schema), group_and_rank(schema.without_domains(to), schema)) {
        (Some((group, rank)), Some((other_group, other_rank))) => group == other_group && rank <= other_rank,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_foreign_key_compares_types_of_one_group() {
        let can = |from: &str, to: &str| {
            can_refer(&TypeName::new(from).unwrap(), &TypeName::new(to).unwrap(), &Schema::default())
        };
        for (from, to) in [
            ("integer", "bigint"),
            ("bigint", "smallint"),
            ("integer", "numeric(10)"),
            ("numeric", "real"),
            ("varchar(20)", "text"),
            ("date", "timestamptz"),
            ("citext", "text"),
            ("text[]", "text"),
        ] {
            assert!(can(from, to), "{from} {to}");
        }
        for (from, to) in
            [("numeric", "bigint"), ("real", "numeric"), ("uuid", "text"), ("text", "integer"), ("timetz", "time")]
        {
            assert!(!can(from, to), "{from} {to}");
        }
    }
}
