//! The words of other tools, as data: for each record the names that users write there, with what to write instead.

/// A word of a different tool, and what to write instead.
pub(super) type Word = (&'static str, &'static str);

/// Words by the record at which they are written. `*` is the name of an entry.
pub(super) const WORDS: [(&[&str], &[Word]); 30] = [
    (&[], &STACK),
    (&["services", "*"], &SERVICE),
    (&["services", "*"], &SERVICE_ONLY),
    (&["services", "*", "processes", "*"], &SERVICE),
    (&["services", "*", "processes", "*"], &PROCESS),
    (&["frontends", "*", "container"], &SERVICE),
    (&["frontends", "*", "container"], &SERVICE_ONLY),
    (&["frontends", "*"], &FRONTEND),
    (&["frontends", "*"], &CONTAINER),
    (&["graphql_endpoints", "*"], &FRONTEND),
    (&["services", "*", "limits"], &RESOURCES),
    (&["services", "*", "reservations"], &RESOURCES),
    (&["services", "*", "health"], &HEALTH),
    (&["services", "*", "health", "*"], &CHECK),
    (&["services", "*", "health", "*"], &HEALTH),
    (&["services", "*", "build"], &BUILD),
    (&["services", "*", "route"], &ROUTE),
    (&["services", "*", "routes", "*"], &ROUTE),
    (&["frontends", "*", "route"], &ROUTE),
    (&["services", "*", "publish", "*"], &PUBLISH),
    (&["services", "*", "volumes", "*"], &VOLUME),
    (&["services", "*", "autoscale"], &AUTOSCALE),
    (&["kubernetes"], &KUBERNETES),
    (&["services", "*", "files", "*"], &FILE),
    (&["services", "*", "secrets", "*"], &SECRET),
    (&["secrets", "*"], &SECRET),
    (&["tls"], &TLS),
    (&["databases", "*", "tables", "*"], &TABLE),
    (&["databases", "*", "tables", "*", "columns", "*"], &COLUMN),
    (&["databases", "*", "tables", "*", "partition_by"], &PARTITIONING),
];

const STACK: [Word; 12] = [
    ("configs", "write files in their service: `services.orders.files.\"/etc/app.conf\".text = \"…\"`"),
    ("env", "set variables in each service: `services.orders.env.LOG_LEVEL = \"info\"`"),
    ("environment", "declare environments in `environments`, and variables in `env` of each service"),
    ("include", "import files with Nickel: `services = import \"services.ncl\"`"),
    ("ingress", "declare routes in each service: `services.orders.route.subdomain = \"orders\"`"),
    ("name", "write `project = \"shop\"`"),
    ("networks", "remove it: networks follow from `depends_on`, `connects_to` and references"),
    ("redis", "write `services.redis = nself.services.redis`"),
    ("routes", "declare them in each service: `services.orders.route.subdomain = \"orders\"`"),
    ("tables", "define them in a database: `databases.shop.tables`"),
    ("version", "remove it: a stack has no version of its format"),
    ("volumes", "declare each volume in its service: `services.orders.volumes.data.path = \"/data\"`"),
];

const SERVICE: [Word; 41] = [
    ("apiVersion", "remove it: nself writes the manifests of Kubernetes"),
    ("args", "write the arguments in `command`"),
    ("cap_drop", "remove it: a container has only the rights in `capabilities`"),
    ("containerPort", "name the port: `ports.http = 8001`"),
    ("container_name", "remove it: other services reach this one by its name, and `aliases` adds names"),
    ("cpu", "write `limits.cpus = \"0.5\"`"),
    ("cpus", "write `limits.cpus = \"0.5\"`"),
    ("cron", "write `schedule = \"15 3 * * *\"`"),
    ("deploy", "use `replicas`, `limits` and `reservations`"),
    ("devices", "remove it: a container has no devices of the host"),
    ("dns", "remove it: containers use the name server of their network"),
    ("domain", "write `route.host = \"orders.example.com\"`, or `route.subdomain = \"orders\"`"),
    ("environment", "write the variables in `env`: `env.LOG_LEVEL = \"info\"`"),
    ("expose", "name the port: `ports.http = 8001`"),
    ("extends", "join records with `&`: `services.worker = base & { … }`"),
    ("healthcheck", "write `health.http.path = \"/healthz\"`, or `health.exec = [\"program\"]`"),
    ("host", "write `route.host = \"orders.example.com\"`"),
    ("hostname", "remove it: other services reach this one by its name, and `aliases` adds names"),
    ("imagePullPolicy", "remove it: an image has a fixed tag or digest, so it is pulled once"),
    ("imagePullSecrets", "write `kubernetes.image_pull_secrets = [\"registry\"]` at the top of the stack"),
    ("ingress", "write `route.subdomain = \"orders\"`"),
    ("livenessProbe", "write `health.http.path = \"/healthz\"`, or `health.exec = [\"program\"]`"),
    ("mem_limit", "write `limits.memory = \"256MiB\"`"),
    ("mem_reservation", "write `reservations.memory = \"128MiB\"`"),
    ("memory", "write `limits.memory = \"256MiB\"`"),
    ("metadata", "remove it: the name is `services.<name>`, and labels are in `labels`"),
    ("network_mode", "remove it: networks follow from `depends_on`, `connects_to` and references"),
    ("pids_limit", "write `limits.pids = 100`"),
    ("privileged", "remove it: a service gets single rights with `capabilities`"),
    ("profiles", "name the profiles: `only = ['local]`"),
    ("pull_policy", "remove it: an image has a fixed tag or digest, so it is pulled once"),
    ("readinessProbe", "write `health.http.path = \"/healthz\"`, or `health.exec = [\"program\"]`"),
    ("resources", "write `limits = { memory = \"256MiB\", cpus = \"0.5\" }` and `reservations = { … }`"),
    ("restart", "remove it: services restart by themselves, and a job has `run = 'once`"),
    ("restart_policy", "remove it: services restart by themselves, and a job has `run = 'once`"),
    ("scale", "write `replicas = 2`"),
    ("security_opt", "remove it: services cannot gain rights, and `capabilities` adds single ones"),
    ("spec", "write its fields in the service itself: `image`, `command`, `ports.http = 8001`"),
    ("startupProbe", "write `health.start_period = \"30s\"`"),
    ("stop_grace_period", "write `stop_grace = \"30s\"`"),
    ("terminationGracePeriodSeconds", "write `stop_grace = \"30s\"`"),
];

/// Words for fields that a process does not have: it takes these settings from its service.
pub(super) const SERVICE_ONLY: [Word; 26] = [
    ("affinity", "write it as a raw key of the pod: `kubernetes.affinity = { … }`"),
    ("annotations", "write `labels`, which become annotations of the pods in a cluster"),
    ("cap_add", "write `capabilities = [\"CHOWN\"]`"),
    ("configs", "write `files.\"/etc/app.conf\".text = \"…\"`"),
    (
        "containers",
        "write the fields of the container in the service itself; an additional process is `processes.worker.command = [\"…\"]`",
    ),
    ("dockerfile", "write `build = { context = \"services/orders\", dockerfile = \"Dockerfile\" }`"),
    ("envFrom", "write `env_files = [\"orders.env\"]`, or the variables in `env`"),
    ("env_file", "write `env_files = [\"orders.env\"]`"),
    ("initContainers", "declare a job, and wait for it: `processes.migrate = { command = [\"…\"], run = 'once }`"),
    ("jobs", "write `processes.migrate = { command = [\"…\"], run = 'once }`"),
    ("kind", "remove it: a service runs all the time, and a job has `run = 'once` or a `schedule`"),
    ("links", "name the services that it connects to: `connects_to = [\"orders\"]`"),
    ("networks", "name the services that it connects to: `connects_to = [\"orders\"]`"),
    ("nodeSelector", "write it as a raw key of the pod: `kubernetes.nodeSelector = { … }`"),
    ("platform", "write it as a raw key: `compose.platform = \"linux/amd64\"`"),
    ("securityContext", "use `user`, `read_only` and `capabilities`"),
    ("tag", "write it in the image: `image = \"acme/orders:1.4.2\"`"),
    ("template", "write the fields of the pod in the service itself"),
    ("tolerations", "write it as a raw key of the pod: `kubernetes.tolerations = [ … ]`"),
    ("type", "remove it: a service runs all the time, and a job has `run = 'once` or a `schedule`"),
    ("ulimits", "write it as a raw key: `compose.ulimits = { … }`"),
    ("version", "write it in the image: `image = \"acme/orders:1.4.2\"`"),
    ("volumeMounts", "name each volume: `volumes.data.path = \"/data\"`"),
    ("volumes_from", "add the service to `readers` or `writers` of the volume"),
    ("workdir", "write `working_dir = \"/app\"`"),
    ("workingDir", "write `working_dir = \"/app\"`"),
];

/// Words for a process, which has the image of its service.
const PROCESS: [Word; 2] = [
    (
        "build",
        "remove it: a process has the image of its service; declare a different program as a service: `services.worker = { … }`",
    ),
    (
        "image",
        "remove it: a process has the image of its service; declare a different program as a service: `services.worker = { … }`",
    ),
];

/// Words for a frontend or an additional GraphQL endpoint.
const FRONTEND: [Word; 5] = [
    ("domain", "write `route.host = \"app.example.com\"`"),
    ("host", "write `route.host = \"app.example.com\"`"),
    ("routes", "it has one route: `route.subdomain = \"app\"`"),
    ("subdomain", "write `route.subdomain = \"app\"`"),
    ("url", "write `route.subdomain = \"app\"`"),
];

const CONTAINER: [Word; 2] = [
    ("build", "declare its container: `container.build.context = \"web\"`"),
    ("image", "declare its container: `container.image = \"acme/web:1\"`"),
];

const RESOURCES: [Word; 5] = [
    ("cpu", "write `cpus = \"0.5\"`"),
    ("ephemeral-storage", "remove it: `tmpfs` has its own sizes, and the root file system is read-only"),
    ("mem", "write `memory = \"256MiB\"`"),
    ("processes", "write `pids = 100`"),
    ("ram", "write `memory = \"256MiB\"`"),
];

const HEALTH: [Word; 39] = [
    ("cmd", "write `health.exec = [\"program\"]`"),
    ("command", "write `health.exec = [\"program\"]`"),
    ("delay", "write `health.start_period = \"30s\"`"),
    ("disable", "write `health.none = \"the reason\"`"),
    ("disabled", "write `health.none = \"the reason\"`"),
    ("enabled", "remove it; without a check, write `health.none = \"the reason\"`"),
    ("endpoint", "write `health.http.path = \"/healthz\"`"),
    ("failureThreshold", "write `health.retries = 3`"),
    ("failure_threshold", "write `health.retries = 3`"),
    ("host", "remove it: the check connects to the container itself"),
    ("httpGet", "write `health.http.path = \"/healthz\"`"),
    (
        "httpHeaders",
        "remove it; a check with headers is a command: `health.exec = [\"wget\", \"--header\", \"…\", \"…\"]`",
    ),
    ("initialDelaySeconds", "write `health.start_period = \"30s\"`"),
    ("initial_delay", "write `health.start_period = \"30s\"`"),
    ("initial_delay_seconds", "write `health.start_period = \"30s\"`"),
    ("liveness", "write one check for all purposes: `health.http.path = \"/healthz\"`"),
    ("livenessProbe", "write one check for all purposes: `health.http.path = \"/healthz\"`"),
    ("path", "write `health.http.path = \"/healthz\"`"),
    ("period", "write `health.interval = \"10s\"`"),
    ("periodSeconds", "write `health.interval = \"10s\"`"),
    ("period_seconds", "write `health.interval = \"10s\"`"),
    (
        "port",
        "name it in the check: `health.tcp.port = \"http\"`, or `health.http = { path = \"/healthz\", port = \"http\" }`",
    ),
    ("readiness", "write one check for all purposes: `health.http.path = \"/healthz\"`"),
    ("readinessProbe", "write one check for all purposes: `health.http.path = \"/healthz\"`"),
    (
        "scheme",
        "remove it: `health.http` sends HTTP; for HTTPS, write `health.tcp = {}`, or a command in `health.exec`",
    ),
    ("service", "remove it: `health.grpc` asks for the state of the whole server"),
    ("startInterval", "write `health.start_interval = \"1s\"`"),
    ("startPeriod", "write `health.start_period = \"30s\"`"),
    ("startupProbe", "write `health.start_period = \"30s\"`"),
    ("successThreshold", "remove it: one successful check is sufficient"),
    ("tcpSocket", "write `health.tcp.port = \"http\"`"),
    ("terminationGracePeriodSeconds", "write `stop_grace = \"30s\"` in the service"),
    ("test", "write `health.exec = [\"program\"]`"),
    ("timeoutSeconds", "write `health.timeout = \"5s\"`"),
    ("timeout_seconds", "write `health.timeout = \"5s\"`"),
    ("tries", "write `health.retries = 3`"),
    ("type", "the name of the field is the kind: `health.http`, `health.tcp`, `health.grpc` or `health.exec`"),
    ("uri", "write `health.http.path = \"/healthz\"`"),
    ("url", "write `health.http.path = \"/healthz\"`"),
];

/// Words for one kind of check. The times of a check are fields of `health`.
const CHECK: [Word; 5] = [
    ("interval", "write `health.interval = \"10s\"`"),
    ("retries", "write `health.retries = 3`"),
    ("start_interval", "write `health.start_interval = \"1s\"`"),
    ("start_period", "write `health.start_period = \"30s\"`"),
    ("timeout", "write `health.timeout = \"5s\"`"),
];

const BUILD: [Word; 3] = [
    ("file", "write `build.dockerfile = \"Dockerfile\"`"),
    ("folder", "write `build.context = \"services/orders\"`"),
    ("path", "write `build.context = \"services/orders\"`"),
];

const ROUTE: [Word; 5] = [
    ("auth", "write `basic_auth = \"readers\"`, the name of a secret"),
    ("domain", "write `host = \"orders.example.com\"`, or `subdomain = \"orders\"`"),
    ("hostname", "write `host = \"orders.example.com\"`, or `subdomain = \"orders\"`"),
    ("prefix", "write `path = \"/orders\"`"),
    ("url", "write `host = \"orders.example.com\"`, or `subdomain = \"orders\"`"),
];

const PUBLISH: [Word; 5] = [
    ("bind", "write `address = \"127.0.0.1\"`"),
    ("host_ip", "write `address = \"127.0.0.1\"`"),
    ("nodePort", "write `node_port = 30022`"),
    ("published", "write `port = 8001`"),
    ("target", "the name of the entry is the port of the container: `publish.http.port = 8001`"),
];

const VOLUME: [Word; 13] = [
    ("accessModes", "remove it: one service writes to a volume, and `readers` and `writers` name the others"),
    (
        "driver",
        "remove it: the engine keeps a volume on the host, and on a cluster `kubernetes.storage_class` chooses the kind",
    ),
    (
        "driver_opts",
        "remove it: the engine keeps a volume on the host, and on a cluster `kubernetes.storage_class` chooses the kind",
    ),
    ("external", "remove it: name a folder of the host in `host_mounts`"),
    ("mountPath", "write `path = \"/data\"`"),
    ("mount_path", "write `path = \"/data\"`"),
    ("name", "remove it: the name of the entry is the name of the volume"),
    ("source", "name a folder of the project in `mounts`, or a folder of the host in `host_mounts`"),
    ("storage", "write `size = \"10GiB\"`"),
    (
        "storageClass",
        "remove it: the engine keeps a volume on the host, and on a cluster `kubernetes.storage_class` chooses the kind",
    ),
    (
        "storageClassName",
        "remove it: the engine keeps a volume on the host, and on a cluster `kubernetes.storage_class` chooses the kind",
    ),
    ("target", "write `path = \"/data\"`"),
    (
        "type",
        "remove it: the engine keeps a volume on the host, and on a cluster `kubernetes.storage_class` chooses the kind",
    ),
];

const AUTOSCALE: [Word; 4] = [
    ("maxReplicas", "write `max = 5`"),
    ("max_replicas", "write `max = 5`"),
    ("minReplicas", "write `min = 2`"),
    ("min_replicas", "write `min = 2`"),
];

const KUBERNETES: [Word; 6] = [
    ("imagePullSecrets", "write `image_pull_secrets = [\"registry\"]`"),
    ("ingress", "write `edge = 'ingress` with `ingress_class = \"nginx\"`"),
    ("namespace", "remove it: the namespace is the name of the project and of the environment"),
    ("nodes", "remove it: the number of nodes belongs to the cluster"),
    ("replicas", "set `replicas` of a service, in the layer of the environment"),
    ("storageClass", "write `storage_class = \"fast\"`"),
];

/// Words for a file of a service.
const FILE: [Word; 6] = [
    ("content", "write `text = \"…\"`, or data in `yaml` or `json`"),
    ("contents", "write `text = \"…\"`, or data in `yaml` or `json`"),
    ("data", "write data in `yaml` or `json`, or `text = \"…\"`"),
    ("file", "write `from = \"config/app.conf\"`, a file of the project"),
    (
        "path",
        "write `from = \"config/app.conf\"`, a file of the project; the name of the entry is the path in the container",
    ),
    ("source", "write `from = \"config/app.conf\"`, a file of the project"),
];

const SECRET: [Word; 6] = [
    (
        "environment",
        "write `external = \"what it is\"`: the value is in the folder of secrets or in the environment of the deployment",
    ),
    ("file", "write `external = \"what it is\"`, and put the value into the folder of secrets"),
    ("generate", "write `random = 43`"),
    ("length", "write `random = 43`"),
    ("name", "remove it: the name of the entry is the name of the secret"),
    ("value", "remove it, since a stack has no values of secrets: write `random = 43`, or `external = \"what it is\"`"),
];

const TLS: [Word; 3] = [
    ("cert", "write `mode = 'files`, and the certificate into the folder of secrets"),
    ("certificate", "write `mode = 'files`, and the certificate into the folder of secrets"),
    ("enabled", "remove it: every environment has TLS, and `mode` is the source of the certificates"),
];

const TABLE: [Word; 8] = [
    ("check", "name the condition: `checks.orders_total_check = \"total >= 0\"`"),
    ("constraints", "use `uniques`, `foreign_keys`, `checks` and `excludes`"),
    ("fields", "write `columns.id = { type = \"bigint\" }`"),
    ("foreign_key", "name the key: `foreign_keys.orders_user_id_fkey = { … }`"),
    ("index", "name the index: `indexes.orders_state_idx.columns = [{ column = \"state\" }]`"),
    ("permissions", "write `grants`, and `policies` for rows"),
    ("rls", "write `row_security` and `policies`"),
    ("unique", "name it: `uniques.orders_code_key.columns = [\"code\"]`"),
];

const COLUMN: [Word; 10] = [
    ("auto_increment", "write `identity = 'always`"),
    ("autoincrement", "write `identity = 'always`"),
    ("check", "write it in the table: `checks.orders_total_check = \"total >= 0\"`"),
    ("not_null", "remove it: a column has no null values unless it has `nullable = true`"),
    ("null", "write `nullable = true`"),
    ("primary_key", "write it in the table: `primary_key = [\"id\"]`"),
    ("references", "write it in the table: `foreign_keys.orders_user_id_fkey = { … }`"),
    ("required", "remove it: a column has no null values unless it has `nullable = true`"),
    ("stored", "remove it: the server stores the value of a generated column unless it has `virtual = true`"),
    ("unique", "write it in the table: `uniques.orders_code_key.columns = [\"code\"]`"),
];

const PARTITIONING: [Word; 4] = [
    ("hash", "write `partition_by = { strategy = 'hash, columns = [\"id\"] }`"),
    ("key", "write `partition_by = { strategy = 'range, columns = [\"created\"] }`"),
    ("list", "write `partition_by = { strategy = 'list, columns = [\"country\"] }`"),
    ("range", "write `partition_by = { strategy = 'range, columns = [\"created\"] }`"),
];

/// Fields and tags by a name that users write instead.
pub(super) const SYNONYMS: [(&str, &str); 29] = [
    ("content", "text"),
    ("dev", "local"),
    ("development", "local"),
    ("domain", "route"),
    ("hash", "columns"),
    ("hash", "strategy"),
    ("host", "route"),
    ("job", "once"),
    ("key", "columns"),
    ("letsencrypt", "acme"),
    ("list", "columns"),
    ("list", "strategy"),
    ("live", "prod"),
    ("manual", "on_request"),
    ("maxReplicas", "max"),
    ("max_replicas", "max"),
    ("minReplicas", "min"),
    ("min_replicas", "min"),
    ("mountPath", "path"),
    ("name", "project"),
    ("oneshot", "once"),
    ("production", "prod"),
    ("range", "columns"),
    ("range", "strategy"),
    ("self-signed", "local"),
    ("selfsigned", "local"),
    ("stage", "staging"),
    ("subdomain", "route"),
    ("target", "path"),
];
