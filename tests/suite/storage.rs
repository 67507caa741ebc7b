//! Object storage on a real container engine: SeaweedFS with the generated settings, and rclone as a client.

use serde_json::Value;

use crate::support::ProcessOutput;
use crate::up::{Stack, in_own_namespaces};

#[test]
fn buckets_and_objects_survive_and_need_the_key() {
    in_own_namespaces("storage::buckets_and_objects_survive_and_need_the_key", storage_works);
}

/// The client's image has Python besides rclone.
const STACK: &str = r#"let nself = import "nself/main.ncl" in
{
  project = "shop",
  domain = "shop.example.com",
  services = {
    hasura.enabled = false,
    auth.enabled = false,
    s3 = nself.services.s3,
    s3-buckets = nself.s3_buckets ["uploads", "avatars"],
    photos = {
      image = "docker.io/rclone/rclone:1.75.2",
      entrypoint = ["sleep", "1d"],
      command = [],
      user = "10001:10001",
      tmpfs = [{ path = "/tmp" }],
      health.exec = ["true"],
      depends_on = { s3 = 'healthy, s3-buckets = 'completed },
      env = {
        RCLONE_CONFIG_S3_TYPE = "s3",
        RCLONE_CONFIG_S3_PROVIDER = "Other",
        RCLONE_CONFIG_S3_ENDPOINT = nself.url_of { service = "s3", port = "http" },
        RCLONE_CONFIG_S3_ACCESS_KEY_ID = nself.secret "s3_access_key",
        RCLONE_CONFIG_S3_SECRET_ACCESS_KEY = nself.secret "s3_secret_key",
      },
    },
  },
} | nself.Stack
"#;

fn successful_stdout(output: ProcessOutput) -> String {
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    output.stdout.trim().to_owned()
}

/// Runs a shell command in the container of the client.
fn shell(stack: &Stack, command: &str) -> ProcessOutput {
    stack.compose(&["exec", "-T", "photos", "sh", "-c", command])
}

fn rclone(stack: &Stack, arguments: &str) -> ProcessOutput {
    shell(stack, &format!("rclone --config '' --retries 1 --low-level-retries 1 {arguments}"))
}

/// The access key and the secret key of `services.s3`, as `nself secrets init` has created them.
fn keys(stack: &Stack) -> [String; 2] {
    let file = stack.project.path().join("deploy/local/secrets/s3_config");
    let config: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let credentials = &config["identities"][0]["credentials"][0];
    ["accessKey", "secretKey"].map(|name| credentials[name].as_str().unwrap().to_owned())
}

/// Sends a signed request through nginx, and returns the status of the response.
pub fn signed_request(stack: &Stack, path: &str, more: &[&str]) -> String {
    let user = keys(stack).join(":");
    let mut arguments = vec!["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &user];
    arguments.extend(more);
    stack.status("storage.local.nself.org", path, &arguments)
}

fn storage_works() {
    let start = Stack::start_with("minimal", |project| std::fs::write(project.join("stack.ncl"), STACK).unwrap());
    let Some(stack) = start else { panic!("nothing started, although the tools are installed") };
    // Compose would report other services as failed if they end and no service waits for them.
    let up = |stack: &Stack| {
        let output = stack.compose(&["up", "-d", "--wait", "--wait-timeout", "180", "nginx", "photos", "s3"]);
        assert_eq!(output.code, 0, "{}\n{}", output.stderr, stack.compose(&["logs", "--tail", "40"]).stdout);
    };
    up(&stack);
    assert_eq!(successful_stdout(rclone(&stack, "lsf s3:")), "avatars/\nuploads/");
    // Larger than a part, so that it is sent in several.
    successful_stdout(shell(&stack, "head -c 20000000 /dev/urandom >/tmp/large"));
    successful_stdout(rclone(&stack, "copyto --s3-upload-cutoff 5M --s3-chunk-size 5M /tmp/large s3:uploads/a/large"));
    let digest = successful_stdout(shell(&stack, "sha256sum </tmp/large"));
    let stored = |stack: &Stack| successful_stdout(rclone(stack, "cat s3:uploads/a/large | sha256sum"));
    assert_eq!(stored(&stack), digest);

    strangers_are_refused(&stack);
    every_bucket_has_room(&stack);
    only_requests_with_keys_have_an_open_port(&stack);
    the_edge_keeps_signatures(&stack);
    the_container_is_confined(&stack);

    successful_stdout(stack.compose(&["kill", "-s", "KILL", "s3"]));
    up(&stack);
    assert_eq!(stored(&stack), digest, "after a crash");
    successful_stdout(stack.compose(&["down", "--timeout", "20"]));
    up(&stack);
    assert_eq!(stored(&stack), digest, "in a new container");
    assert_eq!(successful_stdout(rclone(&stack, "cat s3:bucket-12/object")), "12");
    let job = &stack.inspect()["s3-buckets"]["State"];
    assert_eq!((job["Status"].as_str(), job["ExitCode"].as_i64()), (Some("exited"), Some(0)), "existing buckets stay");
    without_the_settings_a_stranger_gets_in(&stack);
}

fn strangers_are_refused(stack: &Stack) {
    for (variable, code) in [("SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("ACCESS_KEY_ID", "InvalidAccessKeyId")] {
        let output =
            rclone(stack, &format!("--s3-{} wrong cat s3:uploads/a/large", variable.to_lowercase().replace('_', "-")));
        assert!(output.code != 0 && output.stdout.is_empty(), "{variable}: {output:?}");
        let answer = [code, "403"].iter().any(|text| output.stderr.contains(text));
        assert!(answer, "{variable}: {}", output.stderr);
    }
    for (path, expected) in [("/uploads/a/large", "403"), ("/", "403"), ("/uploads?list-type=2", "403")] {
        assert_eq!(stack.status("storage.local.nself.org", path, &[]), expected, "{path} without a key");
    }
    assert_eq!(stack.status("storage.local.nself.org", "/uploads/new", &["-T", "/etc/hosts"]), "403");
    // A misspelled bucket is not created, and a bucket with objects is not deleted.
    let misspelled = rclone(stack, "copyto --s3-no-check-bucket /tmp/large s3:uplaods/large");
    assert!(misspelled.code != 0 && misspelled.stderr.contains("NoSuchBucket"), "{}", misspelled.stderr);
    assert_ne!(rclone(stack, "rmdir s3:uploads").code, 0);
    assert_eq!(successful_stdout(rclone(stack, "lsf s3:")), "avatars/\nuploads/");
}

/// Each bucket has separate files on disk. With a limit on their number, writing to a later bucket would fail.
fn every_bucket_has_room(stack: &Stack) {
    let script =
        "for i in $(seq 12); do echo $i | rclone --config '' --retries 1 rcat s3:bucket-$i/object || exit 1; done";
    successful_stdout(shell(stack, script));
    assert_eq!(successful_stdout(rclone(stack, "cat s3:bucket-12/object")), "12");
}

/// The parts of the server that check no keys listen on the loopback address of their container only.
fn only_requests_with_keys_have_an_open_port(stack: &Stack) {
    let probe = r"
import socket, sys
for port in sys.argv[1:]:
    with socket.socket() as connection:
        connection.settimeout(3)
        print(port, 'open' if connection.connect_ex(('s3', int(port))) == 0 else 'closed')
";
    let ports = ["8333", "9327", "9333", "19333", "8080", "18080", "8888", "18888", "18333", "8181", "9101"];
    let mut arguments = vec!["exec", "-T", "photos", "python3", "-c", probe];
    arguments.extend(ports);
    let answer = successful_stdout(stack.compose(&arguments));
    let open: Vec<&str> = answer.lines().filter_map(|line| line.strip_suffix(" open")).collect();
    assert_eq!(open, ["8333", "9327", "18333"], "{answer}");
    assert_eq!(status_of_a_new_user(stack), "403", "port 18333 accepts nothing");
    let scrape = "import urllib.request; print(urllib.request.urlopen('http://s3:9327/metrics').read().decode())";
    let metrics = successful_stdout(stack.compose(&["exec", "-T", "photos", "python3", "-c", scrape]));
    // The series of the alerts and of the dashboard.
    for series in [
        "SeaweedFS_s3_request_total{bucket=\"uploads\",code=\"200\",type=\"PUT\"}",
        "SeaweedFS_s3_bucket_traffic_received_bytes_total{bucket=\"uploads\"}",
        "SeaweedFS_s3_bucket_traffic_sent_bytes_total{bucket=\"uploads\"}",
        "SeaweedFS_volumeServer_resource{name=\"/data/store\",type=\"all\"}",
        "SeaweedFS_volumeServer_resource{name=\"/data/store\",type=\"avail\"}",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(series)), "{series} in {metrics}");
    }
}

/// Sends the message that adds a user to port 18333, with and without TLS, and returns the status of a request of that user.
fn status_of_a_new_user(stack: &Stack) -> String {
    let message = r"
def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content
credential = field(1, b'stranger-access-key') + field(2, b'stranger-secret-key')
user = field(1, b'stranger') + field(2, credential) + b''.join(field(3, action) for action in [b'Admin', b'Read', b'Write', b'List'])
message = field(1, user)
open('/tmp/message', 'wb').write(bytes([0]) + len(message).to_bytes(4, 'big') + message)
";
    successful_stdout(stack.compose(&["exec", "-T", "photos", "python3", "-c", message]));
    let call =
        "curl -sk --max-time 5 -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @/tmp/message";
    for start in ["--http2-prior-knowledge http", "--http2 https"] {
        shell(stack, &format!("{call} {start}://s3:18333/messaging_pb.SeaweedS3IamCache/PutIdentity"));
    }
    let user = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "stranger-access-key:stranger-secret-key"];
    stack.status("storage.local.nself.org", "/uploads", &user)
}

/// Control: with the server's own settings for port 18333, any container of the network can make itself an administrator.
fn without_the_settings_a_stranger_gets_in(stack: &Stack) {
    let file = stack.project.path().join("stack.ncl");
    let text = std::fs::read_to_string(&file).unwrap();
    let open = "s3 = nself.services.s3 & { files.\"/etc/nself/s3/security.toml\".text = \"[grpc]\\n\" },";
    std::fs::write(&file, text.replace("s3 = nself.services.s3,", open)).unwrap();
    stack.generate();
    successful_stdout(stack.compose(&["up", "-d", "--wait", "--wait-timeout", "180", "nginx", "photos", "s3"]));
    assert_eq!(status_of_a_new_user(stack), "200");
}

fn the_edge_keeps_signatures(stack: &Stack) {
    let file = stack.project.path().join("stack.ncl").display().to_string();
    assert_eq!(signed_request(stack, "/uploads/from%20outside", &["-T", &file]), "200");
    let out = stack.project.path().join("got").display().to_string();
    let [user, secret] = keys(stack);
    let user = format!("{user}:{secret}");
    let signed = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &user, "-o", &out];
    successful_stdout(stack.curl("storage.local.nself.org", "/uploads/from%20outside", &signed));
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&file).unwrap());
    assert_eq!(successful_stdout(rclone(stack, "lsf s3:uploads")), "a/\nfrom outside");
}

fn the_container_is_confined(stack: &Stack) {
    let inspected = &stack.inspect()["s3"];
    assert_eq!(inspected["Config"]["User"], "1000:1000");
    assert_eq!(inspected["HostConfig"]["ReadonlyRootfs"], true);
    let mounts: Vec<&str> =
        inspected["Mounts"].as_array().unwrap().iter().filter_map(|mount| mount["Destination"].as_str()).collect();
    assert_eq!(mounts.iter().filter(|path| **path == "/data").count(), 1, "{mounts:?}");
    let container_details = format!("{inspected}{}", successful_stdout(stack.compose(&["top", "s3"])));
    assert!(container_details.contains("-s3.config="), "{container_details}");
    for key in keys(stack) {
        assert!(key.len() > 20 && !container_details.contains(&key), "a key is shown");
    }
}
