//! Attacks on privileged database sessions by objects and SQL of less privileged roles.
