//! Debian's reprotest: outputs, image and release are the same with a different time, zone, locale, home, path, umask,
//! number of processors and environment.

use std::path::Path;
use std::process::Command;

use crate::support::{ProcessOutput, nself, run, stack, tool};

const VARIATIONS: &str =
    "-all,+environment,+build_path,+exec_path,+home,+locales,+timezone,+umask,+num_cpus,+aslr,+time";

fn reprotest(folder: &Path, command: &str) -> Option<ProcessOutput> {
    let program = tool("/usr/bin/reprotest")?;
    let mut reprotest = Command::new(program);
    reprotest
        .args(["--no-diffoscope", &format!("--variations={VARIATIONS}"), "-c", command, ".", "result"])
        .current_dir(folder);
    Some(run(&mut reprotest))
}

#[test]
fn every_variation_of_the_environment_gives_the_same_files() {
    let project = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.web = {
          image = \"ghcr.io/acme/web:1.0.0\", layout = { folder = \"web\", platforms = [\"linux/amd64\", \"linux/arm64\"] },
          port = 8001, command = [\"/app/server\"], health.none = \"it answers at once\" } }",
    );
    let folder = project.path();
    std::fs::create_dir(folder.join("web")).unwrap();
    std::fs::write(folder.join("web/server"), "server").unwrap();
    let program = nself(folder).get_program().to_string_lossy().into_owned();
    // File modes are part of the result.
    let pack = "tar --mtime=@0 --sort=name --owner=0 --group=0 --numeric-owner -cf result deploy made";
    let command = format!("{program} gen && {program} image web --out made && {pack}");
    let Some(output) = reprotest(folder, &command) else { return };
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    // Known-bad controls: commands whose result depends on a variation are detected.
    for leak in ["pwd >result", "date >result", "echo $HOME $TZ $LANG >result", "umask >result", "nproc >result"] {
        let output = reprotest(folder, leak).unwrap();
        assert_ne!(output.code, 0, "{leak} is not found");
    }
}
