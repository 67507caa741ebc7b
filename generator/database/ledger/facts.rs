//! A catalog as a server tells it, fact by fact, and how it differs from another one.

use std::collections::{BTreeMap, BTreeSet};

/// The facts of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The server's major version, `:`, 32 hexadecimal digits.
    digest: String,
    /// Kind and name to what is said of it, as often as it is said.
    all: BTreeMap<(String, String), BTreeMap<String, usize>>,
}

/// Longer ones are not repeated in a message.
const SHORT: usize = 80;

impl Facts {
    /// What a server answered to [`super::facts`].
    pub fn read(answer: &str) -> Option<Facts> {
        let mut lines = answer.lines();
        let digest = lines.next()?.to_owned();
        let (major, sum) = digest.split_once(':')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if sum.len() != 32 || !digits(sum) || !digits(major) {
            return None;
        }
        let mut all: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for line in lines {
            let mut parts = line.splitn(3, '\t').map(str::to_owned);
            let (kind, name, what) = (parts.next()?, parts.next()?, parts.next()?);
            *all.entry((kind, name)).or_default().entry(what).or_default() += 1;
        }
        Some(Facts { digest, all })
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn has_extension(&self, name: &str) -> bool {
        self.all.contains_key(&("extension".to_owned(), name.to_owned()))
    }

    /// What one says and the other does not, a sentence for each object; nothing when they are the same. What `owner`
    /// may do in the schema `public` is settled when a database is made, and not compared.
    pub fn differences(&self, migrations: &Facts, owner: Option<&str>) -> Vec<String> {
        let none = BTreeMap::new();
        let mut lacking: BTreeSet<String> = BTreeSet::new();
        let mut found = Vec::new();
        let keys: BTreeSet<&(String, String)> = self.all.keys().chain(migrations.all.keys()).collect();
        let relation = |kind: &str| ["table", "view", "materialized view", "composite"].contains(&kind);
        for (kind, name) in keys.iter().filter(|(kind, _)| relation(kind)) {
            let key = (kind.clone(), name.clone());
            if self.all.contains_key(&key) != migrations.all.contains_key(&key) {
                lacking.insert(format!("{name}."));
            }
        }
        for key in keys {
            let (here, there) = (self.all.get(key).unwrap_or(&none), migrations.all.get(key).unwrap_or(&none));
            let (kind, name) = key;
            // The columns of a table that is not there.
            if here == there || lacking.iter().any(|table| name.starts_with(table)) {
                continue;
            }
            let only = |these: &BTreeMap<String, usize>, those: &BTreeMap<String, usize>| -> Vec<String> {
                let alone = these.iter().filter(|(what, count)| those.get(*what) != Some(*count));
                let alone = alone.map(|(what, _)| what.clone()).filter(|what| !setup(kind, name, what, owner));
                alone.collect()
            };
            let (here, there) = (only(here, there), only(there, here));
            let quoted = |what: &[String]| {
                let text = what.iter().map(|what| what.trim_end()).collect::<Vec<_>>().join(", ");
                if text.is_empty() || text.len() > SHORT { String::new() } else { format!(" (`{text}`)") }
            };
            found.extend(match (here.is_empty(), there.is_empty()) {
                (true, true) => None,
                (false, true) => Some(format!("the {kind} {name}{} is on the server only", quoted(&here))),
                (true, false) => Some(format!("the {kind} {name}{} is not on the server", quoted(&there))),
                (false, false) => match (quoted(&here), quoted(&there)) {
                    (here, there) if here.is_empty() || there.is_empty() => {
                        Some(format!("the {kind} {name} is another one on the server"))
                    }
                    (here, there) => Some(format!(
                        "the {kind} {name} is another one on the server{here} than by the migrations{there}"
                    )),
                },
            });
        }
        found
    }
}

fn setup(kind: &str, name: &str, what: &str, owner: Option<&str>) -> bool {
    kind == "grant"
        && name == "schema public"
        && owner.is_some_and(|owner| what.strip_prefix(owner).is_some_and(|rest| rest.starts_with(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(lines: &[&str]) -> Facts {
        Facts::read(&format!("15:{}\n{}\n", "0".repeat(32), lines.join("\n"))).unwrap()
    }

    #[test]
    fn an_answer_of_another_form_is_none() {
        assert_eq!(Facts::read(""), None);
        assert_eq!(Facts::read("'; DROP TABLE x --"), None);
        assert_eq!(Facts::read(&format!("15:{}\ntable", "0".repeat(32))), None);
        assert_eq!(Facts::read(&format!("{}\n", "0".repeat(32))), None);
        assert_eq!(Facts::read(&format!("1':{}\n", "0".repeat(32))), None);
    }

    #[test]
    fn differences_are_told_once_for_each_object() {
        let server = facts(&[
            "table\tpublic.a\tp",
            "column\tpublic.a.id\tbigint t",
            "column\tpublic.a.note\ttext f",
            "table\tpublic.b\tp",
            "column\tpublic.b.id\tbigint t",
            "grant\tschema public\tshop CREATE",
            "grant\tschema public\tother CREATE",
        ]);
        let migrations = facts(&[
            "table\tpublic.a\tp",
            "column\tpublic.a.id\tbigint t",
            "column\tpublic.a.note\ttext t",
            "view\tpublic.c\tSELECT 1",
        ]);
        assert_eq!(server.differences(&server, None), [""; 0]);
        assert_eq!(
            server.differences(&migrations, Some("shop")),
            [
                "the column public.a.note is another one on the server (`text f`) than by the migrations (`text t`)",
                "the grant schema public (`other CREATE`) is on the server only",
                "the table public.b (`p`) is on the server only",
                "the view public.c (`SELECT 1`) is not on the server",
            ]
        );
    }
}
