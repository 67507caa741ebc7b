//! A running PostgreSQL server, accessed through PostgreSQL's own programs: psql runs statements, pg_dump reads
//! schemas. The programs receive the password of a URL in their environment, so that it appears in no argument, message
//! or log.
//!
//! The user of a URL may have more rights than the owners of the objects that it reads. So the search path of sessions
//! contains only the server's own schemas (sessions through a pooler set it in their statements), and SQL of the
//! project runs in a temporary database, as a role created for it if the user may create roles.

mod scratch;
mod session;
mod url;

pub use scratch::Scratch;
pub use session::{Server, ServerResult, is_pooler_refusal};
