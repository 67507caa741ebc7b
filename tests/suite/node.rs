//! A real Kubernetes node runs generated manifests: a kubelet starts pods with real programs, probes and volumes, and the
//! network refuses what the plan does not declare.

mod machine;
mod migrations;
mod monitoring;
mod policies;
mod rollouts;
mod shop;
mod stack;

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use machine::{Node, generate};

use crate::support::{report_measurement, tool};
use crate::up::in_own_namespaces;

/// Only one node can run at a time: nodes share the machine's control groups, and a kubelet kills the processes of pods
/// that it does not know, such as those of a second node.
static ONE_NODE: Mutex<()> = Mutex::new(());

/// Stacks with images run one after the other on one node, because each start of a node and each import takes time.
#[test]
fn stacks_with_images_run() {
    with_node_tools("node::stacks_with_images_run", run_stacks);
}

#[test]
fn network_policies_are_enforced() {
    with_node_tools("node::network_policies_are_enforced", policies::are_enforced);
}

/// Runs a test in its own namespaces if all tools for a node are installed.
fn with_node_tools(test: &str, body: fn()) {
    // Each missing tool prints a line.
    let tools = ["kubernetes/kube-apiserver", "node/kubelet", "node/kube-proxy", "node/kube-router", "node/coredns"];
    let missing = tools.iter().filter(|name| tool(name).is_none()).count();
    if missing == 0 {
        let _one = ONE_NODE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        in_own_namespaces(test, body);
    }
}

/// Runs one stack on the node, from the folder of its project and that of its manifests.
type StackTest = fn(&Node, &Path, &Path);

fn run_stacks() {
    let [first, shop, desk, watched] =
        [stack::project(), shop::project(), migrations::project(), monitoring::project()];
    let projects = [first.path(), shop.path(), desk.path(), watched.path()];
    let folders = projects.map(generate);
    let start = Instant::now();
    let node = Node::start();
    node.import_images(&folders.each_ref().map(|folder| folder.as_path()));
    let report_time =
        |what: &str, start: Instant| report_measurement(&format!("{what}: {:.0} s", start.elapsed().as_secs_f64()));
    report_time("the node and its images", start);
    let stacks: [(&str, StackTest); 4] = [
        ("the two-line stack", stack::starts),
        ("the golden stack", shop::runs),
        ("migrations", migrations::migrations_run_before_services),
        ("monitoring", monitoring::monitoring_works),
    ];
    for (index, (what, run)) in stacks.into_iter().enumerate() {
        let start = Instant::now();
        run(&node, projects[index], &folders[index]);
        report_time(what, start);
    }
}
