//! Stacks of public projects: each folder of `tests/stacks/` is one test. Its `stack.ncl` has no raw keys, and all readers of
//! the outputs accept them for Compose and for Kubernetes.
//!
//! The first line says which project it is. `# Refused on Kubernetes: NS701` in the comment at the top means that exactly
//! these errors refuse the stack on a cluster, and the first line says why that is right.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{name, nself_in, project, root, run, tool};

const REFUSED: &str = "# Refused on Kubernetes: ";
const COMPOSE: &str = "compose.ncl";
const CLUSTER: &str = "cluster.ncl";
/// Settings that a public stack does not have: a cluster with a gateway, a registry for builds, an address for certificates.
const CLUSTER_LAYER: &str = r#"let nself = import "nself/main.ncl" in (import "stack.ncl") & {
  kubernetes = nself.clusters.gateway "envoy" & {
    enabled = true,
    edge_namespace = "envoy-gateway-system",
    preserves_client_address = true,
    registry = "ghcr.io/acme",
    tag = "1.4.2",
  },
}
"#;

/// Returns the folders of all stacks.
pub fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/stacks")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 20, "stacks are missing");
    folders
}

pub fn is_accepted_whole(folder: &Path) {
    let text = fs::read_to_string(folder.join("stack.ncl")).unwrap();
    let comment: Vec<&str> = text.lines().take_while(|line| line.starts_with("# ")).collect();
    assert!(comment.first().is_some_and(|line| line.len() > 30), "the first line says which project it is");
    for raw in ["compose =", "compose.", "kubernetes =", "kubernetes."] {
        let used = text.lines().any(|line| line.trim_start().starts_with(raw));
        assert!(!used, "raw keys or settings of a target: `{raw}`");
    }
    let copy = project(folder);
    let layer = "let nself = import \"nself/main.ncl\" in (import \"stack.ncl\") & {}\n";
    fs::write(copy.path().join(COMPOSE), layer).unwrap();
    fs::write(copy.path().join(CLUSTER), CLUSTER_LAYER).unwrap();
    let output = nself_in(copy.path(), ["gen", COMPOSE]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    for environment in ["local", "staging", "prod"] {
        compose_reads(&copy.path().join("deploy").join(environment));
    }
    let expected_refusal = comment.iter().find_map(|line| line.strip_prefix(REFUSED));
    let output = nself_in(copy.path(), ["gen", CLUSTER, "--env", "prod", "--out", "cluster", "--format", "json"]);
    let answer: serde_json::Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    let findings = answer["diagnostics"].as_array().into_iter().flatten();
    let errors = findings.filter(|finding| finding["severity"] == "error");
    let codes: BTreeSet<&str> = errors.map(|finding| finding["code"].as_str().unwrap()).collect();
    let expected: BTreeSet<&str> = expected_refusal.into_iter().flat_map(|codes| codes.split(", ")).collect();
    assert_eq!(codes, expected, "{:#}", answer["diagnostics"]);
    if expected_refusal.is_none() {
        cluster_accepts(&copy.path().join("cluster/prod/kubernetes"));
    }
    let name = name(folder);
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
}

/// Docker Compose reads the file without a warning.
fn compose_reads(folder: &Path) {
    let Some(program) = tool("bin/docker-compose-2") else { return };
    let text = fs::read_to_string(folder.join("compose.yaml")).unwrap();
    let references = text.split("${").skip(1).filter_map(|rest| rest.split('}').next()?.split_once(":?"));
    let variables: BTreeSet<String> = references.map(|(name, _)| format!("{name}=value\n")).collect();
    fs::write(folder.join(".env"), variables.into_iter().collect::<String>()).unwrap();
    let config = || run(Command::new(&program).args(["-f", "compose.yaml", "config", "-q"]).current_dir(folder));
    let output = config();
    assert!(output.code == 0 && output.stderr.is_empty(), "{}: {}", folder.display(), output.stderr);
    // The check can fail.
    fs::write(folder.join("compose.yaml"), text.replacen("    restart: ", "    restrat: ", 1)).unwrap();
    assert_ne!(config().code, 0);
}

/// The schemas of the API server accept every object, and kustomize builds the set.
fn cluster_accepts(folder: &Path) {
    let Some(schemas) = tool("definitions/schemas") else { return };
    let location = format!("{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", schemas.display());
    let skip = "Gateway,HTTPRoute,Certificate,Issuer,Kustomization";
    let arguments =
        ["-strict", "-summary", "-skip", skip, "-schema-location", &location, "-ignore-filename-pattern", "json$"];
    let check = || run(Command::new(tool("kubernetes/kubeconform").unwrap()).args(arguments).arg(folder));
    let output = check();
    assert!(output.code == 0 && output.stdout.contains("Invalid: 0, Errors: 0"), "{}{}", output.stdout, output.stderr);
    let built = run(Command::new(tool("kubernetes/kustomize").unwrap()).arg("build").arg(folder));
    assert_eq!(built.code, 0, "{}", built.stderr);
    // The check can fail.
    let bad = "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {nonsense: 1}\n";
    fs::write(folder.join("bad.yaml"), bad).unwrap();
    assert_ne!(check().code, 0);
}
