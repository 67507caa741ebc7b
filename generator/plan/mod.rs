//! The planner. It determines once the values that all backends share: names, hosts, ports, start order, volumes, routes,
//! secrets and connections. A backend only translates the plan to the format of its target.
//!
//! The services of the environment ([`roster`]) go through the aspects (`aspect`). Each aspect plans its part and returns
//! wirings, which are additions to services. `assemble` applies the wirings, and `rules` check the result.

pub(crate) mod addresses;
pub mod alert_rules;
pub(crate) mod aspect;
mod assemble;
pub(crate) mod backup_services;
mod declared_processes;
pub mod dockerfile;
mod env_files;
mod fixed_network;
mod for_cluster;
mod health_command;
pub(crate) mod inputs;
mod joined_findings;
mod missing_services;
mod model;
pub mod network;
mod object_store;
mod ports;
mod resolve;
pub mod roster;
mod rules;
pub mod scratch_volumes;
pub mod secret_list;
pub mod server_image;
pub mod service_names;
mod start_order;
mod web_origins;
pub(crate) mod wiring;

pub use aspect::databases::migrations_role;
pub use aspect::definitions::definitions;
pub use aspect::{access, encryption};
pub use declared_processes::DeclaredProcesses;
pub use for_cluster::{cluster, group_budget_name, separate_claims};
pub use inputs::{ProjectFiles, SourceFile};
pub use model::{
    BalancedServer, Check, Cluster, ConfigMount, Connection, Dashboard, Database, DatabaseSetup, EventTables, File,
    FileContent, FixedNetwork, Grant, HasuraMetadata, Health, IngressPlan, Location, LoginRole, Migrations, Monitoring,
    NameServer, Operator, OutsideServer, Peers, Plan, PlannedAction, Platform, Pooler, Program, ProgramService,
    Programs, Publish, Replication, Resolver, ScrapeJob, Secret, ServerAccess, ServerList, Service, Site, Step, Target,
    Upstream, Value, Volume, VolumeMount, namespace,
};
pub use network::Network;
pub use resolve::resolve;
pub use rules::{CUSTOM_PORTS, PLUGIN_PORTS, backup_places, domains, machines, nginx_snippets, unused_settings};
