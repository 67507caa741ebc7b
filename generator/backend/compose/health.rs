//! Health checks in Compose's format.

use super::model::{Healthcheck, Scalar};
use crate::plan::Health;

/// Returns the health check of a service. For a service without a health check, it disables the one of the image.
/// Docker Engine before 25 refuses `start_interval`, so `interval` also applies while the service starts.
pub fn healthcheck(health: &Health) -> Healthcheck {
    let Some(test) = health.check.command() else {
        // Without this setting, Compose runs the check of the image.
        return Healthcheck { disable: Some(true), ..Healthcheck::default() };
    };
    Healthcheck {
        disable: None,
        test: std::iter::once("CMD".to_owned()).chain(test).map(Scalar::Text).collect(),
        interval: Some(health.interval.to_string()),
        timeout: Some(health.timeout.to_string()),
        retries: Some(health.retries),
        start_period: Some(health.start_period.to_string()),
    }
}
