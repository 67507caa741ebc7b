//! What a step can do to data, rights and running programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! hazards {
    ($($(#[$doc:meta])* $name:ident $text:literal $review:literal $what:literal)*) => {
        /// A hazard of a step. Those that need a review stop the plan until the definition allows them by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Hazard { $($(#[$doc])* #[serde(rename = $text)] $name),* }

        impl Hazard {
            pub const ALL: &[Hazard] = &[$(Hazard::$name),*];

            pub fn id(self) -> &'static str {
                match self { $(Hazard::$name => $text),* }
            }

            /// Whether the definition has to allow it.
            pub fn needs_review(self) -> bool {
                match self { $(Hazard::$name => $review),* }
            }

            /// What happens, for messages.
            pub fn what(self) -> &'static str {
                match self { $(Hazard::$name => $what),* }
            }
        }
    };
}

hazards! {
    /// Rows or columns go away.
    DeletesData "deletes_data" true "what is stored there is lost"
    /// Values become others and cannot be had back.
    ConvertsData "converts_data" true "stored values are converted and may not fit"
    /// The server writes the whole table anew and lets nobody read meanwhile.
    Rewrite "rewrite" true "the whole table is rewritten while nobody can use it"
    /// Rows that were impossible become possible.
    DropsConstraint "drops_constraint" true "rows that were impossible become possible"
    /// Less row-level security than before.
    RlsWeakened "rls_weakened" true "row-level security becomes weaker"
    /// The column that tells tenants or applications apart.
    TenantColumn "tenant_column" true "the column that tells owners apart changes"
    /// Readers and writers wait for a moment.
    AccessExclusive "access_exclusive" false "readers and writers wait"
    /// The table is read while writers wait.
    BlockingScan "blocking_scan" false "the table is read while writers wait"
    /// An index is built without blocking writers.
    IndexBuild "index_build" false "an index is built, which takes time and disk"
    /// Fails when rows do not meet it.
    MayFail "may_fail" false "it fails when stored rows do not meet it"
    /// Rights change.
    AuthzUpdate "authz_update" false "rights change"
}
