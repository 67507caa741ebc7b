//! Kinds of change to a database, each as an edit of its definition that keeps it valid. Two thirds of them need
//! something to be there and do nothing otherwise; what they do is counted.

use serde_json::{Map, Value, json};

/// A small generator of our own, so that a case is its numbers.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

/// A definition under edit. `next` numbers new names.
#[derive(Clone)]
pub struct Draft {
    pub root: Value,
    pub next: usize,
}

impl Draft {
    pub fn new() -> Self {
        Draft { root: json!({}), next: 0 }
    }

    /// Forgets what was said about the last change.
    pub fn settled(&self) -> Draft {
        fn forget(value: &mut Value) {
            match value {
                Value::Object(fields) => {
                    for hint in ["renamed_from", "renamed_values", "backfill", "allow"] {
                        fields.remove(hint);
                    }
                    // Of a column; indexes have a method of this name.
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

    fn name(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    /// Sequences go on belonging to a column that got another name, and to none that is gone.
    pub fn follow(&mut self) {
        let named = |at: &Value, name: &str| -> Option<String> {
            let fields = at.as_object()?;
            let renamed = fields.iter().find(|(_, it)| it["renamed_from"] == name).map(|(now, _)| now.clone());
            fields.contains_key(name).then(|| name.to_owned()).or(renamed)
        };
        let tables = self.root["tables"].clone();
        for (name, sequence) in self.root.get_mut("sequences").and_then(Value::as_object_mut).into_iter().flatten() {
            let Some(owner) = sequence.get("owned_by").filter(|owner| owner.is_object()) else { continue };
            let space = name.split_once('.').map(|(schema, _)| schema);
            let find = || {
                let old = owner["table"].as_str()?;
                // A table is renamed within its schema, and the hint says the bare name.
                let bare = old.rsplit('.').next()?;
                let table = named(&tables, old).or_else(|| named(&tables, bare))?;
                let column = named(&tables[&table]["columns"], owner["column"].as_str()?)?;
                let kept = tables[&table]["columns"][&column].get("generated").is_none();
                let fits = table.split_once('.').map(|(schema, _)| schema) == space;
                (kept && fits).then(|| json!({ "table": table, "column": column }))
            };
            sequence["owned_by"] = find().unwrap_or(Value::Null);
        }
    }

    fn map(&mut self, path: &[&str]) -> &mut Map<String, Value> {
        let mut at = &mut self.root;
        for step in path {
            at = at.as_object_mut().unwrap().entry(*step).or_insert_with(|| json!({}));
        }
        at.as_object_mut().unwrap()
    }

    fn keys(&self, path: &[&str], keep: impl Fn(&str, &Value) -> bool) -> Vec<String> {
        let mut at = &self.root;
        for step in path {
            let Some(next) = at.get(*step) else { return Vec::new() };
            at = next;
        }
        let fields = at.as_object().into_iter().flatten();
        fields.filter(|(key, value)| keep(key, value)).map(|(key, _)| key.clone()).collect()
    }

    fn allow(&mut self, object: &str, hazards: &[&str]) {
        for hazard in hazards {
            self.map(&["allow", object]).insert((*hazard).into(), json!("the test means it"));
        }
    }

    fn mentions(&self, path: &[&str], word: &str) -> bool {
        let mut at = &self.root;
        for step in path {
            let Some(next) = at.get(*step) else { return false };
            at = next;
        }
        contains(at, word)
    }

    fn table(&self, dice: &mut Dice, keep: impl Fn(&Value) -> bool) -> Option<String> {
        dice.pick(&self.keys(&["tables"], |_, table| keep(table))).cloned()
    }

    /// A table and a column of it that nothing else names.
    fn column(&self, dice: &mut Dice, keep: impl Fn(&Value) -> bool) -> Option<(String, String)> {
        let mut found = Vec::new();
        for table in self.keys(&["tables"], |_, _| true) {
            for column in self.keys(&["tables", &table, "columns"], |_, column| keep(column)) {
                if column != "id" && !self.used(&table, &column) {
                    found.push((table.clone(), column));
                }
            }
        }
        dice.pick(&found).cloned()
    }

    fn used(&self, table: &str, column: &str) -> bool {
        let mut rest = self.root["tables"][table].clone();
        let fields = rest.as_object_mut().unwrap();
        let columns = fields.remove("columns").unwrap_or_default();
        let generated = columns
            .as_object()
            .unwrap()
            .values()
            .any(|other| other.get("generated").is_some_and(|text| contains(text, column)));
        generated || contains(&rest, column) || self.mentions(&["views"], column)
    }

    fn drop_views(&mut self, word: &str) {
        let gone = self.keys(&["views"], |_, view| contains(view, word));
        for view in gone {
            self.map(&["views"]).remove(&view);
            self.drop_views(&view);
        }
    }

    fn replace(&mut self, from: &str, to: &str) {
        replace(&mut self.root, from, to);
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

fn contains(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => words(text).any(|found| found == word),
        Value::Array(items) => items.iter().any(|item| contains(item, word)),
        Value::Object(fields) => fields.iter().any(|(key, value)| key == word || contains(value, word)),
        _ => false,
    }
}

/// Replaces a word everywhere but in keys and hints.
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

fn whole(table: &Value) -> bool {
    table.get("partition_by").is_none()
}

fn plain(column: &Value) -> bool {
    ["default", "identity", "generated"].iter().all(|key| column.get(key).is_none())
}

/// Types with a value for the row `i`, and a constant default.
pub const TYPES: &[(&str, &str, &str)] = &[
    ("integer", "$i", "7"),
    ("bigint", "$i", "-1"),
    ("smallint", "$i", "0"),
    ("text", "'text ' || $i", "'some ''text'''"),
    ("varchar(20)", "'v' || $i", "''"),
    ("numeric(8,2)", "$i + 0.25", "1.5"),
    ("boolean", "$i % 2 = 0", "true"),
    ("timestamptz", "'2026-01-01'::timestamptz + $i * interval '1 hour'", "'2026-02-03 04:05:06+00'"),
    ("date", "'2026-01-01'::date + $i", "current_date"),
    ("uuid", "('00000000-0000-0000-0000-00000000000' || $i)::uuid", "'00000000-0000-0000-0000-000000000000'"),
    ("jsonb", "jsonb_build_object('i', $i)", "'{}'"),
    ("text[]", "array['a', $i::text]", "'{}'"),
    ("int4range", "int4range($i, $i + 1)", "'empty'"),
];

pub type Edit = (&'static str, fn(&mut Draft, &mut Dice) -> Option<()>);

macro_rules! edits {
    ($($name:literal $edit:expr;)*) => {
        /// Every kind of change.
        pub const EDITS: &[Edit] = &[$(($name, $edit)),*];
    };
}

fn kind(dice: &mut Dice) -> (&'static str, &'static str) {
    let (kind, _, default) = TYPES[dice.below(TYPES.len())];
    (kind, default)
}

fn add_table(d: &mut Draft, dice: &mut Dice, schema: &str) -> Option<String> {
    let name = format!("{schema}{}", d.name("t"));
    let mut columns = Map::new();
    columns.insert("id".into(), json!({ "type": "bigint" }));
    for _ in 0..=dice.below(3) {
        let (kind, default) = kind(dice);
        let mut column = json!({ "type": kind });
        match dice.below(3) {
            0 => column["nullable"] = json!(true),
            1 => column["default"] = json!(default),
            _ => {}
        }
        columns.insert(d.name("c"), column);
    }
    d.map(&["tables"]).insert(name.clone(), json!({ "columns": columns, "primary_key": ["id"] }));
    Some(name)
}

fn add_column(d: &mut Draft, dice: &mut Dice, column: Value) -> Option<(String, String)> {
    let table = d.table(dice, |_| true)?;
    let name = d.name("c");
    d.map(&["tables", &table, "columns"]).insert(name.clone(), column);
    Some((table, name))
}

fn set(d: &mut Draft, at: &(String, String), key: &str, value: Value) {
    d.map(&["tables", &at.0, "columns", &at.1]).insert(key.into(), value);
}

fn object(at: &(String, String)) -> String {
    format!("{}.{}", at.0, at.1)
}

fn take(d: &mut Draft, dice: &mut Dice, group: &str) -> Option<(String, String, Value)> {
    let table = d.table(dice, |table| table.get(group).is_some_and(|map| !map.as_object().unwrap().is_empty()))?;
    let keys = d.keys(&["tables", &table, group], |_, _| true);
    let key = dice.pick(&keys)?.clone();
    let value = d.root["tables"][&table][group][&key].clone();
    Some((table, key, value))
}

fn add_index(d: &mut Draft, dice: &mut Dice, keep: fn(&Value) -> bool, index: fn(&str) -> Value) -> Option<()> {
    let (table, column) = d.column(dice, keep)?;
    let name = d.name("x");
    d.map(&["tables", &table, "indexes"]).insert(name, index(&column));
    Some(())
}

fn is(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |column: &Value| column["type"] == kind
}

fn sql_function(d: &mut Draft) -> String {
    let name = d.name("f");
    d.map(&["functions"]).insert(
        name.clone(),
        json!({ "arguments": [{ "name": "a", "type": "integer" }], "returns": "integer", "language": "sql",
                "volatility": "immutable", "body": "SELECT a + 1" }),
    );
    name
}

fn user_type(d: &Draft, dice: &mut Dice, kind: &str) -> Option<String> {
    dice.pick(&d.keys(&["types"], |_, found| found.get(kind).is_some())).cloned()
}

edits! {
    "add table" |d, dice| add_table(d, dice, "").map(drop);
    "add two tables" |d, dice| { add_table(d, dice, "")?; add_table(d, dice, "").map(drop) };
    "drop table" |d, dice| {
        let name = d.table(dice, |_| true)?;
        d.map(&["tables"]).remove(&name);
        for other in d.keys(&["tables"], |_, _| true) {
            let keys = d.keys(&["tables", &other, "foreign_keys"], |_, key| key["references"]["table"] == name.as_str());
            for key in keys {
                d.map(&["tables", &other, "foreign_keys"]).remove(&key);
                d.allow(&format!("{other}.{key}"), &["drops_constraint"]);
            }
        }
        let word = name.rsplit('.').next()?.to_owned();
        d.drop_views(&word);
        d.allow(&name, &["deletes_data"]);
        Some(())
    };
    "rename table" |d, dice| {
        let name = d.table(dice, |table| table.get("renamed_from").is_none())?;
        let fresh = d.name("t");
        let (word, full) = match name.split_once('.') {
            Some((schema, word)) => (word.to_owned(), format!("{schema}.{fresh}")),
            None => (name.clone(), fresh.clone()),
        };
        // Only what an earlier version had can be renamed.
        let mut table = d.map(&["tables"]).remove(&name)?;
        table["renamed_from"] = json!(word);
        d.map(&["tables"]).insert(full, table);
        d.replace(&word, &fresh);
        Some(())
    };
    "add nullable column" |d, dice| {
        let (kind, _) = kind(dice);
        add_column(d, dice, json!({ "type": kind, "nullable": true })).map(drop)
    };
    "add column with default" |d, dice| {
        let (kind, default) = kind(dice);
        add_column(d, dice, json!({ "type": kind, "default": default })).map(drop)
    };
    "add column with backfill" |d, dice| add_column(d, dice, json!({ "type": "bigint", "backfill": "id * 2" })).map(drop);
    "add column with volatile default" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "uuid", "default": "gen_random_uuid()" }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "drop column" |d, dice| {
        let at = d.column(dice, |_| true)?;
        d.map(&["tables", &at.0, "columns"]).remove(&at.1);
        d.allow(&object(&at), &["deletes_data"]);
        Some(())
    };
    "rename column" |d, dice| {
        let (table, column) = d.column(dice, |column| column.get("renamed_from").is_none())?;
        let fresh = d.name("c");
        let mut definition = d.map(&["tables", &table, "columns"]).remove(&column)?;
        definition["renamed_from"] = json!(column);
        d.map(&["tables", &table, "columns"]).insert(fresh, definition);
        Some(())
    };
    "rename used column" |d, dice| {
        let table = d.table(dice, |table| table.get("checks").is_some() || table.get("indexes").is_some())?;
        let columns = d.keys(&["tables", &table, "columns"], |name, column| name != "id" && column.get("renamed_from").is_none());
        let column = dice.pick(&columns)?.clone();
        let fresh = d.name("c");
        let mut definition = d.map(&["tables", &table, "columns"]).remove(&column)?;
        definition["renamed_from"] = json!(column);
        d.map(&["tables", &table, "columns"]).insert(fresh.clone(), definition);
        // Names of columns are not used twice, so this reaches no other table.
        d.replace(&column, &fresh);
        Some(())
    };
    "widen number" |d, dice| {
        let at = d.column(dice, |column| ["smallint", "integer"].iter().any(|kind| column["type"] == *kind))?;
        set(d, &at, "type", json!("bigint"));
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "widen text" |d, dice| {
        let at = d.column(dice, is("varchar(20)"))?;
        set(d, &at, "type", json!("text"));
        Some(())
    };
    "lengthen text" |d, dice| {
        let at = d.column(dice, is("varchar(20)"))?;
        set(d, &at, "type", json!("varchar(40)"));
        Some(())
    };
    "widen numeric" |d, dice| {
        let at = d.column(dice, is("numeric(8,2)"))?;
        set(d, &at, "type", json!("numeric(12,2)"));
        Some(())
    };
    "widen used column" |d, dice| {
        let table = d.table(dice, |table| whole(table) && ["checks", "indexes", "uniques"].iter().any(|key| table.get(key).is_some()))?;
        let columns = d.keys(&["tables", &table, "columns"], |_, column| column["type"] == "integer" && plain(column));
        let at = (table, dice.pick(&columns)?.clone());
        set(d, &at, "type", json!("bigint"));
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "convert type" |d, dice| {
        let at = d.column(dice, |column| column["type"] == "integer" && plain(column))?;
        set(d, &at, "type", json!("text"));
        set(d, &at, "using", json!(format!("{}::text", at.1)));
        d.allow(&object(&at), &["rewrite", "converts_data"]);
        Some(())
    };
    "set default" |d, dice| {
        let at = d.column(dice, |column| TYPES.iter().any(|(kind, ..)| column["type"] == *kind) && plain(column))?;
        let kind = d.root["tables"][&at.0]["columns"][&at.1]["type"].as_str()?.to_owned();
        let default = TYPES.iter().find(|(known, ..)| *known == kind)?.2;
        set(d, &at, "default", json!(default));
        Some(())
    };
    "drop default" |d, dice| {
        let at = d.column(dice, |column| column.get("default").is_some())?;
        d.map(&["tables", &at.0, "columns", &at.1]).remove("default");
        Some(())
    };
    "set not null" |d, dice| {
        let at = d.column(dice, |column| column.get("nullable").is_some() && column.get("generated").is_none() && TYPES.iter().any(|(kind, ..)| column["type"] == *kind))?;
        let kind = d.root["tables"][&at.0]["columns"][&at.1]["type"].as_str()?.to_owned();
        let default = TYPES.iter().find(|(known, ..)| *known == kind)?.2;
        set(d, &at, "backfill", json!(default));
        d.map(&["tables", &at.0, "columns", &at.1]).remove("nullable");
        Some(())
    };
    "drop not null" |d, dice| {
        let at = d.column(dice, |column| column.get("nullable").is_none() && column.get("identity").is_none())?;
        set(d, &at, "nullable", json!(true));
        d.allow(&object(&at), &["drops_constraint"]);
        Some(())
    };
    "add identity column" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "bigint", "identity": "always" }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "make identity" |d, dice| {
        let at = d.column(dice, |column| column["type"] == "integer" && plain(column) && column.get("nullable").is_none())?;
        whole(&d.root["tables"][&at.0]).then(|| set(d, &at, "identity", json!("by_default")))
    };
    "change identity" |d, dice| {
        let at = d.column(dice, |column| column["identity"] == "by_default")?;
        set(d, &at, "identity", json!("always"));
        Some(())
    };
    "drop identity" |d, dice| {
        let at = d.column(dice, |column| column.get("identity").is_some())?;
        d.map(&["tables", &at.0, "columns", &at.1]).remove("identity");
        Some(())
    };
    "add generated column" |d, dice| {
        let at = add_column(d, dice, json!({ "type": "bigint", "nullable": true, "generated": "id * 10" }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "generate from column" |d, dice| {
        let (table, column) = d.column(dice, |column| ["integer", "smallint"].iter().any(|kind| column["type"] == *kind) && plain(column))?;
        let name = d.name("c");
        let text = format!("{column} + 1");
        d.map(&["tables", &table, "columns"]).insert(name.clone(), json!({ "type": "bigint", "nullable": true, "generated": text }));
        d.allow(&format!("{table}.{name}"), &["rewrite"]);
        Some(())
    };
    "change generated column" |d, dice| {
        let at = d.column(dice, |column| column["generated"] == "id * 10")?;
        set(d, &at, "generated", json!("id + 5"));
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "generated becomes plain" |d, dice| {
        let at = d.column(dice, |column| column.get("generated").is_some())?;
        d.map(&["tables", &at.0, "columns", &at.1]).remove("generated");
        Some(())
    };
    "comment column" |d, dice| {
        let at = d.column(dice, |_| true)?;
        let text = format!("about it, {}: it's :USER", d.name("n"));
        set(d, &at, "comment", json!(text));
        Some(())
    };
    "comment table" |d, dice| {
        let table = d.table(dice, |_| true)?;
        let text = d.name("note ");
        d.map(&["tables", &table]).insert("comment".into(), json!(text));
        Some(())
    };
    "remove comment" |d, dice| {
        let table = d.table(dice, |table| table.get("comment").is_some())?;
        d.map(&["tables", &table]).remove("comment").map(drop)
    };
    "change collation" |d, dice| {
        let at = d.column(dice, |column| column["type"] == "text" && column.get("collation").is_none() && column.get("generated").is_none())?;
        set(d, &at, "collation", json!("C"));
        Some(())
    };
    "toggle unlogged" |d, dice| {
        let table = d.table(dice, |table| whole(table) && table.get("foreign_keys").is_none())?;
        let word = table.rsplit('.').next()?.to_owned();
        let referenced = d.keys(&["tables"], |name, other| name != table && contains(other, &word));
        if !referenced.is_empty() || d.root["tables"][&table]["columns"].as_object()?.values().any(|c| c.get("identity").is_some()) { return None; }
        let was = d.map(&["tables", &table]).remove("unlogged");
        if was.is_none() { d.map(&["tables", &table]).insert("unlogged".into(), json!(true)); }
        d.allow(&table, &["rewrite"]);
        Some(())
    };
    "add unique" |d, dice| {
        let (table, column) = d.column(dice, |column| ["integer", "text", "uuid", "varchar(20)"].iter().any(|kind| column["type"] == *kind) && plain(column))?;
        whole(&d.root["tables"][&table]).then_some(())?;
        let name = d.name("u");
        let mut unique = json!({ "columns": [column] });
        if dice.below(3) == 0 { unique["deferrable"] = json!("deferred"); }
        if dice.below(3) == 0 { unique["include"] = json!(["id"]); }
        d.map(&["tables", &table, "uniques"]).insert(name, unique);
        Some(())
    };
    "change unique" |d, dice| {
        let (table, key, _) = take(d, dice, "uniques")?;
        d.map(&["tables", &table, "uniques", &key]).insert("nulls_not_distinct".into(), json!(true));
        Some(())
    };
    "drop unique" |d, dice| {
        let (table, key, unique) = take(d, dice, "uniques")?;
        let meant = |key: &Value| key["references"]["columns"] == unique["columns"];
        let tables = d.root["tables"].as_object()?.values();
        if tables.filter_map(|table| table["foreign_keys"].as_object()).flatten().any(|(_, key)| meant(key)) { return None; }
        d.map(&["tables", &table, "uniques"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "rename unique" |d, dice| {
        let (table, key, value) = take(d, dice, "uniques")?;
        let name = d.name("u");
        d.map(&["tables", &table, "uniques"]).remove(&key);
        d.map(&["tables", &table, "uniques"]).insert(name, value);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add check" |d, dice| {
        let (table, column) = d.column(dice, |column| ["integer", "bigint", "smallint", "numeric(8,2)"].iter().any(|kind| column["type"] == *kind))?;
        let name = d.name("k");
        d.map(&["tables", &table, "checks"]).insert(name, json!(format!("{column} > -1000 OR {column} IS NULL")));
        Some(())
    };
    "add text check" |d, dice| {
        let (table, column) = d.column(dice, |column| ["text", "varchar(20)"].iter().any(|kind| column["type"] == *kind))?;
        let name = d.name("k");
        d.map(&["tables", &table, "checks"]).insert(name, json!(format!("{column} <> 'it''s; bad'")));
        Some(())
    };
    "change check" |d, dice| {
        let (table, key, value) = take(d, dice, "checks")?;
        let text = format!("({}) OR id > -5", value.as_str()?);
        d.map(&["tables", &table, "checks"]).insert(key, json!(text));
        Some(())
    };
    "drop check" |d, dice| {
        let (table, key, _) = take(d, dice, "checks")?;
        d.map(&["tables", &table, "checks"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add foreign key" |d, dice| {
        let target = d.table(dice, |table| table["primary_key"] == json!(["id"]) && table.get("unlogged").is_none())?;
        let table = d.table(dice, |table| table.get("unlogged").is_none())?;
        let (column, name) = (d.name("r"), d.name("fk"));
        d.map(&["tables", &table, "columns"]).insert(column.clone(), json!({ "type": "bigint", "nullable": true }));
        d.map(&["tables", &table, "foreign_keys"]).insert(name, json!({ "columns": [column], "references": { "table": target, "columns": ["id"] } }));
        Some(())
    };
    "add foreign key to unique" |d, dice| {
        let (target, _, unique) = take(d, dice, "uniques")?;
        if unique.get("deferrable").is_some() || d.root["tables"][&target].get("unlogged").is_some() { return None; }
        let table = d.table(dice, |table| table.get("unlogged").is_none())?;
        let kind = d.root["tables"][&target]["columns"][unique["columns"][0].as_str()?]["type"].clone();
        let (column, name) = (d.name("r"), d.name("fk"));
        d.map(&["tables", &table, "columns"]).insert(column.clone(), json!({ "type": kind, "nullable": true }));
        d.map(&["tables", &table, "foreign_keys"]).insert(name, json!({ "columns": [column], "references": { "table": target, "columns": unique["columns"] } }));
        Some(())
    };
    "change foreign key" |d, dice| {
        let (table, key, _) = take(d, dice, "foreign_keys")?;
        let action = ["cascade", "set_null", "restrict"][dice.below(3)];
        d.map(&["tables", &table, "foreign_keys", &key]).insert("on_delete".into(), json!(action));
        Some(())
    };
    "drop foreign key" |d, dice| {
        let (table, key, _) = take(d, dice, "foreign_keys")?;
        d.map(&["tables", &table, "foreign_keys"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add exclusion" |d, dice| {
        let table = d.table(dice, |table| whole(table) && !table.get("excludes").is_some_and(|all| contains(all, "int8range")))?;
        let name = d.name("e");
        d.map(&["tables", &table, "excludes"]).insert(name, json!({ "using": "gist", "elements": [{ "expression": "int8range(id, id + 1)", "with": "&&" }] }));
        Some(())
    };
    "drop exclusion" |d, dice| {
        let (table, key, _) = take(d, dice, "excludes")?;
        d.map(&["tables", &table, "excludes"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "change primary key" |d, dice| {
        let table = d.table(dice, |table| whole(table) && table["primary_key"] == json!(["id"]))?;
        let word = table.rsplit('.').next()?.to_owned();
        if !d.keys(&["tables"], |_, other| other.get("foreign_keys").is_some_and(|keys| contains(keys, &word))).is_empty() { return None; }
        let columns = d.keys(&["tables", &table, "columns"], |name, column| name != "id" && column.get("nullable").is_none() && column["type"] == "integer");
        let other = dice.pick(&columns)?.clone();
        d.map(&["tables", &table]).insert("primary_key".into(), json!(["id", other]));
        Some(())
    };
    "add index" |d, dice| add_index(d, dice, |_| true, |column| json!({ "columns": [{ "column": "id", "descending": true }, { "column": column }] })
);
    "add partial index" |d, dice| add_index(d, dice, |c| c["type"] == "integer", |column| json!({ "columns": [{ "column": column, "nulls": "first" }], "where": format!("{column} > 3") }));
    "add expression index" |d, dice| add_index(d, dice, |c| c["type"] == "text" || c["type"] == "varchar(20)", |column| json!({ "columns": [{ "expression": format!("lower({column})") }] }));
    "add index with operator class" |d, dice| add_index(d, dice, |c| c["type"] == "text", |column| json!({ "columns": [{ "column": column, "opclass": "text_pattern_ops" }] }));
    "add gin index" |d, dice| add_index(d, dice, |c| c["type"] == "jsonb" || c["type"] == "text[]", |column| json!({ "columns": [{ "column": column }], "using": "gin" }));
    "add covering index" |d, dice| add_index(d, dice, |_| true, |column| json!({ "columns": [{ "column": "id" }], "unique": true, "include": [column] }));
    "add brin index" |d, dice| add_index(d, dice, |c| c["type"] == "date", |column| json!({ "columns": [{ "column": column }], "using": "brin", "comment": "by day" }));
    "change index" |d, dice| {
        let (table, key, index) = take(d, dice, "indexes")?;
        (index.get("using").is_none() && index.get("unique").is_none()).then_some(())?;
        d.map(&["tables", &table, "indexes", &key]).insert("where".into(), json!("id > 0"));
        Some(())
    };
    "comment index" |d, dice| {
        let (table, key, _) = take(d, dice, "indexes")?;
        let text = d.name("note ");
        d.map(&["tables", &table, "indexes", &key]).insert("comment".into(), json!(text));
        Some(())
    };
    "drop index" |d, dice| {
        let (table, key, _) = take(d, dice, "indexes")?;
        d.map(&["tables", &table, "indexes"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "rename index" |d, dice| {
        let (table, key, value) = take(d, dice, "indexes")?;
        let name = d.name("x");
        d.map(&["tables", &table, "indexes"]).remove(&key);
        d.map(&["tables", &table, "indexes"]).insert(name, value);
        d.allow(&format!("{table}.{key}"), &["drops_constraint"]);
        Some(())
    };
    "add enumeration" |d, dice| {
        let name = d.name("e");
        d.map(&["types"]).insert(name.clone(), json!({ "enum": { "values": ["new", "paid", "sent"] } }));
        add_column(d, dice, json!({ "type": name, "default": "'paid'" })).map(drop)
    };
    "add label" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        let label = d.name("label ");
        let values = d.map(&["types", &name, "enum"]).get_mut("values")?.as_array_mut()?;
        let at = dice.below(values.len() + 1);
        values.insert(at, json!(label));
        Some(())
    };
    "rename label" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        let fresh = d.name("label ");
        let kind = d.map(&["types", &name, "enum"]);
        if kind.contains_key("renamed_values") { return None; }
        let values = kind.get_mut("values")?.as_array_mut()?;
        let old = std::mem::replace(values.first_mut()?, json!(fresh));
        if old.as_str()?.starts_with("label") || old == "paid" { return None; }
        kind.insert("renamed_values".into(), json!({ fresh: old }));
        Some(())
    };
    "drop label" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        if d.mentions(&["functions"], &name) { return None; }
        let values = d.map(&["types", &name, "enum"]).get_mut("values")?.as_array_mut()?;
        if values.len() < 3 || values.last()? == "paid" { return None; }
        values.pop();
        d.allow(&name, &["converts_data", "rewrite"]);
        Some(())
    };
    "array of enumeration" |d, dice| {
        let name = user_type(d, dice, "enum")?;
        add_column(d, dice, json!({ "type": format!("{name}[]"), "nullable": true })).map(drop)
    };
    "rename type" |d, dice| {
        let kind = ["enum", "domain", "composite"][dice.below(3)];
        let name = user_type(d, dice, kind)?;
        let fresh = d.name("y");
        let mut found = d.map(&["types"]).remove(&name)?;
        if found[kind].get("renamed_from").is_some() { d.map(&["types"]).insert(name, found); return None; }
        found[kind]["renamed_from"] = json!(name);
        d.map(&["types"]).insert(fresh.clone(), found);
        d.replace(&name, &fresh);
        Some(())
    };
    "comment type" |d, dice| {
        let kind = ["enum", "domain", "composite"][dice.below(3)];
        let name = user_type(d, dice, kind)?;
        let text = d.name("note ");
        d.map(&["types", &name, kind]).insert("comment".into(), json!(text));
        Some(())
    };
    "add domain" |d, dice| {
        let name = d.name("d");
        d.map(&["types"]).insert(name.clone(), json!({ "domain": { "type": "integer", "checks": { "small": "VALUE < 1000000" } } }));
        let at = add_column(d, dice, json!({ "type": name, "nullable": true }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "add domain check" |d, dice| {
        let (name, check) = (user_type(d, dice, "domain")?, d.name("k"));
        d.map(&["types", &name, "domain", "checks"]).insert(check, json!("VALUE > -1000000"));
        Some(())
    };
    "drop domain check" |d, dice| {
        let name = user_type(d, dice, "domain")?;
        d.map(&["types", &name, "domain"]).remove("checks")?;
        d.allow(&name, &["drops_constraint"]);
        Some(())
    };
    "change domain default" |d, dice| {
        let name = user_type(d, dice, "domain")?;
        let was = d.map(&["types", &name, "domain"]).remove("default");
        if was.is_none() { d.map(&["types", &name, "domain"]).insert("default".into(), json!("42")); }
        Some(())
    };
    "add composite type" |d, dice| {
        let name = d.name("p");
        d.map(&["types"]).insert(name.clone(), json!({ "composite": { "attributes": [{ "name": "street", "type": "text" }, { "name": "number", "type": "integer" }] } }));
        add_column(d, dice, json!({ "type": name, "nullable": true })).map(drop)
    };
    "add attribute" |d, dice| {
        let (name, part) = (user_type(d, dice, "composite")?, d.name("a"));
        d.map(&["types", &name, "composite"]).get_mut("attributes")?.as_array_mut()?.push(json!({ "name": part, "type": "date" }));
        Some(())
    };
    "drop unused type" |d, dice| {
        let names = d.keys(&["types"], |_, _| true);
        let name = dice.pick(&names)?.clone();
        let mut rest = d.root.clone();
        rest["types"].as_object_mut()?.remove(&name);
        if contains(&rest["tables"], &name) || rest["tables"].as_object().into_iter().flatten().any(|(_, t)| t["columns"].as_object().unwrap().values().any(|c| c["type"].as_str().unwrap().starts_with(&name))) { return None; }
        d.root = rest;
        Some(())
    };
    "name primary key" |d, dice| {
        let table = dice.pick(&d.keys(&["tables"], |_, t| t.get("primary_key").is_some()))?.clone();
        let name = if dice.below(4) == 0 { Value::Null } else { json!(d.name("pk")) };
        d.map(&["tables", &table]).insert("primary_key_name".into(), name);
        Some(())
    };
    "parallel function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, f| f["procedure"] != true))?.clone();
        let parallel = dice.pick(&["unsafe", "restricted", "safe"])?;
        d.map(&["functions", &name]).insert("parallel".into(), json!(parallel));
        Some(())
    };
    "add sequence" |d, _| {
        let name = d.name("s");
        d.map(&["sequences"]).insert(name, json!({ "start": 5, "min": 1, "max": 5000 }));
        Some(())
    };
    "sequence as default" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        let at = add_column(d, dice, json!({ "type": "bigint", "default": format!("nextval('{name}')") }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "default spelled like an object" |d, dice| {
        let kind = ["views", "functions", "sequences", "types"][dice.below(4)];
        let name = dice.pick(&d.keys(&[kind], |_, _| true))?.clone();
        add_column(d, dice, json!({ "type": "text", "default": format!("'{name}'") }))?;
        Some(())
    };
    "change sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        let sequence = d.map(&["sequences", &name]);
        sequence.insert("increment".into(), json!(2 + dice.below(4)));
        sequence.insert("cycle".into(), json!(true));
        Some(())
    };
    "own sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        let table = dice.pick(&d.keys(&["tables"], |_, _| true))?.clone();
        let space = |name: &str| name.split_once('.').map(|(schema, _)| schema.to_owned());
        if space(&name) != space(&table) {
            return None;
        }
        let column = dice.pick(&d.keys(&["tables", &table, "columns"], |_, c| c.get("generated").is_none()))?.clone();
        let owner = if dice.below(4) == 0 { Value::Null } else { json!({ "table": table, "column": column }) };
        d.map(&["sequences", &name]).insert("owned_by".into(), owner);
        Some(())
    };
    "drop sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        if d.mentions(&["tables"], &name) { return None; }
        d.map(&["sequences"]).remove(&name);
        d.allow(&name, &["deletes_data"]);
        Some(())
    };
    "rename sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, s| s.get("renamed_from").is_none()))?.clone();
        let fresh = d.name("s");
        let mut sequence = d.map(&["sequences"]).remove(&name)?;
        sequence["renamed_from"] = json!(name);
        d.map(&["sequences"]).insert(fresh.clone(), sequence);
        d.replace(&name, &fresh);
        Some(())
    };
    "add view" |d, dice| {
        let (table, column) = d.column(dice, |_| true)?;
        let name = d.name("v");
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id, {column} FROM {table}") }));
        Some(())
    };
    "add grouping view" |d, dice| {
        let (table, name) = (d.table(dice, |_| true)?, d.name("v"));
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id, id * 2 AS twice, count(*) AS many FROM {table} GROUP BY id"), "security_invoker": false, "comment": "all of it" }));
        Some(())
    };
    "add view on view" |d, dice| {
        let below = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let name = d.name("v");
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id FROM {below}"), "grants": { "reader": ["select"] } }));
        Some(())
    };
    "add materialised view" |d, dice| {
        let (table, name, index) = (d.table(dice, |_| true)?, d.name("v"), d.name("x"));
        d.map(&["views"]).insert(name, json!({ "query": format!("SELECT id FROM {table}"), "materialized": true, "indexes": { index: { "columns": [{ "column": "id" }] } } }));
        Some(())
    };
    "change view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let text = format!("{} WHERE id > 0", d.root["views"][&name]["query"].as_str()?);
        if text.matches("WHERE").count() > 1 || text.contains("GROUP") { return None; }
        d.map(&["views", &name]).insert("query".into(), json!(text));
        Some(())
    };
    "comment view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        let text = d.name("note ");
        d.map(&["views", &name]).insert("comment".into(), json!(text));
        Some(())
    };
    "drop view" |d, dice| {
        let name = dice.pick(&d.keys(&["views"], |_, _| true))?.clone();
        d.map(&["views"]).remove(&name);
        d.drop_views(&name);
        Some(())
    };
    "add function" |d, _| { sql_function(d); Some(()) };
    "function reads table" |d, dice| {
        let (table, name) = (d.table(dice, |_| true)?, d.name("f"));
        d.map(&["functions"]).insert(name, json!({ "returns": "bigint", "language": "plpgsql", "volatility": "stable",
            "body": format!("BEGIN RETURN (SELECT count(*) FROM {table}); END"), "security_definer": true,
            "settings": { "search_path": "public, pg_temp" }, "grants": { "reader": ["execute"] }, "comment": "counts" }));
        Some(())
    };
    "add procedure" |d, _| {
        let name = d.name("f");
        d.map(&["functions"]).insert(name, json!({ "procedure": true, "language": "plpgsql", "body": "BEGIN NULL; END" }));
        Some(())
    };
    "change function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, f| f["language"] == "sql"))?.clone();
        d.map(&["functions", &name]).insert("body".into(), json!("SELECT a + 2"));
        Some(())
    };
    "change signature" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, f| f["language"] == "sql"))?.clone();
        if d.mentions(&["tables"], &name) { return None; }
        d.map(&["functions", &name]).get_mut("arguments")?.as_array_mut()?.push(json!({ "name": "b", "type": "text", "default": "''" }));
        if d.root["functions"][&name]["arguments"].as_array()?.len() > 2 { d.map(&["functions", &name]).get_mut("arguments")?.as_array_mut()?.pop(); return None; }
        Some(())
    };
    "default by function" |d, dice| {
        let name = sql_function(d);
        let at = add_column(d, dice, json!({ "type": "integer", "default": format!("{name}(1)") }))?;
        d.allow(&object(&at), &["rewrite"]);
        Some(())
    };
    "check by function" |d, dice| {
        let (name, table, key) = (sql_function(d), d.table(dice, |_| true)?, d.name("k"));
        d.map(&["tables", &table, "checks"]).insert(key, json!(format!("{name}(1) > 0")));
        Some(())
    };
    "grant function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, _| true))?.clone();
        d.map(&["functions", &name, "grants"]).insert("writer".into(), json!(["execute"]));
        Some(())
    };
    "drop function" |d, dice| {
        let name = dice.pick(&d.keys(&["functions"], |_, _| true))?.clone();
        if d.mentions(&["tables"], &name) { return None; }
        d.map(&["functions"]).remove(&name);
        Some(())
    };
    "add trigger" |d, dice| {
        let (table, function, trigger) = (d.table(dice, |_| true)?, d.name("f"), d.name("g"));
        d.map(&["functions"]).insert(function.clone(), json!({ "returns": "trigger", "language": "plpgsql", "body": "BEGIN RETURN NEW; END" }));
        d.map(&["tables", &table, "triggers"]).insert(trigger, json!({ "events": ["insert", "update"], "function": function, "when": "NEW.id > 0" }));
        Some(())
    };
    "change trigger" |d, dice| {
        let (table, key, _) = take(d, dice, "triggers")?;
        d.map(&["tables", &table, "triggers", &key]).insert("timing".into(), json!("after"));
        Some(())
    };
    "drop trigger" |d, dice| {
        let (table, key, _) = take(d, dice, "triggers")?;
        d.map(&["tables", &table, "triggers"]).remove(&key).map(drop)
    };
    "protect rows" |d, dice| {
        let (table, policy) = (d.table(dice, |table| table.get("row_security").is_none())?, d.name("p"));
        let level = ["on", "forced"][dice.below(2)];
        let table = d.map(&["tables", &table]);
        table.insert("row_security".into(), json!(level));
        table.insert("policies".into(), json!({ policy: { "using": "id > 0", "roles": ["reader"] } }));
        Some(())
    };
    "add policy" |d, dice| {
        let (table, policy) = (d.table(dice, |table| table.get("row_security").is_some())?, d.name("p"));
        d.map(&["tables", &table, "policies"]).insert(policy.clone(), json!({ "for": "insert", "restrictive": true, "check": "id < 100" }));
        Some(())
    };
    "change policy" |d, dice| {
        let (table, key, _) = take(d, dice, "policies")?;
        let text = format!("id > {}", dice.below(9));
        let policy = d.map(&["tables", &table, "policies", &key]);
        let field = if policy.contains_key("using") { "using" } else { "check" };
        policy.insert(field.into(), json!(text));
        d.allow(&format!("{table}.{key}"), &["rls_weakened"]);
        Some(())
    };
    "drop policy" |d, dice| {
        let (table, key, _) = take(d, dice, "policies")?;
        d.map(&["tables", &table, "policies"]).remove(&key);
        d.allow(&format!("{table}.{key}"), &["rls_weakened"]);
        Some(())
    };
    "unprotect rows" |d, dice| {
        let table = d.table(dice, |table| table.get("row_security").is_some())?;
        d.map(&["tables", &table]).remove("row_security");
        for policy in d.keys(&["tables", &table, "policies"], |_, _| true) {
            d.allow(&format!("{table}.{policy}"), &["rls_weakened"]);
        }
        d.map(&["tables", &table]).remove("policies");
        d.allow(&table, &["rls_weakened"]);
        Some(())
    };
    "grant table" |d, dice| {
        let table = d.table(dice, |_| true)?;
        let role = ["reader", "writer", "public"][dice.below(3)];
        d.map(&["tables", &table, "grants"]).insert(role.into(), json!(["insert", "select"]));
        Some(())
    };
    "revoke table" |d, dice| {
        let (table, role, _) = take(d, dice, "grants")?;
        d.map(&["tables", &table, "grants"]).remove(&role).map(drop)
    };
    "grant sequence" |d, dice| {
        let name = dice.pick(&d.keys(&["sequences"], |_, _| true))?.clone();
        d.map(&["sequences", &name, "grants"]).insert("writer".into(), json!(["usage"]));
        Some(())
    };
    "add schema" |d, dice| {
        let name = d.name("n");
        d.map(&["schemas"]).insert(name.clone(), json!({ "comment": "apart" }));
        add_table(d, dice, &format!("{name}.")).map(drop)
    };
    "grant schema" |d, dice| {
        let name = dice.pick(&d.keys(&["schemas"], |_, _| true))?.clone();
        d.map(&["schemas", &name, "grants"]).insert("reader".into(), json!(["usage"]));
        d.map(&["schemas", &name, "default_privileges"]).insert("reader".into(), json!(["select"]));
        Some(())
    };
    "drop schema" |d, dice| {
        let name = dice.pick(&d.keys(&["schemas"], |_, _| true))?.clone();
        if contains(&d.root["tables"], &name) || !d.keys(&["tables"], |table, _| table.starts_with(&format!("{name}."))).is_empty() { return None; }
        if d.mentions(&["views"], &name) || d.mentions(&["functions"], &name) { return None; }
        d.map(&["schemas"]).remove(&name).map(drop)
    };
    "add extension" |d, dice| {
        let extension = ["citext", "pg_trgm", "hstore"][dice.below(3)];
        let mut all: Vec<Value> = d.root.get("extensions").and_then(Value::as_array).cloned().unwrap_or_default();
        if all.iter().any(|known| known == extension) { return None; }
        all.push(json!(extension));
        d.root["extensions"] = json!(all);
        Some(())
    };
    "use extension" |d, dice| {
        if !d.root.get("extensions").is_some_and(|all| contains(all, "citext")) { return None; }
        add_column(d, dice, json!({ "type": "citext", "nullable": true })).map(drop)
    };
    "drop extension" |d, _| {
        let all = d.root.get_mut("extensions")?.as_array_mut()?;
        let gone = all.pop()?;
        let gone = gone.as_str()?.to_owned();
        let used = d.root["tables"].as_object().into_iter().flatten().any(|(_, t)| t["columns"].as_object().unwrap().values().any(|c| c["type"] == gone.as_str()));
        if used { d.root["extensions"].as_array_mut()?.push(json!(gone)); return None; }
        d.allow(&gone, &["deletes_data"]);
        Some(())
    };
    "add partitioned table" |d, dice| {
        let (name, part) = (d.name("t"), d.name("q"));
        let (kind, _) = kind(dice);
        let column = d.name("c");
        d.map(&["tables"]).insert(name, json!({
            "columns": { "id": { "type": "bigint" }, column: { "type": kind, "nullable": true } }, "primary_key": ["id"],
            "partition_by": { "strategy": "range", "columns": ["id"] },
            "partitions": { part: { "range": { "from": ["MINVALUE"], "to": ["1000"] } } } }));
        Some(())
    };
    "add partition" |d, dice| {
        let table = d.table(dice, |table| !whole(table))?;
        let count = d.keys(&["tables", &table, "partitions"], |_, _| true).len();
        let part = d.name("q");
        let (from, to) = ((count * 1000 + d.next * 10_000).to_string(), (count * 1000 + d.next * 10_000 + 5).to_string());
        d.map(&["tables", &table, "partitions"]).insert(part, json!({ "range": { "from": [from], "to": [to] } }));
        Some(())
    };
    "drop partition" |d, dice| {
        let table = d.table(dice, |table| !whole(table))?;
        let parts = d.keys(&["tables", &table, "partitions"], |_, bound| bound["range"]["from"][0] != "MINVALUE");
        let part = dice.pick(&parts)?.clone();
        d.map(&["tables", &table, "partitions"]).remove(&part);
        d.allow(&format!("{table}.{part}"), &["deletes_data"]);
        Some(())
    };
}
