//! Finds columns with the values of a type, directly or inside of the values of other types.

use std::collections::BTreeSet;

use super::needed_names::{texts_of_exclude, texts_of_index};
use crate::database::identifiers::mentioned_names;
use crate::database::model::*;

/// The types whose values are or contain the values of one type.
struct TypesWithValues {
    /// The type and the domains over it.
    equal: BTreeSet<ObjectName>,
    /// Types whose values contain values of the type, such as composite types and domains over arrays.
    outer: BTreeSet<ObjectName>,
}

impl TypesWithValues {
    fn of(schema: &Schema, name: &ObjectName) -> Self {
        let mut found = TypesWithValues { equal: BTreeSet::from([name.clone()]), outer: BTreeSet::new() };
        // A type may use a type that comes later in the loop, so repeat until no type is added.
        loop {
            let count = found.equal.len() + found.outer.len();
            for (name, kind) in &schema.types {
                let (is_equal, is_outer) = match kind {
                    UserType::Domain(domain) if found.are_inside_of(&domain.base) => (false, true),
                    UserType::Domain(domain) => (found.are_in(&domain.base), false),
                    UserType::Composite(composite) => {
                        (false, composite.attributes.iter().any(|attribute| found.are_in(&attribute.kind)))
                    }
                    UserType::Range(range) => (false, found.are_in(&range.subtype)),
                    UserType::Enum(_) => (false, false),
                };
                if is_equal {
                    found.equal.insert(name.clone());
                }
                if is_outer {
                    found.outer.insert(name.clone());
                }
            }
            // The row of a table is a type, too.
            for (name, table) in &schema.tables {
                if table.columns.values().any(|column| found.are_in(&column.kind)) {
                    found.outer.insert(name.clone());
                }
            }
            if found.equal.len() + found.outer.len() == count {
                return found;
            }
        }
    }

    /// Returns whether values of a type are or contain values of the type.
    fn are_in(&self, kind: &TypeName) -> bool {
        kind.object().is_some_and(|object| self.equal.contains(&object) || self.outer.contains(&object))
    }

    /// Returns whether values of a type contain values of the type, but are none themselves.
    fn are_inside_of(&self, kind: &TypeName) -> bool {
        let contains =
            |object: &ObjectName| self.outer.contains(object) || (kind.is_array() && self.equal.contains(object));
        kind.object().is_some_and(|object| contains(&object))
    }
}

/// Returns the name of a column whose values contain values of a domain, such as the elements of an array or the
/// attributes of a composite type. `None` if there is no such column.
pub fn column_with_inner_values(schema: &Schema, domain: &ObjectName) -> Option<String> {
    let types = TypesWithValues::of(schema, domain);
    first_column(schema, |kind| types.are_inside_of(kind))
}

/// Returns the name of a column whose values are or contain values of a type. `None` if there is no such column.
pub fn column_with_values(schema: &Schema, name: &ObjectName) -> Option<String> {
    let types = TypesWithValues::of(schema, name);
    first_column(schema, |kind| types.are_in(kind))
}

/// Returns the name of a column, check, index or exclusion constraint whose expression mentions a type. `None` if there is
/// none.
pub fn part_with_mention(schema: &Schema, name: &ObjectName) -> Option<String> {
    let mentions = |text: &Expression| mentioned_names(text.as_str()).any(|word| word == name.name());
    schema.tables.iter().find_map(|(table_name, table)| {
        let mut columns = table.columns.iter();
        let column = columns.find(|(_, column)| column.default.iter().chain(&column.generated).any(mentions));
        let check = || table.checks.iter().find(|(_, check)| mentions(&check.expression)).map(|(check, _)| check);
        let index = || table.indexes.iter().find(|(_, index)| texts_of_index(index).any(mentions));
        let exclude = || table.excludes.iter().find(|(_, exclude)| texts_of_exclude(exclude).any(mentions));
        let part = column.map(|(column, _)| column).or_else(check);
        let part = part.or_else(|| index().map(|(index, _)| index)).or_else(|| exclude().map(|(exclude, _)| exclude));
        part.map(|part| format!("{table_name}.{part}"))
    })
}

/// Returns the name of a column, composite type, domain or range whose values are or contain the rows of a view or table.
/// The server does not drop the relation while it exists. Functions do not count, since they are created again.
pub fn user_of_row_type(schema: &Schema, relation: &ObjectName) -> Option<String> {
    let is_row = |kind: &TypeName| kind.object().as_ref() == Some(relation);
    let has_rows = |kind: &UserType| match kind {
        UserType::Domain(domain) => is_row(&domain.base),
        UserType::Composite(composite) => composite.attributes.iter().any(|attribute| is_row(&attribute.kind)),
        UserType::Range(range) => is_row(&range.subtype),
        UserType::Enum(_) => false,
    };
    let find_type = || schema.types.iter().find(|(_, kind)| has_rows(kind)).map(|(name, _)| name.to_string());
    first_column(schema, is_row).or_else(find_type)
}

/// Returns the name of the first column whose type has a property.
fn first_column(schema: &Schema, has_property: impl Fn(&TypeName) -> bool) -> Option<String> {
    schema.tables.iter().find_map(|(name, table)| {
        let column = table.columns.iter().find(|(_, column)| has_property(&column.kind));
        column.map(|(column, _)| format!("{name}.{column}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::values::Checked;

    #[test]
    fn users_of_the_rows_of_a_view_are_columns_and_types() {
        let name = ObjectName::new("v").unwrap();
        for (user, schema) in [
            ("t.a", json!({ "tables": { "t": { "columns": { "a": { "type": "v[]" } } } } })),
            ("c", json!({ "types": { "c": { "composite": { "attributes": [{ "name": "a", "type": "v" }] } } } })),
            ("d", json!({ "types": { "d": { "domain": { "type": "v" } } } })),
        ] {
            let schema = serde_json::from_value(schema).unwrap();
            assert_eq!(user_of_row_type(&schema, &name).as_deref(), Some(user));
        }
        let other = json!({ "tables": { "t": { "columns": { "a": { "type": "s.v" } } } } });
        assert_eq!(user_of_row_type(&serde_json::from_value(other).unwrap(), &name), None);
    }

    #[test]
    fn a_part_of_a_table_that_mentions_a_type_is_found() {
        let name = ObjectName::new("pair").unwrap();
        let expression = "(row(a, 1)::pair).x";
        let condition = format!("{expression} > 0");
        for (part, table) in [
            ("t.a", json!({ "columns": { "a": { "type": "integer", "default": expression } } })),
            ("t.c", json!({ "checks": { "c": condition } })),
            ("t.i", json!({ "indexes": { "i": { "columns": [{ "expression": expression }] } } })),
            ("t.j", json!({ "indexes": { "j": { "columns": [{ "column": "a" }], "where": condition } } })),
        ] {
            let schema = serde_json::from_value(json!({ "tables": { "t": table } })).unwrap();
            assert_eq!(part_with_mention(&schema, &name).as_deref(), Some(part));
        }
        assert_eq!(part_with_mention(&Schema::default(), &name), None);
    }
}
