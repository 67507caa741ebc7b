//! Serializes trees as flat lists, in which each node is followed by its children. A reader of nested JSON stops at 128
//! levels and buffers each of them; a list has only one level.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::node::{Entry, Mark, Node, Value};

/// An element of the list: a node, or the key of a record's next field. The list for `{ a = [1] }` is a record with one key,
/// the key `a`, an array with one item, and the integer 1. The last value of each element is its place.
#[derive(Serialize, Deserialize)]
enum TreeItem<'a> {
    #[serde(rename = "n")]
    Null(Option<Mark>),
    #[serde(rename = "x")]
    Broken(Option<Mark>),
    #[serde(rename = "b")]
    Bool(bool, Option<Mark>),
    #[serde(rename = "i")]
    Integer(i64, Option<Mark>),
    /// A float by its bits, since reading a decimal number may round.
    #[serde(rename = "f")]
    Float(u64, Option<Mark>),
    #[serde(rename = "s")]
    Text(#[serde(borrow)] Cow<'a, str>, Option<Mark>),
    /// Number of the items that follow.
    #[serde(rename = "a")]
    Array(usize, Option<Mark>),
    /// Number of the keys that follow, each with its value.
    #[serde(rename = "r")]
    Record(usize, Option<Mark>),
    #[serde(rename = "k")]
    Key(#[serde(borrow)] Cow<'a, str>, Option<Mark>),
}

/// Maximum depth of a tree. Reading needs stack space for each level.
pub const MAX_DEPTH: usize = 512;
/// Maximum capacity that is allocated in advance, since the count comes from an untrusted process.
const MAX_PREALLOCATED: usize = 1024;

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        write_node(self, &mut list)?;
        list.end()
    }
}

/// Writes a node and all nodes below it.
fn write_node<L: SerializeSeq>(node: &Node, list: &mut L) -> Result<(), L::Error> {
    let mark = node.mark;
    match &node.value {
        Value::Null => list.serialize_element(&TreeItem::Null(mark)),
        Value::Broken => list.serialize_element(&TreeItem::Broken(mark)),
        Value::Bool(value) => list.serialize_element(&TreeItem::Bool(*value, mark)),
        Value::Integer(value) => list.serialize_element(&TreeItem::Integer(*value, mark)),
        Value::Float(value) => list.serialize_element(&TreeItem::Float(value.to_bits(), mark)),
        Value::Text(text) => list.serialize_element(&TreeItem::Text(Cow::Borrowed(text), mark)),
        Value::Array(items) => {
            list.serialize_element(&TreeItem::Array(items.len(), mark))?;
            items.iter().try_for_each(|item| write_node(item, list))
        }
        Value::Record(fields) => {
            list.serialize_element(&TreeItem::Record(fields.len(), mark))?;
            fields.iter().try_for_each(|(key, entry)| {
                list.serialize_element(&TreeItem::Key(Cow::Borrowed(key), entry.key))?;
                write_node(&entry.node, list)
            })
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the items of a tree")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        read_node(&mut list, MAX_DEPTH)
    }
}

/// Reads one node with all nodes below it. `depth` is the number of levels that the node may have.
fn read_node<'de, A: SeqAccess<'de>>(list: &mut A, depth: usize) -> Result<Node, A::Error> {
    let Some(depth_below) = depth.checked_sub(1) else { return Err(A::Error::custom("the tree is too deep")) };
    let ends_early = || A::Error::custom("the tree ends early");
    let (value, mark) = match list.next_element()?.ok_or_else(ends_early)? {
        TreeItem::Null(mark) => (Value::Null, mark),
        TreeItem::Broken(mark) => (Value::Broken, mark),
        TreeItem::Bool(value, mark) => (Value::Bool(value), mark),
        TreeItem::Integer(value, mark) => (Value::Integer(value), mark),
        TreeItem::Float(bits, mark) => (Value::Float(f64::from_bits(bits)), mark),
        TreeItem::Text(text, mark) => (Value::Text(text.into_owned()), mark),
        TreeItem::Array(count, mark) => {
            let mut items = Vec::with_capacity(count.min(MAX_PREALLOCATED));
            for _ in 0..count {
                items.push(read_node(list, depth_below)?);
            }
            (Value::Array(items), mark)
        }
        TreeItem::Record(count, mark) => {
            let mut fields = BTreeMap::new();
            for _ in 0..count {
                let Some(TreeItem::Key(name, mark_of_key)) = list.next_element()? else { return Err(ends_early()) };
                let node = read_node(list, depth_below)?;
                fields.insert(name.into_owned(), Entry { key: mark_of_key, node });
            }
            (Value::Record(fields), mark)
        }
        TreeItem::Key(..) => return Err(A::Error::custom("a key without its record")),
    };
    Ok(Node { value, mark })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        Node { value, mark: None }
    }

    #[test]
    fn a_tree_survives_serialization() {
        let mut tree = Node { value: Value::Text("quoted \" and \n and \u{1F600}".into()), mark: Some(Mark(0, 3, 4)) };
        for _ in 0..MAX_DEPTH / 2 - 1 {
            let fields = [("b", node(Value::Float(0.1 + 0.2))), ("a", tree), ("c", node(Value::Integer(i64::MIN)))];
            let entry = |(key, node): (&str, Node)| (key.to_owned(), Entry { key: Some(Mark(1, 2, 3)), node });
            let record = node(Value::Record(fields.into_iter().map(entry).collect()));
            tree = node(Value::Array(vec![node(Value::Null), node(Value::Broken), node(Value::Bool(true)), record]));
        }
        let text = serde_json::to_string(&tree).unwrap();
        assert!(serde_json::from_str::<Node>(&text).unwrap() == tree);
    }

    #[test]
    fn a_list_that_is_not_a_tree_is_refused() {
        for text in [
            "[]",
            r#"[{"k":["a",null]}]"#,
            r#"[{"a":[2,null]},{"n":null}]"#,
            r#"[{"r":[1,null]},{"n":null}]"#,
            r#"[{"a":[9999999999999,null]}]"#,
        ] {
            assert!(serde_json::from_str::<Node>(text).is_err(), "{text}");
        }
        let deep = vec![r#"{"a":[1,null]}"#; MAX_DEPTH + 1].join(",");
        assert!(serde_json::from_str::<Node>(&format!("[{deep}]")).unwrap_err().to_string().contains("too deep"));
    }
}
