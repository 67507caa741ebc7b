//! A definition to edit, and a source of numbers that decide the edits.

use nself::database::model::ObjectIdentity;
use serde_json::{Map, Value, json};

/// A small number generator, so that a case is defined by its numbers.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

/// A definition to edit. `next` numbers new names.
#[derive(Clone)]
pub struct Draft {
    pub root: Value,
    pub next: usize,
}

impl Draft {
    pub fn new() -> Self {
        Draft { root: json!({}), next: 0 }
    }

    /// Removes the hints for the last change.
    pub fn without_hints(&self) -> Draft {
        fn forget(value: &mut Value) {
            match value {
                Value::Object(fields) => {
                    for hint in ["renamed_from", "renamed_values", "backfill", "allow"] {
                        fields.remove(hint);
                    }
                    // `using` of a column; an index has a field with the same name.
                    if fields.contains_key("type") {
                        fields.remove("using");
                    }
                    fields.values_mut().for_each(forget);
                }
                Value::Array(items) => items.iter_mut().for_each(forget),
                _ => {}
            }
        }
        let mut draft = self.clone();
        forget(&mut draft.root);
        draft
    }

    pub fn name(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    /// Gives each object the key that follows from its statement, whose names may have changed.
    fn name_objects(&mut self) {
        let objects = std::mem::take(self.map(&["objects"]));
        for (_, object) in objects {
            let create = object["create"].as_str().unwrap();
            let identity = ObjectIdentity::of_statement(create).unwrap_or_else(|| panic!("{create}"));
            self.map(&["objects"]).insert(identity.key, object);
        }
    }

    /// Removes comments of constraints that no longer exist or have a different name.
    fn forget_comments_of_dropped_constraints(&mut self) {
        for (name, table) in self.root.get_mut("tables").and_then(Value::as_object_mut).into_iter().flatten() {
            let constraints = |group: &str| table.get(group).and_then(Value::as_object).into_iter().flatten();
            let groups = ["uniques", "checks", "foreign_keys", "excludes"];
            let mut names: Vec<String> =
                groups.iter().flat_map(|group| constraints(group)).map(|(key, _)| key.clone()).collect();
            if table.get("primary_key").is_some() {
                let own_name = table.get("primary_key_name").and_then(Value::as_str).map(str::to_owned);
                names.push(own_name.unwrap_or_else(|| format!("{}_pkey", name.rsplit('.').next().unwrap())));
            }
            if let Some(comments) = table.get_mut("constraint_comments").and_then(Value::as_object_mut) {
                comments.retain(|key, _| names.contains(key));
            }
        }
    }

    /// Keeps sequences attached to renamed columns, and detaches them from removed ones.
    pub fn update_references(&mut self) {
        self.name_objects();
        self.forget_comments_of_dropped_constraints();
        let current_name = |objects: &Value, old_name: &str| -> Option<String> {
            let fields = objects.as_object()?;
            let renamed = fields.iter().find(|(_, it)| it["renamed_from"] == old_name).map(|(now, _)| now.clone());
            fields.contains_key(old_name).then(|| old_name.to_owned()).or(renamed)
        };
        let tables = self.root["tables"].clone();
        for (name, sequence) in self.root.get_mut("sequences").and_then(Value::as_object_mut).into_iter().flatten() {
            let Some(owner) = sequence.get("owned_by").filter(|owner| owner.is_object()) else { continue };
            let sequence_schema = name.split_once('.').map(|(schema, _)| schema);
            let find = || {
                let old = owner["table"].as_str()?;
                // A table is renamed within its schema, so the hint has the name without the schema.
                let bare = old.rsplit('.').next()?;
                let table = current_name(&tables, old).or_else(|| current_name(&tables, bare))?;
                let column = current_name(&tables[&table]["columns"], owner["column"].as_str()?)?;
                let can_own = tables[&table]["columns"][&column].get("generated").is_none();
                let is_same_schema = table.split_once('.').map(|(schema, _)| schema) == sequence_schema;
                (can_own && is_same_schema).then(|| json!({ "table": table, "column": column }))
            };
            sequence["owned_by"] = find().unwrap_or(Value::Null);
        }
    }

    pub fn map(&mut self, path: &[&str]) -> &mut Map<String, Value> {
        let mut at = &mut self.root;
        for step in path {
            at = at.as_object_mut().unwrap().entry(*step).or_insert_with(|| json!({}));
        }
        at.as_object_mut().unwrap()
    }

    pub fn keys(&self, path: &[&str], keep: impl Fn(&str, &Value) -> bool) -> Vec<String> {
        let mut at = &self.root;
        for step in path {
            let Some(next) = at.get(*step) else { return Vec::new() };
            at = next;
        }
        let fields = at.as_object().into_iter().flatten();
        fields.filter(|(key, value)| keep(key, value)).map(|(key, _)| key.clone()).collect()
    }

    pub fn allow(&mut self, object: &str, hazards: &[&str]) {
        for hazard in hazards {
            self.map(&["allow", object]).insert((*hazard).into(), json!("the test means it"));
        }
    }

    pub fn mentions(&self, path: &[&str], word: &str) -> bool {
        let mut at = &self.root;
        for step in path {
            let Some(next) = at.get(*step) else { return false };
            at = next;
        }
        contains_word(at, word)
    }

    pub fn table(&self, dice: &mut Dice, keep: impl Fn(&Value) -> bool) -> Option<String> {
        dice.pick(&self.keys(&["tables"], |_, table| table.get("partition_of").is_none() && keep(table))).cloned()
    }

    /// Returns a table and a column of it that [`Draft::is_mentioned`] does not find.
    pub fn column(&self, dice: &mut Dice, keep: impl Fn(&Value) -> bool) -> Option<(String, String)> {
        let mut candidates = Vec::new();
        for table in self.keys(&["tables"], |_, table| table.get("partition_of").is_none()) {
            for column in self.keys(&["tables", &table, "columns"], |_, column| keep(column)) {
                if column != "id" && !self.is_mentioned(&table, &column) {
                    candidates.push((table.clone(), column));
                }
            }
        }
        dice.pick(&candidates).cloned()
    }

    /// Returns whether a part of its table, a partition, an object or a view mentions a column.
    pub fn is_mentioned(&self, table: &str, column: &str) -> bool {
        let mut rest = self.root["tables"][table].clone();
        let fields = rest.as_object_mut().unwrap();
        let columns = fields.remove("columns").unwrap_or_default();
        let generated = columns
            .as_object()
            .unwrap()
            .values()
            .any(|other| other.get("generated").is_some_and(|text| contains_word(text, column)));
        let in_partition = |part: &Value| part["partition_of"]["table"] == table && contains_word(part, column);
        let in_partitions = !self.keys(&["tables"], |_, part| in_partition(part)).is_empty();
        let in_objects = self.mentions(&["objects"], column);
        generated || in_partitions || in_objects || contains_word(&rest, column) || self.mentions(&["views"], column)
    }

    /// Removes views, functions with a `BEGIN ATOMIC` body and other objects that mention a word, and what mentions these
    /// views.
    pub fn drop_dependents(&mut self, word: &str) {
        let reads = |body: &Value| body.as_str().is_some_and(|body| body.starts_with("BEGIN ATOMIC"));
        for function in self.keys(&["functions"], |_, it| reads(&it["body"]) && contains_word(&it["body"], word)) {
            self.map(&["functions"]).remove(&function);
        }
        for key in self.keys(&["objects"], |_, object| contains_word(&object["create"], word)) {
            self.map(&["objects"]).remove(&key);
        }
        let views = self.keys(&["views"], |_, view| contains_word(view, word));
        for view in views {
            self.map(&["views"]).remove(&view);
            self.drop_dependents(&view);
        }
    }

    pub fn replace(&mut self, from: &str, to: &str) {
        replace(&mut self.root, from, to);
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

pub fn contains_word(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => words(text).any(|found| found == word),
        Value::Array(items) => items.iter().any(|item| contains_word(item, word)),
        Value::Object(fields) => fields.iter().any(|(key, value)| key == word || contains_word(value, word)),
        _ => false,
    }
}

/// Replaces a word everywhere except in keys and hints.
fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if words(text).any(|word| word == from) => {
            let mut out = String::new();
            let mut word = String::new();
            for c in text.chars().chain([' ']) {
                if c.is_ascii_alphanumeric() || c == '_' {
                    word.push(c);
                } else {
                    out.push_str(if word == from { to } else { &word });
                    word.clear();
                    out.push(c);
                }
            }
            out.pop();
            *text = out;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(key, _)| !["renamed_from", "renamed_values", "comment", "allow"].contains(&key.as_str()))
            .for_each(|(_, value)| replace(value, from, to)),
        _ => {}
    }
}
