//! Attacks on secrets: modes of their files, values that are committed, values in plain text.
