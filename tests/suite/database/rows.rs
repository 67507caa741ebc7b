//! Rows before and after a change.

use nself::database::model::{Schema, SqlName, TypeName, UserType};

use super::edits::TYPES;
use super::pairs::import;
use super::property::{plan_allowing_hazards, run_down, run_up};
use super::server::{Server, Version};

/// Returns the expression for a value of the row `i`.
pub fn value(kind: &str) -> Option<&'static str> {
    let like = match kind {
        "text" | "varchar(40)" => "varchar(20)",
        "numeric(12,2)" => "numeric(8,2)",
        other => other,
    };
    TYPES.iter().find(|(known, ..)| *known == like).map(|(_, value, _)| *value)
}

pub fn seed(root: &Schema) -> String {
    let mut sql = vec!["SET session_replication_role = replica;".to_owned()];
    for (name, table) in root.tables.iter().filter(|(_, table)| table.partition_of.is_none()) {
        let label = |kind: &TypeName| match kind.object().and_then(|kind| root.types.get(&kind)) {
            Some(UserType::Enum(found)) if !kind.is_array() => Some(format!("'{}'", found.values[0])),
            _ => None,
        };
        let columns: Vec<(&SqlName, String)> = table
            .columns
            .iter()
            .filter(|(_, column)| column.generated.is_none() && column.identity.is_none())
            .filter_map(|(name, column)| {
                Some((name, value(column.kind.as_str()).map(str::to_owned).or_else(|| label(&column.kind))?))
            })
            .collect();
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let values: Vec<String> = columns.iter().map(|(_, value)| value.replace("$i", "i")).collect();
        sql.push(format!(
            "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, 3) i;",
            name.sql(),
            names.join(", "),
            values.join(", ")
        ));
    }
    sql.push("SET session_replication_role = origin;".into());
    sql.join("\n")
}

/// Returns queries for the old and the new side, for each column that both have.
pub fn row_queries(a: &Schema, b: &Schema) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, table) in b.tables.iter().filter(|(_, table)| table.partition_of.is_none()) {
        let from = table
            .renamed_from
            .as_ref()
            .map(|from| name.in_same_schema(from))
            .filter(|from| a.tables.contains_key(from));
        let from = from.unwrap_or_else(|| name.clone());
        let Some(was) = a.tables.get(&from) else { continue };
        for (column, is) in &table.columns {
            let old =
                is.renamed_from.clone().filter(|old| was.columns.contains_key(old)).unwrap_or_else(|| column.clone());
            let Some(before) = was.columns.get(&old) else { continue };
            if value(before.kind.as_str()).is_none() || before.generated.is_some() || is.generated.is_some() {
                continue;
            }
            let query = |table: String, column: &SqlName| {
                format!(
                    "SELECT '{table}', count(*), md5(string_agg(\"{column}\"::text, ',' ORDER BY id)) FROM {table};"
                )
            };
            pairs.push((query(from.sql(), &old), query(name.sql(), column)));
        }
    }
    pairs
}

/// The server checks the rows of a new foreign key as the owner of the tables, from whom forced row security hides rows.
#[test]
fn a_foreign_key_is_checked_for_rows_that_row_security_hides() {
    let forced =
        |name| format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; ALTER TABLE {name} FORCE ROW LEVEL SECURITY;");
    let schema = |key: &str| {
        let tables =
            format!("CREATE TABLE p (id bigint PRIMARY KEY); CREATE TABLE t (id bigint PRIMARY KEY, p bigint{key});");
        import(&format!("{tables}{}{}", forced("p"), forced("t")))
    };
    let (without, mut with) = (schema(""), schema(" CONSTRAINT t_p_fkey REFERENCES p (id)"));
    for version in [Version::V15, Version::V17, Version::V18] {
        let Some(server) = Server::start(version) else { continue };
        server.database("shop");
        let (mut admin, mut owner) = (server.session("postgres", "shop"), server.session("owner", "shop"));
        run_up(&mut owner, &plan_allowing_hazards(&Schema::default(), &mut without.clone()).unwrap()).unwrap();
        admin.run_or_panic("INSERT INTO p VALUES (1); INSERT INTO t VALUES (1, 1), (2, 7);");
        let steps = plan_allowing_hazards(&without, &mut with).unwrap();
        let error = run_up(&mut owner, &steps).unwrap_err();
        assert!(error.contains("violates foreign key constraint \"t_p_fkey\""), "{version:?}: {error}");
        admin.run_or_panic("ALTER TABLE t DROP CONSTRAINT IF EXISTS t_p_fkey; DELETE FROM t WHERE p = 7;");
        run_up(&mut owner, &steps).unwrap();
        let state = "SELECT convalidated FROM pg_constraint WHERE conname = 't_p_fkey'; SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname IN ('p', 't');";
        assert_eq!(admin.run_or_panic(state).split_whitespace().collect::<Vec<_>>(), ["t", "t"], "{version:?}");
        // The way back adds the key again, for the rows that are there.
        let back = plan_allowing_hazards(&with, &mut without.clone()).unwrap();
        run_up(&mut owner, &back).unwrap();
        assert!(run_down(&mut owner, &back).unwrap());
        assert_eq!(admin.run_or_panic(state).split_whitespace().collect::<Vec<_>>(), ["t", "t"], "{version:?}");
    }
}
