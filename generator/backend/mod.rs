//! The targets, a closed set, and the order in which they run. The content ring writes files from the plan
//! alone; the platform ring mounts and digests those files. No backend imports another.

pub mod compose;
pub mod fidelity;
