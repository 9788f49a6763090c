//! Front-Channel Logout 1.0 by section.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::provider::testing::{
    ClientBuilder, Reply, TestProvider,
    browser::{Browser, authorize, code},
    client, realm, user,
};

const BACK: &str = "https://app.example/";

fn framed(id: &str, uri: &str) -> ClientBuilder {
    client(id).with(|client| client.logout.frontchannel_uri = Some(uri.into()))
}

fn staff() -> TestProvider {
    realm()
        .client(framed("app", "https://app.example/signed-out?tenant=a&b=%22"))
        .client(framed("other", "https://other.example:8443/frame"))
        .client(framed("never", "https://never.example/frame"))
        .client(client("quiet"))
        .user(user("ada").password("hunter2"))
        .serve()
}

/// A browser in which ada has used these clients, and her `sid`.
async fn signed_in(at: &TestProvider, clients: &[&str]) -> (Browser, String) {
    let mut browser = Browser::new(at);
    let mut sid = String::new();
    browser.sign_in("ada", "hunter2", &[("client_id", clients[0])]).await;
    for id in clients {
        let code = code(&browser.load(&authorize(&[("client_id", id)])).await);
        let tokens = at.redeem(id, &code).await.json();
        sid =
            crate::provider::testing::verified(tokens["id_token"].as_str().unwrap()).1["sid"].as_str().unwrap().into();
    }
    (browser, sid)
}

async fn sign_out(browser: &mut Browser, parameters: &[(&str, &str)]) -> Reply {
    let page = browser.load(&format!("/logout?{}", crate::provider::testing::encode(parameters))).await;
    browser.submit(&page, &[("action", "sign-out")]).await
}

/// `src` of each frame.
fn frames(page: &Reply) -> Vec<String> {
    let frames = page.text().split("<iframe src=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    frames.map(|src| src.replace("&#38;", "&").replace("&#34;", "\"")).collect()
}

#[tokio::test]
async fn frontchannel_2_and_3_each_client_of_the_session_is_loaded_in_a_frame_with_iss_and_sid() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff, &["app", "other", "quiet"]).await;
    let page = sign_out(&mut browser, &[]).await;
    assert_eq!((page.status.as_u16(), page.header("refresh")), (200, ""), "there is nowhere to go on to");
    assert!(page.text().contains("You are signed out"));
    let identity = format!("iss=https%3A%2F%2Fid.example.com%2Frealms%2Fstaff&sid={sid}");
    assert_eq!(
        frames(&page),
        [
            format!("https://app.example/signed-out?tenant=a&b=%22&{identity}"),
            format!("https://other.example:8443/frame?{identity}"),
        ],
        "what stands in the query of a URI stays there"
    );
}

#[tokio::test]
async fn frontchannel_3_the_page_lets_in_the_origins_of_those_clients_and_nobody_else() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff, &["app", "other"]).await;
    let page = sign_out(&mut browser, &[]).await;
    let script = page.text().split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, script.as_bytes()));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let wanted = format!(
        "script-src 'sha256-{hash}'; frame-src https://app.example https://other.example:8443; base-uri 'none'; frame-ancestors 'none'"
    );
    assert!(policy.ends_with(&wanted), "{policy}");
    // What is in a frame can't take the person elsewhere.
    let sandboxes = page.text().matches("sandbox=\"allow-forms allow-same-origin allow-scripts\"").count();
    assert_eq!(sandboxes, 2);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
}

/// Frames of a page under `sandbox` have no cookies: nobody could be signed out in them.
#[tokio::test]
async fn frontchannel_3_no_client_can_say_something_about_the_page_of_the_others() {
    let hosts = ["https://evil.example;sandbox", "https://evil.example,sandbox", "https://*", "https://e'vil.example"];
    for evil in hosts {
        let at = realm()
            .client(framed("app", "https://app.example/signed-out"))
            .client(framed("other", &format!("{evil}/frame")))
            .user(user("ada").password("hunter2"))
            .serve();
        let (mut browser, _) = signed_in(&at, &["app", "other"]).await;
        let page = sign_out(&mut browser, &[]).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("; frame-src https://app.example; base-uri 'none'; "), "{evil}: {policy}");
        assert_eq!(frames(&page).len(), 1, "{evil}");
    }
}

#[tokio::test]
async fn afterwards_the_person_goes_back_to_the_client_also_without_scripts() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff, &["app"]).await;
    let request = [("client_id", "app"), ("post_logout_redirect_uri", BACK), ("state", "a \"state\"; url=x")];
    let page = sign_out(&mut browser, &request).await;
    assert_eq!((page.status.as_u16(), frames(&page).len()), (200, 1));
    let back = "https://app.example/?state=a+%22state%22%3B+url%3Dx";
    assert_eq!(page.header("refresh"), format!("5; url={back}"), "a client that does not answer holds nobody up");
    assert!(page.text().contains(&format!("<a class=\"button\" id=\"on\" href=\"{back}\">Continue</a>")));
    assert!(page.text().contains("Signing you out"));
    let again = browser.load("/logout?client_id=app&post_logout_redirect_uri=https://app.example/").await;
    assert_eq!((again.status.as_u16(), again.header("location")), (303, BACK), "told once");
}

#[tokio::test]
async fn who_has_used_no_client_with_a_frame_is_sent_on_at_once() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff, &["quiet"]).await;
    let reply = sign_out(&mut browser, &[("client_id", "app"), ("post_logout_redirect_uri", BACK)]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, BACK));
}

#[tokio::test]
async fn a_client_whose_uri_or_registration_is_gone_has_no_frame() {
    for other in [framed("app", "https://app.example/frame").anew(), client("app")] {
        let staff = staff();
        let (mut browser, _) = signed_in(&staff, &["app"]).await;
        staff.publish(realm().user(user("ada").password("hunter2")).client(other).build());
        let page = sign_out(&mut browser, &[]).await;
        assert!(page.text().contains("You are signed out") && frames(&page).is_empty());
    }
}

#[tokio::test]
async fn frontchannel_3_discovery_says_so_and_that_sid_is_sent() {
    let metadata = staff().get("/.well-known/openid-configuration", &[]).await.json();
    for name in ["frontchannel_logout_supported", "frontchannel_logout_session_supported"] {
        assert_eq!(metadata[name], true, "{name}");
    }
}

#[tokio::test]
async fn frontchannel_3_and_5_each_session_has_a_sid_of_its_own_that_nobody_can_guess_in_every_id_token_of_it() {
    let staff = staff();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let (_, sid) = signed_in(&staff, &["app"]).await;
        assert!(sid.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "RFC 6749 appendix A.1: {sid}");
        assert!(sid.len() >= 22, "128 bits: {sid}");
        assert!(seen.insert(sid));
    }
    let (mut browser, sid) = signed_in(&staff, &["app", "other"]).await;
    for id in ["app", "other", "quiet"] {
        let code = code(&browser.load(&authorize(&[("client_id", id)])).await);
        let tokens = staff.redeem(id, &code).await.json();
        let claims = crate::provider::testing::verified(tokens["id_token"].as_str().unwrap()).1;
        assert_eq!(claims["sid"], *sid, "one session, one sid");
    }
}
