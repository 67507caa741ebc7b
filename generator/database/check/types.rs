//! Checks types and sequences.

use std::collections::BTreeSet;

use super::Check;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

impl Check<'_> {
    pub(super) fn check_types(&mut self) {
        for (name, kind) in &self.schema.types {
            let path = self.object_path("types", name);
            match kind {
                UserType::Enum(kind) => {
                    let path = path.key("enum").key("values");
                    let distinct: BTreeSet<&Label> = kind.values.iter().collect();
                    if kind.values.is_empty() {
                        self.report(path, format!("the enumeration {name} has no labels"), "add a label to `values`");
                    } else if distinct.len() < kind.values.len() {
                        let message = format!("the enumeration {name} has the same label twice");
                        self.report(path, message, "list each label once");
                    }
                }
                UserType::Domain(domain) => {
                    let path = path.key("domain");
                    self.check_type(&domain.base, &path.key("type"));
                    self.check_collation_of_type(domain.collation.as_ref(), &path.key("collation"));
                }
                UserType::Composite(kind) => {
                    let path = path.key("composite").key("attributes");
                    if kind.attributes.is_empty() {
                        self.report(
                            path.clone(),
                            format!("the composite type {name} has no attributes"),
                            "add an attribute to `attributes`",
                        );
                    }
                    for (i, attribute) in kind.attributes.iter().enumerate() {
                        self.check_type(&attribute.kind, &path.index(i).key("type"));
                        self.check_collation_of_type(attribute.collation.as_ref(), &path.index(i).key("collation"));
                    }
                }
            }
        }
    }

    /// Reports a collation of `objects`, which a type cannot have: the type would be created before the collation.
    fn check_collation_of_type(&mut self, collation: Option<&Collation>, path: &FieldPath) {
        if let Some(name) = collation.and_then(Collation::object) {
            let message = format!("a type can have a collation of the server only, and `{name}` is none");
            self.report(
                path.clone(),
                message,
                "use C, POSIX, ucs_basic or one of ICU, or give the collation to the columns",
            );
        }
    }

    pub(super) fn check_sequences(&mut self) {
        for (name, sequence) in &self.schema.sequences {
            let Some(owner) = &sequence.owned_by else { continue };
            let path = self.object_path("sequences", name).key("owned_by");
            let column = self.schema.tables.get(&owner.table).and_then(|table| table.columns.get(&owner.column));
            match column {
                Some(column) if column.generated.is_none() && owner.table.schema() == name.schema() => {}
                Some(_) => self.report(
                    path,
                    "a sequence can belong only to a column of the same schema, and not to a generated column",
                    "name a different column, or leave `owned_by` out",
                ),
                None => self.report(
                    path,
                    format!("there is no column `{}.{}`", owner.table, owner.column),
                    "declare the column, or leave `owned_by` out",
                ),
            }
        }
    }
}
