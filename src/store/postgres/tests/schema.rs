use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_start_at_once_make_the_tables_once() {
    for user in ["suite", "careful"] {
        let url = server::shared().url(user);
        let replicas = join_all((0..8).map(|_| open(&url))).await;
        for (n, replica) in replicas.iter().enumerate() {
            replica.commit(vec![Change::Insert(token(&format!("{n}")).build())], now()).await.unwrap();
        }
        let steps = client(&url).await.query("SELECT number, needs FROM schema_step", &[]).await.unwrap();
        assert_eq!(steps.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(i64, i64)>>(), [(1, 1)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_half_made_are_completed_and_what_is_there_is_kept() {
    let url = server::shared().url("suite");
    let store = open(&url).await;
    let kept = token("t").grant("g").session("s").subject("ada").used(Some("next")).payload([0, 255]).build();
    store.commit(vec![Change::Insert(kept.clone())], now()).await.unwrap();
    store.close().await.unwrap();
    // As if the process had ended in the middle, on an engine without transactions for tables.
    client(&url)
        .await
        .batch_execute("DELETE FROM schema_step; DROP INDEX artifact_by_due; DROP TABLE counter")
        .await
        .unwrap();
    let store = open(&url).await;
    assert_eq!(store.find(kept.kind, &kept.id, now()).await.unwrap(), Some(kept));
    store.count("r", &IdHash::of("k"), Duration::from_secs(1), now()).await.unwrap();
}

fn refusal(opened: Result<PostgresStore, OpenError>) -> String {
    opened.map(drop).unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_tables_are_refused_unless_they_only_have_more() {
    let url = server::shared().url("suite");
    open(&url).await.close().await.unwrap();
    let rival = client(&url).await;
    rival
        .batch_execute("INSERT INTO schema_step VALUES (2, 1); ALTER TABLE artifact ADD COLUMN more TEXT")
        .await
        .unwrap();
    open(&url).await.commit(vec![Change::Insert(token("t").build())], now()).await.unwrap();
    rival.batch_execute("INSERT INTO schema_step VALUES (3, 3)").await.unwrap();
    let text = refusal(PostgresStore::open(url.parse().unwrap(), 9).await);
    assert!(text.contains("later version (schema 3; this one knows 1)") && text.contains("postgres://127"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_store_is_refused_with_a_sentence_and_left_untouched() {
    let url = server::shared().url("suite");
    let location: PostgresLocation = url.parse().unwrap();
    let rival = client(&url).await;
    let theirs = format!("CREATE SCHEMA {0}; CREATE TABLE {0}.artifact (theirs TEXT)", location.schema);
    rival.batch_execute(&theirs).await.unwrap();
    let text = refusal(PostgresStore::open(location, 9).await);
    assert!(text.contains("tables of something else") && text.contains("?schema="), "{text}");
    let tables = rival.query("SELECT * FROM artifact", &[]).await.unwrap();
    assert!(tables.is_empty());
    // One that happens to have our name for the steps.
    rival.batch_execute("CREATE TABLE schema_step (step TEXT)").await.unwrap();
    let text = refusal(PostgresStore::open(url.parse().unwrap(), 9).await);
    assert!(text.contains("tables of something else"), "{text}");
}
