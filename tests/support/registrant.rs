//! A client that registers itself.

use reqwest::{Method, header};
use serde_json::Value;

use super::{
    relying_party::{Answer, RelyingParty},
    served::Served,
};

/// A registration, as the client has it.
pub struct Registrant {
    pub http: reqwest::Client,
    /// What came back last.
    pub document: Value,
}

/// Registers at an issuer; `token` is an initial access token.
pub async fn register(http: &reqwest::Client, issuer: &str, token: Option<&str>, metadata: &Value) -> Answer {
    let mut request = http.post(format!("{issuer}/register")).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Answer::read(request.body(metadata.to_string())).await
}

impl Registrant {
    /// Registers; it must succeed.
    pub async fn new(http: &reqwest::Client, issuer: &str, metadata: &Value) -> Self {
        let answer = register(http, issuer, None, metadata).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Self { http: http.clone(), document: answer.body }
    }

    /// A member of the registration.
    #[track_caller]
    pub fn text(&self, member: &str) -> &str {
        self.document[member].as_str().unwrap_or_else(|| panic!("no {member} in {}", self.document))
    }

    /// A request to the client configuration endpoint, with the token that it has.
    pub async fn ask(&self, method: Method, body: Option<&Value>) -> Answer {
        self.ask_with(method, self.text("registration_access_token"), body).await
    }

    /// The same with another token.
    pub async fn ask_with(&self, method: Method, token: &str, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, self.text("registration_client_uri")).bearer_auth(token);
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        Answer::read(request).await
    }

    /// What an update sends: the registration with these members, and without what is not the client's to say.
    pub fn changed(&self, change: &Value) -> Value {
        let mut document = self.document.clone();
        let members = document.as_object_mut().unwrap();
        for ours in
            ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"]
        {
            members.remove(ours);
        }
        members.extend(change.as_object().unwrap().clone());
        document
    }

    /// Updates; it must succeed.
    pub async fn update(&mut self, change: &Value) {
        let answer = self.ask(Method::PUT, Some(&self.changed(change))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.document = answer.body;
    }

    /// The relying party that it is.
    pub async fn relying_party(&self, served: &Served) -> RelyingParty {
        let secret = self.document["client_secret"].as_str();
        RelyingParty::discover(self.http.clone(), &served.issuer().await, self.text("client_id"), secret).await
    }
}
