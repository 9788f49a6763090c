use crate::provider::testing::{
    browser::{Browser, answer, authorize},
    client, realm, user,
};

fn staff() -> Browser {
    Browser::new(&realm().client(client("app")).user(user("ada").password("hunter2")).serve())
}

#[tokio::test]
async fn who_signs_in_comes_back_to_the_client_with_a_code_state_and_issuer() {
    let mut browser = staff();
    let page = browser.open(&authorize(&[])).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("The app app") && page.text().contains("Staff"));
    let reply = browser.submit(&page, &[("username", "Ada"), ("password", "hunter2")]).await;
    let answer = answer(&reply);
    assert_eq!(answer["code"].len(), 43);
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("a state", "https://id.example.com/realms/staff"));
}
