//! DBML to a definition. The language: <https://dbml.dbdiagram.io/docs>; columns are nullable unless they say
//! otherwise, names are unquoted words or stand in double quotes.

use std::collections::BTreeMap;

use super::Lost;
use super::tokens::{Kind, Token, tokens};
use crate::database::ddl::primary_key_name;
use crate::database::model::*;
use crate::stack::Checked;
use crate::stack::{SqlIdent, Text};

/// Reads DBML.
///
/// # Errors
/// Everything that is no DBML or that the model cannot hold, with its line.
pub fn read(text: &str) -> Result<Schema, Vec<Lost>> {
    let tokens = tokens(text).map_err(|lost| vec![lost])?;
    let mut reader = Reader {
        tokens,
        at: 0,
        schema: Schema::default(),
        lost: Vec::new(),
        references: Vec::new(),
        aliases: BTreeMap::new(),
    };
    while let Some(token) = reader.peek().cloned() {
        if let Err(what) = reader.element() {
            let last = reader.tokens.last().map_or(token.line, |last| last.line);
            let line = reader.tokens.get(reader.at.saturating_sub(1)).map_or(last, |at| at.line);
            reader.lost.push(Lost { line, what });
            reader.skip();
        }
    }
    reader.link();
    if reader.lost.is_empty() {
        Ok(reader.schema)
    } else {
        reader.lost.sort_by(|a, b| (a.line, &a.what).cmp(&(b.line, &b.what)));
        Err(reader.lost)
    }
}

/// A setting in square brackets: its name and what follows it.
type Setting = (String, Vec<Token>);

/// One side of a reference.
#[derive(Debug, Clone)]
struct Side {
    table: ObjectName,
    columns: Vec<SqlIdent>,
}

/// Two sides and how many of each belong together.
struct Reference {
    line: usize,
    name: Option<SqlIdent>,
    one: Side,
    sign: String,
    other: Side,
    settings: Vec<Setting>,
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    schema: Schema,
    lost: Vec<Lost>,
    references: Vec<Reference>,
    aliases: BTreeMap<String, ObjectName>,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the file ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn is(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| {
            matches!(token.kind, Kind::Symbol | Kind::Word) && token.text.eq_ignore_ascii_case(text)
        })
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.is(text);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(format!("`{text}` is missing")) }
    }

    /// Goes on behind the next closed block, or at the next element.
    fn skip(&mut self) {
        let mut depth = 0;
        while let Ok(token) = self.next() {
            match (token.kind, token.text.as_str()) {
                (Kind::Symbol, "{") => depth += 1,
                (Kind::Symbol, "}") if depth <= 1 => return,
                (Kind::Symbol, "}") => depth -= 1,
                _ => {}
            }
            let element = ["table", "enum", "ref", "project", "tablegroup", "note", "tablepartial"];
            let begins = |token: &Token| token.first && element.contains(&token.text.to_ascii_lowercase().as_str());
            if depth == 0 && self.peek().is_some_and(begins) {
                return;
            }
        }
    }

    fn element(&mut self) -> Result<(), String> {
        let word = self.next()?.text.to_ascii_lowercase();
        match word.as_str() {
            "table" => self.table(),
            "enum" => self.enumeration(),
            "ref" => self.reference(),
            // What is drawn, not what is stored.
            "project" | "tablegroup" | "note" => {
                while !self.is("{") {
                    self.next()?;
                }
                self.skip();
                Ok(())
            }
            _ => Err(format!("`{word}` is not taken over")),
        }
    }

    fn ident(&mut self) -> Result<SqlIdent, String> {
        let token = self.next()?;
        if !matches!(token.kind, Kind::Word | Kind::Name) {
            return Err(format!("a name is missing before `{}`", token.text));
        }
        SqlIdent::new(&token.text).map_err(|reason| format!("the name `{}`: {reason}", token.text))
    }

    /// `orders` or `audit.orders`; a schema that is named is declared.
    fn object(&mut self) -> Result<ObjectName, String> {
        let first = self.ident()?;
        if !self.take(".") {
            return ObjectName::new(first.as_str());
        }
        let second = self.ident()?;
        self.qualified(&first, &second)
    }

    fn qualified(&mut self, schema: &SqlIdent, name: &SqlIdent) -> Result<ObjectName, String> {
        if schema.as_str() == PUBLIC {
            return ObjectName::new(name.as_str());
        }
        self.schema.schemas.entry(schema.clone()).or_default();
        ObjectName::new(&format!("{schema}.{name}"))
    }

    fn settings(&mut self) -> Result<Vec<Setting>, String> {
        let mut all = Vec::new();
        if !self.take("[") {
            return Ok(all);
        }
        let (mut words, mut value, mut depth) = (Vec::new(), None::<Vec<Token>>, 0);
        loop {
            let token = self.next()?;
            let symbol = (token.kind == Kind::Symbol).then_some(token.text.as_str());
            match symbol {
                Some("]" | ",") if depth == 0 => {
                    let name: Vec<String> = words.iter().map(|token: &Token| token.text.to_ascii_lowercase()).collect();
                    all.push((name.join(" "), value.take().unwrap_or_else(|| std::mem::take(&mut words))));
                    words.clear();
                    if symbol == Some("]") {
                        return Ok(all);
                    }
                    continue;
                }
                Some(":") if value.is_none() => {
                    value = Some(Vec::new());
                    continue;
                }
                Some("(") => depth += 1,
                Some(")") => depth -= 1,
                _ => {}
            }
            value.as_mut().unwrap_or(&mut words).push(token);
        }
    }

    fn text(&mut self) -> Result<Text, String> {
        let token = self.next()?;
        if token.kind == Kind::Text { Text::new(&token.text) } else { Err("a text is missing".into()) }
    }

    /// `Note: 'text'` or `Note { 'text' }`, after its word.
    fn note(&mut self) -> Result<Text, String> {
        if self.take("{") {
            let text = self.text()?;
            self.expect("}")?;
            return Ok(text);
        }
        self.expect(":")?;
        self.text()
    }

    fn enumeration(&mut self) -> Result<(), String> {
        let name = self.object()?;
        self.expect("{")?;
        let mut values = Vec::new();
        while !self.take("}") {
            let token = self.next()?;
            values.push(Label::new(&token.text).map_err(|reason| format!("the label `{}`: {reason}", token.text))?);
            self.settings()?;
        }
        self.schema.types.insert(name, UserType::Enum(Enumeration { values, ..Enumeration::default() }));
        Ok(())
    }

    fn table(&mut self) -> Result<(), String> {
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

    /// The note among settings; the others are about the drawing.
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
            let (schema, name) = (SqlIdent::new(&text), self.ident()?);
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
        let text = object.map_or(text, |object| object.to_string());
        let known = |number: &str| number.eq_ignore_ascii_case(&text);
        let text = match () {
            () if known("serial") || known("serial4") => "integer".to_owned(),
            () if known("bigserial") || known("serial8") => "bigint".to_owned(),
            () if known("smallserial") || known("serial2") => "smallint".to_owned(),
            () if known("datetime") => "timestamp".to_owned(),
            () => text,
        };
        TypeName::new(&format!("{text}{array}")).map_err(|reason| format!("the type `{text}`: {reason}"))
    }

    fn column(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let name = self.ident()?;
        let line = self.peek().map_or(0, |token| token.line);
        let serial = self.peek().is_some_and(|token| token.text.to_ascii_lowercase().contains("serial"));
        let kind = self.kind()?;
        let mut column = Column {
            kind,
            nullable: true,
            default: None,
            identity: serial.then_some(Identity::ByDefault),
            generated: None,
            collation: None,
            comment: None,
            renamed_from: None,
            backfill: None,
            using: None,
        };
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
                    let key = named(table_name, &[name.as_str()], "key")?;
                    table.uniques.insert(key, Unique { columns: vec![name.clone()], ..Unique::default() });
                }
                "note" => column.comment = Some(Text::new(&single("note", &value)?.text)?),
                "default" => column.default = default(&value)?,
                "check" => {
                    let text = single("check", &value)?.text.clone();
                    let check = named(table_name, &[name.as_str()], "check")?;
                    table.checks.insert(check, Expression::new(&text)?);
                }
                "ref" => self.inline(line, table_name, &name, &value)?,
                other => return Err(format!("the setting `{other}` of {table_name}.{name} is not taken over")),
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

    /// `ref: > other.column`
    fn inline(&mut self, line: usize, table: &ObjectName, column: &SqlIdent, value: &[Token]) -> Result<(), String> {
        let before = (std::mem::replace(&mut self.tokens, value.to_vec()), self.at);
        self.at = 0;
        let sign = self.sign();
        let side = sign.and_then(|sign| Ok((sign, self.side()?)));
        (self.tokens, self.at) = before;
        let (sign, side) = side?;
        let own = Side { table: table.clone(), columns: vec![column.clone()] };
        self.references.push(Reference { line, name: None, one: own, sign, other: side, settings: Vec::new() });
        Ok(())
    }

    fn sign(&mut self) -> Result<String, String> {
        let mut sign = self.next()?.text;
        if sign == "<" && self.take(">") {
            sign = "<>".into();
        }
        if ["<", ">", "-", "<>"].contains(&sign.as_str()) {
            Ok(sign)
        } else {
            Err(format!("`{sign}` is no kind of reference"))
        }
    }

    /// `table.column`, `schema.table.column` or `table.(a, b)`
    fn side(&mut self) -> Result<Side, String> {
        let mut names = vec![self.next()?.text];
        let mut columns = Vec::new();
        while self.take(".") {
            if self.take("(") {
                while !self.take(")") {
                    columns.push(self.ident()?);
                    self.take(",");
                }
            } else {
                names.push(self.next()?.text);
            }
        }
        if columns.is_empty() {
            let column = names.pop().unwrap_or_default();
            columns.push(SqlIdent::new(&column).map_err(|reason| format!("the name `{column}`: {reason}"))?);
        }
        let table = match names.as_slice() {
            [table] => match self.aliases.get(table) {
                Some(table) => table.clone(),
                None => ObjectName::new(table)?,
            },
            [schema, table] => self.qualified(&SqlIdent::new(schema)?, &SqlIdent::new(table)?)?,
            _ => return Err("a reference names a table and columns".into()),
        };
        Ok(Side { table, columns })
    }

    fn reference(&mut self) -> Result<(), String> {
        let line = self.peek().map_or(0, |token| token.line);
        let name = if self.is("{") || self.is(":") { None } else { Some(self.ident()?) };
        let block = self.take("{");
        if !block {
            self.expect(":")?;
        }
        loop {
            let one = self.side()?;
            let sign = self.sign()?;
            let other = self.side()?;
            let settings = self.settings()?;
            self.references.push(Reference { line, name: name.clone(), one, sign, other, settings });
            if !block || self.take("}") {
                return Ok(());
            }
        }
    }

    fn index(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let mut columns = Vec::new();
        let many = self.take("(");
        loop {
            let token = self.next()?;
            columns.push(match token.kind {
                Kind::Expression => {
                    IndexColumn { expression: Some(Expression::new(&token.text)?), ..IndexColumn::default() }
                }
                Kind::Word | Kind::Name => {
                    let name =
                        SqlIdent::new(&token.text).map_err(|reason| format!("the name `{}`: {reason}", token.text))?;
                    IndexColumn { column: Some(name), ..IndexColumn::default() }
                }
                _ => return Err(format!("`{}` is no part of an index", token.text)),
            });
            if !many || self.take(")") {
                break;
            }
            self.expect(",")?;
        }
        let plain: Option<Vec<SqlIdent>> = columns.iter().map(|column| column.column.clone()).collect();
        let words: Vec<&str> =
            columns.iter().map(|column| column.column.as_ref().map_or("expr", |name| name.as_str())).collect();
        let mut name = named(table_name, &words, "idx")?;
        let mut index = Index { columns: columns.clone(), ..Index::default() };
        for (setting, value) in self.settings()? {
            let text = match value.as_slice() {
                [] => String::new(),
                // A setting without a value stands for itself.
                _ if ["pk", "unique"].contains(&setting.as_str()) => String::new(),
                _ => single(&setting, &value)?.text.clone(),
            };
            match (setting.as_str(), &plain) {
                ("pk", Some(columns)) => {
                    table.primary_key.clone_from(columns);
                    return Ok(());
                }
                ("unique", _) => index.unique = true,
                ("name", _) => name = SqlIdent::new(&text).map_err(|reason| format!("the index `{text}`: {reason}"))?,
                ("type", _) => {
                    index.using = serde_json::from_value(text.to_ascii_lowercase().into())
                        .map_err(|_| format!("the index method `{text}` is not known"))?;
                }
                ("note", _) => index.comment = Some(Text::new(&text)?),
                (other, _) => return Err(format!("the index setting `{other}` is not taken over")),
            }
        }
        table.indexes.insert(name, index);
        Ok(())
    }

    fn check(&mut self, table_name: &ObjectName, table: &mut Table) -> Result<(), String> {
        let token = self.next()?;
        let mut name = named(table_name, &[&(table.checks.len() + 1).to_string()], "check")?;
        for (setting, value) in self.settings()? {
            if setting == "name" {
                name = SqlIdent::new(&single("name", &value)?.text)?;
            }
        }
        table.checks.insert(name, Expression::new(&token.text)?);
        Ok(())
    }

    /// Foreign keys, once all tables are known.
    fn link(&mut self) {
        for name in self.schema.tables.keys().cloned().collect::<Vec<_>>() {
            // A key's columns are never NULL.
            let Some(table) = self.schema.tables.get_mut(&name) else { continue };
            for column in table.primary_key.clone() {
                table.columns.entry(column).and_modify(|column| column.nullable = false);
            }
            let key = (primary_key_name(&name), table.primary_key.clone());
            table.uniques.retain(|unique, definition| *unique != key.0 && definition.columns != key.1);
        }
        for reference in std::mem::take(&mut self.references) {
            let line = reference.line;
            if let Err(what) = self.foreign_key(reference) {
                self.lost.push(Lost { line, what });
            }
        }
    }

    fn foreign_key(&mut self, reference: Reference) -> Result<(), String> {
        let Reference { name, one, sign, other, settings, .. } = reference;
        // The side of the many holds the key; of two equal ones the second.
        let (from, to) = match sign.as_str() {
            ">" => (one, other),
            "<" | "-" => (other, one),
            _ => return Err(format!("{} <> {}: many to many needs a table between them", one.table, other.table)),
        };
        let words: Vec<&str> = from.columns.iter().map(SqlIdent::as_str).collect();
        let name = name.map_or_else(|| named(&from.table, &words, "fkey"), Ok)?;
        let (mut on_delete, mut on_update) = (Action::NoAction, Action::NoAction);
        for (setting, value) in &settings {
            let action = || {
                let words: Vec<String> = value.iter().map(|token| token.text.to_ascii_lowercase()).collect();
                serde_json::from_value(words.join("_").into())
                    .map_err(|_| format!("`{}` is no action", words.join(" ")))
            };
            match setting.as_str() {
                "delete" => on_delete = action()?,
                "update" => on_update = action()?,
                "color" => {}
                other => return Err(format!("the setting `{other}` of a reference is not taken over")),
            }
        }
        let Some(table) = self.schema.tables.get_mut(&from.table) else {
            return Err(format!("there is no table `{}`", from.table));
        };
        let references = Target { table: to.table, columns: to.columns };
        table.foreign_keys.insert(
            name,
            ForeignKey { columns: from.columns, references, on_delete, on_update, deferrable: Deferrable::No },
        );
        Ok(())
    }
}

/// The one token that a setting's value is; anything beyond it would be lost.
fn single<'a>(setting: &str, value: &'a [Token]) -> Result<&'a Token, String> {
    match value {
        [one] => Ok(one),
        _ => Err(format!("the setting `{setting}` takes one value")),
    }
}

/// A name as PostgreSQL makes it up.
fn named(table: &ObjectName, parts: &[&str], what: &str) -> Result<SqlIdent, String> {
    let name = format!("{}_{}_{what}", table.name(), parts.join("_"));
    let kept: String = if name.len() > 63 { format!("{}_{what}", &name[..62 - what.len()]) } else { name };
    SqlIdent::new(&kept)
}

fn default(value: &[Token]) -> Result<Option<Expression>, String> {
    let Some(first) = value.first() else { return Err("the default is missing".into()) };
    let text = match first.kind {
        Kind::Text => literal(&single("default", value)?.text),
        Kind::Expression => single("default", value)?.text.clone(),
        _ => value.iter().map(|token| token.text.as_str()).collect(),
    };
    if text.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    Expression::new(&text).map(Some)
}
