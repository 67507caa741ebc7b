//! Times at which containers started and became ready, read from the engine's events, because a health log has only the
//! last results.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Events of one container, in nanoseconds since 1970 by the engine's clock.
#[derive(Debug, Default)]
pub struct Life {
    pub started: Vec<u64>,
    /// The first healthy check, or the exit with code 0.
    pub ready: Option<u64>,
}

/// Records the engine's events from now on.
pub struct Watch {
    child: Child,
    file: PathBuf,
}

impl Watch {
    pub fn start(docker_host: &str, folder: &Path) -> Watch {
        let file = folder.join("events");
        let mut events = Command::new("docker");
        events.args(["events", "--since", "1s", "--format", "{{json .}}", "--filter", "type=container"]);
        events.args(["--filter", "event=start", "--filter", "event=health_status", "--filter", "event=die"]);
        events.env("DOCKER_HOST", docker_host).stdin(Stdio::null()).stdout(std::fs::File::create(&file).unwrap());
        Watch { child: events.spawn().unwrap(), file }
    }

    /// Stops recording, and returns the events of these containers by service.
    pub fn stop(mut self, containers: &BTreeSet<String>) -> BTreeMap<String, Life> {
        // The stream does not end, and the last event may arrive late.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let _ = self.child.kill();
        let _ = self.child.wait();
        read(&std::fs::read_to_string(&self.file).unwrap(), containers)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(lines: &str, containers: &BTreeSet<String>) -> BTreeMap<String, Life> {
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if !containers.contains(event["Actor"]["ID"].as_str().unwrap_or_default()) {
            continue;
        }
        let attributes = &event["Actor"]["Attributes"];
        let name = attributes["com.docker.compose.service"].as_str().unwrap().to_owned();
        let time = event["timeNano"].as_u64().unwrap();
        let life = lives.entry(name).or_default();
        let well = match event["Action"].as_str().unwrap() {
            "start" => {
                life.started.push(time);
                false
            }
            "health_status: healthy" => true,
            "die" => attributes["exitCode"] == "0",
            _ => false,
        };
        if well {
            life.ready = life.ready.or(Some(time));
        }
    }
    lives
}

/// Returns faults: a start before a dependency was ready, an additional start, a service that never became ready.
pub fn faults(waits: &BTreeMap<String, Vec<String>>, lives: &BTreeMap<String, Life>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, waits) in waits {
        let Some(life) = lives.get(name) else {
            faults.push(format!("{name} has no events"));
            continue;
        };
        if life.started.len() != 1 {
            faults.push(format!("{name} was started {} times", life.started.len()));
        }
        if life.ready.is_none() {
            faults.push(format!("{name} was never ready"));
        }
        for other in waits {
            let ready = lives.get(other).and_then(|other| other.ready);
            let early = life.started.first().zip(ready).is_none_or(|(started, ready)| *started < ready);
            if early {
                faults.push(format!("{name} was started before {other} was ready"));
            }
        }
    }
    faults
}

/// Known-bad controls: each fault is detected.
#[test]
fn a_wrong_start_order_is_detected() {
    let event = |id: &str, action: &str, time: u64| {
        format!(
            r#"{{"Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"com.docker.compose.service":"{id}","exitCode":"0"}}}},"timeNano":{time}}}"#
        )
    };
    let containers: BTreeSet<String> = ["db", "api", "owner"].map(String::from).into();
    let waits: BTreeMap<String, Vec<String>> = [("db", vec!["owner"]), ("api", vec!["db"]), ("owner", vec![])]
        .map(|(name, waits)| (name.into(), waits.into_iter().map(String::from).collect()))
        .into();
    let judge = |events: &[String]| faults(&waits, &read(&events.join("\n"), &containers));
    let good = [
        event("other", "start", 0),
        event("owner", "start", 1),
        event("owner", "die", 2),
        event("db", "start", 3),
        event("db", "health_status: unhealthy", 4),
        event("db", "health_status: healthy", 5),
        event("api", "start", 6),
        event("api", "health_status: healthy", 7),
    ];
    assert_eq!(judge(&good), Vec::<String>::new());
    let with = |index: usize, line: String| {
        let mut events = good.clone();
        events[index] = line;
        judge(&events)
    };
    assert_eq!(with(6, event("api", "start", 4)), ["api was started before db was ready"]);
    assert_eq!(with(0, event("api", "start", 8)), ["api was started 2 times"]);
    assert_eq!(with(7, event("api", "health_status: unhealthy", 7)), ["api was never ready"]);
    let failed = event("owner", "die", 2).replace(r#""exitCode":"0""#, r#""exitCode":"1""#);
    assert_eq!(with(2, failed), ["db was started before owner was ready", "owner was never ready"]);
}
