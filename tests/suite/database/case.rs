//! A case of the property test: numbers from which two definitions are derived.

use nself::database::model::Schema;
use nself::diagnostic::FieldPath;
use serde_json::Value;

use super::edits::{Dice, Draft, EDITS};

/// The number of an edit, and the numbers that it uses.
pub type Numbers = Vec<(usize, u64)>;

#[derive(Debug, Clone)]
pub struct Case {
    pub first: Numbers,
    pub second: Numbers,
}

impl Case {
    pub fn new(number: u64) -> Case {
        let mut dice = Dice::new(number);
        let mut numbers = |count: usize| -> Numbers {
            (0..count).map(|_| (dice.below(EDITS.len()), dice.below(1 << 30) as u64)).collect()
        };
        let mut first = vec![(0, number), (0, number + 1)];
        first.extend(numbers(usize::try_from(number % 23).unwrap() + 4));
        Case { first, second: numbers(usize::try_from(number % 5).unwrap() + 1) }
    }

    pub fn drafts(&self, done: &mut Vec<&'static str>) -> (Draft, Draft) {
        let mut a = Draft::new();
        for (edit, seed) in &self.first {
            apply(&mut a, *edit, *seed);
        }
        let a = a.without_hints();
        let mut b = a.clone();
        for (edit, seed) in &self.second {
            if apply(&mut b, *edit, *seed) {
                done.push(EDITS[*edit].0);
            }
        }
        (a, b)
    }
}

pub fn apply(draft: &mut Draft, edit: usize, seed: u64) -> bool {
    let mut tried = draft.clone();
    let applied = (EDITS[edit].1)(&mut tried, &mut Dice::new(seed)).is_some();
    if applied {
        tried.update_references();
        *draft = tried;
    }
    applied
}

pub fn schema(root: &Value) -> Result<Schema, String> {
    decode(&root.to_string())
}

pub fn decode(text: &str) -> Result<Schema, String> {
    let schema: Schema = serde_json::from_str(text).map_err(|error| format!("{error}\n{text}"))?;
    let (schema, findings) = nself::database::complete(schema, &FieldPath::root());
    if findings.is_empty() { Ok(schema) } else { Err(format!("{findings:#?}\n{text}")) }
}

/// Returns the value with its fields in a different order.
pub fn shuffled(value: &Value, dice: &mut Dice) -> String {
    match value {
        Value::Object(fields) => {
            let mut all: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), shuffled(value, dice)))
                .collect();
            let mut out = Vec::new();
            while !all.is_empty() {
                out.push(all.swap_remove(dice.below(all.len())));
            }
            format!("{{{}}}", out.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| shuffled(item, dice)).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
