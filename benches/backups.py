"""Times a base backup by the generated scripts beside pg_basebackup, and a restore beside a copy of the server's folder,
in turn. The backup is compressed, encrypted and read back; pg_basebackup writes plain files. Prints seconds and ratios.

usage: backups.py TOOLS [GIGABYTES]      (root; PostgreSQL 15 of Debian; needs three times the size on the disk of /var/tmp)
"""
import glob, os, shutil, statistics, subprocess, sys, tempfile, time

TOOLS, GIGABYTES = os.path.abspath(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 5
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
SCRIPTS = os.path.join(ROOT, "golden/backups/out/prod/backups/scripts")
PROGRAMS = "/usr/lib/postgresql/15/bin"
ROUNDS = 3
# A row of 220 bytes with words, numbers and a hash: zstd makes it about half as large.
ROWS = """
  CREATE TABLE entries (id bigint, account integer, hash text, note text);
  INSERT INTO entries SELECT i, i % 1000, md5(i::text), repeat('order ' || i % 97 || ' of ' || (i::bigint * 7919) % 100003 || ', ', 6)
    FROM generate_series(1, ROWS) i;
  ALTER TABLE entries ADD PRIMARY KEY (id);
  CHECKPOINT;"""


class Site:
    def __init__(self, folder):
        self.folder = folder
        for name in ["tools", "volume", "scratch", "spool", "scripts", "target"]:
            os.mkdir(self.at(name))
        shutil.copy(os.path.join(TOOLS, "backups/bin/rclone"), self.at("tools/rclone"))
        for script in glob.glob(f"{SCRIPTS}/*"):
            shutil.copy(script, self.at("scripts"))
        for name, text in {"password": "a password\n", "key": "the key of the backups\n"}.items():
            with open(self.at(name), "w") as file:
                file.write(text)
        subprocess.run(["chown", "-R", "postgres", folder], check=True)
        self.variables = {
            "PATH": f"{PROGRAMS}:/usr/bin:/bin", "PGHOST": folder, "PGUSER": "backup_wal", "PGPASSWORD_FILE": self.at("password"),
            "PGDATA": self.at("volume/pgdata"), "NSELF_BACKUP_TOOLS": self.at("tools"), "NSELF_BACKUP_KEY_FILE": self.at("key"),
            "NSELF_BACKUP_SPOOL": self.at("spool"), "NSELF_BACKUP_SCRATCH": self.at("scratch"), "RCLONE_CONFIG_STORE_TYPE": "local",
            "NSELF_BACKUP_PLACE": f"store:{self.at('target')}", "NSELF_BACKUP_METRICS": self.at("metrics"),
            "NSELF_BACKUP_METRICS_PORT": "0", "NSELF_BACKUP_INTERVAL": "1",
        }

    def at(self, name):
        return os.path.join(self.folder, name)

    def command(self, *command, **variables):
        variables = [f"{name}={value}" for name, value in {**self.variables, **variables}.items()]
        return ["runuser", "-u", "postgres", "--", "env", *variables, *command]

    def run(self, *command, **variables):
        process = subprocess.run(self.command(*command, **variables), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if process.returncode:
            sys.exit(f"{command}: {process.stdout}{process.stderr}")

    def server(self, action):
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c max_wal_size=4GB"
        start = ["-o", options] if action == "start" else ["-m", "fast"]
        self.run("sh", "-c", 'pg_ctl -w -l "$PGDATA/../log" "$@" >/dev/null 2>&1', "pg_ctl", *start, action)

    def receive(self):
        """Starts the script that stores the log, and waits for the first backup, which it takes. It ends after the server."""
        subprocess.Popen(self.command("sh", self.at("scripts/receive.sh")), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        while not glob.glob(self.at("target/*/base/*/backup.txt*")) or not glob.glob(self.at("target/*/position*")):
            time.sleep(1)

    def sql(self, sql):
        self.run("psql", "-Xqd", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql, PGUSER="postgres")


def seconds(work):
    os.sync()
    started = time.perf_counter()
    work()
    os.sync()
    return time.perf_counter() - started


def in_turn(title, ours, theirs, clean):
    ratios, times = [], []
    for _ in range(ROUNDS):
        pair = []
        for work in [ours, theirs]:
            pair.append(seconds(work))
            clean()
        times.append(pair)
        ratios.append(pair[0] / pair[1])
    print(f"{title}: {statistics.median(t[0] for t in times):.1f} s beside {statistics.median(t[1] for t in times):.1f} s, "
          f"{statistics.median(ratios):.2f} ×", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="nself-backups-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        site = Site(folder)
        site.run("initdb", "-U", "postgres", "--auth=trust", "--data-checksums", "-D", site.variables["PGDATA"])
        site.server("start")
        site.sql("CREATE ROLE backup_wal LOGIN REPLICATION")
        for statement in ROWS.replace("ROWS", str(int(GIGABYTES * 4_300_000))).split(";")[:-1]:
            site.sql(statement)
        measure(site)


def measure(site):
    plain, data, target = (site.at(name) for name in ["plain", "volume/pgdata", "target"])
    size = sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(data) for name in names)
    site.receive()
    print(f"{size / 1e9:.1f} GB, {os.cpu_count()} processors")
    def remove_backups():
        for path in [plain, *glob.glob(f"{target}/*/base/*")]:
            shutil.rmtree(path, ignore_errors=True)
    in_turn("backup beside pg_basebackup", lambda: site.run("sh", site.at("scripts/backup.sh")),
            lambda: site.run("pg_basebackup", "-w", "-D", plain, "-X", "fetch", "-c", "fast"), remove_backups)
    site.run("sh", site.at("scripts/backup.sh"))
    time.sleep(5)
    site.server("stop")
    os.rename(data, site.at("volume/original"))
    def remove_data():
        shutil.rmtree(data, ignore_errors=True)
    in_turn("restore beside a copy", lambda: site.run("sh", site.at("scripts/restore.sh")),
            lambda: site.run("cp", "-a", site.at("volume/original"), data), remove_data)


main()
