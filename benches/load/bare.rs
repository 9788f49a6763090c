//! The limits: a hyper server on one thread that reads the request and does the cryptography that it can't be answered
//! without, and nothing else.

use std::{convert::Infallible, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use realmkeeper::jose::{Algorithm, Compact, PrivateKey, PublicKey, Signer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The key and everything that a signature over it needs, parsed once.
struct Limits {
    es256: Key,
    rs256: Key,
    document: Bytes,
}

struct Key {
    private: PrivateKey,
    public: PublicKey,
    header: String,
    token: String,
}

/// Serves the limits on `address` until it is killed.
pub fn run(address: &str) {
    let limits = Arc::new(Limits {
        es256: Key::new(Algorithm::Es256),
        rs256: Key::new(Algorithm::Rs256),
        // As long as a realm's metadata.
        document: Bytes::from(vec![b'x'; 2048]),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let limits = limits.clone();
            let service = service_fn(move |request| answer(limits.clone(), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}

impl Key {
    fn new(algorithm: Algorithm) -> Self {
        let pem = PrivateKey::generate_pem(algorithm).unwrap();
        let private = PrivateKey::from_pem(algorithm, &pem).unwrap();
        let public = private.public_key().unwrap();
        let header = json!({"alg": algorithm.jws_name(), "typ": "at+jwt", "kid": private.material().thumbprint()});
        let token = Signer::new(PrivateKey::from_pem(algorithm, &pem).unwrap()).sign_jwt("at+jwt", &claims()).unwrap();
        Self { private, public, header: URL_SAFE_NO_PAD.encode(header.to_string()), token }
    }

    fn sign(&self) -> String {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
        let mut token = format!("{}.{payload}", self.header);
        let signature = self.private.sign(token.as_bytes(), |signature| URL_SAFE_NO_PAD.encode(signature)).unwrap();
        token.push('.');
        token.push_str(&signature);
        token
    }
}

/// The claims of a client_credentials token (RFC 9068 section 2.2).
fn claims() -> Value {
    json!({
        "iss": "http://127.0.0.1:8080/realms/es256", "sub": "robot", "aud": "https://api.example.com",
        "client_id": "robot", "iat": 1_700_000_000, "exp": 1_700_000_600, "jti": "Vb5Q2mC7vQ9T7yT1Qw0Xkw",
    })
}

async fn answer(limits: Arc<Limits>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let json = match path.as_str() {
        "/document" => limits.document.clone(),
        "/ES256" => token_response(&[limits.es256.sign()], form.len()),
        "/RS256" => token_response(&[limits.rs256.sign()], form.len()),
        "/ES256-twice" => token_response(&[limits.es256.sign(), limits.es256.sign()], form.len()),
        "/verify" => {
            let claims: Value = Compact::parse(&limits.es256.token).unwrap().verify(&limits.es256.public).unwrap();
            serde_json::to_vec(&claims).unwrap().into()
        }
        other => panic!("no limit {other}"),
    };
    let response = Response::builder().header("content-type", "application/json").header("cache-control", "no-store");
    Ok(response.body(Full::new(json)).unwrap())
}

fn token_response(tokens: &[String], parameters: usize) -> Bytes {
    assert!(parameters > 0, "the load must send the same form");
    let response =
        json!({"access_token": tokens[0], "id_token": tokens.get(1), "token_type": "Bearer", "expires_in": 600});
    serde_json::to_vec(&response).unwrap().into()
}
