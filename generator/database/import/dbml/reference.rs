//! References of DBML, which become foreign keys after all tables have been read.

use super::reader::{Reader, Reference, Side};
use super::tokens::DbmlToken;
use crate::database::ddl::usual_key_name;
use crate::database::import::ImportFinding;
use crate::database::import::names::default_part_name;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads a column's setting `ref: > other.column`.
    pub(super) fn inline(
        &mut self,
        line: usize,
        table: &ObjectName,
        column: &SqlName,
        value: &[DbmlToken],
    ) -> Result<(), String> {
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
            Err(format!("`{sign}` is not a kind of reference"))
        }
    }

    /// Reads `table.column`, `schema.table.column` or `table.(a, b)`.
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
            columns.push(SqlName::new(&column).map_err(|reason| format!("the name `{column}`: {reason}"))?);
        }
        let table = match names.as_slice() {
            [table] => match self.aliases.get(table) {
                Some(table) => table.clone(),
                None => ObjectName::new(table)?,
            },
            [schema, table] => self.qualified(&SqlName::new(schema)?, &SqlName::new(table)?)?,
            _ => return Err("a reference names a table and columns".into()),
        };
        Ok(Side { table, columns })
    }

    pub(super) fn reference(&mut self) -> Result<(), String> {
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

    /// Gives types the upper case of the enumerations that they name: DBML keeps the case of a type, SQL does not.
    fn restore_case(&mut self) {
        let names: Vec<&ObjectName> = self.schema.types.keys().collect();
        for column in self.schema.tables.values_mut().flat_map(|table| table.columns.values_mut()) {
            let Some(object) = column.kind.object() else { continue };
            let same = |name: &&&ObjectName| name.as_str().eq_ignore_ascii_case(object.as_str());
            if let (false, Some(name)) = (names.contains(&&object), names.iter().find(same)) {
                column.kind = column.kind.with_object(name);
            }
        }
    }

    /// Adds the foreign keys of all references.
    pub(super) fn link(&mut self) {
        self.restore_case();
        for name in self.schema.tables.keys().cloned().collect::<Vec<_>>() {
            // Columns of a primary key are never NULL.
            let Some(table) = self.schema.tables.get_mut(&name) else { continue };
            for column in table.primary_key.clone() {
                table.columns.entry(column).and_modify(|column| column.nullable = false);
            }
            let key = (usual_key_name(&name), table.primary_key.clone());
            table.uniques.retain(|unique, definition| *unique != key.0 && definition.columns != key.1);
        }
        for reference in std::mem::take(&mut self.references) {
            let line = reference.line;
            if let Err(what) = self.foreign_key(reference) {
                self.problems.push(ImportFinding { line, column: 1, what });
            }
        }
    }

    fn foreign_key(&mut self, reference: Reference) -> Result<(), String> {
        let Reference { name, one, sign, other, settings, .. } = reference;
        // The foreign key belongs to the "many" side, or to the second table of a one-to-one.
        let (from, to) = match sign.as_str() {
            ">" => (one, other),
            "<" | "-" => (other, one),
            _ => {
                return Err(format!(
                    "{} <> {}: a many-to-many reference needs a table in between",
                    one.table, other.table
                ));
            }
        };
        let words: Vec<&str> = from.columns.iter().map(SqlName::as_str).collect();
        let name = name.map_or_else(|| default_part_name(&from.table, &words, "fkey"), Ok)?;
        let (mut on_delete, mut on_update) = (Action::NoAction, Action::NoAction);
        for (setting, value) in &settings {
            let action = || {
                let words: Vec<String> = value.iter().map(|token| token.text.to_ascii_lowercase()).collect();
                serde_json::from_value(words.join("_").into())
                    .map_err(|_| format!("`{}` is not an action", words.join(" ")))
            };
            match setting.as_str() {
                "delete" => on_delete = action()?,
                "update" => on_update = action()?,
                "color" => {}
                other => return Err(format!("nself cannot represent the setting `{other}` of a reference")),
            }
        }
        let Some(table) = self.schema.tables.get_mut(&from.table) else {
            return Err(format!("there is no table `{}`", from.table));
        };
        let references = Target { table: to.table, columns: to.columns };
        table.foreign_keys.insert(
            name,
            ForeignKey {
                columns: from.columns,
                not_valid: false,
                references,
                on_delete,
                on_delete_columns: Vec::new(),
                on_update,
                deferrable: Deferrable::No,
            },
        );
        Ok(())
    }
}
