//! A client for image registries: reads and writes manifests and blobs by the OCI distribution protocol. It checks all
//! content against the requested digest, so a registry or mirror can refuse content but cannot substitute it.
//!
//! The client uses TLS with the system's certificates, and plain HTTP only for hosts that the command line names.
//! Credentials come from Docker's configuration, and are only sent to the host to which they belong and to the token
//! server that this host names in its own domain.
//!
//! Every request can fail because the registry does not answer (NS821), refuses access (NS822), does not have the
//! content (NS823) or sends unexpected content (NS824).

mod auth;
mod base_images;
mod failure;
mod fetch;
mod hosts;
pub mod media;
mod push;
mod resolve;
mod token_server;
mod transport;

pub use failure::Failure;
pub use fetch::Manifest;
pub use hosts::HostSettings;
pub use push::{Referrer, Subject};
pub use transport::Registry;
