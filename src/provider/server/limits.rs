use std::time::Duration;

/// What a listener grants its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones wait to be accepted.
    pub connections: usize,
    /// Requests at once over all connections; further ones get 503 with Retry-After.
    pub requests: usize,
    /// Requests at once over one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of a request's head, its URI included; 431 beyond. HTTP/1.1 heads have at most 100 fields besides.
    pub head_length: usize,
    /// Time for the TLS handshake, and for the head of a request from its first byte (of the first request: from the connection on);
    /// 408 beyond.
    pub head: Duration,
    /// Time for a request's body; 408 beyond.
    pub body: Duration,
    /// A connection without a request is closed after this time. Longer than what common proxies keep theirs, so that they do not
    /// find it closed.
    pub idle: Duration,
    /// Time for requests under way after a stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            requests: 2_000,
            streams: 100,
            head_length: 32 * 1024,
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            drain: Duration::from_secs(20),
        }
    }
}
