//! Which fields of a record say anything, seen while it is written.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Names of fields in their order, one a line: `+image` is set, `-build` is nothing or an empty list or record.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPresence(String);

impl FieldPresence {
    /// Names, and whether they are set.
    pub fn fields(&self) -> impl Iterator<Item = (&str, bool)> {
        self.0.lines().filter_map(|line| Some((line.get(1..)?, line.starts_with('+'))))
    }

    /// A value as JSON, fields of records in the order of their declaration, with the value's own shape.
    pub fn of(value: &impl Serialize) -> (Vec<u8>, FieldPresence) {
        let (mut text, mut seen) = (Vec::with_capacity(2048), TopLevel::default());
        let written = value.serialize(&mut Serializer::with_formatter(&mut text, &mut seen));
        written.map_or_else(|_| (b"null".to_vec(), FieldPresence::default()), |()| (text, FieldPresence(seen.shape)))
    }
}

/// Writes JSON without blanks and notes what is seen of the outermost record.
#[derive(Default)]
struct TopLevel {
    shape: String,
    depth: usize,
    /// Whether the innermost open list or record has items.
    items: bool,
    /// Whether the field at hand is set.
    set: bool,
    /// Whether its name is being written.
    name: bool,
    field: String,
}

impl TopLevel {
    fn begin(&mut self) {
        self.depth += 1;
        self.items = false;
    }

    fn end(&mut self) {
        self.depth -= 1;
        if self.depth == 1 {
            self.set = self.items;
        }
        // What was closed is itself an item.
        self.items = true;
    }
}

impl Formatter for &mut TopLevel {
    fn write_null<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.set &= self.depth != 1;
        writer.write_all(b"null")
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin();
        writer.write_all(b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end();
        writer.write_all(b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.items = true;
        writer.write_all(if first { b"" } else { b"," })
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin();
        writer.write_all(b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end();
        writer.write_all(b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.items = true;
        self.name = self.depth == 1;
        writer.write_all(if first { b"" } else { b"," })
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.name {
            self.field.push_str(fragment);
        }
        writer.write_all(fragment.as_bytes())
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.name = false;
        Ok(())
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.depth == 1 {
            self.set = true;
        }
        writer.write_all(b":")
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        if self.depth == 1 {
            self.shape.push(if self.set { '+' } else { '-' });
            self.shape.push_str(&self.field);
            self.shape.push('\n');
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
    fn a_shape_tells_what_is_set() {
        let value = json!({
            "a": null, "b": {}, "c": [], "d": false, "e": { "f": [] }, "g": [{}], "h": "", "i": [[]], "j": 0,
            "k": { "l": null }, "m": [null], "n": { "o": { "p": [] } },
        });
        let (text, shape) = FieldPresence::of(&value);
        assert_eq!(text, serde_json::to_vec(&value).unwrap());
        let set: String = shape.fields().filter(|(_, set)| *set).map(|(name, _)| name).collect();
        let unset: String = shape.fields().filter(|(_, set)| !set).map(|(name, _)| name).collect();
        assert_eq!((set.as_str(), unset.as_str()), ("deghijkmn", "abc"));
        for other in [json!([{ "a": 1 }]), json!(null), json!("a")] {
            assert_eq!(FieldPresence::of(&other).1, FieldPresence::default());
        }
    }
}
