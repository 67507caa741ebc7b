"""Times the generated edge beside two hand-written nginx configurations for the same services: one worker each, TLS, in turn.
The first only forwards requests. The second also does what the documentation of the edge promises: a log in JSON, limits of
requests and connections, headers for browsers, an identity of each request, streams in both directions.
Each kind of route has a part: plain requests, static files, websockets, streams of events, gRPC. Prints what a second of
load was, the processor time of the edge for each request or message, and the ratios.

usage: edge.py NSELF TOOLS      (root; in namespaces that benches/run makes)
"""
import os, re, shutil, socket, statistics, struct, subprocess, sys, tempfile, threading, time

NSELF, TOOLS = (os.path.abspath(path) for path in sys.argv[1:3])
SYSTEM = os.path.join(TOOLS, "forky")
STREAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "streams.py")
KINDS = {"plain": "http", "files": "http", "chat": "websocket", "events": "http", "rpc": "grpc"}
PORTS = {kind: 8001 + i for i, kind in enumerate(KINDS)}
HOST = {kind: f"{kind}.shop.example.com" for kind in KINDS}
ROUNDS, SECONDS = 5, 3
SERVICES = "\n".join(f"    {kind} = {{ image = \"a/{kind}:1\", port = {PORTS[kind]}, route = {{ subdomain = \"{kind}\", kind = '{of} }} }},"
                     for kind, of in KINDS.items())
STACK = f"""let nself = import "nself/main.ncl" in
{{
  project = "shop", domain = "shop.example.com", tls.mode = 'files, monitoring.waive = "a benchmark",
  edge = {{ connections = 10000, rate_limits.api = {{ per_second = 1000000, burst = 1000000 }} }},
  services = {{
{SERVICES}
  }},
}} | nself.Stack
"""
TEMPORARY = "".join(f"{kind}_temp_path /tmp/NAME-{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
HEAD = f"worker_processes 1; pid /tmp/NAME.pid; error_log stderr warn; events {{ worker_connections 4096; }} http {{ access_log off; keepalive_requests 1000000; {TEMPORARY}"
SERVICE = HEAD + f"""
  server {{ listen {PORTS["plain"]}; location / {{ return 200 "a short answer of a service"; }} }}
  server {{ listen {PORTS["files"]}; root /tmp/files; }}
  # It answers after it has read the whole request, as services of gRPC do.
  server {{ listen {PORTS["rpc"]}; http2 on; location / {{ proxy_pass http://127.0.0.1:{PORTS["plain"]}; }} }}
}}"""
COMMON = "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;"
KEPT = f'proxy_http_version 1.1; proxy_set_header Connection ""; {COMMON}'
LOCATIONS = {
    "plain": f"proxy_pass http://plain; {KEPT}",
    "files": f"proxy_pass http://files; {KEPT}",
    "chat": f'proxy_pass http://chat; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; {COMMON}',
    "events": f"proxy_pass http://events; proxy_buffering off; {KEPT}",
    "rpc": "grpc_pass grpc://rpc;",
}
BY_HAND = HEAD + """
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;
  ssl_certificate /run/secrets/tls_certificate; ssl_certificate_key /run/secrets/tls_key;
""" + "".join(f"""
  upstream {kind} {{ server 127.0.0.1:{PORTS[kind]}; keepalive 32; }}
  server {{ listen 9443 ssl; http2 on; server_name {HOST[kind]}; location / {{ {LOCATIONS[kind]} }} }}
""" for kind in KINDS) + "}"

# The additions of the second configuration, to `http` and to the headers of requests.
PROMISES = """
  log_format json escape=json '{"time":"$time_iso8601","client":"$remote_addr","host":"$host","scheme":"$scheme",'
    '"protocol":"$server_protocol","method":"$request_method","path":"$uri","agent":"$http_user_agent",'
    '"status":$status,"bytes":$bytes_sent,"seconds":$request_time,"upstream":"$upstream_addr",'
    '"upstream_seconds":"$upstream_response_time","request":"$request_id"}';
  access_log /dev/stdout json buffer=64k flush=1s;
  limit_req_zone $binary_remote_addr zone=api:10m rate=1000000r/s; limit_req zone=api burst=1000000 nodelay;
  limit_conn_zone $binary_remote_addr zone=clients:10m; limit_conn clients 10000;
  add_header X-Content-Type-Options nosniff always; add_header Referrer-Policy strict-origin-when-cross-origin always;
  add_header X-Frame-Options SAMEORIGIN always; add_header Strict-Transport-Security max-age=63072000 always;
  gzip on; gzip_types application/json text/css; proxy_buffering off; proxy_buffer_size 16k; proxy_buffers 4 16k; proxy_request_buffering off;
  ssl_protocols"""
CLIENT = {"Host": "$host", "X-Forwarded-For": "$remote_addr", "X-Forwarded-Proto": "https", "X-Real-IP": "$remote_addr",
          "X-Forwarded-Host": "$host", "X-Request-Id": "$request_id"}


def headers(module):
    return " ".join(f"{module}_set_header {name} {value};" for name, value in CLIENT.items())


WITH_PROMISES = (BY_HAND.replace("access_log off;", "").replace("ssl_protocols", PROMISES, 1)
                 .replace(COMMON, headers("proxy")).replace("grpc_pass", headers("grpc") + " grpc_pass")
                 .replace("9443", "9543"))


def name_server():
    """Answers every name with 127.0.0.1, as the engine's does for containers."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.11", 53))
    while True:
        query, client = server.recvfrom(512)
        end = 12
        while query[end]:
            end += query[end] + 1
        end += 5
        found = struct.unpack(">H", query[end - 4:end - 2])[0] == 1
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4\x7f\0\0\1" if found else b""
        server.sendto(query[:2] + b"\x81\x80\0\1" + (b"\0\1" if found else b"\0\0") + b"\0\0\0\0" + query[12:end] + answer, client)


def mount(source, target, *options):
    subprocess.run(["mount", *options, source, target], check=True)


def prepare(folder):
    with open(f"{folder}/stack.ncl", "w") as file:
        file.write(STACK)
    subprocess.run([NSELF, "gen", "--env", "prod"], cwd=folder, check=True, capture_output=True)
    configuration = f"{folder}/deploy/prod/nginx"
    mount(SYSTEM, SYSTEM, "--bind")
    for place in ["run", "tmp"]:
        mount("none", f"{SYSTEM}/{place}", "-t", "tmpfs")
    mount("none", f"{SYSTEM}/proc", "-t", "proc")
    mount("/dev", f"{SYSTEM}/dev", "--bind")
    os.makedirs(f"{SYSTEM}/run/secrets")
    os.makedirs(f"{SYSTEM}/etc/nself", exist_ok=True)
    mount(configuration, f"{SYSTEM}/etc/nself", "--bind")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=probe", "-keyout", f"{SYSTEM}/run/secrets/tls_key", "-out", f"{SYSTEM}/run/secrets/tls_certificate"],
                   check=True, capture_output=True)
    for name, text in [("service", SERVICE), ("hand", BY_HAND), ("promises", WITH_PROMISES)]:
        open(f"{SYSTEM}/tmp/{name}.conf", "w").write(text.replace("NAME", name))
    os.makedirs(f"{SYSTEM}/tmp/files")
    open(f"{SYSTEM}/tmp/files/page.bin", "wb").write(os.urandom(100 << 10))
    hosts = f"{folder}/hosts"
    open(hosts, "w").write(f"127.0.0.1 localhost {' '.join(HOST.values())}\n")
    mount(hosts, "/etc/hosts", "--bind")


def nginx(configuration):
    command = ["chroot", SYSTEM, "nginx", "-e", "stderr", "-c", configuration, "-g", "daemon off;"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def worker_nanoseconds(master):
    children = open(f"/proc/{master.pid}/task/{master.pid}/children").read().split()
    return int(open(f"/proc/{children[0]}/schedstat").read().split()[0])


def used_time(master, function):
    """The result of the function, and the processor time that the edge used meanwhile, in microseconds."""
    before = worker_nanoseconds(master)
    result = function()
    return result, (worker_nanoseconds(master) - before) / 1000


def wrk(host, port, path, *options):
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}", "--latency", *options, f"https://{host}:{port}{path}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"answers failed on port {port}:\n{printed}")
    return printed


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def requests(kind, path, port, master):
    """Requests a second, the 99th percentile in milliseconds, and the processor time of a request."""
    printed, used = used_time(master, lambda: wrk(HOST[kind], port, path))
    percentile, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", printed).groups()
    milliseconds = float(percentile) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return number(r"Requests/sec:\s+([\d.]+)", printed), milliseconds, used / number(r"(\d+) requests in", printed)


def handshakes(port, master):
    """Whole TLS connections a second, each with one request: the client resumes no session."""
    printed, used = used_time(master, lambda: wrk(HOST["plain"], port, "/", "-H", "Connection: close"))
    return number(r"Requests/sec:\s+([\d.]+)", printed), used / number(r"(\d+) requests in", printed)


def messages(command, kind, clients, each, port, master):
    """Messages a second, and the processor time of a message."""
    client = [sys.executable, STREAMS, command, str(port), HOST[kind], str(clients), str(each)]
    printed, used = used_time(master, lambda: subprocess.run(client, check=True, capture_output=True, text=True).stdout)
    return clients * each / float(printed), used / (clients * each)


def calls(port, master):
    """Calls of gRPC a second, and the processor time of a call."""
    body = f"{SYSTEM}/tmp/call"
    open(body, "wb").write(b"\0\0\0\0\5hello")
    command = ["h2load", "-c8", "-m4", "-n20000", "-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers",
               f"https://{HOST['rpc']}:{port}/shop.Orders/List"]
    printed, used = used_time(master, lambda: subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if " 20000 2xx" not in printed:
        sys.exit(f"calls failed on port {port}:\n{printed}")
    return number(r"([\d.]+) req/s", printed), used / 20000


RATE, TIME = ("a second", 0), ("processor time of one, us", 1)
PARTS = [
    ("requests", [RATE, ("99th percentile, ms", 2), TIME], lambda *edge: requests("plain", "/", *edge)),
    ("files of 100 KiB", [RATE, ("99th percentile, ms", 2), TIME], lambda *edge: requests("files", "/page.bin", *edge)),
    ("messages of 64 websockets", [RATE, TIME], lambda *edge: messages("websockets", "chat", 64, 400, *edge)),
    ("events of 64 streams", [RATE, TIME], lambda *edge: messages("events", "events", 64, 400, *edge)),
    ("calls of gRPC", [RATE, TIME], calls),
    ("TLS handshakes", [RATE, TIME], handshakes),
]


def main():
    folder = tempfile.mkdtemp(prefix="nself-edge-")
    prepare(folder)
    threading.Thread(target=name_server, daemon=True).start()
    time.sleep(0.5)
    streams = subprocess.Popen([sys.executable, STREAMS, "serve", str(PORTS["chat"]), str(PORTS["events"])])
    servers = [nginx("/tmp/service.conf"), nginx("/etc/nself/nginx.conf"), nginx("/tmp/hand.conf"), nginx("/tmp/promises.conf")]
    edges = list(zip([8443, 9443, 9543], servers[1:]))
    try:
        time.sleep(2)
        for what, values, measure in PARTS:
            rounds = [[measure(*edge) for edge in edges] for _ in range(ROUNDS)]
            for i, (label, digits) in enumerate(values):
                ours, plain, equal = (f"{statistics.median(results[side][i] for results in rounds):.{digits}f}" for side in range(3))
                to_plain, to_equal = (statistics.median(results[0][i] / results[side][i] for results in rounds) for side in (1, 2))
                print(f"edge: {what}: {label}: {ours} beside {plain} by hand: {to_plain:.2f}, and {equal} by hand with the same "
                      f"promises: {to_equal:.2f}", flush=True)
    finally:
        for server in [*servers, streams]:
            server.terminate()
        for server in [*servers, streams]:
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
