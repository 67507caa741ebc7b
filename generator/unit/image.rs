//! Tests the configuration of an image's container.

use oci_spec::image::{Config, ImageConfiguration};
use serde_json::{Value, json};

use super::{plan, stack};
use crate::image::runtime_config::config;

#[test]
fn a_process_runs_as_the_user_of_its_image() {
    let service = json!({ "image": "a/orders:1", "port": 8001, "health": { "http": { "path": "/healthz" } } });
    let (plan, _) = plan(&stack(&json!({ "orders": service })));
    let (name, service) = plan.services.iter().find(|(name, _)| name.as_str() == "orders").unwrap();
    let user_of = |user: Option<&str>| -> Result<Value, String> {
        let mut container = Config::default();
        container.set_user(user.map(str::to_owned));
        let mut image = ImageConfiguration::default();
        image.set_config(Some(container));
        Ok(config(&plan, name, service, &image)?["process"]["user"].clone())
    };
    assert_eq!(user_of(Some("65532")), Ok(json!({ "uid": 65532, "gid": 0 })));
    assert_eq!(user_of(None), Ok(json!({ "uid": 0, "gid": 0 })));
    assert!(user_of(Some("nonroot")).unwrap_err().contains("`nonroot`"));
}
