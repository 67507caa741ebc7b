//! The facts in a server's catalog, and the differences between two catalogs. A fact is a line about one object: its
//! kind, its name and a property, such as `column`, `public.orders.id`, `bigint t`.

use std::collections::{BTreeMap, BTreeSet};

use crate::values::SqlIdent;

/// The facts in the catalog of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFacts {
    /// The server's major version, `:` and 32 hexadecimal digits.
    digest: String,
    /// Maps kind and name of an object to its properties, each with the number of its occurrences.
    properties_by_object: BTreeMap<(String, String), BTreeMap<String, usize>>,
}

/// Maximum length, in bytes, of the properties that a message repeats.
const MAX_QUOTED_LENGTH: usize = 80;

impl CatalogFacts {
    /// Parses a server's answer to [`super::facts`]; `None` if it is malformed.
    pub fn read(answer: &str) -> Option<CatalogFacts> {
        let mut lines = answer.lines();
        let digest = lines.next()?.to_owned();
        let (major, sum) = digest.split_once(':')?;
        let is_hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if sum.len() != 32 || !is_hexadecimal(sum) || !is_hexadecimal(major) {
            return None;
        }
        let mut properties_by_object: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for line in lines {
            let mut fields = line.splitn(3, '\t').map(str::to_owned);
            let (kind, name, property) = (fields.next()?, fields.next()?, fields.next()?);
            *properties_by_object.entry((kind, name)).or_default().entry(property).or_default() += 1;
        }
        Some(CatalogFacts { digest, properties_by_object })
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns a sentence for each object that differs between the server (`self`) and the migrations. Rights that the
    /// setup job grants to the owner of the database, and to the roles of services (`service_roles`), are not compared.
    pub fn differences(
        &self,
        migrations: &CatalogFacts,
        owner: &str,
        service_roles: &BTreeSet<SqlIdent>,
    ) -> Vec<String> {
        let no_properties = BTreeMap::new();
        let mut one_sided_tables: BTreeSet<String> = BTreeSet::new();
        let mut differences = Vec::new();
        let keys: BTreeSet<&(String, String)> =
            self.properties_by_object.keys().chain(migrations.properties_by_object.keys()).collect();
        let has_columns = |kind: &str| ["table", "view", "materialized view", "composite"].contains(&kind);
        // Columns of a table that only one side has are not reported, only the table.
        for (kind, name) in keys.iter().filter(|(kind, _)| has_columns(kind)) {
            let key = (kind.clone(), name.clone());
            if self.properties_by_object.contains_key(&key) != migrations.properties_by_object.contains_key(&key) {
                one_sided_tables.insert(format!("{name}."));
            }
        }
        for key in keys {
            let (on_server, in_migrations) = (
                self.properties_by_object.get(key).unwrap_or(&no_properties),
                migrations.properties_by_object.get(key).unwrap_or(&no_properties),
            );
            let (kind, name) = key;
            if on_server == in_migrations || one_sided_tables.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            let differing = |these: &BTreeMap<String, usize>, those: &BTreeMap<String, usize>| -> Vec<String> {
                let unmatched = these.iter().filter(|(property, count)| those.get(*property) != Some(*count));
                let unmatched = unmatched
                    .map(|(property, _)| property.clone())
                    .filter(|property| !is_initial_right(kind, name, property, owner, service_roles));
                unmatched.collect()
            };
            let (on_server, in_migrations) = (differing(on_server, in_migrations), differing(in_migrations, on_server));
            let quote = |properties: &[String]| {
                let text = properties.iter().map(|property| property.trim_end()).collect::<Vec<_>>().join(", ");
                if text.is_empty() || text.len() > MAX_QUOTED_LENGTH { String::new() } else { format!(" (`{text}`)") }
            };
            differences.extend(match (on_server.is_empty(), in_migrations.is_empty()) {
                (true, true) => None,
                (false, true) => Some(format!("the {kind} {name}{} is on the server only", quote(&on_server))),
                (true, false) => Some(format!("the {kind} {name}{} is not on the server", quote(&in_migrations))),
                (false, false) => match (quote(&on_server), quote(&in_migrations)) {
                    (on_server, in_migrations) if on_server.is_empty() || in_migrations.is_empty() => {
                        Some(format!("the {kind} {name} differs between the server and the migrations"))
                    }
                    (on_server, in_migrations) => Some(format!(
                        "the {kind} {name} differs: the server has{on_server}, the migrations have{in_migrations}"
                    )),
                },
            });
        }
        differences
    }
}

/// Returns whether a property is a right that the setup job grants: the owner's rights on `public`, the use of `public`
/// by every role that may connect, and the rights of service roles on rows. The property is `role PRIVILEGE`; for a default
/// privilege, the kind of object as in `pg_default_acl` comes first: `r` tables, `S` sequences, `n` schemas.
fn is_initial_right(kind: &str, name: &str, property: &str, owner: &str, service_roles: &BTreeSet<SqlIdent>) -> bool {
    let mut words = property.split(' ');
    let mut object_kind = "";
    if kind == "default privilege" && name == "*" {
        object_kind = words.next().unwrap_or_default();
    } else if kind != "grant" {
        return false;
    }
    let (role, privilege) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // A third word, `*`, means that the role may grant the privilege to others.
    if words.next().is_some() {
        return false;
    }
    if name == "schema public" && (role == owner || privilege == "USAGE") {
        return true;
    }
    let is_on_rows = ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&privilege);
    let is_on_sequences = ["SELECT", "USAGE"].contains(&privilege);
    let is_initial = match (object_kind, name.split(' ').next().unwrap_or_default()) {
        ("r", _) => is_on_rows,
        ("S", _) => is_on_sequences,
        ("n", _) | ("", "schema") => privilege == "USAGE",
        ("", "relation") => is_on_rows || is_on_sequences,
        _ => false,
    };
    is_initial && service_roles.iter().any(|service_role| service_role.as_str() == role)
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
        let no_guests = BTreeSet::new();
        let migrations = facts(&[
            "table\tpublic.a\tp",
            "column\tpublic.a.id\tbigint t",
            "column\tpublic.a.note\ttext t",
            "view\tpublic.c\tSELECT 1",
        ]);
        assert_eq!(server.differences(&server, "shop", &no_guests), [""; 0]);
        assert_eq!(
            server.differences(&migrations, "shop", &no_guests),
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
            let service_roles = [SqlIdent::wrap("app".into())].into();
            !server.differences(&bare, "shop", &service_roles).is_empty()
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
