//! Privileges of roles.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Column, Function, Namespace, Sequence, SqlIdent, Table, View};

/// Role to privileges; `public` means everyone.
pub type Grants<P> = BTreeMap<SqlIdent, BTreeSet<P>>;

/// The privileges of roles on an object, and the privileges that the roles may grant to others.
pub struct Rights<'a, P> {
    pub grants: &'a Grants<P>,
    /// Privileges in `grants` that the roles may grant to others.
    pub options: &'a Grants<P>,
}

impl<P> Clone for Rights<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Rights<'_, P> {}

impl<P: Privilege> PartialEq for Rights<'_, P> {
    fn eq(&self, other: &Self) -> bool {
        self.grants == other.grants && self.options == other.options
    }
}

impl<'a, P: Privilege> Rights<'a, P> {
    pub fn new(grants: &'a Grants<P>, options: &'a Grants<P>) -> Self {
        Rights { grants, options }
    }
}

/// Declares `rights` for objects that have `grants` and `grant_options`.
macro_rules! rights {
    ($($object:ident $privilege:ident),*) => {$(
        impl $object {
            pub fn rights(&self) -> Rights<'_, $privilege> {
                Rights::new(&self.grants, &self.grant_options)
            }
        }
    )*};
}

rights! {
    Namespace SchemaPrivilege, Table TablePrivilege, Column ColumnPrivilege, View TablePrivilege,
    Sequence SequencePrivilege, Function FunctionPrivilege
}

/// Returns the privileges of roles in `grants` that the roles do not have in `subtracted_grants`. Roles without such
/// privileges are left out.
pub fn minus<P: Privilege>(grants: &Grants<P>, subtracted_grants: &Grants<P>) -> Grants<P> {
    let none = BTreeSet::new();
    let subtracted = |role: &SqlIdent| subtracted_grants.get(role).unwrap_or(&none);
    let remaining = grants.iter().map(|(role, privileges)| (role.clone(), privileges - subtracted(role)));
    remaining.filter(|(_, privileges)| !privileges.is_empty()).collect()
}

/// A kind of privilege, such as the privileges on tables.
pub trait Privilege: Copy + Ord + 'static {
    /// Every privilege of the kind.
    const ALL: &[Self];

    /// Returns the SQL keyword.
    fn sql(self) -> &'static str;
}

/// Declares a kind of privilege: an enumeration whose variants have their SQL keywords.
macro_rules! privileges {
    ($(#[$doc:meta])* $name:ident: $($variant:ident $sql:literal),*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($variant),* }

        impl Privilege for $name {
            const ALL: &[Self] = &[$($name::$variant),*];

            fn sql(self) -> &'static str {
                match self { $($name::$variant => $sql),* }
            }
        }
    };
}

privileges! {
    /// What a role may do with a table or view.
    TablePrivilege: Select "SELECT", Insert "INSERT", Update "UPDATE", Delete "DELETE", Truncate "TRUNCATE",
    References "REFERENCES", Trigger "TRIGGER"
}
privileges! {
    /// What a role may do with a column.
    ColumnPrivilege: Select "SELECT", Insert "INSERT", Update "UPDATE", References "REFERENCES"
}
privileges! {
    /// What a role may do with a sequence.
    SequencePrivilege: Usage "USAGE", Select "SELECT", Update "UPDATE"
}
privileges! {
    /// What a role may do with a schema.
    SchemaPrivilege: Usage "USAGE", Create "CREATE"
}
privileges! {
    /// What a role may do with a function.
    FunctionPrivilege: Execute "EXECUTE"
}
privileges! {
    /// What a role may do with a type.
    TypePrivilege: Usage "USAGE"
}
