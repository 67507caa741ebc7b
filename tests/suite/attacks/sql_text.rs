//! Attacks by SQL text of the user that means more than one expression.
