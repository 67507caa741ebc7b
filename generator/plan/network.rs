//! The networks that services join, and the address ranges that are not the internet.

use serde::Serialize;

use crate::stack::Zone;
use crate::values::{Checked, EnvironmentName, Host, ProjectName};

/// Ranges of private networks (RFC 1918, RFC 6598).
pub const PRIVATE: [&str; 4] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];
/// The range of private networks for IPv6 (RFC 4193).
pub const PRIVATE_V6: &str = "fc00::/7";
/// Link-local addresses (RFC 3927, RFC 4291).
const LINK_LOCAL: &str = "169.254.0.0/16";
const LINK_LOCAL_V6: &str = "fe80::/10";
/// The public address of the metadata service for Azure's virtual machines.
const AZURE_WIRE_SERVER: &str = "168.63.129.16/32";
/// Metadata services at private addresses: Alibaba's, and Amazon's for IPv6.
const PRIVATE_METADATA: &str = "100.100.100.200/32";
const PRIVATE_METADATA_V6: &str = "fd00:ec2::254/128";

/// Returns the ranges, IPv4 and IPv6, that stay closed to a service with access to the internet. They contain the metadata
/// services that issue the credentials of a cloud machine: 169.254.169.254, 100.100.100.200, fd00:ec2::254 and Azure's.
pub fn non_internet_ranges() -> (Vec<&'static str>, Vec<&'static str>) {
    let mut v4 = PRIVATE.to_vec();
    v4.extend([LINK_LOCAL, AZURE_WIRE_SERVER]);
    (v4, vec![PRIVATE_V6, LINK_LOCAL_V6])
}

/// Returns the ranges, IPv4 and IPv6, of the metadata services. They stay closed to a service that may connect to private
/// addresses.
pub fn metadata_ranges() -> (Vec<&'static str>, Vec<&'static str>) {
    (vec![LINK_LOCAL, AZURE_WIRE_SERVER, PRIVATE_METADATA], vec![LINK_LOCAL_V6, PRIVATE_METADATA_V6])
}

/// A network of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The edge and the services to which it forwards.
    Edge,
    App,
    Data,
    Monitoring,
    /// The database server and the jobs that connect as its superuser.
    Maintenance,
    /// The database server, its replica and the backup services that copy it.
    Replication,
    /// Services with fixed addresses, and the services that connect to them.
    Fixed,
}

impl Network {
    /// Returns the network's name in the generated files.
    pub fn name(self) -> &'static str {
        match self {
            Network::Edge => "edge",
            Network::App => "app",
            Network::Data => "data",
            Network::Monitoring => "monitoring",
            Network::Maintenance => "maintenance",
            Network::Replication => "replication",
            Network::Fixed => "fixed",
        }
    }

    /// Returns the network's name on a container engine, such as `shop-prod-data`. The engine's name server appends it
    /// to the names of the network's containers: `postgres.shop-prod-data`.
    pub fn host(self, project: &ProjectName, environment: &EnvironmentName) -> Host {
        Host::wrap(format!("{project}-{environment}-{}", self.name()))
    }
}

impl From<Zone> for Network {
    fn from(zone: Zone) -> Self {
        match zone {
            Zone::Edge => Network::Edge,
            Zone::App => Network::App,
            Zone::Data => Network::Data,
            Zone::Monitoring => Network::Monitoring,
        }
    }
}
