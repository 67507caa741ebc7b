//! The statement that renames an object, and the new name in everything that names the object.

use crate::database::model::*;
use crate::values::Checked;

/// Returns the statement that renames an object. `kind` is its keyword in ALTER, such as TABLE.
pub fn rename_sql(kind: &str, from: &ObjectName, to: &ObjectName) -> String {
    format!("ALTER {kind} {} RENAME TO {};", from.sql(), quoted(to.name()))
}

/// Replaces the name of a type in all columns, arguments, domains and attributes of this type.
pub fn replace_type_name(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    let replace = |kind: &mut TypeName| {
        if kind.object().as_ref() == Some(from) {
            *kind = kind.with_object(to);
        }
    };
    schema
        .tables
        .values_mut()
        .flat_map(|table| table.columns.values_mut())
        .for_each(|column| replace(&mut column.kind));
    for function in schema.functions.values_mut() {
        function.arguments.iter_mut().for_each(|argument| replace(&mut argument.kind));
    }
    for kind in schema.types.values_mut() {
        match kind {
            UserType::Domain(domain) => replace(&mut domain.base),
            UserType::Composite(composite) => {
                composite.attributes.iter_mut().for_each(|attribute| replace(&mut attribute.kind));
            }
            UserType::Range(range) => replace(&mut range.subtype),
            UserType::Enum(_) => {}
        }
    }
}

/// Replaces the name of a sequence in the defaults of columns that it numbers, such as `nextval('orders_id_seq')`. The
/// server does the same when it renames a sequence.
pub fn replace_sequence_name(schema: &mut Schema, from: &ObjectName, to: &ObjectName) {
    let (old, new) = (literal(&from.spelled()), literal(&to.spelled()));
    let columns = schema.tables.values_mut().flat_map(|table| table.columns.values_mut());
    for default in columns.filter_map(|column| column.default.as_mut()) {
        if default.as_str().starts_with("nextval(") {
            *default = Expression::wrap(default.as_str().replace(&old, &new));
        }
    }
}
