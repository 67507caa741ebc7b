//! Attacks by files of an untrusted checkout: symbolic links, devices, pipes and huge files.
