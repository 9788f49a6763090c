use crate::control_plane::{ControlPlane, Options, objects::with_temp_namespace};

/// A control plane is up in a few seconds, gives ServiceAccount tokens, and its namespaces come and go.
#[tokio::test]
async fn a_control_plane_starts_and_gives_tokens() {
    let start = std::time::Instant::now();
    let plane = ControlPlane::start(Options { controller_manager: true, ..Options::default() }).await;
    eprintln!("ready after {:?}", start.elapsed());
    with_temp_namespace(&plane, "harness", async |namespace| {
        namespace.service_account("app").await;
        let token = namespace.token("app", "https://id.example").await;
        assert_eq!(token.split('.').count(), 3);
        let client = plane.client(&namespace.token("app", "").await).await;
        let text: String =
            client.request_text(http::Request::get("/openid/v1/jwks").body(vec![]).unwrap()).await.unwrap();
        assert!(text.contains("RSA"), "{text}");
        namespace.delete().await;
        namespace.until_gone(std::time::Duration::from_secs(20)).await;
    })
    .await;
}
