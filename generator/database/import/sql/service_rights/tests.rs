//! Tests of dumps with the rights that follow from the access of services.

use super::*;
use crate::database::model::DefaultPrivileges;

#[test]
fn recorded_rights_are_not_part_of_a_definition() {
    let definition = |grants: &str, default_privileges: &str| -> Schema {
        let text = format!(
            r#"{{ "schemas": {{ "public": {{ "default_privileges": {{ "tables": {default_privileges} }} }} }},
                      "tables": {{ "orders": {{ "columns": {{ "id": {{ "type": "bigint" }} }}, "grants": {grants} }} }} }}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    let rights = ServiceRights::of_record(
        "reports connect - -\nreports read public shop_migrations\nshop_migrations owner public -\n",
    );
    assert!(rights.has_record() && !ServiceRights::of_record("").has_record());
    let mut schema = definition(r#"{ "reports": ["select", "insert"] }"#, r#"{ "reports": ["select"] }"#);
    rights.remove_from(&mut schema);
    let mut expected = definition(r#"{ "reports": ["insert"] }"#, "{}");
    expected.schemas.clear();
    assert_eq!(schema, expected);
    let others = definition(r#"{ "other": ["select"] }"#, r#"{ "other": ["select"] }"#);
    let mut schema = others.clone();
    rights.remove_from(&mut schema);
    assert_eq!(schema, others);
}

#[test]
fn triggers_of_hasura_and_its_right_to_create_them_are_left_out() {
    let trigger =
        "CREATE TRIGGER \"notify_hasura_paid_UPDATE\" AFTER UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION";
    let dump = format!(
        "CREATE TABLE public.orders (id bigint);
            GRANT SELECT,INSERT,DELETE,UPDATE,TRIGGER ON TABLE public.orders TO api;
            GRANT SELECT,INSERT,DELETE,UPDATE,TRIGGER ON TABLE public.orders TO hasura;
            {trigger} hdb_catalog.\"notify_hasura_paid_UPDATE\"();"
    );
    let rights = ServiceRights::of_record(
        "api everything * shop_migrations\nhasura everything * shop_migrations\nhasura use public -\n",
    );
    let imported = super::super::read_of_server(&dump, &rights).unwrap();
    let table = &imported.schema.tables[&ObjectName::new_in(PUBLIC_SCHEMA, "orders")];
    assert!(table.triggers.is_empty());
    let roles: Vec<&str> = table.grants.keys().map(SqlIdent::as_str).collect();
    assert_eq!(roles, ["api"], "a definition granted TRIGGER to it");
    assert!(imported.notes.iter().any(|note| note.what.contains("Hasura creates it for an event")));
    // A trigger of the definition keeps its name and its function.
    let dump = format!(
        "CREATE TABLE public.orders (id bigint);
            CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            {trigger} public.note();"
    );
    let imported = super::super::read(&dump).unwrap();
    assert_eq!(imported.schema.tables[&ObjectName::new_in(PUBLIC_SCHEMA, "orders")].triggers.len(), 1);
}

#[test]
fn recorded_rights_count_if_default_privileges_were_changed_by_hand() {
    let dump = "CREATE TABLE public.orders (id bigint);
            GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.orders TO api;
            CREATE TABLE public.later (id bigint);
            GRANT SELECT,TRUNCATE ON TABLE public.later TO api;
            ALTER DEFAULT PRIVILEGES FOR ROLE shop_migrations GRANT SELECT,TRUNCATE ON TABLES TO api;";
    let rights = ServiceRights::of_record("api connect - -\napi everything * shop_migrations\n");
    let imported = super::super::read_of_server(dump, &rights).unwrap();
    let table = |name: &str| &imported.schema.tables[&ObjectName::new_in(PUBLIC_SCHEMA, name)];
    assert!(table("orders").grants.is_empty());
    assert_eq!(table("later").grants.values().flatten().collect::<Vec<_>>(), [&TablePrivilege::Truncate]);
    assert_eq!(imported.schema.default_privileges, DefaultPrivileges::default(), "`orders` lacks TRUNCATE");
    let notes: Vec<&str> = imported.notes.iter().map(|note| note.what.as_str()).collect();
    let left_out = |note: &&&str| note.starts_with("the rights of `api` are left out");
    assert_eq!(notes.iter().filter(left_out).count(), 1, "{notes:#?}");
}
