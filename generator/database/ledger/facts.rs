//! The facts of a server's catalog, and the differences between two catalogs.

use std::collections::{BTreeMap, BTreeSet};

use crate::values::SqlIdent;

/// The facts of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFacts {
    /// The server's major version, `:` and 32 hexadecimal digits.
    digest: String,
    /// Maps kind and name of an object to its facts, each with the number of times it occurs.
    all: BTreeMap<(String, String), BTreeMap<String, usize>>,
}

/// Maximum length of the facts that a message repeats.
const SHORT: usize = 80;

impl CatalogFacts {
    /// Parses a server's answer to [`super::facts`]; `None` if it is malformed.
    pub fn read(answer: &str) -> Option<CatalogFacts> {
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
        Some(CatalogFacts { digest, all })
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns a sentence for each object whose facts differ; empty if the catalogs are equal. Rights that the setup job
    /// gives to the owner and to `guests` are not compared.
    pub fn differences(&self, migrations: &CatalogFacts, owner: &str, guests: &BTreeSet<SqlIdent>) -> Vec<String> {
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
            // Skip columns of a table that exists on one side only.
            if here == there || lacking.iter().any(|table| name.starts_with(table)) {
                continue;
            }
            let only = |these: &BTreeMap<String, usize>, those: &BTreeMap<String, usize>| -> Vec<String> {
                let alone = these.iter().filter(|(what, count)| those.get(*what) != Some(*count));
                let alone = alone
                    .map(|(what, _)| what.clone())
                    .filter(|what| !is_initial_right(kind, name, what, owner, guests));
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
                        Some(format!("the {kind} {name} differs between the server and the migrations"))
                    }
                    (here, there) => {
                        Some(format!("the {kind} {name} differs: the server has{here}, the migrations have{there}"))
                    }
                },
            });
        }
        found
    }
}

/// Returns whether a fact is a right that the setup job gives: the owner's rights on `public`,
/// the use of `public` for every role that connects, and the guests' rights on rows.
fn is_initial_right(kind: &str, name: &str, what: &str, owner: &str, guests: &BTreeSet<SqlIdent>) -> bool {
    let mut words = what.split(' ');
    let mut letter = "";
    if kind == "default privilege" && name == "*" {
        letter = words.next().unwrap_or_default();
    } else if kind != "grant" {
        return false;
    }
    let (role, privilege) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if words.next().is_some() {
        return false;
    }
    if name == "schema public" && (role == owner || privilege == "USAGE") {
        return true;
    }
    let of_rows = ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&privilege);
    let of_numbers = ["SELECT", "USAGE"].contains(&privilege);
    let is_initial = match (letter, name.split(' ').next().unwrap_or_default()) {
        ("r", _) => of_rows,
        ("S", _) => of_numbers,
        ("n", _) | ("", "schema") => privilege == "USAGE",
        ("", "relation") => of_rows || of_numbers,
        _ => false,
    };
    is_initial && guests.iter().any(|guest| guest.as_str() == role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    fn facts(lines: &[&str]) -> CatalogFacts {
        CatalogFacts::read(&format!("15:{}\n{}\n", "0".repeat(32), lines.join("\n"))).unwrap()
    }

    #[test]
    fn malformed_answers_are_not_parsed() {
        assert_eq!(CatalogFacts::read(""), None);
        assert_eq!(CatalogFacts::read("'; DROP TABLE x --"), None);
        assert_eq!(CatalogFacts::read(&format!("15:{}\ntable", "0".repeat(32))), None);
        assert_eq!(CatalogFacts::read(&format!("{}\n", "0".repeat(32))), None);
        assert_eq!(CatalogFacts::read(&format!("1':{}\n", "0".repeat(32))), None);
    }

    #[test]
    fn each_object_is_reported_once() {
        let server = facts(&[
            "table\tpublic.a\tp",
            "column\tpublic.a.id\tbigint t",
            "column\tpublic.a.note\ttext f",
            "table\tpublic.b\tp",
            "column\tpublic.b.id\tbigint t",
            "grant\tschema public\tshop CREATE",
            "grant\tschema public\tother CREATE",
        ]);
        let none = BTreeSet::new();
        let migrations = facts(&[
            "table\tpublic.a\tp",
            "column\tpublic.a.id\tbigint t",
            "column\tpublic.a.note\ttext t",
            "view\tpublic.c\tSELECT 1",
        ]);
        assert_eq!(server.differences(&server, "shop", &none), [""; 0]);
        assert_eq!(
            server.differences(&migrations, "shop", &none),
            [
                "the column public.a.note differs: the server has (`text f`), the migrations have (`text t`)",
                "the grant schema public (`other CREATE`) is on the server only",
                "the table public.b (`p`) is on the server only",
                "the view public.c (`SELECT 1`) is not on the server",
            ]
        );
    }
    #[test]
    fn rights_of_the_initialization_script_are_not_differences() {
        let bare = facts(&["table\tpublic.a\tp"]);
        let differs = |kind: &str, name: &str, what: &str| {
            let server = facts(&["table\tpublic.a\tp", &format!("{kind}\t{name}\t{what}")]);
            let guests = [SqlIdent::wrap("app".into())].into();
            !server.differences(&bare, "shop", &guests).is_empty()
        };
        for (kind, name, what) in [
            ("default privilege", "*", "r app DELETE"),
            ("default privilege", "*", "S app USAGE"),
            ("default privilege", "*", "n app USAGE"),
            ("grant", "relation public.a", "app UPDATE"),
            ("grant", "schema audit", "app USAGE"),
            ("grant", "schema public", "reports USAGE"),
        ] {
            assert!(!differs(kind, name, what), "{kind} {name} {what}");
        }
        for (kind, name, what) in [
            ("default privilege", "*", "r app TRUNCATE"),
            ("default privilege", "*", "r PUBLIC SELECT"),
            ("default privilege", "public", "r app SELECT"),
            ("grant", "relation public.a", "app TRIGGER"),
            ("grant", "relation public.a", "app SELECT *"),
            ("grant", "relation public.a", "reports SELECT"),
            ("grant", "schema audit", "app CREATE"),
            ("grant", "schema public", "app CREATE"),
        ] {
            assert!(differs(kind, name, what), "{kind} {name} {what}");
        }
    }
}
