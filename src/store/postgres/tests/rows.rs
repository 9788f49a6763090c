use super::*;
use crate::store::postgres::statements;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_makes_no_sense_is_corrupt_and_the_rest_is_served() {
    let url = server::shared().url("suite");
    let store = open(&url).await;
    let rival = client(&url).await;
    let constraints = "SELECT conname, conrelid::regclass::text FROM pg_constraint
        WHERE contype = 'c' AND connamespace = current_schema()::regnamespace";
    for row in rival.query(constraints, &[]).await.unwrap() {
        let (name, table) = (row.get::<_, &str>(0), row.get::<_, &str>(1));
        rival.batch_execute(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}")).await.unwrap();
    }
    let id = IdHash::of("t");
    for nonsense in [
        "grant_id = '\\x00'",
        "session_id = ''",
        "successor = decode(repeat('00', 32), 'hex')",
        "successor = decode(repeat('00', 31), 'hex'), consumed_at = 1",
        "expires_at = 9223372036854775807",
        "consumed_at = -9223372036854775808",
    ] {
        let written = [token("t").build(), artifact(Kind::Session, "sound").build()];
        store.commit(written.map(Change::Put).into(), now()).await.unwrap();
        rival.batch_execute(&format!("UPDATE artifact SET {nonsense} WHERE kind = 2")).await.unwrap();
        let found = store.find(Kind::RefreshToken, &id, now()).await;
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{nonsense}: {found:?}");
        assert!(store.find(Kind::Session, &IdHash::of("sound"), now()).await.unwrap().is_some());
    }
    store.count("r", &id, Duration::from_secs(60), now()).await.unwrap();
    rival.batch_execute("UPDATE counter SET count = 4294967294").await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.count("r", &id, Duration::from_secs(60), now()).await.unwrap().count, u32::MAX);
    }
    rival.batch_execute("UPDATE counter SET count = 4294967296").await.unwrap();
    assert!(matches!(store.counter(&id, now()).await, Err(StoreError::Corrupt(_))));
}

/// With the settings of the engine's sessions, on tables that are empty and never analysed: the worst that a plan is made from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_walks_through_a_table() {
    let url = server::shared().url("suite");
    let store = open(&url).await;
    let rival = client(&url).await;
    rival.batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (name, sql, types) in statements::all(&store.pool.location().schema) {
        if ["begin", "commit", "ping"].contains(&name) {
            continue;
        }
        let types: Vec<_> = types.iter().map(|ty| ty.name()).collect();
        let types = if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
        let nulls = vec!["NULL"; types.matches(',').count() + 1].join(", ");
        rival.batch_execute(&format!("PREPARE {name} {types} AS {sql}")).await.unwrap();
        let plan = rival.query(&format!("EXPLAIN EXECUTE {name} ({nulls})"), &[]).await.unwrap();
        let plan = plan.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n");
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        // And none reads a whole index, or sorts what it finds.
        let whole =
            plan.lines().any(|line| line.contains("Index") && line.contains(" Scan using ")) && !plan.contains("Cond:");
        assert!(!whole && !plan.contains("Sort Key"), "{name}:\n{plan}");
    }
}

#[test]
fn the_statements_that_name_kinds_name_the_right_ones() {
    let all = statements::all("s");
    let sql = |name| &all.iter().find(|(each, ..)| *each == name).unwrap().1;
    for (name, kind) in
        [("interactions", Kind::Interaction), ("remove_grant", Kind::Grant), ("remove_session", Kind::Session)]
    {
        assert!(sql(name).contains(&format!("kind = {}", kind as u8)), "{name}");
    }
}

#[test]
fn rows_are_locked_in_order_and_whole_grants_stay_where_they_are() {
    let put = |id: &str| Change::Put(token(id).build());
    let order = |changes: &[Change]| {
        let steps = changes::steps(changes, now());
        steps.iter().map(|step| (step.expect == Expect::NoRow, step.values.len())).collect::<Vec<_>>()
    };
    let mut ids: Vec<_> = (0..9).map(|n| IdHash::of(format!("{n}"))).collect();
    ids.sort();
    let changes: Vec<_> = (0..9).map(|n| put(&format!("{n}"))).collect();
    let steps = changes::steps(&changes, now());
    for (step, id) in steps.iter().zip(&ids) {
        assert!(matches!(step.values[0], Value::Bytes(bytes) if bytes == id.as_bytes()));
    }
    // A put has eleven values, a removal of a grant two steps of one.
    let grant = Change::RemoveGrant(IdHash::of("g"));
    assert_eq!(order(&[put("a"), grant, put("b")]), [(false, 11), (false, 1), (true, 1), (false, 11)]);
}
