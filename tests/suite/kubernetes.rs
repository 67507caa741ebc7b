//! Manifests on a real API server with its controllers, and checked by tools that operators use.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Cluster, manifests, namespace};
use crate::support::{ProcessOutput, environments, golden, name, nself_in, project, run, stack, tool};

fn path(folder: &Path) -> String {
    folder.to_string_lossy().into_owned()
}

/// Uses one cluster for all checks, since it takes almost a minute to start.
#[test]
fn a_cluster_accepts_every_golden_case() {
    let Some(cluster) = Cluster::start() else { return };
    let mut gitops_objects = 0;
    for folder in manifests(&environments()) {
        gitops_objects += apply(&cluster, &folder);
        wait_until_ready(&cluster, &namespace(&folder));
    }
    assert!(gitops_objects > 0, "no golden case has objects of Argo CD or Flux");
    finds_its_secrets(&cluster);
    rolls_out_changes(&cluster);
    prunes_removed_objects(&cluster);
    keeps_data_when_all_is_deleted(&cluster);
    refuses(&cluster);
}

/// Applies a folder without a warning; a second diff is empty. Returns the number of objects of Argo CD and Flux.
fn apply(cluster: &Cluster, folder: &Path) -> usize {
    let at = path(folder);
    cluster.run_or_panic(&["apply", "--server-side", "-k", &path(&folder.join("namespace"))]);
    cluster.run_or_panic(&["apply", "--server-side", "-k", &at]);
    wait_for_autoscalers(cluster, &namespace(folder));
    wait_until_unchanged(cluster, &at);
    let before = generations(cluster, &namespace(folder));
    cluster.run_or_panic(&["apply", "--server-side", "-k", &at]);
    assert_eq!(generations(cluster, &namespace(folder)), before, "{at}");
    let mut gitops_objects = 0;
    for file in fs::read_dir(folder.join("gitops")).into_iter().flatten().flatten() {
        // Flux's definition of Kustomization is not available as a Go module.
        if !name(&file.path()).starts_with("kustomization-") {
            let file = path(&file.path());
            let text = fs::read_to_string(&file).unwrap();
            let namespace = if text.contains("namespace: argocd") { "argocd" } else { "flux-system" };
            cluster.kubectl(&["create", "namespace", namespace]);
            cluster.run_or_panic(&["apply", "--server-side", "-f", &file]);
            gitops_objects += 1;
        }
    }
    gitops_objects
}

/// Waits until a diff of a folder against the cluster is empty. While controllers write into an object, kubectl compares
/// two different states of it; a difference in the manifests stays.
fn wait_until_unchanged(cluster: &Cluster, folder: &str) {
    let from = Instant::now();
    loop {
        let diff = cluster.kubectl(&["diff", "--server-side", "-k", folder]);
        if diff.code == 0 {
            return;
        }
        assert!(from.elapsed() < Duration::from_secs(60), "{folder}: {}{}", diff.stdout, diff.stderr);
        sleep(Duration::from_secs(1));
    }
}

fn get(cluster: &Cluster, namespace: &str, kinds: &str) -> Vec<Value> {
    let text = cluster.run_or_panic(&["get", "-n", namespace, kinds, "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    list["items"].as_array().unwrap().clone()
}

const WORKLOADS: &str = "deployment,statefulset,cronjob";

/// Returns the generation of each object, which counts changes of its specification.
fn generations(cluster: &Cluster, namespace: &str) -> BTreeMap<String, i64> {
    let items = get(cluster, namespace, &format!("{WORKLOADS},networkpolicy,pdb"));
    let generation = |item: &Value| item["metadata"]["generation"].as_i64().unwrap_or_default();
    let all: BTreeMap<String, i64> = items
        .iter()
        .map(|item| {
            (
                format!("{}/{}", item["kind"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap()),
                generation(item),
            )
        })
        .collect();
    assert!(all.len() > 10, "{all:?}");
    all
}

/// Waits until each autoscaler has raised the replicas to its minimum, which changes the generation of the Deployment.
fn wait_for_autoscalers(cluster: &Cluster, namespace: &str) {
    cluster.wait_until("autoscalers have set their minimum", |cluster| {
        let deployments = get(cluster, namespace, "deployment");
        get(cluster, namespace, "hpa").iter().all(|scaler| {
            let target = &scaler["spec"]["scaleTargetRef"]["name"];
            let deployment = deployments.iter().find(|deployment| deployment["metadata"]["name"] == *target).unwrap();
            deployment["spec"]["replicas"].as_i64() >= scaler["spec"]["minReplicas"].as_i64()
        })
    });
}

/// Waits until every workload is ready. Volumes are created by hand, since nothing provisions them here.
fn wait_until_ready(cluster: &Cluster, namespace: &str) {
    cluster.wait_until("workloads are ready", |cluster| {
        volumes(cluster, namespace);
        get(cluster, namespace, "deployment,statefulset").iter().all(|item| {
            let expected_replicas = item["spec"]["replicas"].as_i64().unwrap();
            expected_replicas > 0 && item["status"]["readyReplicas"].as_i64() == Some(expected_replicas)
        })
    });
    for cron in get(cluster, namespace, "cronjob") {
        let name = cron["metadata"]["name"].as_str().unwrap();
        let job = format!("job/{name}-by-hand");
        // Cases share namespaces, so an earlier one may have left the job.
        cluster.run_or_panic(&["delete", "-n", namespace, &job, "--ignore-not-found"]);
        cluster.run_or_panic(&["create", "job", "-n", namespace, &job[4..], &format!("--from=cronjob/{name}")]);
        cluster.run_or_panic(&["wait", "-n", namespace, &job, "--for=condition=Complete", "--timeout=120s"]);
    }
    cluster.wait_until("budgets and autoscalers are taken up", |cluster| {
        let budgets = get(cluster, namespace, "pdb");
        let scalers = get(cluster, namespace, "hpa");
        let able = |scaler: &Value| {
            let conditions = scaler["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|condition| condition["type"] == "AbleToScale" && condition["status"] == "True")
        };
        budgets.iter().all(|budget| budget["status"]["currentHealthy"].as_i64() >= Some(1)) && scalers.iter().all(able)
    });
}

fn volumes(cluster: &Cluster, namespace: &str) {
    for claim in get(cluster, namespace, "pvc") {
        if claim["status"]["phase"] == "Bound" {
            continue;
        }
        let spec = &claim["spec"];
        let volume = serde_json::json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": { "name": format!("{namespace}-{}", claim["metadata"]["name"].as_str().unwrap()) },
            "spec": {
                "accessModes": spec["accessModes"], "capacity": spec["resources"]["requests"],
                "storageClassName": spec["storageClassName"].as_str().unwrap_or_default(),
                "hostPath": { "path": "/tmp/volume" },
                "claimRef": { "namespace": namespace, "name": claim["metadata"]["name"] },
            },
        });
        cluster.apply_text(&volume.to_string());
    }
}

/// Checks that every secret and key that a pod names exists after the operator has applied the values.
fn finds_its_secrets(cluster: &Cluster) {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let copy = project(&case);
    assert_eq!(nself_in(copy.path(), ["gen"]).code, 0);
    let without_values = nself_in(copy.path(), ["secrets", "kubernetes", "--env", "local"]);
    assert!(without_values.code == 2 && without_values.stdout.is_empty(), "{}", without_values.stdout);
    assert_eq!(nself_in(copy.path(), ["secrets", "init", "--env", "local"]).code, 0);
    let secrets = nself_in(copy.path(), ["secrets", "kubernetes", "--env", "local"]);
    assert_eq!(secrets.code, 0, "{}", secrets.stderr);
    cluster.apply_text(&secrets.stdout);
    let known: Vec<String> = get(cluster, "shop-local", "secret")
        .iter()
        .flat_map(|secret| {
            let name = secret["metadata"]["name"].as_str().unwrap().to_owned();
            secret["data"]
                .as_object()
                .cloned()
                .unwrap_or_default()
                .into_iter()
                .map(move |(key, _)| format!("{name}/{key}"))
        })
        .collect();
    let mut checked_references = 0;
    for workload in get(cluster, "shop-local", WORKLOADS) {
        let template =
            if workload["kind"] == "CronJob" { &workload["spec"]["jobTemplate"]["spec"] } else { &workload["spec"] };
        let pod = &template["template"]["spec"];
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let variables = list(&pod["containers"][0]["env"])
            .into_iter()
            .map(|variable| variable["valueFrom"]["secretKeyRef"].clone());
        let sources = list(&pod["volumes"]).into_iter().flat_map(|volume| list(&volume["projected"]["sources"]));
        let files = sources.map(|source| serde_json::json!({ "name": source["secret"]["name"], "key": source["secret"]["items"][0]["key"] }));
        for reference in variables.chain(files).filter(|reference| reference["name"].is_string()) {
            let name_and_key =
                format!("{}/{}", reference["name"].as_str().unwrap(), reference["key"].as_str().unwrap());
            assert!(known.contains(&name_and_key), "{name_and_key} is not among {known:?}");
            checked_references += 1;
        }
    }
    assert!(checked_references > 10, "{checked_references}");
}

/// A changed file of nginx restarts only nginx.
fn rolls_out_changes(cluster: &Cluster) {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let changed = project(&case);
    let file = changed.path().join("stack.ncl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("tls.email", "edge.connections = 50,\n  tls.email", 1)).unwrap();
    assert_eq!(nself_in(changed.path(), ["gen"]).code, 0);
    let folder = path(&changed.path().join("deploy/prod/kubernetes"));
    let diff = cluster.kubectl(&["diff", "--server-side", "-k", &folder]);
    assert_eq!(diff.code, 1, "a changed file is a difference: {}", diff.stderr);
    let before = generations(cluster, "shop-prod");
    cluster.run_or_panic(&["apply", "--server-side", "-k", &folder]);
    let after = generations(cluster, "shop-prod");
    let changed_objects: Vec<&String> =
        after.iter().filter(|(name, count)| before.get(*name) != Some(*count)).map(|(name, _)| name).collect();
    assert_eq!(changed_objects, ["Deployment/nginx"]);
    ready_again(cluster);
}

fn ready_again(cluster: &Cluster) {
    cluster.run_or_panic(&["rollout", "status", "-n", "shop-prod", "deployment/nginx", "--timeout=120s"]);
}

/// `kubectl delete -k` of all objects keeps the namespace and every claim.
fn keeps_data_when_all_is_deleted(cluster: &Cluster) {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let folder = case.join("out/staging/kubernetes");
    let names = |cluster: &Cluster, kinds: &str| -> Vec<String> {
        let items = get(cluster, "shop-staging", kinds).into_iter();
        items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let before = names(cluster, "pvc");
    assert!(before.len() > 2 && before.contains(&"exports".to_owned()), "{before:?}");
    cluster.run_or_panic(&["delete", "-k", &path(&folder), "--wait=false"]);
    cluster.wait_until("no workload exists", |cluster| names(cluster, "deployment,statefulset").is_empty());
    assert_eq!(names(cluster, "pvc"), before);
    let phase = cluster.run_or_panic(&["get", "namespace", "shop-staging", "-o", "jsonpath={.status.phase}"]);
    assert_eq!(phase, "Active");
}

const EVERYTHING: &str =
    "deployment,statefulset,service,serviceaccount,configmap,networkpolicy,pdb,httproutes,gateways,certificates";

/// Pruning deletes only objects that the stack no longer has.
fn prunes_removed_objects(cluster: &Cluster) {
    let with = |services: &str| {
        format!(
            "{{ project = \"prune\", domain = \"prune.example.com\", monitoring.waive = \"not the subject\", {services} \
             kubernetes = {{ enabled = true, gateway_class = \"any\" }} }}"
        )
    };
    let before = stack(&with("services = { redis = nself.services.redis, minio = nself.services.minio },"));
    let after = stack(&with("services.minio = nself.services.minio,"));
    let apply = |folder: &Path| {
        assert_eq!(nself_in(folder, ["gen", "--env", "prod"]).code, 0);
        let at = folder.join("deploy/prod/kubernetes");
        cluster.run_or_panic(&["apply", "--server-side", "-f", &path(&at.join("namespace/namespace-prune-prod.yaml"))]);
        let set = ["--prune", "--applyset=nself", "-n", "prune-prod"];
        let mut arguments = vec!["apply", "--server-side", "-k"];
        let at = path(&at);
        arguments.push(&at);
        arguments.extend(set);
        let output = cluster.kubectl(&arguments);
        assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
        let items = get(cluster, "prune-prod", EVERYTHING).into_iter();
        let all: Vec<String> = items
            .filter(|item| item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "nself")
            .map(|item| format!("{}/{}", item["kind"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap()))
            .collect();
        all
    };
    let (before, after) = (apply(before.path()), apply(after.path()));
    let deleted: Vec<&String> = before.iter().filter(|item| !after.contains(item)).collect();
    assert!(deleted.len() >= 5, "{deleted:?}");
    assert!(deleted.iter().all(|item| item.contains("/redis")), "{deleted:?}");
    assert!(after.iter().all(|item| before.contains(item)), "{after:?}");
    assert!(after.iter().any(|item| item == "StatefulSet/minio"), "{after:?}");
}

/// Known-bad controls: the server refuses every kind of mistake that the generator could make.
fn refuses(cluster: &Cluster) {
    let case = golden(false).into_iter().find(|case| name(case) == "kubernetes").unwrap();
    let folder = case.join("out/prod/kubernetes");
    let deployment = fs::read_to_string(folder.join("apps/web/deployment-web.yaml")).unwrap();
    let service = fs::read_to_string(folder.join("apps/web/service-web.yaml")).unwrap();
    let route = fs::read_to_string(folder.join("edge/httproute-sites.yaml")).unwrap();
    let long = "x".repeat(64);
    for (text, from, to) in [
        (&deployment, "  name: web\n", "  name: we_b\n"),
        (&deployment, "app.kubernetes.io/part-of: shop", &format!("app.kubernetes.io/part-of: {long}")),
        (&deployment, "memory: \"512Mi\"", "memory: \"512MB\""),
        (&deployment, "memory: \"256Mi\"", "memory: \"600Mi\""),
        (&deployment, "- name: http\n", "- name: a-very-long-port-name\n"),
        (&deployment, "      app.kubernetes.io/instance: web\n", "      app.kubernetes.io/instance: other\n"),
        (&deployment, "revisionHistoryLimit", "revisionHistory"),
        (&service, "port: 8080", "port: 70000"),
        (&service, "name: http", "name: HTTP"),
        (&route, "request: \"0s\"", "request: \"5x\""),
    ] {
        assert!(text.contains(from), "{from:?} is missing in\n{text}");
        let file = path(&cluster.file(&text.replace(from, to)));
        cluster.refused(&["apply", "--server-side", "--dry-run=server", "-f", &file]);
    }
    let bare = "apiVersion: v1\nkind: Pod\nmetadata: {name: root, namespace: shop-prod}\n\
                spec: {containers: [{name: root, image: \"a:1\", securityContext: {runAsUser: 0}}]}\n";
    let complaint = cluster.refused(&["create", "-f", &path(&cluster.file(bare))]);
    assert!(complaint.contains("violates PodSecurity \"restricted"), "{complaint}");
}

/// Runs a checker on each group of manifests, and on a bad manifest as a control.
fn run_checker(
    program: &str,
    arguments: &[&str],
    groups: &[Vec<String>],
    bad: &str,
) -> Option<(Vec<ProcessOutput>, ProcessOutput)> {
    let program = tool(program)?;
    let check = |files: &[String]| run(Command::new(&program).args(arguments).args(files));
    let good = groups.iter().map(|files| check(files)).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    fs::write(&file, bad).unwrap();
    Some((good, check(&[path(&file)])))
}

/// Returns the manifests of every golden case, in a group for each folder.
fn manifests_by_folder() -> Vec<Vec<String>> {
    let groups: Vec<Vec<String>> = manifests(&environments()).iter().map(|folder| files(folder)).collect();
    assert!(groups.iter().all(|files| files.len() > 30), "{groups:?}");
    groups
}

/// Returns the objects in a folder of manifests, without files for kustomize.
fn files(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.map(|entry| path(entry.path()));
    files
        .filter(|file| file.ends_with(".yaml") && !file.ends_with("/kustomization.yaml") && !file.contains("/gitops/"))
        .collect()
}

const BAD: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bad}\nspec:\n  selector: {matchLabels: {a: b}}\n  \
                   template: {metadata: {labels: {a: b}}, spec: {containers: [{name: bad, image: \"bad\", nonsense: 1}]}}\n";

#[test]
fn published_schemas_accept_the_manifests() {
    let arguments = ["-k", "1.36", "--strict", "--quiet"];
    let all = [manifests_by_folder().concat()];
    let Some((good, bad)) = run_checker("venv/bin/kubernetes-validate", &arguments, &all, BAD) else { return };
    assert_eq!(good[0].code, 0, "{}{}", good[0].stdout, good[0].stderr);
    assert_ne!(bad.code, 0);
}

/// Checks of kube-score that do not apply to these manifests, each with the reason.
const SCORE: [(&str, &str); 8] = [
    ("container-image-pull-policy", "tags are pinned, and a restart must not need the registry"),
    ("container-security-context-user-group-id", "the image decides the user: a different user cannot read its files"),
    ("deployment-has-host-podantiaffinity", "topologySpreadConstraints spread the pods"),
    ("deployment-replicas", "how many there are is said in the stack"),
    ("deployment-strategy", "one claim for readers and the writer: two pods must not write at once"),
    ("pod-probes-identical", "where the check is that a port accepts, liveness has nothing less to ask"),
    ("service-type", "the edge on kind and minikube is a port of the nodes"),
    ("statefulset-has-host-podantiaffinity", "topologySpreadConstraints spread the pods"),
];

#[test]
fn kube_score_finds_nothing() {
    let mut arguments = vec!["score", "--output-format", "ci", "--exit-one-on-warning"];
    for (check, _) in SCORE {
        arguments.extend(["--ignore-test", check]);
    }
    // Some checks compare the objects of a folder with each other.
    let control = BAD.replace(", nonsense: 1", "");
    let Some((good, bad)) = run_checker("kubernetes/kube-score", &arguments, &manifests_by_folder(), &control) else {
        return;
    };
    for output in good {
        // The policy of the challenge is for pods that cert-manager creates.
        let expected = |line: &&str| {
            line.starts_with("[OK]") || line.starts_with("[SKIPPED]") || line.contains(" acme-challenge/")
        };
        let findings: Vec<&str> = output.stdout.lines().filter(|line| !expected(line)).collect();
        assert!(findings.is_empty(), "{findings:#?}{}", output.stderr);
        assert!(output.stdout.matches("[OK]").count() > 30, "{}{}", output.stdout, output.stderr);
    }
    assert!(bad.stdout.contains("[CRITICAL]"), "{}", bad.stdout);
}

/// Checks of checkov that do not apply to these manifests, each with the reason.
const CHECKOV: [(&str, &str); 4] = [
    ("CKV_K8S_15", "imagePullPolicy: tags are pinned, and a restart must not need the registry"),
    ("CKV_K8S_35", "some images take secrets only as variables"),
    ("CKV_K8S_40", "low user ids: the image owns its user"),
    ("CKV_K8S_43", "images are pinned by digest once they are locked"),
];

#[test]
fn checkov_finds_nothing() {
    let Some(checkov) = tool("checkov/bin/checkov") else { return };
    // checkov takes several seconds to start; it prints one report for each folder.
    let check = |folders: &[PathBuf]| {
        let skipped: Vec<&str> = CHECKOV.iter().map(|(id, _)| *id).collect();
        let mut command = Command::new(&checkov);
        command.args(["--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "-o", "json"]);
        command.args(["--skip-check", &skipped.join(",")]);
        folders.iter().for_each(|folder| _ = command.arg("-d").arg(folder));
        let output = run(command.env("LOG_LEVEL", "ERROR"));
        let reports: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&output.stdout).into_iter().collect();
        let reports = reports.unwrap_or_else(|error| panic!("{error}: {}{}", output.stdout, output.stderr));
        assert_eq!(reports.len(), folders.len(), "{}", output.stderr);
        reports
    };
    let folders = manifests(&environments());
    for (folder, report) in folders.iter().zip(check(&folders)) {
        let failed = report["results"]["failed_checks"].as_array().unwrap();
        // Prometheus and the collector of logs need their tokens to read the API of the cluster.
        let reads_api = |failure: &&Value| {
            let name = failure["resource"].as_str().unwrap().rsplit('.').next().unwrap();
            failure["check_id"] == "CKV_K8S_38" && ["alloy", "prometheus"].contains(&name)
        };
        let failed = failed.iter().filter(|failure| !reads_api(failure));
        let failed: Vec<String> =
            failed.map(|failure| format!("{} {}", failure["check_id"], failure["resource"])).collect();
        assert!(failed.is_empty(), "{}: {failed:#?}", folder.display());
        assert!(report["summary"]["passed"].as_i64().unwrap() > 200, "{}", report["summary"]);
    }
    // checkov ignores hidden folders.
    let bad = tempfile::Builder::new().prefix("bad").tempdir().unwrap();
    fs::write(bad.path().join("bad.yaml"), BAD.replace(", nonsense: 1", "")).unwrap();
    assert!(check(&[bad.path().to_owned()])[0]["summary"]["failed"].as_i64().unwrap() > 10);
}

/// Validates with the schemas of the Kubernetes release; the API server checks objects of other projects.
#[test]
fn kubeconform_finds_nothing() {
    let Some(schemas) = tool("definitions/schemas") else { return };
    let location = format!("{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", schemas.display());
    let skip =
        "Gateway,HTTPRoute,Certificate,Issuer,ExternalSecret,SealedSecret,PodMonitor,PrometheusRule,AlertmanagerConfig";
    let arguments = ["-strict", "-summary", "-skip", skip, "-schema-location", &location];
    let all = [manifests_by_folder().concat()];
    let Some((good, bad)) = run_checker("kubernetes/kubeconform", &arguments, &all, BAD) else { return };
    let output = &good[0];
    let valid = output.code == 0 && output.stdout.contains("Invalid: 0, Errors: 0");
    assert!(valid, "{}{}", output.stdout, output.stderr);
    assert_ne!(bad.code, 0);
}

#[test]
fn kustomize_and_kubectl_see_the_same_objects() {
    let Some(kustomize) = tool("kubernetes/kustomize") else { return };
    let kubectl = tool("kubernetes/kubectl").unwrap();
    for folder in manifests(&environments()) {
        let built = run(Command::new(&kustomize).arg("build").arg(&folder));
        let other = run(Command::new(&kubectl).arg("kustomize").arg(&folder));
        assert_eq!((built.code, other.code), (0, 0), "{}{}", built.stderr, other.stderr);
        assert_eq!(built.stdout, other.stdout);
        let apart = files(&folder.join("namespace")).len();
        assert!(apart > 0);
        let object_count = built.stdout.matches("\n---\n").count() + 1;
        assert_eq!(
            object_count,
            files(&folder).len() - apart,
            "every file is listed once, but those that outlive the set"
        );
    }
}
