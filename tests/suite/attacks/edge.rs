//! Attacks through the edge: forged addresses, upgrades, header names, paths that two readers read differently.
