//! The rule of Sealed Secrets: each secret of a cluster has an encrypted value in the stack.

use crate::diagnostic::{Code, Diagnostic};
use crate::path;
use crate::plan::inputs::Inputs;
use crate::plan::model::{Plan, namespace};
use crate::stack::{Kubernetes, SecretSource};

/// Warns of secrets without an encrypted value. It is no error: `nself secrets init` creates the values to encrypt, and
/// needs the generated list of secrets.
pub fn check(inputs: Inputs, settings: &Kubernetes, plan: &Plan) -> Option<Diagnostic> {
    if settings.secrets != SecretSource::Sealed {
        return None;
    }
    let unsealed = plan.read_secrets().filter(|name| !settings.sealed.contains_key(*name));
    let unsealed: Vec<&str> = unsealed.map(|name| name.as_str()).collect();
    if unsealed.is_empty() {
        return None;
    }
    let environment = inputs.environment;
    let namespace = namespace(&inputs.stack.project, environment);
    Some(
        Diagnostic::warning(Code::UnsealedSecret, path!("kubernetes", "sealed"))
            .message(format!(
                "not sealed for this environment yet: {}; pods that need them do not start",
                crate::words::count(unsealed.len(), "secret")
            ))
            .expected("an encrypted value for each of them")
            .hint(format!(
                "run `nself secrets init --env {environment}`, then `for name in {}; do file=deploy/{environment}/secrets/$name; \
                 if [ -s $file ]; then printf '%s = \"%s\",\\n' $name \"$(printf %s \"$(cat $file)\" | kubeseal --raw \
                 --namespace {namespace} --name $(echo $name | tr _ -))\"; else echo \"$file is missing\" >&2; fi; done`, \
                 and write the lines into `environments.{environment}.kubernetes.sealed`",
                unsealed.join(" ")
            )),
    )
}
