#!/usr/bin/env python3
"""Takes the place of Grafana Alloy, which cannot be built here: does what the generated configuration says about the log files of a
container engine. From the file it takes the pattern of paths, the keys of `attrs`, the project whose lines are kept, and the URL.

The store of the tests takes Loki's protocol below /insert. A parameter of the URL lets it keep lines in JSON as they are, as Loki does.
usage: collector.py run [OPTIONS] CONFIG
"""
import glob, json, re, socketserver, sys, threading, time, urllib.request
from datetime import datetime

config = open(sys.argv[-1]).read()


def setting(pattern):
    found = re.findall(pattern, config)
    assert len(found) == 1, (pattern, found)
    return found[0]


paths = setting(r'__path__ = "([^"]+)"')
keys = {name: setting(rf'{name} = "\\"([^"\\]+)\\""') for name in ("project", "service")}
kept = setting(r'selector = "\{project!=\\"([^"\\]+)\\"\}"')
url = setting(r'url = "([^"]+)"').replace("/loki/", "/insert/loki/", 1) + "?disable_message_parsing=1"


def nanoseconds(text):
    """Returns the time of a line such as 2026-01-02T03:04:05.678901234Z."""
    seconds, fraction = text.rstrip("Z").split(".")
    whole = datetime.fromisoformat(seconds + "+00:00").timestamp()
    return str(int(whole)) + fraction.ljust(9, "0")


def entries_of(text):
    for line in text.splitlines():
        entry = json.loads(line)
        attrs = entry.get("attrs", {})
        labels = {"service": attrs.get(keys["service"], ""), "stream": entry["stream"]}
        if attrs.get(keys["project"]) == kept and labels["service"]:
            yield {"stream": labels, "values": [[nanoseconds(entry["time"]), entry["log"].rstrip("\n")]]}


def collect(ends):
    """Sends the lines that the files have got since the last time."""
    for path in glob.glob(paths):
        with open(path) as file:
            file.seek(ends.get(path, 0))
            text = file.read()
        text = text[:text.rfind("\n") + 1]
        streams = list(entries_of(text))
        if streams:
            body = json.dumps({"streams": streams}).encode()
            urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=5)
        ends[path] = ends.get(path, 0) + len(text.encode())


# The health check connects to the port of Alloy's own server.
server = socketserver.ThreadingTCPServer(("", 12345), socketserver.BaseRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
ends = {}
while True:
    try:
        collect(ends)
    except OSError as error:
        print(f"collector: {error}", file=sys.stderr, flush=True)
    time.sleep(0.5)
