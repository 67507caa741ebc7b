//! The list of codes: each finding has a stable one, with a title and an explanation. `nself explain CODE` prints them.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($name:ident $id:literal $title:literal $explanation:literal)*) => {
        /// A stable code. Numbers are never reused: 0xx source, 1xx fields, 2xx clashes, 3xx references,
        /// 4xx resources, 5xx exposure and secrets, 6xx edge, 7xx targets and databases, 8xx files and registries,
        /// 9xx defects of nself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            /// All codes, in the order of `codes.rs`.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// Returns the code as it is printed, such as `NS201`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $id),* }
            }

            /// Returns the title: what is wrong, in a few words. It is the default message of a finding.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }

            /// Returns the explanation: why nself refuses this and what to do, in a few sentences.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => $explanation),* }
            }
        }
    };
}

codes! {
    StackUnreadable "NS001" "the stack cannot be read"
        "The file that the command line names (`./stack.ncl` by default) does not exist or cannot be read. `nself init` writes a first one."
    Syntax "NS002" "the Nickel source does not parse"
        "Nickel could not parse the file. The position is where the parser stopped; the mistake is there or just before it."
    Evaluation "NS003" "the Nickel program fails"
        "Evaluating the program failed: an unknown name, an operation on the wrong type, or two values for one field. The message comes from Nickel."
    NotAStack "NS004" "the program is not an nself stack"
        "A stack is a record that ends with the contract of the library: `{ project = \"shop\", domain = \"shop.example.com\" } | nself.Stack`."
    EvaluationLimit "NS005" "the evaluation exceeds its limits"
        "The evaluation has limits of time, memory and depth, so that a loop in a pull request cannot block a build machine. Look for recursion that does not end. Each environment is a copy of the common part, so all environments together have a size limit, too."
    ImportOutside "NS006" "an import points outside the project"
        "Imports must stay inside the folder of the stack or the nself library, so that a change under review cannot read other files of the machine. `--allow-import DIR` permits one more folder."
    Contract "NS101" "a value violates its contract"
        "A contract of the stack language, or one that you wrote, refused the value."
    UnknownField "NS102" "no such field"
        "The stack language has no field of this name at this place. Unknown fields are refused, because a misspelled one would silently have no effect. `nself schema` lists all fields."
    WrongType "NS103" "a value has the wrong type"
        "The field takes a value of a different type. The types are text, number, true or false, array and record."
    MissingField "NS104" "a required field has no value"
        "The field has no default value, so it must be set. `nself schema` describes the values that it takes."
    BadName "NS105" "a name is not usable everywhere"
        "Names become DNS labels, container names, SQL roles and Kubernetes objects. A name starts with a letter, holds lower-case letters, digits and single hyphens, and has at most 40 characters."
    BadValue "NS106" "a value has the wrong form"
        "The text does not have the form that this field takes. nself refuses text that a later tool could read as syntax; it does not escape it."
    OutOfRange "NS107" "a number is out of its range"
        "The number is outside the range of the field."
    UnknownEnvironment "NS110" "no such environment"
        "The stack does not declare this environment. `nself env list` shows the declared ones."
    EnvironmentProfile "NS111" "an environment needs a profile"
        "The environments local, staging and prod have the profile of the same name. Every other environment sets one of these three, for example `profile = 'staging`."
    PortTaken "NS201" "two owners for one port"
        "A port can have one owner only. This holds for ports of the host and for the numbers inside the stack: frontends 3000-3099, custom services from 8001, plugins 3820-3849."
    RouteTaken "NS202" "two routes for one address"
        "Two services declare a route for the same host and path. nginx would silently use only one of them."
    NameTaken "NS203" "two owners for one name"
        "Two parts of the stack would use the same container, upstream or DNS name for different things."
    VolumeShared "NS204" "one volume, several services"
        "A data volume belongs to one service. Two programs that write to one data folder usually destroy it. If the programs support it, the owner names the others in `writers`."
    DatabaseTaken "NS205" "two owners for one database or role"
        "A database has one owner, and a login role belongs to one service."
    ServerNameTaken "NS206" "a hand-written server shadows a generated one"
        "If two servers have the same name, nginx uses the first one and only prints a warning. A file in nginx/conf.d may add servers, but it must not repeat a generated server_name."
    MountTaken "NS207" "two mounts at one path"
        "A container can have one mount at each path. Container engines silently keep one of two such mounts, so that data is written to the wrong place; Kubernetes refuses the pod. A mount inside a different mount is allowed, except inside generated files, which are read-only."
    UnknownDependency "NS301" "a dependency does not exist"
        "`depends_on` and references must name services of the same stack."
    DependencyCycle "NS302" "services wait for each other"
        "Each of these services starts only after the next one is ready, so none of them would ever start. Remove one of the dependencies."
    DisabledDependency "NS303" "a dependency is not part of this environment"
        "A service depends on one that is disabled in this environment or limited to other profiles."
    UnknownSecret "NS304" "no such secret"
        "A reference names a secret that the stack does not declare."
    UnknownDatabase "NS305" "no such database"
        "A service uses a database that the stack does not declare."
    UnknownRole "NS309" "no such database role"
        "Grants and policies name the login roles of services. nself creates a role for each service that uses a database."
    DatabaseEndpoint "NS310" "this variable cannot use that database endpoint"
        "A database has up to three endpoints: the server, a pooler and a replica. A pooler assigns a connection to a client for one transaction only, and a replica does not accept writes, so programs that keep a session or write must use the server. The pooler and the replica exist only if the stack declares them."
    UnknownPort "NS306" "no such port"
        "A route, health check or reference names a port that the service does not declare."
    NoImage "NS307" "a service has neither an image nor a build folder"
        "A container comes from `image`, or from `build.context`, a folder of the project with a Dockerfile. With both, `image` is the name of the built image."
    NoDockerfile "NS311" "a build folder without a Dockerfile"
        "`build.context` is a folder of the project, relative to the stack file. `build.dockerfile` is a file in it; the default is `Dockerfile`. `nself init FOLDER --template NAME` creates both."
    NoSource "NS312" "a mounted file or folder does not exist"
        "Compose mounts files and folders of the project and does not create them: a container whose mount has no source does not start. Ignore the warning if the source is created later, or exists only on the machine where the stack runs."
    LinkedSource "NS313" "the source of a mount is a link"
        "A symbolic link in a checkout can lead to any file of the machine, including the socket of the container engine, and the container would get that file. So the source of a mount and its parent folders in the project must not be links. Put the file or folder itself there."
    MailRelay "NS314" "services cannot send mail through the relay"
        "Services send mail to the catcher `services.mail` where it runs, and through `mail.relay` elsewhere; a local environment never uses the relay. Port 587 begins in plain text and changes to TLS (`security = 'starttls`), and port 465 is TLS from the first byte (`security = 'tls`)."
    EnvFile "NS318" "a file of variables cannot be read"
        "`env_files` are files of the project in UTF-8 with a line `NAME=value` for each variable. Empty lines and lines that begin with `#` are skipped, `export` in front of a name too, and single or double quotes around a value are removed. nself expands nothing. A value that is a credential is refused as in `env`."
    ServiceFile "NS317" "a configuration file cannot be written"
        "`files` of a service takes the path in the container and exactly one content: `text`, `yaml`, `json`, or `from`, a text file of the project in UTF-8. A file has at most 1 MiB, which a ConfigMap of a cluster can hold. It holds no secrets: compose such a file with `nself.template` and mount it with `secret_files`."
    NoHealth "NS308" "others wait for a service that has no health check"
        "A dependency of the kind 'healthy needs a health check. Without one the dependent services would never start."
    LimitBelowReservation "NS401" "a limit below its reservation"
        "A container cannot reserve more than its limit allows."
    TooFewPids "NS402" "fewer processes than the service needs"
        "`pids` is lower than the number of processes that the configured service starts. The service would start, and fail under load."
    Replicas "NS403" "this service cannot be replicated"
        "A service with a data volume, a published port or a fixed container name can have only one replica."
    PortRange "NS404" "a port outside its range"
        "Frontends use 3000-3099, custom services 8001 and up, plugins 3820-3849 (and 3203)."
    UnknownEnv "NS405" "the image knows no such variable"
        "According to nself's catalogue, the image ignores this variable, so setting it has no effect. If the image does read it, move it to `extra_env`, which is not checked."
    NodePort "NS410" "the nodes of a cluster cannot publish a port"
        "A port of every node is one of 30000 to 32767. `publish.NAME.node_port` sets it, or `kubernetes.published` selects a load balancer, which has the same port as the host."
    PublicPort "NS501" "a published port of an internal service"
        "Clients connect to services through the edge. A protocol that the edge does not forward, such as SSH, DNS or Kafka's, needs a published port with a `reason`. In the local profile, a port of the loopback address needs no reason. With Let's Encrypt, the edge keeps port 80 for its challenge."
    DevelopmentInProd "NS502" "a development setting in production"
        "Console, development mode, admin UI, mail catcher and development images are not allowed in the production profile."
    OpenCors "NS503" "any origin may call the API"
        "`*` allows every web site to call the API with the visitor's cookies. List the origins by name."
    PlainSecret "NS504" "a secret written as plain text"
        "Generated files are committed, and build arguments stay in the image. So a variable, build argument or raw key whose name denotes a credential takes a reference (`nself.secret \"name\"`), never a value. Names are split into words (`DB_PW`, `keyPassphrase`), and the last word decides: `PASSWORD_MIN_LENGTH` is a length. In every field, nself also recognises keys and tokens by their published form (GitHub, GitLab, AWS, Google, Slack, Stripe, npm, OpenAI, Anthropic, PEM, JWT) and URLs with a password. A credential that was committed stays in the history: revoke it at its issuer."
    WeakSecret "NS505" "a secret that can be guessed"
        "Generated secrets have at least 128 bits. A credential that you choose or receive has at least 16 characters, or the `min_length` of its declaration, and must not be a well-known default. Host and user names of a provider (`smtp_host`, `smtp_user`) may be short."
    SharedSecret "NS506" "one secret in two environments"
        "A person who can read the secrets of staging must not have those of production. Use a different value in each environment."
    Privileged "NS507" "a container with rights over the host"
        "Host namespaces, the docker socket and privileged mode give a container root access to the host."
    SecretOpen "NS508" "values of secrets were open to other users"
        "Containers read the files of secrets as other users, so the folder must keep other users of the machine out: `secrets/` has the mode 0700, its files 0444, and `.env` 0600. A folder from a checkout or an archive can have different modes. `nself secrets init` and `nself secrets check` correct the modes and report which files were accessible."
    SecretTracked "NS509" "a value of a secret is in version control"
        "Everyone who can read the repository, or who wrote the pull request, knows a value that git tracks. nself refuses to use it. Remove the file from the index (`git rm --cached`), delete it and create a new value; the old value stays in the history. nself reads the index without running git."
    LongContainerName "NS512" "a container or network name exceeds 63 characters"
        "The database server accepts its superuser and its replica only from certain networks, and asks the engine's name server for the network of an address. A label of a DNS name has at most 63 characters. These container and network names begin with the project and the environment: shorten one of the two."
    NoExtension "NS513" "the database server cannot have this extension"
        "An extension is part of the server's image. The official image has PostgreSQL's contrib modules and no others: without the extension, the first start of the server would fail half-way. Use an image that has the extension, or build one. `pg_cron` exists in one database of a server."
    EndlessJob "NS514" "others wait for the end of a service that does not end"
        "`'completed` waits until a service has ended without an error. A service runs all the time unless it has `run = 'once`, so what waits for its end would never start. A job has no replicas, no schedule and no route: nothing could answer after it has ended."
    SecretUnreadable "NS515" "containers could not read values of secrets"
        "Containers read the files of secrets as other users. A container whose file has a mode such as 0600 ends when it starts, for example nginx with the key of `tls.mode = 'files`. `secrets init` and `secrets check` set the modes."
    CertificateOutdated "NS516" "a local certificate does not fit the stack"
        "The certificate that `nself secrets init` issued is for other hosts than those that the stack serves now, or it ends within 30 days. `secrets init` issues a new one of the same authority, so nothing has to be imported again."
    DomainNotPublic "NS601" "no certificate can be issued for this domain"
        "A certificate authority issues certificates only for public names. localhost, .local, .test, .internal and IP addresses work in the local profile only."
    ConfD "NS603" "a hand-written nginx file cannot be used"
        "A file in nginx/conf.d must be a regular file whose name ends in .conf. It contains directives for the http level."
    NoInternalAddress "NS604" "an internal route that no address may use"
        "Internal routes and paths accept only the addresses in `edge.internal_addresses`; private networks count as internal only if the stack lists them. In the local profile this machine is internal, too, if nginx is published on a loopback address only. List the callers, make the route public, or leave the service out of the environment."
    HiddenClients "NS605" "the address of a client cannot be known"
        "A proxy, a bridge or a load balancer replaces the client's address with its own. A rule about addresses would then hold for all callers or for none, and all clients would share one rate limit. nself refuses a stack with internal routes until client addresses reach nginx: list the proxy in `edge.trusted_proxies`; publish nginx on an IPv4 address; in a cluster, set `externalTrafficPolicy: Local` on the Service of the gateway and let only the pods of the gateway reach nginx."
    AddressRange "NS606" "an address range cannot be internal, or a proxy's"
        "A proxy forwards requests from anywhere, so its address never counts as internal. `edge.internal_addresses` and `edge.trusted_proxies` must not overlap, and neither of them may cover the whole internet."
    HostName "NS607" "a host name that cannot exist"
        "Routes are names below the domain of the environment, so the domain is a DNS name with a dot: an IP address and a single word have no subdomains. A subdomain is only the part before the domain."
    SharedDomain "NS608" "environments with the same domain"
        "A domain leads to one server. Two environments with the same domain cannot both get certificates and requests. Give each environment of a server its own domain."
    FilesInMemory "NS611" "files in memory may fill the memory limit"
        "Folders in memory (`tmpfs`) count against the memory limit of the container. When both together exceed it, the kernel kills the service. Leave at least half of the limit to the processes. A folder without `size` may take 64 MiB."
    EdgeImage "NS612" "an nginx that does not read the generated files"
        "The upstreams of the edge follow the name server while nginx runs, which nginx can do since 1.27.3. An older image would refuse its configuration when it starts."
    Unsupported "NS701" "a target cannot express this"
        "The target has no equivalent for this setting, and nself does not drop settings silently. Accept the loss with a reason in `waive`, or remove the setting."
    RawKey "NS702" "a raw key is not usable"
        "`compose` and `kubernetes` of a service take the platform's own keys for settings that nself does not model. A key that nself sets, that the platform does not know or that gives a container control of the host is refused. `nself explain NS702` lists the allowed keys."
    NotYet "NS703" "not supported in this release"
        "The stack language has this field, but no backend generates output for it yet."
    MonitoringMissing "NS704" "no monitoring"
        "The staging and prod profiles should run with monitoring."
    Compat "NS705" "the compatibility mode cannot express this"
        "docker-compose 1.29 and podman lack this feature."
    Outdated "NS706" "an image without security fixes"
        "This version line of the image receives no more security fixes: new vulnerabilities will stay open. Use a supported version."
    Unpinned "NS707" "an image without a digest"
        "A tag can name a different image tomorrow, so `gen --frozen` accepts only images pinned by digest. `nself lock` pins them."
    PostgresVolume "NS709" "the volume may hold data of a different PostgreSQL version"
        "A PostgreSQL server starts only with data of its own major version. An image with a different C library sorts text differently, which makes existing text indexes wrong. nself sees only that the last generation used a different image: if the server has never run, ignore the warning."
    SchemaInvalid "NS710" "a database definition contradicts itself"
        "The definition uses a column, table or type that does not exist, uses one name twice, or contains something that PostgreSQL refuses."
    Tenancy "NS711" "rows of different owners are not separated"
        "In a database with a convention, each table declares who owns its rows. The column, the policies, forced row-level security and the index follow from it. They cannot be left out, changed or mixed with a different convention."
    SqlSyntax "NS712" "the SQL does not parse"
        "The text does not follow PostgreSQL's grammar for this place."
    ObjectCycle "NS713" "database objects need each other"
        "Each of the objects needs the next one to exist before it can be created. Let one of them use the others in a plpgsql function, whose body PostgreSQL reads only when it runs."
    NotImported "NS714" "something cannot be imported"
        "The file contains something that a definition cannot express, or that is not valid DBML. The importer leaves nothing out silently: change that line, or write that part of the definition by hand."
    AllowsNothing "NS715" "an allowance without an object"
        "`allow` names an object that is neither in the definition nor in the last written migration. Either the name is misspelled, or the change is done and the allowance was not removed. Remove it: otherwise it would later allow the same hazard for a new object of this name, without a review."
    ScratchRequired "NS716" "one side comes from a server: add --scratch"
        "A server does not keep SQL as it was written: it parses the text and prints it in its own spelling. A definition would therefore always differ from what a server prints. For such a comparison nself creates the other side in a temporary database on the server that `--scratch URL` names, and reads it back from there."
    HazardNotAllowed "NS720" "a change that was not reviewed"
        "The migration would lose or convert data, block other sessions while a table is rewritten, or remove a guarantee. To accept that, allow it in the definition with a reason: `allow.\"orders.note\".deletes_data = \"moved to notes in May\"`."
    RenameUnclear "NS721" "ambiguous change: rename or drop?"
        "An object was removed and a similar one was added. A rename keeps the data, a drop loses it; nself does not guess. Set `renamed_from` on the new object, or allow the loss."
    RenameClash "NS722" "a rename onto something that exists"
        "`renamed_from` names an object that the definition still has, or the new name existed before."
    NeedsBackfill "NS723" "existing rows have no value for a new column"
        "A NOT NULL column without a default cannot be added to a table that may have rows."
    NeedsUsing "NS724" "PostgreSQL cannot convert this type automatically"
        "The values of the column need an expression that converts them."
    ChangeRefused "NS725" "a change that cannot be made safely"
        "PostgreSQL cannot make this change and keep the data and the objects that depend on it."
    MigrationTampered "NS730" "the history was changed"
        "A written migration must not be changed, reordered or removed, and no migration may be inserted before it: other databases may have applied it. Undo the change and add a new migration."
    MigrationMissing "NS731" "the schema has changes without a migration"
        "The migrations do not lead to the definition. `nself db new` writes the missing ones."
    MigrationDamaged "NS732" "the migrations cannot be read"
        "A file in the folder of the migrations is missing or malformed."
    NotBaseline "NS733" "the server differs from the migrations"
        "`db baseline` records in the server's ledger that migrations were applied. So the server must have exactly the objects that these migrations create; otherwise the next migration would run on a schema for which it was not planned. Either change the server to match the migrations, or import it again and write the migrations from the beginning. `db diff --from URL --to db/<name> --scratch URL` prints the SQL that turns one into the other."
    NoAdoption "NS734" "the server cannot be taken over"
        "`db baseline` creates the ledger once, on the server itself. It refuses a pooler, because its sessions are not sessions of the server, a standby, and a server whose ledger has migrations. All objects must belong to the role that runs the migrations."
    MigrationPrivileged "NS735" "a migration needs the rights of a superuser"
        "Migrations run as the role that owns the database, `<database>_migrations`, which cannot gain more rights. Only extensions need the superuser: nself creates and drops them with its own statements, in a separate session, and uses no text of the migration there."
    SessionTooPowerful "NS736" "a session has more rights than the SQL that it would run"
        "SQL of the project and code in a database must not run with more rights than the owner of the database has: otherwise its author could do anything on the server. So `db baseline --url` must log in as the role that owns the database."
    UnknownUser "NS737" "a cluster may refuse the container's user"
        "Pod Security refuses containers that run as root, and a node reads only numeric users of an image: an image without a user, or with the name of one, does not start. Set `user` to the numbers of the image's user, or to any user that can read its files."
    SharedClass "NS738" "the storage class cannot share a volume"
        "Several pods mount the volume, and the class provides folders of one node. Choose a class of network file systems, or keep the pods on the node of the volume: `kubernetes.shared_volumes = 'node`."
    VolumeGroups "NS739" "a pod needs two groups for its volumes"
        "A cluster gives the folder of a volume to the group of the pod that mounts it, and a pod has one such group. Readers take the group of the volume's owner, so a service that shares volumes with several owners needs owners of the same group."
    NotOnePiece "NS740" "the SQL is not one piece"
        "nself inserts the text into a statement. It must be exactly one expression, query or type for every program that reads it: nself, psql and each version of the server. So nself also refuses forms that these programs read differently: a string that continues on the next line (use `||`), numbers followed by letters, names with `U&`, and `:` directly before a word (add a space)."
    TooDeep "NS741" "the text is nested too deeply"
        "Programs that read nested text need memory for each level, and the server refuses deep nesting, too. Divide the text into several columns, checks, views or functions."
    OpenDefiner "NS742" "a function lends its owner's rights"
        "A function with `security_definer` runs with the rights of its owner, whoever calls it. Names in its body must mean the same for every caller. So it needs a fixed `search_path` with schemas in which no role may create objects, ending in `pg_temp`, which the server otherwise searches first. Only the roles in `grants` may execute it; `grants.public = ['execute]` allows everyone."
    ForeignTenant "NS743" "a foreign key crosses tenants"
        "The server checks foreign keys without applying policies. A key between rows of tenants without `tenant_id` would reveal to one tenant which rows another tenant has, and its cascading deletes would reach them. The convention adds `tenant_id` to both sides, with the unique constraint that this needs. A key that it cannot complete is refused."
    Immutable "NS708" "a cluster refuses this change"
        "The Kubernetes API server never changes the volumes of a StatefulSet and never shrinks a claim. The manifests fit a new cluster; a running one needs the steps of the hint first."
    LostVolume "NS744" "data in a cluster is no longer used"
        "The last generation had a volume that the stack no longer declares. Its claim stays in the cluster, unused: a service or volume with a different name starts empty. Delete the claim when its data is of no use, or declare the volume again with the same name."
    ApiMismatch "NS770" "the GraphQL API does not fit the stack"
        "A type, table, column, role or action does not exist, although an action, an event trigger or an endpoint's `serves` refers to it; or a type is used where GraphQL does not allow it. Arguments consist of scalars, enumerations and `input` types; an action returns an `object` type or a list of one."
    HandEdited "NS801" "a generated file was changed or deleted by hand"
        "The file differs from what nself wrote. Move the change into the stack, or drop it with `nself gen --force`."
    Foreign "NS802" "a file nself did not write"
        "nself does not overwrite or delete files that it does not own. Move the file, or run with --force to replace it."
    OutputUnsafe "NS803" "the output folder cannot be written safely"
        "There is a symbolic link or a file where nself expects a folder. Following it would write outside the output folder."
    Io "NS804" "a file operation failed"
        "The operating system refused to read or write a file, or to run a program. The message has the reason."
    Manifest "NS805" "the manifest cannot be used"
        "A line of `nself.manifest` is malformed or names a file that nself never generates: restore the file from version control. After a merge or an interrupted run, `nself gen` repairs it."
    Lock "NS806" "the lock file cannot be used"
        "nself.lock is damaged, has an unresolved merge conflict or was written by a newer version of nself. It only repeats answers of registries: `nself lock` can write it again."
    LockDiffers "NS807" "the lock file does not fit the stack"
        "The lock lacks an image of the stack, or has an image that the stack does not use. `nself lock` updates it."
    Object "NS808" "a damaged object in the cache"
        "The content of a file below `.nself` does not match its name, which is a digest. nself does not use it and generates nothing from it; `nself verify --repair` moves it away."
    NotReproduced "NS809" "the stack gives different files now"
        "The files generated from the stack differ from what the manifest records: the stack, the lock or the version of nself has changed since."
    Image "NS811" "an image cannot be created"
        "`nself image` creates the image of a service with a `layout`: a folder of the project with regular files, and links that stay inside it, on a pinned base image or without a base."
    Release "NS812" "a release of generated files cannot be used"
        "A published release holds exactly the files that the manifest records, and a pulled one must match its manifest again. With --trust, one of the keys must have signed it."
    FileTooLarge "NS813" "a file is larger than nself reads"
        "nself reads whole files into memory, so each kind of file has a size limit, far above any normal use. The message names the file and its limit."
    NotPlain "NS814" "a link, pipe or device in place of a file"
        "Below the folder of the project nself reads only regular files and does not follow symbolic links: version control can contain links, and a link can lead to any file. Paths on the command line may contain links."
    ReleaseMismatch "NS825" "a release was signed for something else"
        "A signed statement names the repository, tag, project and environments of its release. With --trust, a release is accepted only under the name for which it was signed. So a registry cannot substitute a different release that the same key signed. `nself attest` with the wanted tag signs for that tag."
    ReleaseOrder "NS826" "a release is not newer than the installed one"
        "`nself pull --trust` only accepts newer releases. It compares the serial numbers (`nself attest --serial`), or else the versions in the tags, such as 1.4.0. Use --allow-downgrade to accept an older release, or one whose order is unknown."
    ReleasePath "NS827" "a release holds a file that is never generated"
        "`nself gen` writes certain files and folders below each environment, and never `.env`, `secrets/` or hidden folders. A release or manifest that names any other path was not created by nself. nself does not publish or write any of it."
    RegistryUnreachable "NS821" "a registry does not answer"
        "The registry cannot be reached, its certificate is not trusted, or it keeps answering that it is overloaded. nself trusts the certificates of the system; SSL_CERT_FILE names others."
    RegistryRefused "NS822" "a registry refuses access"
        "The registry does not accept the credentials, or needs some. nself uses the credentials of Docker's configuration: `docker login HOST` stores them."
    RegistryNotFound "NS823" "a registry does not have it"
        "The registry does not have this repository, tag or digest. Some registries give the same answer if you lack access."
    RegistryContent "NS824" "a registry sent unexpected content"
        "The content does not have the requested digest, is incomplete, or violates the protocol. nself does not use it."
    Internal "NS901" "a defect of nself"
        "nself found a contradiction in its own data. Please report it with a stack that shows it."
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.id().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not a code; codes look like NS201"))
    }
}
