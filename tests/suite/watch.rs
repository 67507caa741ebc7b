//! `nself gen --watch`: generates again at each change, and prints each report once.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::support::{nself, nself_in, stack};

/// A command that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the next line that contains a text.
fn wait_for(lines: &Receiver<String>, wanted: &str) -> String {
    loop {
        let line = lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("no line with `{wanted}`"));
        if line.contains(wanted) {
            return line;
        }
    }
}

#[test]
fn watch_generates_again_at_each_change() {
    let project = stack(
        "{ project = \"shop\", domain = \"shop.example.com\", monitoring.waive = \"not the subject\", services.orders = { image = \"ghcr.io/acme/orders:1\", \
         port = 8001, env.LEVEL = \"info\", health.none = \"it has none\" } }",
    );
    let folder = project.path();
    let mut command = nself(folder);
    let child = command.args(["gen", "--watch"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let (send, lines) = channel();
    let stderr = BufReader::new(running.0.stderr.take().unwrap());
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));

    wait_for(&lines, "written");
    let compose = || fs::read_to_string(folder.join("deploy/prod/compose.yaml")).unwrap();
    assert!(compose().contains("LEVEL: info"));

    let file = folder.join("stack.ncl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"info\"", "\"debug\"")).unwrap();
    let report = wait_for(&lines, "written");
    assert!(report.contains("3 changed"), "{report}");
    assert!(compose().contains("LEVEL: debug"));

    // The finding is printed once, although the stack is evaluated several times.
    fs::write(&file, text.replace("port = 8001", "port = 70000")).unwrap();
    wait_for(&lines, "NS107");
    let waited = Duration::from_secs(3);
    while let Ok(line) = lines.recv_timeout(waited) {
        assert!(!line.contains("NS107"), "{line}");
    }
    assert!(compose().contains("LEVEL: debug"), "a stack with errors changes no file");

    fs::write(&file, text.replace("\"info\"", "\"debug\"")).unwrap();
    wait_for(&lines, "up to date");
    assert_eq!(lines.recv_timeout(waited), Err(RecvTimeoutError::Timeout), "nothing changed, so nothing is printed");

    drop(running);
    assert_eq!(nself_in(folder, ["check"]).code, 0);
    let output = nself_in(folder, ["gen", "--watch", "--check"]);
    assert_eq!(output.code, 2, "{}", output.stderr);
}
