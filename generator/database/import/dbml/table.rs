//! Tables of DBML: columns, indexes, checks.

use super::reader::Reader;
use super::tokens::{DbmlToken, DbmlTokenKind};
use crate::database::import::names::default_part_name;
use crate::database::model::*;
use crate::values::{Checked, Text};

impl Reader {
    pub(super) fn table(&mut self) -> Result<(), String> {
        let name = self.object()?;
        if self.take("as") {
            let alias = self.next()?.text;
            self.aliases.insert(alias, name.clone());
        }
        let mut table = Table { comment: self.note_of()?, ..Table::default() };
        self.expect("{")?;
        while !self.take("}") {
            let next = self.tokens.get(self.at + 1).map(|token| token.text.clone()).unwrap_or_default();
            if self.is("note") && [":", "{"].contains(&next.as_str()) {
                self.at += 1;
                table.comment = Some(self.note()?);
            } else if self.is("indexes") && next == "{" {
                self.at += 2;
                while !self.take("}") {
                    self.index(&name, &mut table)?;
                }
            } else if self.is("checks") && next == "{" {
                self.at += 2;
                while !self.take("}") {
                    self.check(&name, &mut table)?;
                }
            } else {
                self.column(&name, &mut table)?;
            }
        }
        if self.schema.tables.insert(name.clone(), table).is_some() {
            return Err(format!("there are two tables `{name}`"));
        }
        Ok(())
    }

    /// Reads settings and returns the note among them; the others only affect the drawing.
    fn note_of(&mut self) -> Result<Option<Text>, String> {
        let settings = self.settings()?;
        let note = settings.iter().find(|(name, _)| name == "note");
        note.map(|(_, value)| single("note", value).and_then(|token| Text::new(&token.text))).transpose()
    }

    fn kind(&mut self) -> Result<TypeName, String> {
        let first = self.next()?;
        let mut text = first.text.clone();
        let mut object = None;
        if self.take(".") {
            let (schema, name) = (SqlName::new(&text), self.ident()?);
            object = Some(self.qualified(&schema?, &name)?);
        }
        if self.is("(") && !self.peek().is_some_and(|token| token.first) {
            while !self.take(")") {
                text += &self.next()?.text;
            }
            text += ")";
        }
        let mut array = String::new();
        while self.is("[") && self.tokens.get(self.at + 1).is_some_and(|token| token.text == "]") {
            self.at += 2;
            array = "[]".into();
        }
        let is_built_in = |text: &str| TypeName::new(text).is_ok_and(|kind| kind.is_built_in());
        let text = match object {
            Some(object) => object.spelled(),
            None if first.kind == DbmlTokenKind::Name && !is_built_in(&text) => spelled(&text),
            None => text,
        };
        let is_word = |word: &str| word.eq_ignore_ascii_case(&text);
        let text = match () {
            () if is_word("serial") || is_word("serial4") => "integer".to_owned(),
            () if is_word("bigserial") || is_word("serial8") => "bigint".to_owned(),
            () if is_word("smallserial") || is_word("serial2") => "smallint".to_owned(),
            () if is_word("datetime") => "timestamp".to_owned(),
            () => text,
        };
        TypeName::new(&format!("{text}{array}")).map_err(|reason| format!("the type `{text}`: {reason}"))
    }

    fn column(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let name = self.ident()?;
        let line = self.peek().map_or(0, |token| token.line);
        let serial = self.peek().is_some_and(|token| token.text.to_ascii_lowercase().contains("serial"));
        let kind = self.kind()?;
        let mut column =
            Column { nullable: true, identity: serial.then_some(Identity::ByDefault), ..Column::of_type(kind) };
        for (setting, value) in self.settings()? {
            match setting.as_str() {
                "pk" | "primary key" => {
                    table.primary_key.push(name.clone());
                    column.nullable = false;
                }
                "not null" => column.nullable = false,
                "null" => column.nullable = true,
                "increment" => column.identity = Some(Identity::ByDefault),
                "unique" => {
                    let key = default_part_name(table_name, &[name.as_str()], "key")?;
                    table.uniques.insert(key, Unique { columns: vec![name.clone()], ..Unique::default() });
                }
                "note" => column.comment = Some(Text::new(&single("note", &value)?.text)?),
                "default" => column.default = default(&value)?,
                "check" => {
                    let text = single("check", &value)?.text.clone();
                    let check = default_part_name(table_name, &[name.as_str()], "check")?;
                    table.checks.insert(check, Expression::new(&text)?.into());
                }
                "ref" => self.inline(line, table_name, &name, &value)?,
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

    fn index(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let mut columns = Vec::new();
        let many = self.take("(");
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
                _ => return Err(format!("`{}` is not part of an index", token.text)),
            });
            if !many || self.take(")") {
                break;
            }
            self.expect(",")?;
        }
        let plain: Option<Vec<SqlName>> = columns.iter().map(|column| column.column.clone()).collect();
        let words: Vec<&str> =
            columns.iter().map(|column| column.column.as_ref().map_or("expr", |name| name.as_str())).collect();
        let mut name = default_part_name(table_name, &words, "idx")?;
        let mut index = Index { columns: columns.clone(), ..Index::default() };
        for (setting, value) in self.settings()? {
            let text = match value.as_slice() {
                [] => String::new(),
                // A setting without a value has its name as value.
                _ if ["pk", "unique"].contains(&setting.as_str()) => String::new(),
                _ => single(&setting, &value)?.text.clone(),
            };
            match (setting.as_str(), &plain) {
                ("pk", Some(columns)) => {
                    table.primary_key.clone_from(columns);
                    return Ok(());
                }
                ("unique", _) => index.unique = true,
                ("name", _) => name = SqlName::new(&text).map_err(|reason| format!("the index `{text}`: {reason}"))?,
                ("type", _) => {
                    index.using = serde_json::from_value(text.to_ascii_lowercase().into())
                        .map_err(|_| format!("the index method `{text}` is not known"))?;
                }
                ("note", _) => index.comment = Some(Text::new(&text)?),
                (other, _) => return Err(format!("nself cannot represent the index setting `{other}`")),
            }
        }
        table.indexes.insert(name, index);
        Ok(())
    }

    fn check(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let token = self.next()?;
        let mut name = default_part_name(table_name, &[&(table.checks.len() + 1).to_string()], "check")?;
        for (setting, value) in self.settings()? {
            if setting == "name" {
                name = SqlName::new(&single("name", &value)?.text)?;
            }
        }
        table.checks.insert(name, Expression::new(&token.text)?.into());
        Ok(())
    }
}

/// Returns the only token of a setting's value; several tokens are an error.
fn single<'a>(setting: &str, value: &'a [DbmlToken]) -> Result<&'a DbmlToken, String> {
    match value {
        [one] => Ok(one),
        _ => Err(format!("the setting `{setting}` takes one value")),
    }
}

fn default(value: &[DbmlToken]) -> Result<Option<Expression>, String> {
    let Some(first) = value.first() else { return Err("the default is missing".into()) };
    let text = match first.kind {
        DbmlTokenKind::Text => literal(&single("default", value)?.text),
        DbmlTokenKind::Expression => single("default", value)?.text.clone(),
        _ => value.iter().map(|token| token.text.as_str()).collect(),
    };
    if text.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    Expression::new(&text).map(Some)
}
