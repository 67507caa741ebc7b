//! Warnings about Deployments whose number of pods an autoscaler takes over. The new manifest leaves the number out. With
//! server-side apply, the API server removes a field that its only owner leaves out, and the default is one pod.

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::{Cluster, Plan};
use crate::values::ServiceName;

/// Returns the path of the manifest of a Deployment, relative to an environment's folder.
fn manifest(name: &ServiceName) -> String {
    format!("kubernetes/apps/{name}/deployment-{name}.yaml")
}

/// Returns NS619 for each service of the plan that has an autoscaler now and had a fixed number of pods in the last
/// generation. `old_file` returns the content that a changed file had in the last generation.
pub fn warnings(plan: &Plan, old_file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<Diagnostic> {
    let Some(cluster) = &plan.kubernetes else { return Vec::new() };
    let scaled = plan.services.iter().filter(|(_, service)| service.autoscale.is_some());
    let findings = scaled.filter_map(|(name, service)| {
        let old = old_file(&manifest(name))?;
        let replicas = replicas(&String::from_utf8_lossy(&old)).filter(|replicas| *replicas > 1)?;
        Some(
            Diagnostic::warning(Code::PodsHandover, service.origin.key("autoscale"))
                .message(format!(
                    "the manifest of `{name}` no longer has the number of pods, so `kubectl apply --server-side` leaves one of \
                     {replicas} pods until the autoscaler acts"
                ))
                .hint(format!("before you apply the files, keep the number: `{}`", handover_command(cluster, name, replicas))),
        )
    });
    findings.collect()
}

/// Returns the command with which a second field manager owns the number of pods, so that it stays when the first one
/// leaves it out (Kubernetes documentation, "Server-Side Apply", "Transferring ownership").
fn handover_command(cluster: &Cluster, name: &ServiceName, replicas: u32) -> String {
    let object = serde_json::json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name.as_str(), "namespace": cluster.namespace },
        "spec": { "replicas": replicas },
    });
    format!("echo '{object}' | kubectl apply --server-side --field-manager=handover --validate=false -f -")
}

/// Returns the number of pods in the manifest of a Deployment.
fn replicas(manifest: &str) -> Option<u32> {
    // The fields of `spec` are indented by two spaces.
    manifest.lines().find_map(|line| line.strip_prefix("  replicas: ")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_pods_is_read_from_the_specification() {
        assert_eq!(replicas("kind: Deployment\nspec:\n  replicas: 3\n  template: {}\n"), Some(3));
        assert_eq!(replicas("spec:\n  template:\n    replicas: 3\n"), None);
    }
}
