//! The first start with Sealed Secrets: the commands in the warning are followed literally.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, nself_in, run, stack};

const STACK: &str = r#"{
  project = "shop", domain = "shop.example.com", monitoring.waive = "not the subject",
  environments.prod.kubernetes = nself.clusters.gateway "envoy" & { enabled = true, secrets = 'sealed, sealed = import "sealed.ncl" },
}"#;

/// A stand-in for kubeseal, which needs the key of a controller: it prints the value in base64, so that the test can
/// see what was sealed.
const KUBESEAL: &str = "#!/bin/sh\nprintf Ag\nexec base64 -w0\n";

fn generate(project: &Path) -> ProcessOutput {
    let output = nself_in(project, ["gen", "--env", "prod"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    output
}

/// Runs the command that the warning names. It prints the lines for the stack.
fn seal(project: &Path, warning: &str) -> ProcessOutput {
    let (_, rest) = warning.split_once("then `for ").unwrap();
    let (command, _) = rest.split_once("`, and write").unwrap();
    let path = format!("{}:{}", project.join("bin").display(), std::env::var("PATH").unwrap());
    run(Command::new("sh").args(["-c", &format!("for {command}")]).env("PATH", path).current_dir(project))
}

#[test]
fn the_first_start_follows_the_warning() {
    let case = stack(STACK);
    let project = case.path();
    fs::create_dir(project.join("bin")).unwrap();
    fs::write(project.join("bin/kubeseal"), KUBESEAL).unwrap();
    fs::set_permissions(project.join("bin/kubeseal"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(project.join("sealed.ncl"), "{}").unwrap();

    let warning = generate(project).stderr;
    assert_eq!(warning.matches("NS848").count(), 1, "{warning}");
    let created = nself_in(project, ["secrets", "init", "--env", "prod"]);
    let missing = created.stderr.lines().filter_map(|line| line.strip_prefix("missing ")?.split_once(':'));
    let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
    assert!(missing.contains(&"smtp_password"), "{}", created.stderr);
    // A value that is not there yet is named, and not sealed as an empty text.
    let sealed = seal(project, &warning);
    assert!(!sealed.stdout.contains("smtp_password") && sealed.stderr.contains("secrets/smtp_password is missing"));

    for name in &missing {
        fs::write(project.join("deploy/prod/secrets").join(name), "value-of-the-provider-1\n").unwrap();
    }
    let sealed = seal(project, &warning);
    // The line break at the end of the file is not a part of the value.
    assert!(sealed.stdout.contains("smtp_password = \"AgdmFsdWUtb2YtdGhlLXByb3ZpZGVyLTE=\","), "{}", sealed.stdout);
    fs::write(project.join("sealed.ncl"), format!("{{\n{}}}\n", sealed.stdout)).unwrap();
    let output = generate(project);
    assert!(!output.stderr.contains("NS848"), "{}", output.stderr);
    let manifests = fs::read_dir(project.join("deploy/prod/kubernetes/secrets")).unwrap();
    let texts = manifests.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let kinds = texts.filter(|text| text.contains("kind: SealedSecret")).count();
    assert_eq!(kinds, sealed.stdout.lines().count());
}
