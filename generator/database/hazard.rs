//! Hazards: what a step of a migration can do to data, rights and running programs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// Each row of the macro has the variant, its name in the definition's `allow`, whether it needs a review, and its effect.
macro_rules! hazards {
    ($($(#[$doc:meta])* $name:ident $text:literal $review:literal $what:literal)*) => {
        /// A hazard of a step. Hazards that need a review stop the plan until the definition allows them by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Hazard { $($(#[$doc])* #[serde(rename = $text)] $name),* }

        impl Hazard {
            /// All hazards, in the order of the rows.
            pub const ALL: &[Hazard] = &[$(Hazard::$name),*];

            /// Returns the name of the hazard in `allow`, such as `deletes_data`.
            pub fn id(self) -> &'static str {
                match self { $(Hazard::$name => $text),* }
            }

            /// Returns whether the definition must allow the hazard.
            pub fn needs_review(self) -> bool {
                match self { $(Hazard::$name => $review),* }
            }

            /// Returns the effect of the hazard, for messages.
            pub fn what(self) -> &'static str {
                match self { $(Hazard::$name => $what),* }
            }
        }
    };
}

hazards! {
    /// Rows or columns are deleted.
    DeletesData "deletes_data" true "the stored data is lost"
    /// Values are converted, and the old ones cannot be restored.
    ConvertsData "converts_data" true "stored values are converted and may not fit"
    /// The server rewrites the whole table while readers and writers wait.
    Rewrite "rewrite" true "the whole table is rewritten while readers and writers wait"
    /// Rows that were impossible become possible.
    DropsConstraint "drops_constraint" true "rows that were impossible become possible"
    /// Less row-level security than before.
    RlsWeakened "rls_weakened" true "row-level security becomes weaker"
    /// A function runs with the rights of its owner, and its caller can choose the objects that it uses.
    OpenDefiner "open_definer" true "a caller can make the function run other code with the rights of its owner"
    /// The column that names the tenant or application of a row changes.
    TenantColumn "tenant_column" true "the column that names the owner of a row changes"
    /// Readers and writers wait for a moment.
    AccessExclusive "access_exclusive" false "the table is locked, so readers and writers wait"
    /// The table is read while writers wait.
    BlockingScan "blocking_scan" false "writers wait while the whole table is read"
    /// An index is built without blocking writers.
    IndexBuild "index_build" false "an index is built, which takes time and disk"
    /// Fails if stored rows violate the new rule.
    MayFail "may_fail" false "the step fails if stored rows violate the new rule"
    /// Running programs use the old name until they are replaced.
    BreaksPrograms "breaks_programs" false "programs that use the old name fail until they use the new one"
    /// Rights change.
    AuthzUpdate "authz_update" false "privileges change"
}
