//! References of DBML, which become foreign keys after all tables have been read.

use super::part_name::require_free_part_name;
use super::reader::{Reader, Reference, ReferenceSide};
use super::tokens::DbmlToken;
use crate::database::ddl::default_key_name;
use crate::database::import::ImportFinding;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads a column's setting `ref: > other.column`.
    pub(super) fn read_inline_reference(
        &mut self,
        line: usize,
        table: &ObjectName,
        column: &SqlName,
        value: &[DbmlToken],
    ) -> Result<(), String> {
        // Parse the tokens of the value as if they were the file.
        let (file_tokens, file_position) = (std::mem::replace(&mut self.tokens, value.to_vec()), self.at);
        self.at = 0;
        let sign_and_side = self.read_sign().and_then(|sign| Ok((sign, self.read_side()?)));
        (self.tokens, self.at) = (file_tokens, file_position);
        let (sign, right) = sign_and_side?;
        let left = ReferenceSide { table: table.clone(), columns: vec![column.clone()] };
        self.references.push(Reference { line, name: None, left, sign, right, settings: Vec::new() });
        Ok(())
    }

    /// Reads one of the four signs of a reference.
    fn read_sign(&mut self) -> Result<String, String> {
        let mut sign = self.next()?.text;
        if sign == "<" && self.take(">") {
            sign = "<>".into();
        }
        if ["<", ">", "-", "<>"].contains(&sign.as_str()) {
            Ok(sign)
        } else {
            Err(format!("`{sign}` is not a sign of a reference; the signs are `<`, `>`, `-` and `<>`"))
        }
    }

    /// Reads `table.column`, `schema.table.column` or `table.(a, b)`.
    fn read_side(&mut self) -> Result<ReferenceSide, String> {
        let mut names = vec![self.next()?.text];
        let mut columns = Vec::new();
        while self.take(".") {
            if self.take("(") {
                while !self.take(")") {
                    columns.push(self.read_name()?);
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
                None => ObjectName::new_in(PUBLIC_SCHEMA, SqlName::new(table)?.as_str()),
            },
            [schema, table] => self.qualified_name(&SqlName::new(schema)?, &SqlName::new(table)?)?,
            _ => {
                return Err(
                    "a side of a reference has the form `table.column`, `schema.table.column` or `table.(a, b)`".into(),
                );
            }
        };
        Ok(ReferenceSide { table, columns })
    }

    /// Reads `ref name: left > right` or `ref name { left > right … }`.
    pub(super) fn read_reference(&mut self) -> Result<(), String> {
        let line = self.peek().map_or(0, |token| token.line);
        let name = if self.next_is("{") || self.next_is(":") { None } else { Some(self.read_name()?) };
        let has_block = self.take("{");
        if !has_block {
            self.expect(":")?;
        }
        loop {
            let left = self.read_side()?;
            let sign = self.read_sign()?;
            let right = self.read_side()?;
            let settings = self.read_settings()?;
            self.references.push(Reference { line, name: name.clone(), left, sign, right, settings });
            if !has_block || self.take("}") {
                return Ok(());
            }
        }
    }

    /// Corrects the case of columns' types that name an enumeration: DBML keeps the case of a name, but [`TypeName`]
    /// makes it lower case, as SQL does.
    fn restore_case_of_types(&mut self) {
        let type_names: Vec<&ObjectName> = self.schema.types.keys().collect();
        for column in self.schema.tables.values_mut().flat_map(|table| table.columns.values_mut()) {
            let Some(object) = column.kind.object() else { continue };
            let equals_without_case = |name: &&&ObjectName| name.as_str().eq_ignore_ascii_case(object.as_str());
            if type_names.contains(&&object) {
                continue;
            }
            if let Some(name) = type_names.iter().find(equals_without_case) {
                column.kind = column.kind.with_object(name);
            }
        }
    }

    /// Completes the primary keys of all tables, and adds the foreign keys of all references. Runs after the last element,
    /// when all tables are known.
    pub(super) fn add_foreign_keys(&mut self) {
        self.restore_case_of_types();
        for name in self.schema.tables.keys().cloned().collect::<Vec<_>>() {
            // Columns of a primary key are never NULL.
            let Some(table) = self.schema.tables.get_mut(&name) else { continue };
            for column in table.primary_key.clone() {
                table.columns.entry(column).and_modify(|column| column.nullable = false);
            }
            // Leave out a unique constraint that repeats the primary key or would have its name.
            let (key_name, key_columns) = (default_key_name(&name), table.primary_key.clone());
            table.uniques.retain(|name, unique| *name != key_name && unique.columns != key_columns);
        }
        for reference in std::mem::take(&mut self.references) {
            let line = reference.line;
            if let Err(what) = self.add_foreign_key(reference) {
                self.problems.push(ImportFinding { line, column: 1, what });
            }
        }
    }

    /// Adds the foreign key of a reference to one of its two tables.
    fn add_foreign_key(&mut self, reference: Reference) -> Result<(), String> {
        let Reference { name, left, sign, right, settings, .. } = reference;
        // The foreign key belongs to the "many" side, or to the second table of a one-to-one.
        let (referencing, referenced) = match sign.as_str() {
            ">" => (left, right),
            "<" | "-" => (right, left),
            _ => {
                return Err(format!(
                    "{} <> {}: a many-to-many reference needs a table in between",
                    left.table, right.table
                ));
            }
        };
        let (mut on_delete, mut on_update) = (Action::NoAction, Action::NoAction);
        for (setting, value) in &settings {
            // DBML separates the words of an action by blanks, as in `set null`, and the model by `_`.
            let action = || {
                let words: Vec<String> = value.iter().map(|token| token.text.to_ascii_lowercase()).collect();
                serde_json::from_value(words.join("_").into())
                    .map_err(|_| format!("`{}` is not an action of a foreign key", words.join(" ")))
            };
            match setting.as_str() {
                "delete" => on_delete = action()?,
                "update" => on_update = action()?,
                "color" => {}
                other => return Err(format!("nself cannot represent the setting `{other}` of a reference")),
            }
        }
        let Some(table) = self.schema.tables.get(&referencing.table) else {
            return Err(format!("there is no table `{}`", referencing.table));
        };
        let key = ForeignKey {
            columns: referencing.columns,
            match_full: false,
            not_valid: false,
            references: Target { table: referenced.table, columns: referenced.columns },
            on_delete,
            on_delete_columns: Vec::new(),
            on_update,
            deferrable: Deferrable::No,
        };
        // A file may have the same reference at a column and as an element of its own.
        if name.is_none() && table.foreign_keys.values().any(|other| *other == key) {
            return Ok(());
        }
        let column_names: Vec<&str> = key.columns.iter().map(SqlName::as_str).collect();
        let name = name.map_or_else(|| self.free_part_name(&referencing.table, table, &column_names, "fkey"), Ok)?;
        require_free_part_name(&referencing.table, table, &name)?;
        if let Some(table) = self.schema.tables.get_mut(&referencing.table) {
            table.foreign_keys.insert(name, key);
        }
        Ok(())
    }
}
