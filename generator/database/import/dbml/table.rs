//! Tables of DBML with their columns, indexes and checks.

use super::part_name::require_free_part_name;
use super::reader::{Reader, single_token};
use super::tokens::{DbmlToken, DbmlTokenKind};
use crate::database::ddl::default_key_name;
use crate::database::model::*;
use crate::values::{Checked, Text};

impl Reader {
    /// Reads a table: its name, alias and settings, and in braces its note, indexes, checks and columns.
    pub(super) fn read_table(&mut self) -> Result<(), String> {
        let line = self.peek().map_or(1, |token| token.line);
        let name = self.read_object_name()?;
        self.lines.insert(format!("tables.{name}"), line);
        if self.take("as") {
            let alias = self.next()?.text;
            if self.aliases.insert(alias.clone(), name.clone()).is_some() {
                return Err(format!("two tables have the alias `{alias}`"));
            }
        }
        let mut table = Table { comment: self.read_header_note()?, ..Table::default() };
        self.expect("{")?;
        while !self.take("}") {
            let text_after_next = self.tokens.get(self.at + 1).map(|token| token.text.clone()).unwrap_or_default();
            if self.next_is("note") && [":", "{"].contains(&text_after_next.as_str()) {
                self.at += 1;
                table.comment = Some(self.read_note()?);
            } else if self.next_is("indexes") && text_after_next == "{" {
                self.at += 2;
                while !self.take("}") {
                    self.read_index(&name, &mut table)?;
                }
            } else if self.next_is("checks") && text_after_next == "{" {
                self.at += 2;
                while !self.take("}") {
                    self.read_check(&name, &mut table)?;
                }
            } else {
                self.read_column(&name, &mut table)?;
            }
        }
        if self.schema.tables.insert(name.clone(), table).is_some() {
            return Err(format!("there are two tables `{name}`"));
        }
        Ok(())
    }

    /// Reads the settings of a table and returns its note; the other settings only affect the diagram.
    fn read_header_note(&mut self) -> Result<Option<Text>, String> {
        let settings = self.read_settings()?;
        let note = settings.iter().find(|(name, _)| name == "note");
        note.map(|(_, value)| single_token("note", value).and_then(|token| Text::new(&token.text))).transpose()
    }

    /// Reads a type such as `integer`, `numeric(10, 2)`, `"my type"` or `audit.status[]`.
    fn read_type(&mut self) -> Result<TypeName, String> {
        let name_token = self.next()?;
        let mut text = name_token.text.clone();
        // The name of a user-defined type with a schema.
        let mut object = None;
        if self.take(".") {
            let (schema, name) = (SqlName::new(&text), self.read_name()?);
            object = Some(self.qualified_name(&schema?, &name)?);
        }
        // A bracket that begins a line is not part of the type.
        if self.next_is("(") && !self.peek().is_some_and(|token| token.is_first_of_line) {
            while !self.take(")") {
                text += &self.next()?.text;
            }
            text += ")";
        }
        let mut array = String::new();
        while self.next_is("[") && self.tokens.get(self.at + 1).is_some_and(|token| token.text == "]") {
            self.at += 2;
            array = "[]".into();
        }
        let is_built_in = |text: &str| TypeName::new(text).is_ok_and(|kind| kind.is_built_in());
        let text = match object {
            Some(object) => object.spelled(),
            // A name in double quotes keeps its case, unless it is a type of the server such as "timestamp with time
            // zone".
            None if name_token.kind == DbmlTokenKind::Name && !is_built_in(&text) => quoted_if_needed(&text),
            None => text,
        };
        // Some databases have a type `datetime`, which PostgreSQL calls `timestamp`.
        let text = match integer_of_serial(&text) {
            Some(integer) => integer.to_owned(),
            None if text.eq_ignore_ascii_case("datetime") => "timestamp".to_owned(),
            None => text,
        };
        TypeName::new(&format!("{text}{array}")).map_err(|reason| format!("the type `{text}`: {reason}"))
    }

    /// Reads a column, such as `id integer [pk, increment]`.
    fn read_column(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let name = self.read_name()?;
        let line = self.peek().map_or(0, |token| token.line);
        let is_serial = self.peek().is_some_and(|token| integer_of_serial(&token.text).is_some());
        let kind = self.read_type()?;
        let mut column =
            Column { nullable: true, identity: is_serial.then_some(Identity::ByDefault), ..Column::of_type(kind) };
        for (setting, value) in self.read_settings()? {
            match setting.as_str() {
                "pk" | "primary key" => {
                    table.primary_key.push(name.clone());
                    column.nullable = false;
                }
                "not null" => column.nullable = false,
                "null" => column.nullable = true,
                "increment" => column.identity = Some(Identity::ByDefault),
                "unique" => {
                    let key = self.free_part_name(table_name, table, &[name.as_str()], "key")?;
                    table.uniques.insert(key, Unique { columns: vec![name.clone()], ..Unique::default() });
                }
                "note" => column.comment = Some(Text::new(&single_token("note", &value)?.text)?),
                "default" => column.default = default_expression(&value)?,
                "check" => {
                    let text = single_token("check", &value)?.text.clone();
                    let check = self.free_part_name(table_name, table, &[name.as_str()], "check")?;
                    table.checks.insert(check, Expression::new(&text)?.into());
                }
                "ref" => self.read_inline_reference(line, table_name, &name, &value)?,
                other => return Err(format!("nself cannot represent the setting `{other}` of {table_name}.{name}")),
            }
        }
        if column.identity.is_some() {
            column.nullable = false;
        }
        if table.columns.insert(name.clone(), column).is_some() {
            return Err(format!("{table_name} has two columns `{name}`"));
        }
        Ok(())
    }

    /// Reads an index, such as `email [unique]` or `(country, city)`. With the setting `pk` it is the primary key.
    fn read_index(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let line = self.peek().map_or(1, |token| token.line);
        let mut columns = Vec::new();
        let has_brackets = self.take("(");
        loop {
            let token = self.next()?;
            columns.push(match token.kind {
                DbmlTokenKind::Expression => {
                    IndexColumn { expression: Some(Expression::new(&token.text)?), ..IndexColumn::default() }
                }
                DbmlTokenKind::Word | DbmlTokenKind::Name => {
                    let name =
                        SqlName::new(&token.text).map_err(|reason| format!("the name `{}`: {reason}", token.text))?;
                    IndexColumn { column: Some(name), ..IndexColumn::default() }
                }
                _ => return Err(format!("`{}` is not a column or expression of an index", token.text)),
            });
            if !has_brackets || self.take(")") {
                break;
            }
            self.expect(",")?;
        }
        let mut definition = ListedIndex { index: Index { columns, ..Index::default() }, ..ListedIndex::default() };
        for (setting, value) in self.read_settings()? {
            definition.read_setting(&setting, &value)?;
        }
        if definition.is_primary_key {
            return definition.add_primary_key(table_name, table);
        }
        let name = match definition.name {
            Some(name) => name,
            None => {
                // The default name contains `expr` for each expression, as in `orders_customer_expr_idx`.
                let columns = definition.index.columns.iter();
                let name_parts: Vec<&str> =
                    columns.map(|column| column.column.as_ref().map_or("expr", |name| name.as_str())).collect();
                self.free_part_name(table_name, table, &name_parts, "idx")?
            }
        };
        require_free_part_name(table_name, table, &name)?;
        self.lines.insert(format!("tables.{table_name}.indexes.{name}"), line);
        table.indexes.insert(name, definition.index);
        Ok(())
    }

    /// Reads a check: an expression in backquotes, and perhaps its name. Without a name, it gets a numbered one.
    fn read_check(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let token = self.next()?;
        if token.kind != DbmlTokenKind::Expression {
            return Err(format!("`{}` is not an expression in backquotes", token.text));
        }
        let mut name = None;
        for (setting, value) in self.read_settings()? {
            match setting.as_str() {
                "name" => name = Some(SqlName::new(&single_token("name", &value)?.text)?),
                other => return Err(format!("nself cannot represent the setting `{other}` of a check")),
            }
        }
        let number = (table.checks.len() + 1).to_string();
        let name = name.map_or_else(|| self.free_part_name(table_name, table, &[&number], "check"), Ok)?;
        require_free_part_name(table_name, table, &name)?;
        table.checks.insert(name, Expression::new(&token.text)?.into());
        Ok(())
    }
}

/// An item of `indexes`: an index, or the primary key.
#[derive(Default)]
struct ListedIndex {
    index: Index,
    name: Option<SqlName>,
    is_primary_key: bool,
}

impl ListedIndex {
    /// Reads a setting, such as `unique` or `name: 'by_email'`.
    fn read_setting(&mut self, setting: &str, value: &[DbmlToken]) -> Result<(), String> {
        let text = || single_token(setting, value).map(|token| token.text.as_str());
        match setting {
            "pk" => self.is_primary_key = true,
            "unique" => self.index.unique = true,
            "name" => {
                let text = text()?;
                self.name = Some(SqlName::new(text).map_err(|reason| format!("the index `{text}`: {reason}"))?);
            }
            "type" => {
                let text = text()?;
                self.index.using = serde_json::from_value(text.to_ascii_lowercase().into())
                    .map_err(|_| format!("the index method `{text}` is not known"))?;
            }
            "note" => self.index.comment = Some(Text::new(text()?)?),
            other => return Err(format!("nself cannot represent the index setting `{other}`")),
        }
        Ok(())
    }

    /// Adds the primary key to a table.
    fn add_primary_key(self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let columns: Option<Vec<SqlName>> = self.index.columns.iter().map(|column| column.column.clone()).collect();
        let columns = columns.ok_or("a primary key cannot have an expression")?;
        if !table.primary_key.is_empty() && table.primary_key != columns {
            return Err(format!("{table_name} has two primary keys; keep the setting `pk` at one place"));
        }
        if self.index.using != Method::default() {
            return Err("the index of a primary key must have the type btree".into());
        }
        table.primary_key = columns;
        let default_name = default_key_name(table_name);
        let name = self.name.unwrap_or_else(|| default_name.clone());
        if let Some(text) = self.index.comment {
            table.constraint_comments.insert(name.clone(), text);
        }
        table.primary_key_name = Some(name).filter(|name| *name != default_name);
        Ok(())
    }
}

/// Reads the value of the setting `default`; `None` for NULL.
fn default_expression(value: &[DbmlToken]) -> Result<Option<Expression>, String> {
    let Some(first) = value.first() else { return Err("the default is missing".into()) };
    let text = match first.kind {
        DbmlTokenKind::Text => literal(&single_token("default", value)?.text),
        DbmlTokenKind::Expression => single_token("default", value)?.text.clone(),
        // A number, perhaps with a sign, or a word such as `true`.
        _ => value.iter().map(|token| token.text.as_str()).collect(),
    };
    if text.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    Expression::new(&text).map(Some)
}

/// Returns the type of the values of a serial type, such as `bigint` for `bigserial`; `None` for other types.
fn integer_of_serial(kind: &str) -> Option<&'static str> {
    match kind.to_ascii_lowercase().as_str() {
        "serial" | "serial4" => Some("integer"),
        "bigserial" | "serial8" => Some("bigint"),
        "smallserial" | "serial2" => Some("smallint"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::import::dbml;

    #[test]
    fn tables_and_indexes_have_their_lines() {
        let text = "Table t {\n a int\n indexes {\n (a) [name: 'i']\n }\n}\nTable u { b int }\n";
        let (_, lines) = dbml::read_with_lines(text).unwrap();
        let expected = [("tables.t", 1), ("tables.t.indexes.i", 4), ("tables.u", 7)];
        assert_eq!(lines, expected.map(|(path, line)| (path.to_owned(), line)).into());
    }

    #[test]
    fn only_serial_types_number_rows() {
        let text = "Enum serialization { a }\nTable t { id bigserial\n state serialization }\n\
            Table \"a.b\" { id integer [pk] }\nTable u { x integer }\nRef: u.x > \"a.b\".id\n";
        let imported = dbml::read(text).unwrap();
        let columns = &imported.tables["t"].columns;
        assert_eq!(columns["id"].identity, Some(Identity::ByDefault));
        assert_eq!(columns["state"].identity, None);
        let key = imported.tables["u"].foreign_keys.values().next().unwrap();
        assert_eq!((key.references.table.schema(), key.references.table.name()), (PUBLIC_SCHEMA, "a.b"));
    }
}
