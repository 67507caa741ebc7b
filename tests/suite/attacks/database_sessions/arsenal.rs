//! Hostile objects: overloads of every function and operator in statements of nself, which match better than the
//! built-in ones if `public` is searched. Each one records when a role other than its owner runs it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::database::server::{Server, Session};

/// Statements that sessions of nself run on any database; words before a bracket are functions.
const STATEMENTS: [&str; 16] = [
    include_str!("../../../../generator/backend/migrations/extensions.sql.j2"),
    include_str!("../../../../generator/backend/migrations/run.sql.j2"),
    include_str!("../../../../generator/backend/postgres/setup.sql.j2"),
    include_str!("../../../../generator/migrations/owners.sql"),
    include_str!("../../../../generator/database/catalog.sql"),
    include_str!("../../../../generator/database/ledger/baseline.sql"),
    include_str!("../../../../generator/database/ledger/digest.sql"),
    include_str!("../../../../generator/database/ledger/held.sql"),
    include_str!("../../../../generator/database/ledger/owned.sql"),
    include_str!("../../../../generator/database/ledger/recorded_roles.sql"),
    include_str!("../../../../generator/database/ledger/schema_owners.sql"),
    include_str!("../../../../generator/database/ledger/tables.sql"),
    include_str!("../../../../generator/database/superuser/extension.sql"),
    include_str!("../../../../generator/database/superuser/extension_in_schema.sql"),
    include_str!("../../../../generator/database/superuser/session.sql"),
    include_str!("../../../../generator/database/superuser/trusted_schema.sql"),
];

/// Types of the columns of catalogs.
const TYPES: &str = "ARRAY['name', 'text', '\"char\"', 'int4', 'oid', 'bool']";
const OPERATORS: &str = "ARRAY['||', '=', '<>', '~~', '!~~', '<', '>', '>=', '+', '-', '/', '<<', '|', '~', '!~']";

/// Detects that a different role ran hostile objects.
pub struct Trap {
    mark: PathBuf,
}

impl Trap {
    /// Creates the function `public.record_run()` as the role of the session, in its database.
    pub fn set(server: &Server, session: &mut Session) -> Trap {
        let folder = server.folder().join("marks");
        std::fs::create_dir_all(&folder).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&folder, mode).unwrap();
        let mark = folder.join("superuser");
        // Changes of a sequence are not rolled back; only a superuser can run a program.
        session.run_or_panic(&format!(
            "CREATE SEQUENCE public.marks; GRANT ALL ON SEQUENCE public.marks TO PUBLIC;
             CREATE FUNCTION public.record_run() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $f$
             BEGIN
               IF session_user <> {owner} THEN
                 PERFORM nextval('public.marks');
                 EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {mark}''';
               END IF;
             EXCEPTION WHEN OTHERS THEN NULL;
             END $f$;",
            owner = "(SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'record_run' LIMIT 1)",
            mark = inner(server, &mark),
        ));
        Trap { mark }
    }

    /// Creates overloads of all functions and operators in statements of nself.
    pub fn arm(&self, session: &mut Session) {
        let names: BTreeSet<String> = STATEMENTS.iter().flat_map(|text| called_functions(text)).collect();
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        let count = session.run_or_panic(&format!(
            "SET client_min_messages = error;
             DO $arm$
             DECLARE l text; r text; op text; fn text; result text; body text := $b$BEGIN PERFORM public.record_run(); RETURN NULL; END$b$;
             BEGIN
               FOREACH l IN ARRAY {TYPES} LOOP
                 FOREACH r IN ARRAY {TYPES} LOOP
                   FOREACH op IN ARRAY {OPERATORS} LOOP
                     CONTINUE WHEN EXISTS (SELECT FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = op
                                             AND oprleft = l::regtype AND oprright = r::regtype);
                     result := CASE WHEN op = '||' THEN 'text' WHEN op IN ('+', '-', '/', '<<', '|') THEN 'int8' ELSE 'bool' END;
                     EXECUTE format('CREATE FUNCTION public.trap_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', md5(op), l, r, result, body);
                     EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.trap_%s)', op, l, r, md5(op));
                   END LOOP;
                   FOR fn, result IN SELECT DISTINCT proname, 'text' FROM pg_proc
                       WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN ({names}) LOOP
                     CONTINUE WHEN EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = fn
                                             AND pronargs = 2 AND proargtypes[0] = l::regtype AND proargtypes[1] = r::regtype);
                     EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', fn, l, r, result, body);
                   END LOOP;
                 END LOOP;
                 FOR fn, result IN SELECT DISTINCT proname, 'text' FROM pg_proc
                     WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN ({names}) LOOP
                   CONTINUE WHEN EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = fn
                                           AND pronargs = 1 AND proargtypes[0] = l::regtype);
                   EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', fn, l, result, body);
                 END LOOP;
               END LOOP;
             END $arm$;
             SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace;",
            names = names.join(", "),
        ));
        let count: usize = count.trim().parse().unwrap();
        assert!(count > 1000, "only {count} hostile functions");
    }

    /// Returns whether a different role ran a hostile object since the last call, and whether it was the superuser.
    pub fn hostile_objects_ran(&self, session: &mut Session) -> (bool, bool) {
        let called =
            session.run_or_panic("SELECT is_called FROM public.marks; SELECT setval('public.marks', 1, false);");
        let by_superuser = self.mark.exists();
        if by_superuser {
            std::fs::remove_file(&self.mark).unwrap();
        }
        (called.starts_with('t'), by_superuser)
    }
}

/// Returns a path relative to the server's root file system.
fn inner(server: &Server, path: &Path) -> String {
    server.inner(path.strip_prefix(server.folder()).unwrap().to_str().unwrap())
}

/// Returns the words before an opening bracket.
fn called_functions(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = text.match_indices('(').map(|(at, _)| text[..at].rsplit(|c| !is_word(c)).next().unwrap_or_default());
    before.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect()
}
