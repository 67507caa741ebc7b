//! A real Kubernetes node runs generated manifests: a kubelet starts pods with real programs, probes and volumes, and the
//! network refuses what the plan does not declare.

mod machine;
mod policies;
mod stack;

use std::sync::Mutex;

use crate::support::tool;
use crate::up::apart;

/// Nodes share the machine's control groups, and a kubelet ends the processes in groups of pods that it does not know.
static ONE_NODE: Mutex<()> = Mutex::new(());

#[test]
fn the_two_line_stack_starts() {
    on_a_node("node::the_two_line_stack_starts", stack::starts);
}

#[test]
fn network_policies_are_enforced() {
    on_a_node("node::network_policies_are_enforced", policies::are_enforced);
}

fn on_a_node(test: &str, body: fn()) {
    // Each missing tool prints a line.
    let tools = ["kubernetes/kube-apiserver", "node/kubelet", "node/kube-proxy", "node/kube-router", "node/coredns"];
    let missing = tools.iter().filter(|name| tool(name).is_none()).count();
    if missing == 0 {
        let _one = ONE_NODE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        apart(test, body);
    }
}
