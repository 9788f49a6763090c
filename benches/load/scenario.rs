//! What is asked of the provider, and of which limit.

use std::{path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    client::{self, Ask, CONNECTIONS, Same, request},
    manifests::{self, SECRET},
    process::Server,
    sign_in,
    table::{Figures, Row},
};

const WARM_UP: Duration = Duration::from_millis(700);
const TIME: Duration = Duration::from_secs(3);
/// The provider and its limit run in turn, so that a neighbour's burst of work meets both; the run of the median throughput counts.
const ROUNDS: usize = 3;

/// Measures every scenario, or those whose name holds `only`.
pub async fn measure(only: Option<&str>) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    manifests::write(folder.path());
    let mut rows = Vec::new();
    let wanted = |name: &str| only.is_none_or(|only| name.contains(only));
    let memory = Server::realmkeeper(folder.path(), "memory");
    let bare = Server::bare(folder.path());
    for name in ["discovery", "client_credentials ES256", "client_credentials RS256", "introspection"] {
        if wanted(name) {
            let (path, ask) = stateless(name, &memory.address).await;
            rows.push(row(name, (&memory, same(&ask)), (&bare, same(&limit(&bare, path, &ask)))).await);
        }
    }
    for (name, store) in [("refresh_token, memory", "memory"), ("refresh_token, SQLite", "sqlite")] {
        if wanted(name) {
            rows.push(refresh(name, folder.path(), store, &bare).await);
        }
    }
    rows
}

async fn refresh(name: &'static str, folder: &Path, store: &str, bare: &Server) -> Row {
    let file = tempfile::tempdir().unwrap();
    let store = match store {
        "sqlite" => format!("sqlite:{}", file.path().join("state.db").display()),
        other => other.to_owned(),
    };
    let server = Server::realmkeeper(folder, &store);
    let mut asks = Vec::new();
    for _ in 0..CONNECTIONS {
        let token = sign_in::refresh_token(&server.address).await;
        asks.push(Refresh { host: server.address.clone(), token });
    }
    let form = asks[0].request();
    row(name, (&server, asks), (bare, same(&limit(bare, "/refresh", &form)))).await
}

async fn row<A: Ask, B: Ask>(name: &'static str, ours: (&Server, Vec<A>), limit: (&Server, Vec<B>)) -> Row {
    eprintln!("measuring {name}");
    let ((our_server, mut our_asks), (bare, mut bare_asks)) = (ours, limit);
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (figures, asks) = measured(our_server, our_asks).await;
        ours.push(figures);
        our_asks = asks;
        let (figures, asks) = measured(bare, bare_asks).await;
        limit.push(figures);
        bare_asks = asks;
    }
    Row { name, ours: Figures::median(ours), limit: Figures::median(limit) }
}

async fn measured<A: Ask>(server: &Server, asks: Vec<A>) -> (Figures, Vec<A>) {
    let (_, asks) = client::run(&server.address, asks, WARM_UP).await;
    let before = server.cpu();
    let (run, asks) = client::run(&server.address, asks, TIME).await;
    (Figures::new(&run, server.cpu() - before), asks)
}

fn same(request: &[u8]) -> Vec<Same> {
    vec![Same(request.to_vec()); CONNECTIONS]
}

/// The path of the limit, and the request.
async fn stateless(name: &str, address: &str) -> (&'static str, Vec<u8>) {
    let basic = basic();
    let token = |realm: &str| {
        let path = format!("/realms/{realm}/token");
        request("POST", address, &path, &[("authorization", &basic)], "grant_type=client_credentials")
    };
    match name {
        "discovery" => {
            ("/document", request("GET", address, "/realms/es256/.well-known/openid-configuration", &[], ""))
        }
        "client_credentials ES256" => ("/ES256", token("es256")),
        "client_credentials RS256" => ("/RS256", token("rs256")),
        "introspection" => {
            let answer = once(address, token("es256")).await;
            let body = format!("token={}", answer["access_token"].as_str().unwrap());
            ("/verify", request("POST", address, "/realms/es256/introspect", &[("authorization", &basic)], &body))
        }
        other => panic!("no scenario {other}"),
    }
}

/// The same bytes to the bare server, at the path of a limit.
fn limit(bare: &Server, path: &str, ask: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(ask).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let authorization = head.lines().find_map(|line| line.strip_prefix("authorization: "));
    let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization", value)).collect();
    request(if body.is_empty() { "GET" } else { "POST" }, &bare.address, path, &headers, body)
}

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("robot:{SECRET}")))
}

async fn once(address: &str, bytes: Vec<u8>) -> Value {
    struct Once(Vec<u8>, Option<Value>);
    impl Ask for Once {
        fn request(&self) -> Vec<u8> {
            self.0.clone()
        }

        fn answer(&mut self, body: &[u8]) {
            self.1 = serde_json::from_slice(body).ok();
        }
    }
    let (_, asks) = client::run(address, vec![Once(bytes, None)], Duration::from_nanos(1_000_000)).await;
    asks.into_iter().next().unwrap().1.unwrap()
}

/// Each answer's token is the next request's.
struct Refresh {
    host: String,
    token: String,
}

impl Ask for Refresh {
    fn request(&self) -> Vec<u8> {
        let authorization = format!("Basic {}", STANDARD.encode(format!("app:{SECRET}")));
        let body = format!("grant_type=refresh_token&refresh_token={}", self.token);
        request("POST", &self.host, "/realms/es256/token", &[("authorization", &authorization)], &body)
    }

    fn answer(&mut self, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap();
        assert!(answer["id_token"].is_string(), "a refresh answers with an ID token too");
        self.token = answer["refresh_token"].as_str().unwrap().to_owned();
    }
}
