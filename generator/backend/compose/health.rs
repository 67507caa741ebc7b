//! Health checks in Compose's words.

use super::model::{Healthcheck, Scalar};
use crate::plan::Health;

pub fn healthcheck(health: &Health) -> Healthcheck {
    let Some(test) = health.check.command() else {
        // The image's own check would decide otherwise.
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
