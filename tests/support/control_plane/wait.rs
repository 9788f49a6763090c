use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant},
};

/// Asks again until the answer is `Ok`; after `limit` panics with `what` and the last refusal.
pub async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let start = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if start.elapsed() > limit => panic!("{what}: not within {limit:?}; last seen: {last:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Asks for a while and panics as soon as the answer is not `Ok`: for what must not happen.
pub async fn throughout<E: Debug, F: Future<Output = Result<(), E>>>(
    what: &str,
    time: Duration,
    mut ask: impl FnMut() -> F,
) {
    let start = Instant::now();
    while start.elapsed() < time {
        if let Err(error) = ask().await {
            panic!("{what}: after {:?}: {error:?}", start.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
