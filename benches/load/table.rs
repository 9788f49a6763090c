//! The table, in Markdown so that it can stand in docs/performance.md as it is printed.

use super::client::Run;

/// One measurement: the provider or a limit.
pub struct Figures {
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub cpu_us: f64,
}

impl Figures {
    pub fn new(run: &Run, cpu: std::time::Duration) -> Self {
        let requests = run.requests as f64;
        Self {
            per_second: requests / run.elapsed.as_secs_f64(),
            p50_us: run.p50.as_secs_f64() * 1e6,
            p99_us: run.p99.as_secs_f64() * 1e6,
            cpu_us: cpu.as_secs_f64() * 1e6 / requests,
        }
    }
}

impl Figures {
    /// Those of the median throughput.
    pub fn median(mut all: Vec<Self>) -> Self {
        all.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        all.swap_remove(all.len() / 2)
    }
}

/// A row: what was asked, the provider's figures, its limit's.
pub struct Row {
    pub name: &'static str,
    pub ours: Figures,
    pub limit: Figures,
}

/// Prints the table; the ratio is of requests per second, that of CPU time beside it.
pub fn print(rows: &[Row]) {
    println!(
        "| request | requests/s | p50 us | p99 us | CPU us | limit: requests/s | limit: CPU us | ratio | CPU ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for Row { name, ours, limit } in rows {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} | {:.1} | {:.0} | {:.1} | **{:.2}** | {:.2} |",
            ours.per_second,
            ours.p50_us,
            ours.p99_us,
            ours.cpu_us,
            limit.per_second,
            limit.cpu_us,
            ours.per_second / limit.per_second,
            limit.cpu_us / ours.cpu_us,
        );
    }
}
