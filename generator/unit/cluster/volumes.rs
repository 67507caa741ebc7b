//! Tests claims, the groups that own volumes, and warnings about volumes that a generation loses.

use serde_json::json;

use super::{errors, files, on_cluster, plan, text};
use crate::backend::kubernetes::upgrade_warnings;
use crate::codes::Code;

#[test]
fn the_kustomization_lists_neither_namespace_nor_shared_claims() {
    let volumes = json!({ "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } });
    let generated = files(&on_cluster(&json!({ "volumes": volumes })));
    let main_list = text(&generated, "kubernetes/kustomization.yaml");
    assert!(
        main_list.contains("policies") && main_list.contains("apps/orders") && !main_list.contains("namespace"),
        "{main_list}"
    );
    let namespace_list = text(&generated, "kubernetes/namespace/kustomization.yaml");
    for file in ["namespace-shop-prod.yaml", "persistentvolumeclaim-data.yaml"] {
        assert!(namespace_list.contains(file), "{namespace_list}");
    }
    for object in ["namespace-shop-prod", "persistentvolumeclaim-data"] {
        let object = text(&generated, &format!("kubernetes/namespace/{object}.yaml"));
        assert!(object.contains("Prune=false,Delete=false"), "{object}");
        assert!(object.contains("kustomize.toolkit.fluxcd.io/prune: ") && object.contains("disabled"), "{object}");
    }
}

#[test]
fn a_pod_that_reads_a_volume_has_the_group_of_its_owner() {
    let volumes = json!({ "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } });
    let generated = files(&on_cluster(&json!({ "volumes": volumes })));
    let nginx = text(&generated, "kubernetes/apps/nginx/deployment-nginx.yaml");
    assert!(nginx.contains("fsGroup: 1000\n") && nginx.contains("runAsGroup: 101\n"), "{nginx}");
}

#[test]
fn volumes_of_two_groups_are_refused() {
    let mut stack =
        on_cluster(&json!({ "volumes": { "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } } }));
    stack["services"]["files"] = json!({
        "image": "a/files:1", "user": "2000:2000", "health": { "none": "no endpoint to check" },
        "volumes": { "files": { "path": "/data", "readers": { "nginx": "/srv/files" } } },
    });
    assert_eq!(errors(&stack), [(Code::VolumeGroups, "services.nginx.volumes".to_owned())]);
    stack["services"]["files"]["user"] = json!("2000:1000");
    assert_eq!(errors(&stack), []);
}

#[test]
fn a_class_of_local_folders_shares_volumes_on_one_node_only() {
    let mut stack =
        on_cluster(&json!({ "volumes": { "data": { "path": "/data", "readers": { "nginx": "/srv/data" } } } }));
    stack["kubernetes"]["storage_class"] = json!("local-path");
    assert_eq!(errors(&stack), [(Code::SharedClass, "services.orders.volumes.data.readers".to_owned())]);
    stack["kubernetes"]["shared_volumes"] = json!("node");
    let claim = text(&files(&stack), "kubernetes/namespace/persistentvolumeclaim-data.yaml");
    assert!(claim.contains("- ReadWriteOnce"), "{claim}");
}

#[test]
fn warnings_name_lost_volumes_and_objects_that_the_kustomization_no_longer_lists() {
    let (plan, _) = plan(&on_cluster(&json!({})));
    let new = br#"{ "version": 2, "claims": { "postgres": { "postgres-data": { "shared": false } } } }"#;
    let old = br#"{ "version": 2, "claims": { "postgres": { "postgres-data": { "shared": false } }, "redis": { "redis-data": { "shared": false } } } }"#;
    let warnings = upgrade_warnings(&plan, old, new);
    assert_eq!(
        warnings.iter().map(|finding| (finding.code, finding.path.to_string())).collect::<Vec<_>>(),
        [(Code::LostVolume, "services.redis".to_owned())]
    );
    assert!(upgrade_warnings(&plan, new, new).is_empty());
    let version_1 = br#"{ "version": 1, "claims": { "postgres": { "postgres-data": { "shared": false } } } }"#;
    let warnings = upgrade_warnings(&plan, version_1, new);
    assert_eq!(
        warnings.iter().map(|finding| (finding.code, finding.path.to_string())).collect::<Vec<_>>(),
        [(Code::LostVolume, "kubernetes".to_owned())]
    );
}
