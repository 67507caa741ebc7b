//! The digests of a plan's parts: what a generator reads of the plan is named by fields, and what it makes of them stays
//! as long as their digests do.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::field_presence::FieldPresence;
use crate::artifact::{Digest, Slice};
use crate::plan::{Plan, Service};
use crate::values::ServiceName;

/// The parts of one plan by their names: fields such as `edge`, and of some records each entry, such as
/// `services.orders`.
#[derive(Debug)]
pub struct PlanDigests(BTreeMap<String, Arc<PlanPart>>);

/// What is known of a part.
#[derive(Debug)]
pub struct PlanPart {
    pub digest: Digest,
    /// Whether it says anything: neither nothing nor an empty list or record.
    pub is_set: bool,
    /// Its fields, if it is a record, and whether they are set; many parts look alike.
    pub shape: FieldPresence,
}

impl PlanPart {
    fn of(value: &impl Serialize) -> Arc<Self> {
        let (text, shape) = FieldPresence::of(value);
        let is_set = !matches!(text.as_slice(), b"null" | b"[]" | b"{}");
        Arc::new(PlanPart { digest: Digest::of(&text), is_set, shape })
    }
}

impl PlanDigests {
    pub fn of(plan: &Plan) -> Self {
        PlanDigests::read(plan, |_, _| None)
    }

    /// The fields of `plan`, which was made from `before`. These are those of `before`; what both plans share is known.
    #[must_use]
    pub fn after(&self, before: &Plan, plan: &Plan) -> Self {
        PlanDigests::read(plan, |name, service| {
            let same = before.services.get(name).is_some_and(|old| Arc::ptr_eq(old, service));
            same.then(|| self.service(name)).flatten().map(|(_, part)| Arc::clone(part))
        })
    }

    fn read(plan: &Plan, known: impl Fn(&ServiceName, &Arc<Service>) -> Option<Arc<PlanPart>>) -> Self {
        // Every field has its line; one more does not compile without.
        let Plan {
            project,
            environment,
            profile,
            domain,
            services,
            start_order,
            connections,
            volumes,
            secrets,
            ingress,
            databases,
            roles,
            pooler,
            replication,
            access,
            migrations,
            graphql,
            compat,
            kubernetes,
            project_folder,
        } = plan;
        let one = |name: &str, part| (name.to_owned(), part);
        let services = services
            .iter()
            .map(|(name, service)| (part_of(name), known(name, service).unwrap_or_else(|| PlanPart::of(service))));
        let mut parts: BTreeMap<String, Arc<PlanPart>> = services.collect();
        parts.extend(volumes.iter().map(|(name, volume)| (format!("volumes.{name}"), PlanPart::of(volume))));
        parts.extend(secrets.iter().map(|(name, secret)| (format!("secrets.{name}"), PlanPart::of(secret))));
        parts.extend(databases.iter().map(|(name, database)| (format!("databases.{name}"), PlanPart::of(database))));
        parts.extend([
            one("project", PlanPart::of(project)),
            one("environment", PlanPart::of(environment)),
            one("profile", PlanPart::of(profile)),
            one("domain", PlanPart::of(domain)),
            one("start_order", PlanPart::of(start_order)),
            one("edges", PlanPart::of(connections)),
            one("edge", PlanPart::of(ingress)),
            one("roles", PlanPart::of(roles)),
            one("pooler", PlanPart::of(pooler)),
            one("replication", PlanPart::of(replication)),
            one("access", PlanPart::of(access)),
            one("migrations", PlanPart::of(migrations)),
            one("graphql", PlanPart::of(graphql)),
            one("compat", PlanPart::of(compat)),
            one("kubernetes", PlanPart::of(kubernetes)),
            one("project_folder", PlanPart::of(project_folder)),
        ]);
        PlanDigests(parts)
    }

    /// By their names, in order.
    pub fn parts(&self) -> impl Iterator<Item = (&String, &Arc<PlanPart>)> {
        self.0.iter()
    }

    /// A service's part.
    pub fn service(&self, name: &ServiceName) -> Option<(&String, &Arc<PlanPart>)> {
        self.0.get_key_value(&part_of(name))
    }

    /// The digest of everything.
    pub fn digest(&self) -> Digest {
        Digest::of_value(&self.digests(|_| true))
    }

    /// What a generator reads that reads these fields.
    pub fn slice(&self, generator: &'static str, fields: &[&str]) -> Slice {
        Slice::of(generator, &self.digests(|part| fields.contains(&part.split('.').next().unwrap_or_default())))
    }

    fn digests(&self, read: impl Fn(&str) -> bool) -> BTreeMap<&String, &Digest> {
        self.0.iter().filter(|(name, _)| read(name)).map(|(name, part)| (name, &part.digest)).collect()
    }
}

fn part_of(service: &ServiceName) -> String {
    format!("services.{service}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(parts: &Value) -> PlanDigests {
        let parts = parts.as_object().into_iter().flatten();
        PlanDigests(parts.map(|(name, value)| (name.clone(), PlanPart::of(value))).collect())
    }

    #[test]
    fn a_slice_changes_with_what_it_names_and_with_nothing_else() {
        let one = json!({ "edge": { "x": 1 }, "edges": [1], "services.a": { "x": 1 }, "services.b": {} });
        let all = |parts: &Value| {
            let names: [&[&str]; 4] = [&["edge"], &["edges"], &["services"], &["edge", "services"]];
            names.map(|names| fields(parts).slice("nginx", names).identity())
        };
        let before = all(&one);
        for (part, value, changed) in [
            ("edge", json!({ "x": 2 }), [true, false, false, true]),
            ("edges", json!([2]), [false, true, false, false]),
            ("services.a", json!({ "x": 2 }), [false, false, true, true]),
            ("services.c", json!({}), [false, false, true, true]),
        ] {
            let mut other = one.clone();
            other[part] = value;
            let after = all(&other);
            assert_eq!([0, 1, 2, 3].map(|i| before[i] != after[i]), changed, "{part}");
            assert_ne!(fields(&one).digest(), fields(&other).digest());
        }
    }
}
