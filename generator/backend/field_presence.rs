//! Records which fields of a struct are set while it is serialized.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// The names of fields in their order, one on each line: `+image` is set, `-build` is null or an empty list or record.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPresence(String);

impl FieldPresence {
    /// Returns the names of the fields, and whether each is set.
    pub fn fields(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.lines().filter_map(|line| Some((line.get(1..)?, line.starts_with('+'))))
    }

    /// Returns a value as JSON, with the fields in the order of their declaration, and the presence of its fields.
    pub fn of(value: &impl Serialize) -> (Vec<u8>, FieldPresence) {
        let (mut text, mut formatter) = (Vec::with_capacity(2048), PresenceFormatter::default());
        let result = value.serialize(&mut Serializer::with_formatter(&mut text, &mut formatter));
        match result {
            Ok(()) => (text, FieldPresence(formatter.lines)),
            Err(_) => (b"null".to_vec(), FieldPresence::default()),
        }
    }
}

/// Writes JSON without blanks and records which fields of the outermost record are set.
#[derive(Default)]
struct PresenceFormatter {
    /// The text of the [`FieldPresence`] so far.
    lines: String,
    /// The number of open lists and records.
    depth: usize,
    /// Whether the innermost open list or record has items.
    has_items: bool,
    /// Whether the current field is set.
    is_set: bool,
    /// Whether the name of the current field is being written.
    is_name: bool,
    /// The name of the current field.
    field: String,
}

impl PresenceFormatter {
    /// Records the start of a list or record.
    fn begin_collection(&mut self) {
        self.depth += 1;
        self.has_items = false;
    }

    /// Records the end of a list or record. If it is the value of a field, the field is set if it has items.
    fn end_collection(&mut self) {
        self.depth -= 1;
        if self.depth == 1 {
            self.is_set = self.has_items;
        }
        // The closed list or record is itself an item.
        self.has_items = true;
    }
}

impl Formatter for &mut PresenceFormatter {
    fn write_null<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        // Deeper nulls do not matter: their list or record has an item.
        self.is_set &= self.depth != 1;
        writer.write_all(b"null")
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin_collection();
        writer.write_all(b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end_collection();
        writer.write_all(b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.has_items = true;
        writer.write_all(if first { b"" } else { b"," })
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin_collection();
        writer.write_all(b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end_collection();
        writer.write_all(b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.has_items = true;
        self.is_name = self.depth == 1;
        writer.write_all(if first { b"" } else { b"," })
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.is_name {
            self.field.push_str(fragment);
        }
        writer.write_all(fragment.as_bytes())
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_name = false;
        Ok(())
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.depth == 1 {
            self.is_set = true;
        }
        writer.write_all(b":")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        if self.depth == 1 {
            self.lines.push(if self.is_set { '+' } else { '-' });
            self.lines.push_str(&self.field);
            self.lines.push('\n');
            self.field.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_and_empty_lists_and_records_are_unset() {
        let value = json!({
            "a": null, "b": {}, "c": [], "d": false, "e": { "f": [] }, "g": [{}], "h": "", "i": [[]], "j": 0,
            "k": { "l": null }, "m": [null], "n": { "o": { "p": [] } },
        });
        let (text, presence) = FieldPresence::of(&value);
        assert_eq!(text, serde_json::to_vec(&value).unwrap());
        let set: String = presence.fields().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
        let unset: String = presence.fields().filter(|(_, is_set)| !is_set).map(|(name, _)| name).collect();
        assert_eq!((set.as_str(), unset.as_str()), ("deghijkmn", "abc"));
        for other in [json!([{ "a": 1 }]), json!(null), json!("a")] {
            assert_eq!(FieldPresence::of(&other).1, FieldPresence::default());
        }
    }
}
