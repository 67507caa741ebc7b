//! Digests of the plan's parts. A generator runs again only if the digest of a part that it reads has changed;
//! otherwise, the files of its last run are reused.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::field_presence::FieldPresence;
use crate::artifact::{Digest, Generator, StepInput};
use crate::plan::{Plan, Service};
use crate::values::ServiceName;

/// Declares the fields of the plan in pairs such as `Ingress ingress`: the variant of [`PlanField`] and the field of
/// [`Plan`]. Each field in `fields` is one part. Each entry of a field in `records` is one part, such as
/// `volumes.data`. Services are not in these lists, since their parts are computed separately.
macro_rules! plan_fields {
    (fields: $($field:ident $name:ident),*; records: $($record:ident $record_name:ident),*) => {
        /// A field of the plan.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum PlanField { Services, $($field,)* $($record),* }

        impl PlanField {
            /// Returns the name of the field in [`Plan`].
            pub const fn name(self) -> &'static str {
                match self {
                    PlanField::Services => "services",
                    $(PlanField::$field => stringify!($name),)*
                    $(PlanField::$record => stringify!($record_name)),*
                }
            }
        }

        /// Returns the parts of all fields except the services, by the names of the parts.
        fn parts_without_services(plan: &Plan) -> BTreeMap<String, Arc<PlanPart>> {
            // The pattern has no `..`, so that a new field of `Plan` must be added to one of the lists.
            let Plan { services: _, $($name,)* $($record_name),* } = plan;
            let mut parts = BTreeMap::from([$((stringify!($name).to_owned(), PlanPart::of($name))),*]);
            $(parts.extend($record_name.iter().map(|(name, value)| {
                (format!("{}.{name}", stringify!($record_name)), PlanPart::of(value))
            }));)*
            parts
        }
    };
}

plan_fields! {
    fields: Project project, Environment environment, Profile profile, Domain domain, StartOrder start_order, Connections connections,
        Ingress ingress, Roles roles, Pooler pooler, Replication replication, Backups backups, Access access, Setup setup, Migrations migrations,
        Files files, Graphql graphql, Monitoring monitoring, FixedNetwork fixed_network, Compat compat, Kubernetes kubernetes, ProjectFolder project_folder;
    records: Volumes volumes, Secrets secrets, Databases databases
}

/// The parts of one plan by their names: fields such as `ingress`, and entries of records such as `services.orders`.
#[derive(Debug)]
pub struct PlanDigests(BTreeMap<String, Arc<PlanPart>>);

/// A part of the plan: its digest, and which of its fields are set.
#[derive(Debug)]
pub struct PlanPart {
    pub digest: Digest,
    /// Whether the part is neither null nor an empty list or record.
    pub is_set: bool,
    /// The fields of a record, and whether each is set.
    pub field_presence: FieldPresence,
}

impl PlanPart {
    /// Returns the part of the plan that has this value.
    fn of(value: &impl Serialize) -> Arc<Self> {
        let (json, field_presence) = FieldPresence::of(value);
        let is_set = !matches!(json.as_slice(), b"null" | b"[]" | b"{}");
        Arc::new(PlanPart { digest: Digest::of(&json), is_set, field_presence })
    }
}

impl PlanDigests {
    /// Returns the digests of all parts of a plan.
    pub fn of(plan: &Plan) -> Self {
        PlanDigests::with_known_services(plan, |_, _| None)
    }

    /// Returns the digests of `plan`, which was derived from `before`; `self` has the digests of `before`. Services
    /// that both plans share are not digested again.
    #[must_use]
    pub fn of_derived_plan(&self, before: &Plan, plan: &Plan) -> Self {
        PlanDigests::with_known_services(plan, |name, service| {
            let is_shared = before.services.get(name).is_some_and(|old| Arc::ptr_eq(old, service));
            is_shared.then(|| self.service(name)).flatten().map(|(_, part)| Arc::clone(part))
        })
    }

    /// Returns the digests of all parts of a plan. `known_part` returns the part of a service that was digested before;
    /// the services for which it returns `None` are digested here.
    fn with_known_services(
        plan: &Plan,
        known_part: impl Fn(&ServiceName, &Arc<Service>) -> Option<Arc<PlanPart>>,
    ) -> Self {
        let mut parts = parts_without_services(plan);
        parts.extend(plan.services.iter().map(|(name, service)| {
            let part = known_part(name, service).unwrap_or_else(|| PlanPart::of(service));
            (service_part_name(name), part)
        }));
        PlanDigests(parts)
    }

    /// Returns all parts with their names, in the order of the names.
    pub fn parts(&self) -> impl Iterator<Item = (&String, &Arc<PlanPart>)> {
        self.0.iter()
    }

    /// Returns the name of a service's part, such as `services.orders`, and the part.
    pub fn service(&self, name: &ServiceName) -> Option<(&String, &Arc<PlanPart>)> {
        self.0.get_key_value(&service_part_name(name))
    }

    /// Returns the digest of the whole plan.
    pub fn digest(&self) -> Digest {
        Digest::of_value(&self.digests(|_| true))
    }

    /// Returns the input of a generator that reads these fields: the digests of all their parts.
    pub fn step_input(&self, generator: Generator, fields: &[PlanField]) -> StepInput {
        let is_read = |part_name: &str| {
            let field_name = part_name.split('.').next().unwrap_or_default();
            fields.iter().any(|field| field.name() == field_name)
        };
        StepInput::of(generator, &self.digests(is_read))
    }

    /// Returns the digests of the parts whose names `is_read` accepts, by name.
    fn digests(&self, is_read: impl Fn(&str) -> bool) -> BTreeMap<&String, &Digest> {
        self.0.iter().filter(|(name, _)| is_read(name)).map(|(name, part)| (name, &part.digest)).collect()
    }
}

/// Returns the name of a service's part, such as `services.orders`.
fn service_part_name(service: &ServiceName) -> String {
    format!("services.{service}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn digests(parts: &Value) -> PlanDigests {
        let parts = parts.as_object().into_iter().flatten();
        PlanDigests(parts.map(|(name, value)| (name.clone(), PlanPart::of(value))).collect())
    }

    #[test]
    fn a_step_input_changes_only_with_the_fields_that_it_reads() {
        use PlanField::{Connections, Ingress, Services};
        let parts = json!({ "ingress": { "x": 1 }, "connections": [1], "services.a": { "x": 1 }, "services.b": {} });
        let input_digests = |parts: &Value| {
            let fields: [&[PlanField]; 4] = [&[Ingress], &[Connections], &[Services], &[Ingress, Services]];
            fields.map(|fields| digests(parts).step_input(Generator::named("nginx"), fields).input_digest())
        };
        let before = input_digests(&parts);
        // `changes` has one flag for each of the four lists of fields: whether the digest of its input changes.
        for (part, value, changes) in [
            ("ingress", json!({ "x": 2 }), [true, false, false, true]),
            ("connections", json!([2]), [false, true, false, false]),
            ("services.a", json!({ "x": 2 }), [false, false, true, true]),
            ("services.c", json!({}), [false, false, true, true]),
        ] {
            let mut changed_parts = parts.clone();
            changed_parts[part] = value;
            let after = input_digests(&changed_parts);
            assert_eq!([0, 1, 2, 3].map(|i| before[i] != after[i]), changes, "{part}");
            assert_ne!(digests(&parts).digest(), digests(&changed_parts).digest());
        }
    }
}
