//! The load: HTTP/1.1 over sockets that stay open, as lean as it can be while each answer is still read and checked.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

pub const CONNECTIONS: usize = 16;

/// What one connection asks again and again. `answer` may change the next request: rotation needs the token of the last answer.
pub trait Ask: Send + 'static {
    fn request(&self) -> Vec<u8>;

    fn answer(&mut self, body: &[u8]);
}

/// The same request each time.
#[derive(Clone)]
pub struct Same(pub Vec<u8>);

impl Ask for Same {
    fn request(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn answer(&mut self, _: &[u8]) {}
}

/// What a run of some seconds saw.
pub struct Run {
    pub requests: usize,
    pub elapsed: Duration,
    pub p50: Duration,
    pub p99: Duration,
}

/// Asks over one connection for each of `asks` until `time` is over. Panics at the first answer that is not 200.
pub async fn run<A: Ask>(address: &str, asks: Vec<A>, time: Duration) -> (Run, Vec<A>) {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for ask in asks {
        let address = address.to_owned();
        tasks.spawn(async move { connection(&address, ask, begin + time).await });
    }
    let (mut latencies, mut asks) = (Vec::new(), Vec::new());
    while let Some(finished) = tasks.join_next().await {
        let (seen, ask) = finished.unwrap();
        latencies.extend(seen);
        asks.push(ask);
    }
    let elapsed = begin.elapsed();
    latencies.sort_unstable();
    let percentile = |share: usize| latencies[(latencies.len() - 1) * share / 100];
    (Run { requests: latencies.len(), elapsed, p50: percentile(50), p99: percentile(99) }, asks)
}

async fn connection<A: Ask>(address: &str, mut ask: A, end: Instant) -> (Vec<Duration>, A) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latencies = Vec::with_capacity(100_000);
    let mut buffer = Vec::with_capacity(16 * 1024);
    while Instant::now() < end {
        let request = ask.request();
        let begin = Instant::now();
        stream.write_all(&request).await.unwrap();
        let body = read_answer(&mut stream, &mut buffer).await;
        latencies.push(begin.elapsed());
        ask.answer(&buffer[body..]);
    }
    (latencies, ask)
}

/// Reads one answer into `buffer` and returns where its body begins.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> usize {
    buffer.clear();
    let body = loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the server closed the connection");
        if let Some(at) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = std::str::from_utf8(&buffer[..body]).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("an answer with a length");
    let end = body + length.trim().parse::<usize>().unwrap();
    while buffer.len() < end {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the server closed the connection");
    }
    assert!(head.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(buffer));
    body
}

/// A request in full.
pub fn request(method: &str, host: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        text.push_str(&format!(
            "content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            body.len()
        ));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}
