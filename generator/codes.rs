//! Every finding's stable code with its title and explanation; `nself explain CODE` prints them.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($name:ident $id:literal $title:literal $explanation:literal)*) => {
        /// A stable code. Numbers are never reused: 0xx source, 1xx fields, 2xx clashes, 3xx references,
        /// 4xx resources, 5xx exposure and secrets, 6xx edge, 7xx targets, 8xx files, 9xx defects of nself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The code as printed, such as `NS201`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $id),* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }

            /// Why this is refused and what to do, a few sentences.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => $explanation),* }
            }
        }
    };
}

codes! {
    StackUnreadable "NS001" "the stack cannot be read"
        "The file named on the command line (./stack.ncl unless you name one) does not exist or cannot be read. `nself init` writes one."
    Syntax "NS002" "the Nickel source does not parse"
        "Nickel could not parse the file. The position is where the parser gave up; the mistake is there or just before."
    Evaluation "NS003" "the Nickel program fails"
        "Evaluating the program failed: a name that does not exist, a type that does not fit an operation, two values for one field. The message is Nickel's own."
    NotAStack "NS004" "the program is not an nself stack"
        "A stack is a record that ends with the contract of the library: `{ project = \"shop\", domain = \"shop.example.com\" } | nself.Stack`."
    EvaluationLimit "NS005" "the evaluation exceeds its limits"
        "Programs run under a limit of time, memory and depth, so that a loop in a pull request cannot hold a build machine. Look for recursion without an end. Each environment is a copy of the common part, so the environments together have a limit, too."
    ImportOutside "NS006" "an import leaves the project"
        "Imports stay inside the folder of the stack and the nself library, so that a change under review cannot read other files of the machine. `--allow-import DIR` permits one more folder."
    Contract "NS101" "a value breaks its contract"
        "A contract of the stack language or one of your own refused the value."
    UnknownField "NS102" "no such field"
        "The stack language has no field of this name here. Every field is known, so that a typing error cannot silently do nothing. `nself schema` lists them."
    WrongType "NS103" "a value has the wrong type"
        "The field takes a value of another type: text, a number, true or false, an array or a record."
    MissingField "NS104" "a required field has no value"
        "The field has no default and must be given."
    BadName "NS105" "a name is not usable everywhere"
        "Names become DNS labels, container names, SQL roles and Kubernetes objects. They start with a letter and hold lower-case letters, digits and single hyphens, at most 40 characters."
    BadValue "NS106" "a value has the wrong form"
        "The text does not have the form this field takes. User text is refused rather than escaped wherever a tool that reads it later could take it for syntax."
    OutOfRange "NS107" "a number is out of its range"
        "The number lies outside the range of the field."
    UnknownEnvironment "NS110" "no such environment"
        "The environment is not declared. `nself env list` shows those of the stack."
    EnvironmentProfile "NS111" "an environment needs a profile"
        "local, staging and prod have a profile of the same name. Any other environment says which of the three it behaves like: `profile = 'staging`."
    PortTaken "NS201" "two owners for one port"
        "A port of the host, or one of the numbers that the stack hands out (frontends 3000-3099, custom services from 8001, plugins 3820-3849), may have one owner only."
    RouteTaken "NS202" "two routes for one address"
        "Two services claim the same host and path; nginx would silently serve one of them."
    NameTaken "NS203" "two owners for one name"
        "Two parts of the stack would give one container, upstream or DNS name to different things."
    VolumeShared "NS204" "one volume, several services"
        "A data volume belongs to one service. Two writers on one data folder destroy it."
    DatabaseTaken "NS205" "two owners for one database or role"
        "A database has one owner and a login role belongs to one service."
    ServerNameTaken "NS206" "a hand-written server shadows a generated one"
        "nginx keeps the first of two servers with one name and only warns. A file in nginx/conf.d may add servers, never repeat a generated server_name."
    MountTaken "NS207" "two mounts at one path"
        "A container has one thing at each path. Engines keep one of two mounts without a word, so that data goes to another place than it was sent to; a cluster refuses the pod. A mount below another one is in order, except below generated files, which are read-only."
    UnknownDependency "NS301" "a dependency does not exist"
        "depends_on and references name services of the same stack."
    DependencyCycle "NS302" "services wait for each other"
        "Each of the services waits for the next one to be ready before it starts, so none ever would."
    DisabledDependency "NS303" "a dependency is not part of this environment"
        "The service is needed by another one but disabled, or limited to other profiles."
    UnknownSecret "NS304" "no such secret"
        "A reference names a secret that the stack does not declare."
    UnknownDatabase "NS305" "no such database"
        "A service uses a database that the stack does not declare."
    UnknownRole "NS309" "no such database role"
        "Grants and policies name the login roles of services. A role is made for each service that uses a database."
    DatabaseWay "NS310" "a database is reached by another way"
        "A pooler gives a client a connection for one transaction at a time, and a replica takes no writes. Both are there only when the stack has them, and what keeps a session or writes goes to the server itself."
    UnknownPort "NS306" "no such port"
        "A route, health check or reference names a port that the service does not have."
    NoImage "NS307" "a service has neither an image nor a build folder"
        "A container comes from `image` or from `build.context`, a folder of the project with a Dockerfile. Exactly one of them."
    NoDockerfile "NS311" "a build folder without a Dockerfile"
        "`build.context` is a folder of the project, relative to the stack file, and `build.dockerfile` a file in it, `Dockerfile` unless said otherwise. `nself init FOLDER --template NAME` begins one."
    NoSource "NS312" "a mounted file or folder does not exist"
        "Compose mounts files and folders of the project as they are and makes none: a container whose mount has no source does not start. What is made later, or lies only where the stack runs, is in order then."
    LinkedSource "NS313" "the source of a mount is a link"
        "A mount gives a container what its source leads to. A symbolic link in a checkout can lead to any file of the machine, also to the socket of the engine, so a source and the folders on the way to it in the project are plain. Put the file or folder itself there."
    NoHealth "NS308" "others wait for a service that has no health check"
        "A dependency of kind 'healthy needs a health check, or the project would never start."
    LimitBelowReservation "NS401" "a limit below its reservation"
        "A container cannot be promised more than it may use."
    TooFewPids "NS402" "fewer processes than the service needs"
        "The pids limit is below what the configured service starts; it would fail under load, not at start."
    Replicas "NS403" "this service cannot be replicated"
        "A service with a data volume, a published port or a fixed container name runs once."
    PortRange "NS404" "a port outside its range"
        "Frontends use 3000-3099, custom services 8001 and up, plugins 3820-3849 (and 3203)."
    UnknownEnv "NS405" "the image knows no such variable"
        "The image ignores this variable, so setting it does nothing. If you know better, move it to `extra_env`."
    PublicPort "NS501" "a published port of an internal service"
        "Only nginx is reachable from outside (80 and 443); in local also the admin UI on 127.0.0.1:3021. Everything else is reached through a route."
    DevelopmentInProd "NS502" "a development setting in production"
        "Console, dev mode, admin UI, mail catcher and development images stay out of the production profile."
    OpenCors "NS503" "any origin may call the API"
        "`*` lets every web site call the API with the visitor's cookies. Name the origins."
    PlainSecret "NS504" "a secret written as plain text"
        "A variable, build argument or raw key whose name says that it holds a credential takes a reference (`nself.secret \"name\"`), never a value: generated files are committed, and what is built in stays in the image. Names are read as words (`DB_PW`, `keyPassphrase`), and the last one decides: `PASSWORD_MIN_LENGTH` is a length. Keys and tokens of a published form (GitHub, GitLab, AWS, Google, Slack, Stripe, npm, OpenAI, Anthropic, PEM, JWT) and URLs with a password are recognised in every field. One that has been committed is in the history: let its issuer revoke it."
    WeakSecret "NS505" "a secret that can be guessed"
        "Generated secrets have at least 128 bits; given ones at least the length their consumer asks for and none of the well-known defaults."
    SharedSecret "NS506" "one secret in two environments"
        "Whoever reads the secrets of staging must not hold those of production. Each environment has its own."
    Privileged "NS507" "a container with rights over the host"
        "Host namespaces, the docker socket and privileged mode make a container root on the host."
    SecretOpen "NS508" "values of secrets were open to other users"
        "Containers read the files of secrets as other users, so the folder keeps strangers out: secrets/ has the mode 0700, its files 0444, and .env 0600. A folder that came with a checkout or an archive has other modes. `nself secrets init` and `nself secrets check` set them each time and say what was open."
    SecretTracked "NS509" "a value of a secret is in version control"
        "A value that git tracks is known to everyone who can read the repository, or who wrote the pull request. It is never used: take it out of the index (`git rm --cached`), delete the file and make a new value; the old one stays in the history. nself reads the index itself and runs no git."
    LongContainerName "NS512" "a name that the engine's name server cannot spell"
        "The database server lets its superuser and its replica in by the network that they belong to, and asks the engine's name server for it. Labels of DNS names have at most 63 characters, so the names of these containers and networks, which begin with the project and the environment, must not be longer."
    DomainNotPublic "NS601" "no certificate can be issued for this domain"
        "A certificate authority issues only for public names. localhost, .local, .test, .internal and IP addresses work in the local profile only."
    ConfD "NS603" "a hand-written nginx file cannot be used"
        "Files in nginx/conf.d end in .conf, are plain files, and hold directives for the http level."
    NoInternalAddress "NS604" "an internal route that no address may use"
        "Internal routes and paths admit the addresses of `edge.internal_addresses` and no others: private networks count as internal only where the stack says which. In the local profile this machine counts as well, as long as nginx is published on a loopback address only. Name the callers, open the route, or leave the service out of the environment."
    HiddenClients "NS605" "the address of a client cannot be known"
        "A proxy, a bridge or a load balancer replaces the client's address by its own, so a rule about addresses would hold for all callers or for none, and all clients share one rate limit. A stack with internal routes is refused until the address arrives: a proxy is listed in `edge.trusted_proxies`, nginx is published on an IPv4 address, the gateway's Service of a cluster has `externalTrafficPolicy: Local` and only the gateway's pods reach nginx."
    AddressRange "NS606" "an address range cannot be internal, or a proxy's"
        "The addresses of proxies never count as internal, since what a proxy forwards comes from anywhere: `edge.internal_addresses` and `edge.trusted_proxies` have no address in common, and neither of them is the whole internet."
    Unsupported "NS701" "a target cannot express this"
        "The generated target has no equivalent, and nself does not drop settings silently. Accept the loss with a reason in `waive`, or remove the setting."
    RawKey "NS702" "a raw key is not usable"
        "`compose` and `kubernetes` of a service take the platform's own keys for settings that nself does not model. A key that nself sets, that the platform does not know or that gives a container control of the host is refused. `nself explain NS702` lists the allowed keys."
    NotYet "NS703" "not generated by this release"
        "The stack language has a place for it, the generator has no output for it yet."
    MonitoringMissing "NS704" "no monitoring"
        "staging and prod are meant to run with the monitoring bundle."
    Compat "NS705" "the compatibility mode cannot express this"
        "docker-compose 1.29 and podman lack this feature."
    Outdated "NS706" "an image without security fixes"
        "The image line no longer receives security fixes; whoever keeps it inherits what is found next."
    Unpinned "NS707" "an image without a digest"
        "`gen --frozen` accepts only images pinned by digest: a tag may name another image tomorrow. `nself lock` pins them."
    DataOfAnother "NS709" "a volume may hold data of another server"
        "A server of PostgreSQL starts only on data of its own major version, and an image with another C library sorts text in another order than the indexes were made in. nself sees only that the last generation ran another image: where nothing has run yet, there is nothing to do."
    SchemaInvalid "NS710" "a database definition contradicts itself"
        "The definition names a column, table or type that does not exist, uses one name twice, or asks for what PostgreSQL refuses."
    Tenancy "NS711" "rows of different owners are not kept apart"
        "In a database with a convention, each table says to whom its rows belong. The column, policies, forced row-level security and index follow from that and cannot be left out, changed or mixed with the other convention."
    SqlSyntax "NS712" "the SQL does not parse"
        "The text is not what PostgreSQL's grammar allows here."
    ObjectCycle "NS713" "database objects need each other"
        "Each of the objects needs the next one to exist before it can be created. Let one of them refer to the others in a plpgsql function, which is read when it runs."
    NotImported "NS714" "something cannot be taken over"
        "The file holds what a definition cannot hold, or what is no DBML. Nothing is left out silently: change the line, or write that part by hand."
    AllowsNothing "NS715" "an allowance for nothing"
        "`allow` names an object that neither the definition nor the last written migration has. Either the name is misspelled, or the change was made and the line stayed behind: it would then allow the same hazard, unseen, for whatever gets this name next."
    TwoSpellings "NS716" "one side is as a server prints it"
        "A server does not keep SQL as it was written: it stores what it understood and prints that. A definition compared with what a server prints would differ for ever. So the other side of such a comparison is made for a moment on a server that `--scratch URL` names, in a database of its own, and read back in the same way."
    HazardNotAllowed "NS720" "a change that was not reviewed"
        "The migration would lose or convert data, stop everyone while a table is rewritten, or take away a guarantee. Whoever wants that says so in the definition: `allow.\"orders.note\".deletes_data = \"moved to notes in May\"`."
    RenameUnclear "NS721" "a rename or a loss?"
        "Something is gone and something like it is new. A rename keeps the data, a drop loses it; nself does not guess."
    RenameClash "NS722" "a rename onto something that exists"
        "The hint `renamed_from` names something that is still there, or the new name existed before."
    NeedsBackfill "NS723" "rows that exist have no value for a new column"
        "A NOT NULL column without a default cannot be added to a table that may hold rows."
    NeedsUsing "NS724" "a type does not become the other by itself"
        "The values of the column need an expression that converts them."
    ChangeRefused "NS725" "a change that cannot be made safely"
        "PostgreSQL has no way from the one to the other that keeps the data and what depends on it."
    MigrationTampered "NS730" "the history was changed"
        "Migrations that were written are never changed, reordered, inserted or removed: other databases have applied them. Undo the change and add a migration."
    MigrationMissing "NS731" "the schema has changes without a migration"
        "The definition is not what the migrations lead to. `nself db new` writes the next ones."
    MigrationDamaged "NS732" "the migrations cannot be read"
        "A file of the migrations' folder is missing or has another form than nself writes."
    NotBaseline "NS733" "the server is not what the migrations make"
        "`db baseline` writes into a server's ledger that migrations were applied, so their objects have to be there as the migrations make them: otherwise the next migration would meet something else than it was planned for. Bring the server to the migrations, or import it anew and write them from nothing; `db diff --from URL --to db/<name> --scratch URL` prints the SQL between the two."
    NoAdoption "NS734" "the server cannot be taken over"
        "A ledger is begun once, on the server itself: not through a pooler, whose sessions are not one session of the server, not on a standby, not where one has been begun, and only if everything belongs to the role as which the migrations run."
    MigrationPrivileged "NS735" "a migration asks for rights of the superuser"
        "SQL of migrations runs in a session of the role that owns the database, `<database>_migrations`, which cannot become more. Only extensions need the superuser: nself makes and removes them with statements of its own, in another session, and takes no text from the migration."
    SessionTooPowerful "NS736" "a session has more rights than the SQL that it would run"
        "SQL of the project, and what stands in a database, must not run with more rights than the database's owner has: whoever wrote it could then do anything on the server. `db baseline --url` therefore logs in as the role that owns the database, and is refused for every other one."
    NotOnePiece "NS740" "the SQL is not one piece"
        "nself puts the text into a statement, where it must be exactly one expression, query or type for every program that reads it: nself, psql and each version of the server. Refused are therefore also forms that some of them read differently: a string that continues on the next line (write `||`), numbers with letters, names with `U&`, `:` in front of a word (write a blank after it)."
    TooDeep "NS741" "the text is nested too deeply"
        "Programs that read nested text use memory for each level, and the server refuses deep nesting as well. Divide the text: into several columns, checks, views or functions."
    OpenDefiner "NS742" "a function lends its owner's rights"
        "A function with `security_definer` does what its owner may do, for everyone who calls it. Names in its body must mean the same for every caller: its `search_path` is fixed, names only schemas in which no role may create objects, and ends with `pg_temp`, which the server otherwise searches first. EXECUTE is granted to the roles in `grants` alone; `grants.public = ['execute]` gives it to everyone."
    ForeignTenant "NS743" "a foreign key crosses tenants"
        "The server checks a foreign key without policies. A key between rows of tenants that lacks `tenant_id` tells one tenant which rows another one has, and its deletes reach them. The convention adds `tenant_id` to both sides and the unique constraint that this needs; what it cannot complete is refused."
    Immutable "NS708" "a cluster refuses this change"
        "The API server never changes the volumes of a StatefulSet or shrinks a claim. The manifests are right for a new cluster; a running one needs the steps of the hint first."
    HandEdited "NS801" "a generated file was edited by hand"
        "The file differs from what nself last wrote. Move the change into the stack, or run `nself gen --force` to drop it."
    Foreign "NS802" "a file nself did not write"
        "nself never overwrites or deletes files that it does not own. Move the file, or run with --force to replace it."
    OutputUnsafe "NS803" "the output folder cannot be written safely"
        "A symbolic link or a file stands where a folder is expected; following it would write outside the output folder."
    Io "NS804" "a file operation failed"
        "The operating system refused to read or write a file; the message says which and why."
    Manifest "NS805" "the manifest cannot be used"
        "A line of `nself.manifest` is damaged or names a file that nself never generates: restore the file from version control. After a merge, or a run that was stopped, `nself gen` makes it whole."
    Lock "NS806" "the lock file cannot be used"
        "nself.lock is damaged, holds the conflict of a merge or is from a newer release. It only repeats what registries say: `nself lock` writes it anew."
    LockDiffers "NS807" "the lock file does not fit the stack"
        "An image of the stack is not locked, or the lock holds one that the stack no longer names. `nself lock` writes it."
    Object "NS808" "a damaged object in the cache"
        "An object below .nself does not have the content that its name says. It is never used, and nothing is generated from objects; `nself verify --repair` puts it aside."
    NotReproduced "NS809" "the stack gives something else now"
        "What is derived from the stack is not what the manifest records: the stack, the lock or the release of nself is another one."
    Image "NS811" "an image cannot be made"
        "`nself image` makes the image of a service with a `layout`: a folder of the project, plain files and links that stay inside, on a base that is pinned or on nothing."
    Set "NS812" "a set of generated files cannot be used"
        "What is published is exactly what the manifest records, and what is pulled must be that again; with --trust, one of the keys must have signed it."
    FileTooLarge "NS813" "a file is larger than nself reads"
        "Each kind of file has a limit, far above what is ever needed: nself reads files whole, and a checkout can hold a file without end. The message names the file and its limit."
    NotPlain "NS814" "a link, pipe or device in place of a file"
        "nself reads regular files below plain folders of the project and follows no symbolic link there: version control carries links, and one can lead to any file of the machine. Folders that the command line names are opened as they are."
    SetForOther "NS825" "a set was signed for something else"
        "A signed statement names repository, tag, project and environments of its set. With --trust, a set is taken only under the name for which it was signed, so that a registry cannot hand out a different set that the same key signed. `nself attest` with the wanted tag signs for it."
    SetOlder "NS826" "a set that is not newer than the one that is there"
        "A pull with --trust goes forward only: by the serial number with which a set was attested (`nself attest --serial`), else by versions in tags such as 1.4.0. An older set, or one whose order is not known, is taken with --allow-downgrade."
    SetPath "NS827" "a set holds a file that is never generated"
        "`nself gen` writes certain files and folders below each environment, and never `.env`, `secrets/` or hidden folders. A set or a manifest that names another path was not made by nself, and nothing of it is published or written."
    RegistryUnreachable "NS821" "a registry does not answer"
        "The registry cannot be reached, its certificate is not trusted, or it keeps answering that it is overloaded. Certificates are those of the system; SSL_CERT_FILE names others."
    RegistryRefused "NS822" "a registry refuses access"
        "The registry wants other credentials than those it was shown. They come from docker's configuration: `docker login HOST` puts them there."
    RegistryNotFound "NS823" "a registry does not have it"
        "The registry knows no such repository, tag or digest; some answer so as well where you may not look."
    RegistryContent "NS824" "a registry sent something else"
        "The content does not have the digest under which it was asked for, ends early, or is not what the protocol allows. Nothing of it is used."
    Internal "NS901" "a defect of nself"
        "nself contradicts itself. Please report it with the stack that shows it."
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
            .ok_or_else(|| format!("no such code: {text}"))
    }
}
