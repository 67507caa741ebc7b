//! Attacks on the rows of other tenants by a service's role, functions and foreign keys.

mod definers;
mod ownership;
mod tenant_keys;
