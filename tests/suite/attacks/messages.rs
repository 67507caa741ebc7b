//! Attacks on terminals and CI logs by control characters and workflow commands in names and texts.
