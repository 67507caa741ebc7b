//! Checks types and sequences.

use std::collections::BTreeSet;

use super::Check;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};

impl Check<'_> {
    /// Reports types without labels or attributes, and types that use missing types, collations or functions.
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
                    if let Some(default) = &domain.default {
                        self.check_default_expression(default.as_str(), Some(&domain.base), &path.key("default"));
                        self.check_default("domain", &domain.base, default, &path.key("default"));
                    }
                    for (key, check) in &domain.checks {
                        self.check_domain_condition(domain, check.as_str(), &path.key("checks").key(key.as_str()));
                    }
                }
                UserType::Range(range) => self.check_range(name, range, &path.key("range")),
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
                        if kind.attributes[..i].iter().any(|other| other.name == attribute.name) {
                            let message = format!("two attributes have the name `{}`", attribute.name);
                            self.report(path.index(i).key("name"), message, "rename one of the two");
                        }
                        self.check_type(&attribute.kind, &path.index(i).key("type"));
                        self.check_collation_of_type(attribute.collation.as_ref(), &path.index(i).key("collation"));
                    }
                }
            }
        }
    }

    /// Reports missing types, schemas and functions that a range uses.
    fn check_range(&mut self, name: &ObjectName, range: &RangeType, path: &FieldPath) {
        self.check_type(&range.subtype, &path.key("subtype"));
        self.check_collation_of_type(range.collation.as_ref(), &path.key("collation"));
        if range.opclass.is_none() {
            self.check_default_class(Method::Btree, &range.subtype, "the subtype", &path.key("subtype"));
        }
        let multirange = range.multirange_name(name);
        if !self.has_schema(&multirange) {
            let message = format!("there is no schema `{}`", multirange.schema());
            self.report(path.key("multirange"), message, "declare it in `schemas`");
        }
        if let Some(function) = range.subtype_diff.as_ref().filter(|function| function.schema() != "pg_catalog") {
            let is_declared = self.schema.functions_named(function).next().is_some();
            if !is_declared && !self.schema.extension_may_have(function) {
                let hint =
                    "declare it in `functions`, or write `pg_catalog.` before the name of a function of the server";
                self.report(path.key("subtype_diff"), format!("there is no function `{function}`"), hint);
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

    /// Reports options of a sequence that the server refuses. `path` is that of the sequence or of the options of an
    /// identity.
    pub(super) fn check_numbering(&mut self, sequence: &Sequence, path: &FieldPath) {
        for (field, is_zero) in [("cache", sequence.cache == Some(0)), ("increment", sequence.increment == Some(0))] {
            if is_zero {
                let message = format!("`{field}` of a sequence is 0, which PostgreSQL refuses");
                self.report(path.key(field), message, format!("set `{field}` to a different number, or leave it out"));
            }
        }
        self.check_range_of_numbers(sequence, path);
    }

    /// Reports values of a sequence that its type or its other values exclude.
    fn check_range_of_numbers(&mut self, sequence: &Sequence, path: &FieldPath) {
        let (smallest, largest) = sequence.kind.bounds();
        let is_outside = |value: &i64| !(smallest..=largest).contains(value);
        for (field, value) in [("min", sequence.min), ("max", sequence.max)] {
            if value.as_ref().is_some_and(is_outside) {
                let message = format!("`{field}` of a sequence of the type {} is outside of it", sequence.kind.sql());
                self.report(path.key(field), message, format!("use a number from {smallest} to {largest}"));
                return;
            }
        }
        let (min, max) = sequence.bounds();
        if min >= max {
            let field = if sequence.max.is_some() { "max" } else { "min" };
            let message = format!("a sequence needs a `min` below its `max`, and they are {min} and {max}");
            self.report(path.key(field), message, "set `min` and `max`");
        } else if sequence.start.is_some_and(|start| !(min..=max).contains(&start)) {
            let message = format!("`start` of the sequence is not between its `min` and `max`, {min} and {max}");
            self.report(path.key("start"), message, "set `start` to a number between them, or set `min` and `max`");
        }
    }

    /// Reports options of sequences that the server refuses, and columns that cannot own a sequence.
    pub(super) fn check_sequences(&mut self) {
        for (name, sequence) in &self.schema.sequences {
            self.check_numbering(sequence, &self.object_path("sequences", name));
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
                None => {
                    let column_path =
                        self.object_path("tables", &owner.table).key("columns").key(owner.column.as_str());
                    self.findings.push(
                        Diagnostic::error(Code::SchemaInvalid, path)
                            .lacks(column_path)
                            .message(format!("there is no column `{}.{}`", owner.table, owner.column))
                            .hint("declare the column, or leave `owned_by` out"),
                    );
                }
            }
        }
    }
}
