"""Times the generated edge beside a hand-written nginx configuration for the same service: one worker each, TLS, 32 kept
connections, in turn. Prints requests per second, the 99th percentile and the processor time of a request, and the ratios.

usage: edge.py NSELF TOOLS      (root; in namespaces that benches/run makes)
"""
import os, re, shutil, socket, statistics, struct, subprocess, sys, tempfile, threading, time

NSELF, TOOLS = (os.path.abspath(path) for path in sys.argv[1:3])
SYSTEM = os.path.join(TOOLS, "forky")
HOST = "plain.shop.example.com"
ROUNDS, SECONDS = 5, 3
STACK = """let nself = import "nself/main.ncl" in
{
  project = "shop", domain = "shop.example.com", tls.mode = 'files,
  edge = { connections = 10000, rate_limits.api = { per_second = 1000000, burst = 1000000 } },
  services = { plain = { image = "a/plain:1", port = 8001, route.subdomain = "plain" } },
} | nself.Stack
"""
TEMPORARY = "".join(f"{kind}_temp_path /tmp/NAME-{kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
HEAD = f"worker_processes 1; pid /tmp/NAME.pid; error_log stderr warn; events {{ worker_connections 4096; }} http {{ access_log off; keepalive_requests 10000; {TEMPORARY}"
SERVICE = HEAD + 'server { listen 8001; location / { return 200 "a short answer of a service"; } } }'
BY_HAND = HEAD + f"""
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;
  upstream app {{ server 127.0.0.1:8001; keepalive 32; }}
  server {{
    listen 9443 ssl; http2 on; server_name {HOST};
    ssl_certificate /run/secrets/tls_certificate; ssl_certificate_key /run/secrets/tls_key;
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;
    }}
  }}
}}"""


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
    for name, text in [("service", SERVICE), ("hand", BY_HAND)]:
        open(f"{SYSTEM}/tmp/{name}.conf", "w").write(text.replace("NAME", name))
    hosts = f"{folder}/hosts"
    open(hosts, "w").write(f"127.0.0.1 localhost {HOST}\n")
    mount(hosts, "/etc/hosts", "--bind")


def nginx(configuration):
    command = ["chroot", SYSTEM, "nginx", "-e", "stderr", "-c", configuration, "-g", "daemon off;"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def worker_ticks(master):
    children = open(f"/proc/{master.pid}/task/{master.pid}/children").read().split()
    fields = open(f"/proc/{children[0]}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def load(port, master):
    before = worker_ticks(master)
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}", "--latency", f"https://{HOST}:{port}/"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = (worker_ticks(master) - before) / os.sysconf("SC_CLK_TCK")
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"answers failed on port {port}:\n{printed}")
    number = lambda pattern: float(re.search(pattern, printed).group(1))
    percentile, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", printed).groups()
    milliseconds = float(percentile) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return number(r"Requests/sec:\s+([\d.]+)"), milliseconds, used * 1e6 / number(r"(\d+) requests in")


def handshakes(port):
    """Whole TLS connections a second, each with one request: the client resumes no session."""
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}", "-H", "Connection: close", f"https://{HOST}:{port}/"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", printed).group(1))


def main():
    folder = tempfile.mkdtemp(prefix="nself-edge-")
    prepare(folder)
    threading.Thread(target=name_server, daemon=True).start()
    time.sleep(0.5)
    servers = [nginx("/tmp/service.conf"), nginx("/tmp/hand.conf"), nginx("/etc/nself/nginx.conf")]
    try:
        time.sleep(2)
        pairs = [(load(8443, servers[2]), load(9443, servers[1])) for _ in range(ROUNDS)]
        middle = lambda values: statistics.median(values)
        for i, (label, digits) in enumerate([("requests a second", 0), ("99th percentile, ms", 2), ("processor time of a request, us", 1)]):
            ours, theirs = (middle(pair[side][i] for pair in pairs) for side in (0, 1))
            ratio = middle(pair[0][i] / pair[1][i] for pair in pairs)
            print(f"edge: {label}: {ours:.{digits}f} beside {theirs:.{digits}f} by hand: {ratio:.2f}")
        rates = [(handshakes(8443), handshakes(9443)) for _ in range(3)]
        print(f"edge: TLS handshakes a second: {middle(a for a, _ in rates):.0f} beside {middle(b for _, b in rates):.0f}: "
              f"{middle(a / b for a, b in rates):.2f}")
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
