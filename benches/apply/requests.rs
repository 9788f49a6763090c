//! What the API server has answered, by its own count.

use super::harness::Cluster;

/// Writes of the sorts that the operator makes.
#[derive(Debug, Clone, Copy)]
pub struct Requests {
    pub secrets: u64,
    pub statuses: u64,
    pub events: u64,
}

impl Requests {
    /// Since the API server's start.
    pub async fn read(cluster: &Cluster) -> Self {
        let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
        let text = cluster.plane.admin().await.request_text(request).await.unwrap();
        let count = |resource: &str, subresource: &str| -> u64 {
            let labels = [format!("resource=\"{resource}\""), format!("subresource=\"{subresource}\"")];
            let counted = |line: &&str| {
                line.starts_with("apiserver_request_total{")
                    && labels.iter().all(|label| line.contains(label))
                    && ["\"POST\"", "\"APPLY\"", "\"PATCH\"", "\"PUT\""].iter().any(|verb| line.contains(verb))
            };
            let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or(0.0);
            text.lines().filter(counted).map(value).sum::<f64>() as u64
        };
        Self { secrets: count("secrets", ""), statuses: count("oidcclients", "status"), events: count("events", "") }
    }

    /// The difference.
    pub fn since(self, before: &Self) -> Self {
        Self {
            secrets: self.secrets - before.secrets,
            statuses: self.statuses - before.statuses,
            events: self.events - before.events,
        }
    }
}
