//! Passwords and certificates.

use std::fs;

use super::*;

/// What the store says when it is asked for the first time.
async fn ask(url: &str, environment: Option<&str>) -> Result<(), StoreError> {
    let location: PostgresLocation = url.parse().unwrap();
    let location = location.or_password(environment.map(|password| password.as_bytes().to_vec()));
    let store = PostgresStore::open(location, 9).await.unwrap();
    let shown = format!("{store:?}");
    assert!(!shown.contains("nter") && shown.contains("postgres://127"), "{shown}");
    let answer = store.ping().await;
    store.close().await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_comes_from_the_url_a_file_or_the_environment_and_is_never_told() {
    let server = server::shared();
    let at = |user: &str| server.url(user);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    // As an editor leaves it, and as a Secret is mounted.
    fs::write(&file, format!("{}\n", server::PASSWORD)).unwrap();
    ask(&at("ada:h%40nter%3A2%2F%25"), None).await.unwrap();
    ask(&format!("{}&password_file={}", at("ada"), file.display()), Some("wr0nger")).await.unwrap();
    ask(&at("ada"), Some(server::PASSWORD)).await.unwrap();
    for (url, environment) in [(at("ada"), None), (at("ada:wr0nger"), None), (at("ada"), Some("wr0nger"))] {
        let text = assert_unavailable(ask(&url, environment).await);
        assert!(text.contains("password") && !text.contains("wr0nger"), "{text}");
    }
    fs::write(&file, "wr0nger").unwrap();
    let text = assert_unavailable(ask(&format!("{}&password_file={}", at("ada"), file.display()), None).await);
    assert!(text.contains("password authentication failed") && !text.contains("wr0nger"), "{text}");
    fs::remove_file(&file).unwrap();
    let text = assert_unavailable(ask(&format!("{}&password_file={}", at("ada"), file.display()), None).await);
    assert!(text.contains("password_file") && text.contains("No such file"), "{text}");
}

/// A certificate for `name`, its key, and the certificate of its authority.
fn certificate(name: &str) -> [String; 3] {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_cert = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    [cert.pem(), key.serialize_pem(), authority_cert.pem()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_verified_as_far_as_sslmode_says() {
    let server = server::shared();
    let [cert, key, authority] = certificate("db.example.com");
    let (cert, key) = (server.write("server.crt", &cert), server.write("server.key", &key));
    server.set(&format!("ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'", cert.display(), key.display()));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (right, wrong) = (file("ca.pem", &authority), file("other.pem", &certificate("db.example.com")[2]));
    let junk = file("junk.pem", "no certificate");
    let at = |host: &str, tls: &str| {
        let url = server.url("suite").replace("sslmode=disable", tls);
        url.replace("@127.0.0.1", &format!("@{host}")) + "&hostaddr=127.0.0.1"
    };
    // It takes a moment until the server has read its files.
    let mut first = ask_encrypted(&at("127.0.0.1", "sslmode=require")).await;
    for _ in 0..100 {
        if first.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        first = ask_encrypted(&at("127.0.0.1", "sslmode=require")).await;
    }
    first.unwrap();
    let with = |mode: &str, root: &str| format!("sslmode={mode}&sslrootcert={root}");
    for (host, tls, refusal) in [
        ("db.example.com", with("verify-full", &right), ""),
        ("db.example.com", with("verify-full", &wrong), "invalid peer certificate"),
        ("db.example.com", "sslmode=verify-full".to_owned(), "invalid peer certificate"),
        ("db.example.com", with("verify-full", &junk), "holds no certificate"),
        ("db.example.com", with("verify-full", "/nowhere.pem"), "sslrootcert /nowhere.pem"),
        ("127.0.0.1", with("verify-full", &right), "not valid for name"),
        ("127.0.0.1", with("verify-ca", &right), ""),
        ("127.0.0.1", with("require", &right), ""),
        ("127.0.0.1", with("verify-ca", &wrong), "invalid peer certificate"),
        ("127.0.0.1", with("require", &wrong), "invalid peer certificate"),
        ("127.0.0.1", "sslmode=prefer".to_owned(), ""),
    ] {
        match ask_encrypted(&at(host, &tls)).await {
            Ok(()) => assert!(refusal.is_empty(), "{host} {tls}"),
            Err(error) => {
                let text = assert_unavailable::<()>(Err(error));
                assert!(!refusal.is_empty() && text.contains(refusal), "{host} {tls}: {text}");
            }
        }
    }
}

/// Asks, and makes sure that nobody else could have listened.
async fn ask_encrypted(url: &str) -> Result<(), StoreError> {
    let sql = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = $1";
    let name = format!("encrypted {}", IdHash::of(url).as_bytes()[0]);
    let store = PostgresStore::open(format!("{url}&application_name={}", name.replace(' ', "%20")).parse().unwrap(), 9);
    let store = store.await.unwrap();
    store.ping().await?;
    let rival = client(&server::shared().url("suite")).await;
    let encrypted = rival.query_one(sql, &[&name]).await.unwrap().get::<_, i64>(0);
    assert!(encrypted > 0, "{url}");
    store.close().await
}
