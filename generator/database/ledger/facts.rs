//! The facts in a server's catalog, and the differences between two catalogs. A fact is a line about one object: its
//! kind, its name and a property, such as `column`, `public.orders.id`, `bigint t` (the type, and whether the column is
//! NOT NULL).

use std::collections::{BTreeMap, BTreeSet};

use crate::values::SqlIdent;

/// The facts in the catalog of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFacts {
    /// The server's major version, `:` and 32 hexadecimal digits.
    digest: String,
    /// Maps kind and name of an object to its properties, each with the number of lines that have it.
    properties_by_object: BTreeMap<(String, String), BTreeMap<String, usize>>,
}

/// The access of a service to rows, for which the setup job grants rights to the service's role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAccess {
    pub role: SqlIdent,
    /// `None` means all schemas of the owner of the database, including later ones.
    pub schema: Option<SqlIdent>,
    /// Whether the service may change rows.
    pub writes: bool,
}

/// Maximum length, in bytes, of the properties that a message repeats.
const MAX_QUOTED_LENGTH: usize = 80;

impl CatalogFacts {
    /// Parses the rows that the query [`super::facts_query`] returned: the digest, then for each fact its kind, name and
    /// property, separated by tabs. `None` if a row is malformed.
    pub fn read(answer: &str) -> Option<CatalogFacts> {
        let mut lines = answer.lines();
        let digest = lines.next()?.to_owned();
        let (major_version, hash) = digest.split_once(':')?;
        let is_hexadecimal = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if hash.len() != 32 || !is_hexadecimal(hash) || !is_hexadecimal(major_version) {
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

    /// Returns the digest of the catalog: the server's major version, `:` and a hash.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns a sentence for each object that differs between the server (`self`) and the migrations. Leaves out
    /// what migrations do not have because the job that creates the database does it: the rights of the owner of the
    /// database and of the roles of services, and extensions for services.
    pub fn differences(
        &self,
        migrations: &CatalogFacts,
        owner: &str,
        services: &BTreeSet<ServiceAccess>,
    ) -> Vec<String> {
        let no_properties = BTreeMap::new();
        let keys: BTreeSet<&(String, String)> =
            self.properties_by_object.keys().chain(migrations.properties_by_object.keys()).collect();
        let has_columns = |kind: &str| ["table", "view", "materialized view", "composite"].contains(&kind);
        let is_on_one_side = |key: &(String, String)| {
            self.properties_by_object.contains_key(key) != migrations.properties_by_object.contains_key(key)
        };
        // If only one side has a table, the table is reported and its columns are not.
        let omitted = keys.iter().filter(|key| has_columns(&key.0) && is_on_one_side(key));
        let omitted_column_prefixes: BTreeSet<String> = omitted.map(|(_, name)| format!("{name}.")).collect();
        let mut differences = Vec::new();
        for key in keys {
            let (on_server, in_migrations) = (
                self.properties_by_object.get(key).unwrap_or(&no_properties),
                migrations.properties_by_object.get(key).unwrap_or(&no_properties),
            );
            let (kind, name) = key;
            if on_server == in_migrations
                || omitted_column_prefixes.iter().any(|prefix| name.starts_with(prefix))
                || (kind == "extension" && in_migrations.is_empty())
            {
                continue;
            }
            let is_granted = |property: &str| is_granted_by_setup_job(kind, name, property, owner, services);
            let only_on_server = properties_only_in(on_server, in_migrations, is_granted);
            let only_in_migrations = properties_only_in(in_migrations, on_server, is_granted);
            differences.extend(sentence((kind, name), &only_on_server, &only_in_migrations));
        }
        differences
    }
}

/// Returns the properties that only one side has, or has in a different number, except those of the setup job.
fn properties_only_in(
    side: &BTreeMap<String, usize>,
    other_side: &BTreeMap<String, usize>,
    is_granted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let unmatched = side.iter().filter(|(property, count)| other_side.get(*property) != Some(*count));
    unmatched.map(|(property, _)| property.clone()).filter(|property| !is_granted(property)).collect()
}

/// Returns the sentence about an object; `None` if its properties are equal.
fn sentence((kind, name): (&str, &str), only_on_server: &[String], only_in_migrations: &[String]) -> Option<String> {
    // Empty if there are no properties, or if they are too long for a message.
    let quote = |properties: &[String]| {
        let text = properties.iter().map(|property| property.trim_end()).collect::<Vec<_>>().join(", ");
        if text.is_empty() || text.len() > MAX_QUOTED_LENGTH { String::new() } else { format!(" (`{text}`)") }
    };
    let (on_server, in_migrations) = (quote(only_on_server), quote(only_in_migrations));
    match (only_on_server.is_empty(), only_in_migrations.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("the {kind} {name}{on_server} is on the server only")),
        (true, false) => Some(format!("the {kind} {name}{in_migrations} is not on the server")),
        (false, false) if on_server.is_empty() || in_migrations.is_empty() => {
            Some(format!("the {kind} {name} differs between the server and the migrations"))
        }
        (false, false) => {
            Some(format!("the {kind} {name} differs: the server has{on_server}, the migrations have{in_migrations}"))
        }
    }
}

/// Returns whether a property is a right that the setup job grants: the owner's rights on `public`, the use of `public`
/// by every role that may connect, and the rights of service roles on rows.
///
/// A property is `role PRIVILEGE`. A default privilege begins with the kind of its objects: `r` for tables, `S` for
/// sequences, `n` for schemas.
fn is_granted_by_setup_job(
    kind: &str,
    name: &str,
    property: &str,
    owner: &str,
    services: &BTreeSet<ServiceAccess>,
) -> bool {
    let mut words = property.split(' ');
    let mut object_kind = "";
    if kind == "default privilege" {
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
    services.iter().any(|service| {
        let row_privileges: &[&str] =
            if service.writes { &["SELECT", "INSERT", "UPDATE", "DELETE"] } else { &["SELECT"] };
        let is_on_rows = row_privileges.contains(&privilege);
        let is_on_sequences = service.writes && ["SELECT", "USAGE"].contains(&privilege);
        let is_granted = match (object_kind, name.split(' ').next().unwrap_or_default()) {
            ("r", _) => is_on_rows,
            ("S", _) => is_on_sequences,
            ("n", _) | ("", "schema") => privilege == "USAGE",
            ("", "relation") => is_on_rows || is_on_sequences,
            _ => false,
        };
        is_granted && service.role.as_str() == role && is_in_schema(service, kind, name)
    })
}

/// Returns whether a fact is about a schema to which a service has access. The name of a default privilege is the schema,
/// or `*` for all schemas; the name of a grant is a kind and an object, such as `relation public.orders`.
fn is_in_schema(service: &ServiceAccess, kind: &str, name: &str) -> bool {
    let Some(schema) = &service.schema else { return kind == "grant" || name == "*" };
    if kind == "default privilege" {
        return name == schema.as_str();
    }
    let object = name.split_once(' ').map_or(name, |(_, object)| object);
    object.strip_prefix(schema.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
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
        let no_services = BTreeSet::new();
        let migrations = facts(&[
            "table\tpublic.a\tp",
            "column\tpublic.a.id\tbigint t",
            "column\tpublic.a.note\ttext t",
            "view\tpublic.c\tSELECT 1",
        ]);
        assert_eq!(server.differences(&server, "shop", &no_services), [""; 0]);
        assert_eq!(
            server.differences(&migrations, "shop", &no_services),
            [
                "the column public.a.note differs: the server has (`text f`), the migrations have (`text t`)",
                "the grant schema public (`other CREATE`) is on the server only",
                "the table public.b (`p`) is on the server only",
                "the view public.c (`SELECT 1`) is not on the server",
            ]
        );
    }

    #[test]
    fn rights_of_the_setup_job_are_not_differences() {
        let bare = facts(&["table\tpublic.a\tp"]);
        let differs = |kind: &str, name: &str, what: &str| {
            let server = facts(&["table\tpublic.a\tp", &format!("{kind}\t{name}\t{what}")]);
            let access = |role: &str, schema: Option<&str>| ServiceAccess {
                role: SqlIdent::wrap(role.into()),
                schema: schema.map(|schema| SqlIdent::wrap(schema.into())),
                writes: schema.is_none(),
            };
            let services = [access("app", None), access("viewer", Some("public"))].into();
            !server.differences(&bare, "shop", &services).is_empty()
        };
        for (kind, name, what) in [
            ("default privilege", "*", "r app DELETE"),
            ("default privilege", "*", "S app USAGE"),
            ("default privilege", "*", "n app USAGE"),
            ("grant", "relation public.a", "app UPDATE"),
            ("grant", "schema audit", "app USAGE"),
            ("grant", "schema public", "reports USAGE"),
            ("grant", "relation public.a", "viewer SELECT"),
            ("default privilege", "public", "r viewer SELECT"),
            ("extension", "citext", ""),
        ] {
            assert!(!differs(kind, name, what), "{kind} {name} {what}");
        }
        for (kind, name, what) in [
            ("default privilege", "*", "r app TRUNCATE"),
            ("default privilege", "*", "r PUBLIC SELECT"),
            ("default privilege", "public", "r app SELECT"),
            ("grant", "relation public.a", "app TRIGGER"),
            ("grant", "relation public.a", "viewer INSERT"),
            ("grant", "relation publics.a", "viewer SELECT"),
            ("default privilege", "*", "r viewer SELECT"),
            ("default privilege", "audit", "r viewer SELECT"),
            ("grant", "relation public.a", "app SELECT *"),
            ("grant", "relation public.a", "reports SELECT"),
            ("grant", "schema audit", "app CREATE"),
            ("grant", "schema public", "app CREATE"),
        ] {
            assert!(differs(kind, name, what), "{kind} {name} {what}");
        }
    }
}
