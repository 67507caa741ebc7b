//! Attacks on privileged database sessions by objects and SQL of less privileged roles.

mod arsenal;
mod events;
mod planted;
mod project_sql;
