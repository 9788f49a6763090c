use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT and gives its name. The next one ends the process at once.
pub(super) async fn stop() -> &'static str {
    let name = next().await;
    tokio::spawn(async {
        let name = next().await;
        tracing::warn!(signal = name, "ended at once");
        std::process::exit(1);
    });
    name
}

async fn next() -> &'static str {
    let of = |kind, name| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            // Then the signal still ends the process, only without ceremony.
            Err(error) => {
                tracing::warn!(%error, signal = name, "can't wait for the signal");
                std::future::pending::<()>().await;
            }
        }
        name
    };
    tokio::select! {
        name = of(SignalKind::terminate(), "SIGTERM") => name,
        name = of(SignalKind::interrupt(), "SIGINT") => name,
    }
}
