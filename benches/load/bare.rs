//! The limits: a hyper server on one thread that reads the request and does the cryptography that it can't be answered
//! without, with the realm's own keys, and nothing else.

use std::{
    convert::Infallible,
    fs,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use realmkeeper::{
    jose::{Algorithm, PrivateKey, PublicKey, Signer},
    secret::Secret,
};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;

/// The keys, parsed once.
struct Limits {
    es256: Signer,
    es256_public: PublicKey,
    rs256: Signer,
    document: Bytes,
}

/// The claims of a client_credentials token (RFC 9068 section 2.2).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
}

#[derive(Serialize)]
struct Tokens<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

/// Serves the limits on `address` until it is killed, with the keys that were generated below `folder`.
pub fn run(address: &str, folder: &str) {
    let es256 = key(folder, "es256", Algorithm::Es256);
    let limits = Arc::new(Limits {
        es256_public: es256.public_key().unwrap(),
        es256: Signer::new(es256),
        rs256: Signer::new(key(folder, "rs256", Algorithm::Rs256)),
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

/// The realm's active key, from the Secret of its first generation.
fn key(folder: &str, realm: &str, algorithm: Algorithm) -> PrivateKey {
    let folder = Path::new(folder).join(".realmkeeper/secrets/default");
    let names = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let name = names.into_iter().find(|name| name.starts_with(&format!("{realm}-{realm}-"))).expect("a generated key");
    let secret: Value = serde_saphyr::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    let pem = secret["data"]["private-key.pem"].as_str().expect("a private key");
    PrivateKey::from_pem(algorithm, &Secret::new(STANDARD.decode(pem).unwrap())).unwrap()
}

async fn answer(limits: Arc<Limits>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let form: Vec<_> = form_urlencoded::parse(&body).collect();
    let json = match head.uri.path() {
        "/document" => limits.document.clone(),
        "/ES256" => tokens(&limits.es256.sign_jwt("at+jwt", &claims(&random::<16>())).unwrap(), None, None),
        "/RS256" => tokens(&limits.rs256.sign_jwt("at+jwt", &claims(&random::<16>())).unwrap(), None, None),
        // What a refresh can't do without: an access token, an ID token, and a new refresh token.
        "/refresh" => {
            let [access, id] =
                ["at+jwt", "JWT"].map(|typ| limits.es256.sign_jwt(typ, &claims(&random::<16>())).unwrap());
            tokens(&access, Some(&id), Some(&random::<32>()))
        }
        "/verify" => {
            let token = &form.iter().find(|(name, _)| name == "token").expect("a token").1;
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            limits.es256_public.verify(signed.as_bytes(), &signature).unwrap();
            serde_json::to_vec(&claims("the same")).unwrap().into()
        }
        other => panic!("no limit {other}"),
    };
    let response = Response::builder().header("content-type", "application/json").header("cache-control", "no-store");
    Ok(response.body(Full::new(json)).unwrap())
}

fn claims(jti: &str) -> Claims<'_> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Claims {
        iss: "http://127.0.0.1:8080/realms/es256",
        sub: "robot",
        aud: "https://api.example.com",
        client_id: "robot",
        iat: now,
        exp: now + 600,
        jti,
    }
}

fn tokens(access_token: &str, id_token: Option<&str>, refresh_token: Option<&str>) -> Bytes {
    let tokens = Tokens { access_token, token_type: "Bearer", expires_in: 600, id_token, refresh_token };
    serde_json::to_vec(&tokens).unwrap().into()
}

fn random<const LENGTH: usize>() -> String {
    let mut bytes = [0; LENGTH];
    rand::fill(&mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}
