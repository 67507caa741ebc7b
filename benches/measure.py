"""Times whole processes of nself and `nickel export` pair by pair and prints medians and ratios.

usage: measure.py NSELF TOOLS [kubernetes|cut_off|cache|migrations|bundle]...
"""
import json, os, shutil, statistics, subprocess, sys, tempfile, time

NSELF, TOOLS = (os.path.abspath(path) for path in sys.argv[1:3])
NICKEL = os.path.join(TOOLS, "nickel", "bin", "nickel")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


def once(command, folder, before=None, code=0):
    """Seconds of wall clock, and the peak memory in MiB, of one process and its children."""
    if before:
        before()
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != code:
        sys.exit(f"{command} failed in {folder}")
    return seconds, usage.ru_maxrss / 1024


def pairs(a, b, rounds):
    """Median seconds of both, and the median of the ratios pair by pair."""
    a(), b()
    times = [(a()[0], b()[0]) for _ in range(rounds)]
    ours, theirs = zip(*times)
    return statistics.median(ours), statistics.median(theirs), statistics.median(x / y for x, y in times)


def stack(count):
    services = ",\n".join(
        f'    svc-{i} = {{ image = "registry.example.com/svc:{i}", port = {8001 + i}, route.subdomain = "s{i}", env = {{ LEVEL = "info", '
        f'PEER = "{i}" }}, health.http.path = "/healthz", limits = {{ memory = "256MiB", cpus = "0.5" }}, depends_on = ["postgres"] }}'
        for i in range(count)
    )
    return ('let nself = import "nself/main.ncl" in\n{\n  project = "many",\n  domain = "many.example.com",\n'
            f"  services = {{\n{services}\n  }},\n}} | nself.Stack\n")


# In memory: for a minute after a mass deletion, ext4 searches for unused inodes, which takes longer than everything
# else.
SCRATCH = "/dev/shm" if os.path.isdir("/dev/shm") else None


def project(text):
    folder = tempfile.mkdtemp(prefix="nself-bench-", dir=SCRATCH)
    with open(os.path.join(folder, "stack.ncl"), "w") as file:
        file.write(text)
    subprocess.run([NSELF, "gen"], cwd=folder, check=True, capture_output=True)
    return folder


def library(folder):
    base = os.path.join(folder, ".nself", "lib")
    return os.path.join(base, os.listdir(base)[0])


def cold(folder):
    """Neither stamp nor outputs; the library stays laid out, as it does for the peer."""
    shutil.rmtree(os.path.join(folder, "deploy"), ignore_errors=True)
    shutil.rmtree(os.path.join(folder, ".nself", "stamps"), ignore_errors=True)


def processor(command, folder, out=subprocess.DEVNULL, system=False, code=0):
    """Seconds of user time, and of the system's for it, of one process and its children."""
    process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != code:
        sys.exit(f"{command} failed in {folder}")
    return usage.ru_utime + (usage.ru_stime if system else 0)


def kubernetes():
    """What the manifests of 200 services cost on top of everything else, beside kustomize reading and cdk8s writing them."""
    plain = stack(200)
    manifests = plain.replace('domain = "many', 'kubernetes = { enabled = true, gateway_class = "any" },\n  domain = "many')
    without, with_them = project(plain), project(manifests)
    command = [NSELF, "gen", "--env", "prod", "--out"]
    costs = [processor([*command, f"w{i}"], with_them) - processor([*command, f"o{i}"], without) for i in range(5)]
    top = os.path.join(with_them, "w0", "prod", "kubernetes")
    names = [name for _, _, files in os.walk(top) for name in files]
    count = sum(name.endswith(".yaml") and name != "kustomization.yaml" for name in names)
    ours = statistics.median(costs)
    kubectl = os.path.join(TOOLS, "kubernetes", "kubectl")
    merged = os.path.join(with_them, "objects.yaml")
    with open(merged, "w") as file:
        theirs = processor([kubectl, "kustomize", top], with_them, file)
    os.environ["NODE_PATH"] = os.path.join(TOOLS, "peers", "node_modules")
    script, objects = os.path.join(ROOT, "benches", "cdk8s.cjs"), os.path.join(with_them, "objects.json")
    subprocess.run(["node", script, "read", merged, objects], check=True)
    cdk8s = processor(["node", script, "write", objects, os.path.join(with_them, "cdk8s")], with_them)
    print(f"rendered: {count / ours:.0f} artifacts a second and core (goal 30000)")
    print(f"manifests of 200 services, {count} objects: {ours / count * 1e6:.0f} us of processor an object (goal 60); "
          f"kubectl kustomize {theirs:.1f} s, {theirs / ours:.0f} times as much (goal 20); cdk8s {cdk8s:.1f} s, {cdk8s / ours:.0f} times as much")
    shutil.rmtree(without)
    shutil.rmtree(with_them)


def cut_off():
    """One service of 1,000 changed: the processor's time after evaluation beside that of a run that knows nothing."""
    for target, more in (("Compose", ""), ("Compose and Kubernetes", 'kubernetes = { enabled = true, gateway_class = "any" },\n  ')):
        text = stack(1000).replace('domain = "many', more + 'domain = "many', 1)
        folder = project(text)
        command = [NSELF, "gen", "--env", "prod", "--format", "json"]

        def write(level):
            with open(os.path.join(folder, "stack.ncl"), "w") as file:
                file.write(text.replace('LEVEL = "info", PEER = "500"', f'LEVEL = "{level}", PEER = "500"'))
            # A file that is saved during a run would invalidate its stamp.
            time.sleep(0.05)

        full, changed, evaluation, rendered = [], [], [], 0
        for i in range(9):
            write(f"full{i}")
            cold(folder)
            full.append(processor(command, folder, system=True))
            # Twice, because files that are as new as the stamp are read once more.
            for level in ("between", "changed"):
                time.sleep(0.1)
                write(f"{level}{i}")
                result = os.path.join(folder, "result.json")
                with open(result, "w") as out:
                    last = processor(command, folder, out, system=True)
            changed.append(last)
            # An unknown environment: only the evaluation runs.
            evaluation.append(processor([NSELF, "gen", "--env", "nowhere"], folder, system=True, code=2))
            with open(result) as file:
                said = json.load(file)
                rendered = said["rendered"]
        base = statistics.median(evaluation)
        ours, whole = statistics.median(changed) - base, statistics.median(full) - base
        count = sum(said["counts"].values())
        print(f"one of 1000 services changed, {target}: {rendered} of {count} files rendered; after evaluation {ours * 1e3:.0f} ms "
              f"of processor, without a record {whole * 1e3:.0f} ms; ratio {ours / whole:.2f} (goal 0.1)")
        shutil.rmtree(folder)


def outputs(folder):
    """All generated files and all objects."""
    tops = [os.path.join(folder, "deploy"), os.path.join(folder, ".nself", "objects1")]
    return [os.path.join(at, name) for top in tops for at, _, names in os.walk(top) for name in names]


def cache():
    """Warm runs beside ninja with as many files, and `verify` beside b3sum over what it reads."""
    ninja, b3sum = shutil.which("ninja"), os.path.join(TOOLS, "b3sum", "bin", "b3sum")
    for services, goal in ((55, 5), (3300, 50)):
        folder = project(stack(services))
        generated = [path for path in outputs(folder) if "/deploy/" in path]
        time.sleep(0.1)
        subprocess.run([NSELF, "gen"], cwd=folder, check=True, capture_output=True)
        edges = "".join(f"build o/{i}: c {os.path.relpath(path, folder)}\n" for i, path in enumerate(generated))
        with open(os.path.join(folder, "build.ninja"), "w") as file:
            file.write("rule c\n  command = cp $in $out\n" + edges)
        if ninja:
            subprocess.run([ninja], cwd=folder, check=True, capture_output=True)
            ours, theirs, ratio = pairs(lambda: once([NSELF, "gen"], folder), lambda: once([ninja], folder), 15)
            print(f"nothing changed, {len(generated)} outputs: {ours * 1e3:.2f} ms (goal {goal} ms); "
                  f"ninja {theirs * 1e3:.2f} ms; ratio {ratio:.2f} (goal 1)")
        if services > 1000 and os.path.exists(b3sum):
            names = os.path.join(folder, "names")
            with open(names, "w") as file:
                file.write("\n".join(outputs(folder)))
            sums = ["sh", "-c", f"xargs -n 100000 {b3sum} <{names}"]
            ours, theirs, ratio = pairs(lambda: once([NSELF, "verify"], folder), lambda: once(sums, folder), 9)
            print(f"verify, {len(outputs(folder))} files and objects: {ours * 1e3:.0f} ms; b3sum {theirs * 1e3:.0f} ms; "
                  f"ratio {ratio:.2f} (goal 1.5)")
        shutil.rmtree(folder)


def migrations():
    """Two schemas of 1,000 tables to the SQL between them, beside pgmold with the same two as SQL."""
    folder = tempfile.mkdtemp(prefix="nself-bench-", dir=SCRATCH)
    bench = ["cargo", "bench", "--quiet", "--bench", "migrations", "--", "--write", folder]
    subprocess.run(bench, cwd=ROOT, check=True)
    pgmold = os.path.join(TOOLS, "pgmold", "bin", "pgmold")
    ours, theirs, ratio = pairs(
        lambda: once([NSELF, "db", "diff", "--from", "db/old", "--to", "db/new"], folder, code=1),
        lambda: once([pgmold, "diff", "--from", "sql:old.sql", "--to", "sql:new.sql"], folder), 5)
    print(f"db diff of 1000 tables with 17 columns, both histories verified: {ours * 1e3:.0f} ms; pgmold {theirs * 1e3:.0f} ms, "
          f"{1 / ratio:.0f} times as much (goal 10)")
    shutil.rmtree(folder)


def bundle():
    """The monitoring bundle in three environments: a cold run with it beside one without it."""
    for count, goal in ((0, 5), (1000, 100)):
        without, with_it = (project(stack(count).replace("  services", f"  monitoring.{field},\n  services", 1))
                            for field in ('waive = "for comparison"', "enabled = true"))
        command = [NSELF, "gen"]
        times = [[once(command, folder, lambda: cold(folder))[0] for folder in (with_it, without)] for _ in range(25 if count == 0 else 9)]
        costs = statistics.median(ours - base for ours, base in times)
        print(f"monitoring bundle with {count} more services: {costs * 1e3:.1f} ms (goal {goal} ms) on top of "
              f"{statistics.median(base for _, base in times) * 1e3:.1f} ms")
        shutil.rmtree(without)
        shutil.rmtree(with_it)


def main():
    parts = {"kubernetes": kubernetes, "cut_off": cut_off, "cache": cache, "migrations": migrations, "bundle": bundle}
    if sys.argv[3:]:
        for name in sys.argv[3:]:
            parts[name]()
        return
    with open(os.path.join(ROOT, "golden/full-catalogue/stack.ncl")) as file:
        full = project(file.read())
    export = [NICKEL, "export", "--import-path", library(full), "stack.ncl"]
    ours, theirs, ratio = pairs(lambda: once([NSELF, "gen"], full, lambda: cold(full)), lambda: once(export, full), 25)
    print(f"cold gen, full stack, three environments: {ours * 1e3:.1f} ms; nickel export {theirs * 1e3:.1f} ms; ratio {ratio:.2f} (goal 1.1)")
    subprocess.run([NSELF, "gen"], cwd=full, check=True, capture_output=True)
    time.sleep(0.1)
    ours, theirs, ratio = pairs(lambda: once([NSELF, "gen"], full), lambda: once(export, full), 40)
    print(f"nothing changed: {ours * 1e3:.2f} ms (goal 5 ms); nickel export {theirs * 1e3:.1f} ms; ratio {ratio:.3f} (goal 0.1)")
    shutil.rmtree(full)
    kubernetes()
    cut_off()
    cache()
    migrations()
    bundle()
    for count in (1000, 5000):
        folder = project(stack(count))
        runs = [once([NSELF, "gen"], folder, lambda: cold(folder)) for _ in range(3 if count > 1000 else 5)]
        seconds, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
        one = [once([NSELF, "gen", "--env", "prod"], folder, lambda: cold(folder))[0] for _ in range(3)]
        print(f"{count} services: {seconds / count * 1e3:.3f} ms a service for three environments, "
              f"{statistics.median(one) / count * 1e3:.3f} ms for one (goal 0.7); peak {memory:.0f} MiB")
        shutil.rmtree(folder)


main()
