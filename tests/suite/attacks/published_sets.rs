//! Attacks by published sets: other sets, older sets, sets with files that nself never generates.
