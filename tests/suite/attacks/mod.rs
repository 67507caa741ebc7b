//! Attacks on nself and on what it generates, one test each, by the surface that they use.
//!
//! Each test states the attack and the expectation in its doc comment, in this form:
//!
//! ```text
//! /// Attack: …
//! /// Expectation: …
//! ```
//!
//! Where it is cheap, the test also runs the attack against an unprotected form, the control, and shows that it
//! succeeds there. `SECURITY.md` states the trust model behind the expectations.

mod checkout;
mod credentials;
mod database_sessions;
mod edge;
mod manifest;
mod messages;
mod networks;
mod published_sets;
mod resources;
mod row_isolation;
mod sql_text;
