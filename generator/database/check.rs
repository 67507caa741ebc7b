//! What a definition says about itself must be true before a server is asked: names that exist, columns that
//! match, SQL that parses.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::SourceFile;

use super::ddl;
use super::lexer;
use super::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::Checked;
use crate::stack::SqlIdent;

/// All rules over a definition whose convention was applied.
pub fn check(schema: &Schema, root: &FieldPath, findings: &mut Vec<Diagnostic>) {
    let mut check = Check { schema, root, findings };
    check.namespaces();
    check.relations();
    check.types();
    check.sequences();
    for (name, table) in &schema.tables {
        check.table(name, table);
    }
    for (name, view) in &schema.views {
        let path = check.path("views", name);
        check.depends(&view.depends_on, &path);
        if lexer::open(view.query.as_str(), false).is_none() {
            check.parse(&path.key("query"), view.query.as_str(), "", ";");
        }
        if all_columns(view.query.as_str()) {
            check.report(
                path.key("query"),
                "`*` stands for the columns in the order in which they were added, which is not the same everywhere",
                "name the columns",
            );
        }
        if !view.materialized && !view.indexes.is_empty() {
            check.report(path.key("indexes"), "only a materialised view has indexes", "");
        }
    }
    for (name, function) in &schema.functions {
        check.function(name, function);
    }
}

/// Whether a `*` stands for columns, as opposed to a product or `count(*)`.
fn all_columns(query: &str) -> bool {
    let tokens = lexer::tokens(query).unwrap_or_default();
    let before = |text: &str| {
        [",", "."].contains(&text) || ["select", "distinct", "all"].contains(&text.to_ascii_lowercase().as_str())
    };
    tokens.windows(2).any(|pair| pair[1].text == "*" && before(pair[0].text))
}

struct Check<'a> {
    schema: &'a Schema,
    root: &'a FieldPath,
    findings: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn path(&self, kind: &str, name: &ObjectName) -> FieldPath {
        self.root.key(kind).key(name.as_str())
    }

    fn report(&mut self, path: FieldPath, message: impl Into<String>, hint: &str) {
        self.findings.push(Diagnostic::error(Code::SchemaInvalid, path).message(message).hint(hint));
    }

    /// Parses a text of the user inside what makes a statement of it; the place is that within the text.
    fn parse(&mut self, path: &FieldPath, text: &str, before: &str, after: &str) {
        let whole = format!("{before}{text}{after}");
        let parsed = SourceFile::parse(&whole);
        if let Some(error) = parsed.errors().first() {
            let at = usize::from(error.range().start()).saturating_sub(before.len()).min(text.len());
            let place = lexer::place(text, at);
            self.findings.push(
                Diagnostic::error(Code::SqlSyntax, path.clone())
                    .message(format!("at {place}: {}", error.message()))
                    .expected("SQL as PostgreSQL reads it"),
            );
        }
    }

    fn expression(&mut self, path: &FieldPath, text: &Expression) {
        if lexer::open(text.as_str(), false).is_none() {
            self.parse(path, text.as_str(), "SELECT (", ");");
        }
    }

    fn depends(&mut self, names: &BTreeSet<ObjectName>, path: &FieldPath) {
        for name in names {
            let schema = self.schema;
            let known = schema.tables.contains_key(name)
                || schema.views.contains_key(name)
                || schema.functions.contains_key(name)
                || schema.types.contains_key(name)
                || schema.sequences.contains_key(name);
            if !known {
                self.report(path.key("depends_on"), format!("there is no `{name}`"), "");
            }
        }
    }

    fn kind(&mut self, kind: &TypeName, path: &FieldPath) {
        let Some(object) = kind.object() else { return };
        if TypeName::refusal(kind.as_str()).is_some() {
            // Reported where it was read.
            return;
        }
        let schema = self.schema;
        if schema.types.contains_key(&object) || schema.tables.contains_key(&object) || !schema.extensions.is_empty() {
            return;
        }
        let near = crate::words::nearest(
            object.as_str(),
            schema.types.keys().map(ObjectName::as_str).chain(BUILT_IN.iter().copied()),
        );
        let hint = near.map_or_else(
            || "declare it in `types`, or name the extension that brings it".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        self.report(path.clone(), format!("there is no type `{object}`"), &hint);
    }

    /// Every name stands in a schema that is declared.
    fn namespaces(&mut self) {
        let schema = self.schema;
        let all = schema.tables.keys().map(|name| ("tables", name));
        let all = all.chain(schema.views.keys().map(|name| ("views", name)));
        let all = all.chain(schema.types.keys().map(|name| ("types", name)));
        let all = all.chain(schema.sequences.keys().map(|name| ("sequences", name)));
        let all = all.chain(schema.functions.keys().map(|name| ("functions", name)));
        for (kind, name) in all {
            if name.schema() != PUBLIC && !schema.schemas.keys().any(|known| known.as_str() == name.schema()) {
                let path = self.path(kind, name);
                self.report(path, format!("there is no schema `{}`", name.schema()), "declare it in `schemas`");
            }
        }
    }

    /// Tables, views, sequences, indexes and what is made of an index share one space of names.
    fn relations(&mut self) {
        let mut owners: BTreeMap<String, FieldPath> = BTreeMap::new();
        let mut twice = Vec::new();
        let mut take = |name: ObjectName, path: FieldPath| {
            if let Some(first) = owners.get(name.as_str()) {
                twice.push((name, path, first.clone()));
            } else {
                owners.insert(name.to_string(), path);
            }
        };
        let schema = self.schema;
        for (name, table) in &schema.tables {
            let path = self.root.key("tables").key(name.as_str());
            take(name.clone(), path.clone());
            if !table.primary_key.is_empty() {
                take(name.beside(&ddl::primary_key_name(name, table)), path.key("primary_key"));
            }
            let groups = [
                ("uniques", table.uniques.keys().collect::<Vec<_>>()),
                ("excludes", table.excludes.keys().collect()),
                ("indexes", table.indexes.keys().collect()),
                ("partitions", table.partitions.keys().collect()),
            ];
            for (kind, names) in groups {
                for inner in names {
                    take(name.beside(inner), path.key(kind).key(inner.as_str()));
                }
            }
        }
        for (name, view) in &schema.views {
            let path = self.root.key("views").key(name.as_str());
            take(name.clone(), path.clone());
            for inner in view.indexes.keys() {
                take(name.beside(inner), path.key("indexes").key(inner.as_str()));
            }
        }
        for name in schema.sequences.keys() {
            take(name.clone(), self.root.key("sequences").key(name.as_str()));
        }
        for name in schema.types.keys() {
            if matches!(schema.types[name], UserType::Composite(_)) || schema.tables.contains_key(name) {
                take(name.clone(), self.root.key("types").key(name.as_str()));
            }
        }
        for (name, path, first) in twice {
            self.findings.push(
                Diagnostic::error(Code::SchemaInvalid, path)
                    .message(format!("the name `{name}` is taken"))
                    .hint("tables, views, sequences, indexes and unique constraints share their names")
                    .related(first, "the other owner"),
            );
        }
    }

    fn types(&mut self) {
        for (name, kind) in &self.schema.types {
            let path = self.path("types", name);
            match kind {
                UserType::Enum(kind) => {
                    let path = path.key("enum").key("values");
                    let distinct: BTreeSet<&Label> = kind.values.iter().collect();
                    if kind.values.is_empty() || distinct.len() < kind.values.len() {
                        self.report(path, format!("{name} has no labels, or one of them twice"), "");
                    }
                }
                UserType::Domain(domain) => {
                    let path = path.key("domain");
                    self.kind(&domain.base, &path.key("type"));
                    for (check, text) in &domain.checks {
                        self.expression(&path.key("checks").key(check.as_str()), text);
                    }
                }
                UserType::Composite(kind) => {
                    let path = path.key("composite").key("attributes");
                    if kind.attributes.is_empty() {
                        self.report(path.clone(), format!("{name} has no attributes"), "");
                    }
                    for (i, part) in kind.attributes.iter().enumerate() {
                        self.kind(&part.kind, &path.index(i).key("type"));
                    }
                }
            }
        }
    }

    fn sequences(&mut self) {
        for (name, sequence) in &self.schema.sequences {
            let Some(owner) = &sequence.owned_by else { continue };
            let path = self.path("sequences", name).key("owned_by");
            let column = self.schema.tables.get(&owner.table).and_then(|table| table.columns.get(&owner.column));
            match column {
                Some(column) if column.generated.is_none() && owner.table.schema() == name.schema() => {}
                Some(_) => {
                    self.report(path, "a sequence belongs to a column that is not computed, in its own schema", "")
                }
                None => self.report(path, format!("there is no column `{}.{}`", owner.table, owner.column), ""),
            }
        }
    }

    fn columns<'a>(&mut self, table: &Table, names: impl IntoIterator<Item = &'a SqlIdent>, path: &FieldPath) {
        for name in names {
            if !table.columns.contains_key(name) {
                let near = crate::words::nearest(name.as_str(), table.columns.keys().map(SqlIdent::as_str));
                let hint = near.map_or(String::new(), |near| format!("did you mean `{near}`?"));
                self.report(path.clone(), format!("there is no column `{name}`"), &hint);
            }
        }
    }

    fn table(&mut self, name: &ObjectName, table: &Table) {
        let path = self.path("tables", name);
        if table.columns.is_empty() {
            self.report(path.clone(), format!("{name} has no columns"), "");
        }
        for (column_name, column) in &table.columns {
            self.column(column, &path.key("columns").key(column_name.as_str()));
        }
        let key_path = path.key("primary_key");
        self.columns(table, &table.primary_key, &key_path);
        for column in table.primary_key.iter().filter(|column| table.columns.get(*column).is_some_and(|c| c.nullable)) {
            self.report(key_path.clone(), format!("the key's column `{column}` is nullable"), "");
        }
        let constraints = table.uniques.keys().chain(table.checks.keys()).chain(table.excludes.keys());
        let mut seen: BTreeSet<&SqlIdent> = BTreeSet::new();
        for constraint in constraints.chain(table.foreign_keys.keys()) {
            if !seen.insert(constraint) {
                self.report(path.clone(), format!("two constraints are called `{constraint}`"), "");
            }
        }
        // PostgreSQL would make one of them.
        let uniques: Vec<_> = table.uniques.iter().collect();
        for (i, (key, unique)) in uniques.iter().enumerate() {
            let key_again = unique.columns == table.primary_key && unique.deferrable == Deferrable::No;
            if key_again || uniques[..i].iter().any(|(_, other)| other == unique) {
                let path = path.key("uniques").key(key.as_str());
                self.report(path, "these columns are unique already", "leave one of the two out");
            }
        }
        let excludes: Vec<_> = table.excludes.iter().collect();
        for (i, (key, exclude)) in excludes.iter().enumerate() {
            if excludes[..i].iter().any(|(_, other)| other == exclude) {
                let path = path.key("excludes").key(key.as_str());
                self.report(path, "another constraint says the same", "leave one of the two out");
            }
        }
        for (key, unique) in &table.uniques {
            let path = path.key("uniques").key(key.as_str());
            self.columns(table, unique.columns.iter().chain(&unique.include), &path);
            self.some(&unique.columns, &path);
        }
        for (key, text) in &table.checks {
            self.expression(&path.key("checks").key(key.as_str()), text);
        }
        for (key, exclude) in &table.excludes {
            let path = path.key("excludes").key(key.as_str());
            self.some(&exclude.elements, &path);
            for element in &exclude.elements {
                self.expression(&path, &element.expression);
            }
        }
        for (key, index) in &table.indexes {
            self.index(table, index, &path.key("indexes").key(key.as_str()));
        }
        for (key, foreign) in &table.foreign_keys {
            self.foreign_key(table, foreign, &path.key("foreign_keys").key(key.as_str()));
        }
        for (key, policy) in &table.policies {
            let path = path.key("policies").key(key.as_str());
            if table.row_security == RowSecurity::Off {
                self.report(
                    path.clone(),
                    "a policy does nothing while `row_security` is off",
                    "set it to 'on or 'forced",
                );
            }
            for text in policy.using.iter().chain(&policy.check) {
                self.expression(&path, text);
            }
            let fits = match policy.command {
                Command::Insert => policy.using.is_none() && policy.check.is_some(),
                Command::Select | Command::Delete => policy.check.is_none() && policy.using.is_some(),
                Command::All | Command::Update => policy.using.is_some(),
            };
            if !fits {
                self.report(
                    path,
                    "the policy lacks its condition, or has one that its command does not use",
                    "reads take `using`, writes take `check`",
                );
            }
        }
        for (key, trigger) in &table.triggers {
            let path = path.key("triggers").key(key.as_str());
            let function = self.schema.functions.get(&trigger.function);
            if function
                .and_then(|function| function.returns.as_ref())
                .is_none_or(|returns| returns.as_str() != "trigger")
            {
                let message = format!("there is no function `{}` that returns trigger", trigger.function);
                self.report(path.key("function"), message, "");
            }
            self.columns(table, &trigger.update_of, &path.key("update_of"));
            if trigger.events.is_empty() || (trigger.events.contains(&Event::Truncate) && !trigger.statement) {
                self.report(path.key("events"), "a trigger needs events, and one for truncate runs per statement", "");
            }
            if let Some(text) = &trigger.condition {
                self.expression(&path.key("when"), text);
            }
        }
        self.partitions(name, table, &path);
    }

    fn some<T>(&mut self, items: &[T], path: &FieldPath) {
        if items.is_empty() {
            self.report(path.clone(), "it has no columns", "");
        }
    }

    fn column(&mut self, column: &Column, path: &FieldPath) {
        self.kind(&column.kind, &path.key("type"));
        let ways = [column.default.is_some(), column.identity.is_some(), column.generated.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            self.report(path.clone(), "a column has one of `default`, `identity` and `generated`", "");
        }
        if column.generated.is_some() && column.backfill.is_some() {
            self.report(path.key("backfill"), "a computed column is filled by its expression", "");
        }
        if column.identity.is_some() {
            if !["smallint", "integer", "bigint"].contains(&column.kind.as_str()) {
                self.report(path.key("identity"), "only whole numbers are counted", "use bigint");
            }
            if column.nullable {
                self.report(path.key("nullable"), "a counted column is never NULL", "");
            }
        }
        if let Some(text) = &column.default {
            self.expression(&path.key("default"), text);
        }
        if let Some(text) = &column.generated {
            self.expression(&path.key("generated"), text);
        }
        for text in column.backfill.iter().chain(&column.using) {
            self.expression(path, text);
        }
    }

    fn index(&mut self, table: &Table, index: &Index, path: &FieldPath) {
        self.some(&index.columns, path);
        for column in &index.columns {
            match (&column.column, &column.expression) {
                (Some(name), None) => self.columns(table, [name], path),
                (None, Some(text)) => self.expression(path, text),
                _ => self.report(path.clone(), "each part of an index is a column or an expression", ""),
            }
        }
        self.columns(table, &index.include, &path.key("include"));
        if let Some(text) = &index.predicate {
            self.expression(&path.key("where"), text);
        }
        let ordered = index.using == Method::Btree;
        if !ordered && (index.unique || index.columns.iter().any(|column| column.descending || column.nulls.is_some()))
        {
            self.report(path.clone(), "only a btree is unique or has an order", "");
        }
    }

    fn foreign_key(&mut self, table: &Table, key: &ForeignKey, path: &FieldPath) {
        self.columns(table, &key.columns, &path.key("columns"));
        self.some(&key.columns, path);
        let Some(target) = self.schema.tables.get(&key.references.table) else {
            let near =
                crate::words::nearest(key.references.table.as_str(), self.schema.tables.keys().map(ObjectName::as_str));
            let hint = near.map_or(String::new(), |near| format!("did you mean `{near}`?"));
            let message = format!("there is no table `{}`", key.references.table);
            self.report(path.key("references").key("table"), message, &hint);
            return;
        };
        let references = path.key("references").key("columns");
        self.columns(target, &key.references.columns, &references);
        if key.columns.len() != key.references.columns.len() {
            self.report(references, "both sides need as many columns", "");
            return;
        }
        let wanted: BTreeSet<&SqlIdent> = key.references.columns.iter().collect();
        let same = |columns: &[SqlIdent]| columns.iter().collect::<BTreeSet<_>>() == wanted;
        let unique = same(&target.primary_key)
            || target.uniques.values().any(|unique| same(&unique.columns) && unique.deferrable == Deferrable::No)
            || target.indexes.values().any(|index| {
                let columns: Vec<SqlIdent> = index.columns.iter().filter_map(|column| column.column.clone()).collect();
                index.unique && index.predicate.is_none() && columns.len() == index.columns.len() && same(&columns)
            });
        if !unique {
            let message = format!("these columns of {} are not unique", key.references.table);
            self.report(references, message, "a foreign key points to a primary key or unique columns");
        }
    }

    fn partitions(&mut self, name: &ObjectName, table: &Table, path: &FieldPath) {
        let Some(by) = &table.partition_by else {
            if !table.partitions.is_empty() {
                self.report(path.key("partitions"), "partitions need `partition_by`", "");
            }
            return;
        };
        let namespace = self.schema.schemas.iter().find(|(namespace, _)| namespace.as_str() == name.schema());
        if namespace.is_some_and(|(_, definition)| !definition.default_privileges.is_empty()) {
            self.report(
                path.key("partition_by"),
                "partitions would get the default privileges of their schema, past the table's own grants",
                "grant on the tables instead of `default_privileges`",
            );
        }
        self.columns(table, &by.columns, &path.key("partition_by"));
        let keys = table.uniques.values().map(|unique| &unique.columns);
        for key in keys.chain((!table.primary_key.is_empty()).then_some(&table.primary_key)) {
            if by.columns.iter().any(|column| !key.contains(column)) {
                let message = format!("a key of {name} lacks a column by which rows are divided");
                self.report(path.clone(), message, "PostgreSQL keeps keys per partition");
            }
        }
        for (part, bound) in &table.partitions {
            let path = path.key("partitions").key(part.as_str());
            let fits = match (by.strategy, bound) {
                (Strategy::Range, Bound::Range { from, to }) => {
                    from.len() == by.columns.len() && to.len() == by.columns.len()
                }
                (Strategy::List, Bound::In(values)) => !values.is_empty(),
                (Strategy::Hash, Bound::Hash { modulus, remainder }) => remainder < modulus,
                (Strategy::Range | Strategy::List, Bound::Default) => true,
                _ => false,
            };
            if !fits {
                self.report(path, "the bound does not fit `partition_by`", "");
            }
        }
    }

    fn function(&mut self, name: &ObjectName, function: &Function) {
        let path = self.path("functions", name);
        self.depends(&function.depends_on, &path);
        for (i, argument) in function.arguments.iter().enumerate() {
            self.kind(&argument.kind, &path.key("arguments").index(i).key("type"));
        }
        if function.procedure == function.returns.is_some() {
            self.report(path.key("returns"), "a function says what it returns, a procedure does not", "");
        }
        if function.security_definer && !function.settings.contains_key("search_path") {
            self.report(
                path.key("security_definer"),
                "without a search path of its own, whoever calls it decides which tables it reads",
                "add `settings.search_path = \"public\"`",
            );
        }
        let body = path.key("body");
        match function.language {
            FunctionLanguage::Sql => self.parse(&body, function.body.as_str(), "", ""),
            FunctionLanguage::Plpgsql => {
                if let Some(reason) = lexer::open(function.body.as_str(), true) {
                    self.findings.push(Diagnostic::error(Code::SqlSyntax, body).message(reason));
                }
            }
        }
    }
}
