use std::collections::BTreeMap;

use axum::http::{Method, header};

use super::{CHALLENGE, REDIRECT_URI, Reply, TestProvider, encode};

/// A browser: keeps cookies, fills in forms, follows redirects below the issuer.
pub(crate) struct Browser {
    pub(crate) at: TestProvider,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) language: &'static str,
    pub(crate) agent: &'static str,
}

impl Browser {
    pub(crate) fn new(at: &TestProvider) -> Self {
        Self { at: at.clone(), cookies: BTreeMap::new(), language: "en", agent: "" }
    }

    /// Loads a page below the issuer, by path or URL, without following anything.
    pub(crate) async fn load(&mut self, url: &str) -> Reply {
        let path = self.path(url);
        self.send(Method::GET, &path, "").await
    }

    /// Loads a page and follows redirects as long as they stay below the issuer.
    pub(crate) async fn open(&mut self, url: &str) -> Reply {
        let mut reply = self.load(url).await;
        while let Some(next) = self.next(&reply) {
            reply = self.load(&next).await;
        }
        reply
    }

    /// Sends the form of a page with these fields added, and follows.
    pub(crate) async fn submit(&mut self, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let mut form = hidden(page.text());
        form.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut reply = self.post(&action(page.text()), &form).await;
        while let Some(next) = self.next(&reply) {
            reply = self.load(&next).await;
        }
        reply
    }

    /// Posts a form, without following anything.
    pub(crate) async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Reply {
        let path = self.path(url);
        self.send(Method::POST, &path, &encode(form)).await
    }

    /// Goes to the sign-in page of `client` with these parameters and signs in.
    pub(crate) async fn sign_in(&mut self, username: &str, password: &str, parameters: &[(&str, &str)]) -> Reply {
        let page = self.open(&authorize(parameters)).await;
        self.submit(&page, &[("username", username), ("password", password)]).await
    }

    async fn send(&mut self, method: Method, path: &str, body: &str) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![
            ("accept-language", self.language),
            ("user-agent", self.agent),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        let reply = self.at.send(method, path, &headers, body.to_owned()).await;
        for cookie in reply.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            match text.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        reply
    }

    fn next(&self, reply: &Reply) -> Option<String> {
        let issuer = self.at.realm().issuer.endpoint("/");
        (reply.status.as_u16() == 303).then(|| reply.header("location").to_owned()).filter(|to| to.starts_with(&issuer))
    }

    fn path(&self, url: &str) -> String {
        url.strip_prefix(self.at.realm().issuer.as_str()).unwrap_or(url).to_owned()
    }
}

/// An authorization request of the client `app`; `parameters` replace (or, with an empty value, leave out) those of the plain one.
pub(crate) fn authorize(parameters: &[(&str, &str)]) -> String {
    let plain = [
        ("client_id", "app"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "a state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let replaced = |name: &str| parameters.iter().any(|(known, _)| *known == name);
    let kept = plain.into_iter().filter(|(name, _)| !replaced(name));
    let all: Vec<_> = kept.chain(parameters.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
    format!("/authorize?{}", encode(&all))
}

/// The parameters of an answer that came back to the client's redirect URI, in the query or in the fragment.
pub(crate) fn answer(reply: &Reply) -> BTreeMap<String, String> {
    let (mode, answer) = travelled(reply);
    assert!(matches!(mode, "query" | "fragment"), "{mode}");
    answer
}

/// How an answer came back to the client's redirect URI, and its parameters.
pub(crate) fn travelled(reply: &Reply) -> (&'static str, BTreeMap<String, String>) {
    if reply.status.as_u16() == 200 {
        assert_eq!(action(reply.text()), REDIRECT_URI);
        return ("form_post", hidden(reply.text()).into_iter().collect());
    }
    assert_eq!(reply.status.as_u16(), 303, "{}", reply.text());
    let url = url::Url::parse(reply.header("location")).unwrap();
    assert!(url.as_str().starts_with(REDIRECT_URI), "{url}");
    let (mode, text) = match (url.query(), url.fragment()) {
        (Some(query), None) => ("query", query),
        (None, Some(fragment)) => ("fragment", fragment),
        _ => panic!("both or neither: {url}"),
    };
    (mode, form_urlencoded::parse(text.as_bytes()).into_owned().collect())
}

/// The code of such an answer.
pub(crate) fn code(reply: &Reply) -> String {
    answer(reply).remove("code").unwrap_or_else(|| panic!("{}", reply.header("location")))
}

/// `error` of such an answer.
pub(crate) fn error(reply: &Reply) -> String {
    answer(reply).remove("error").unwrap_or_else(|| panic!("{}", reply.header("location")))
}

/// Where a page's form goes.
pub(crate) fn action(page: &str) -> String {
    attribute(page.split("<form").nth(1).unwrap_or_else(|| panic!("no form: {page}")), "action").unwrap()
}

/// The hidden fields of a page's form.
pub(crate) fn hidden(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap());
    let hidden = inputs.filter(|input| input.contains("type=\"hidden\""));
    hidden.map(|input| (attribute(input, "name").unwrap(), attribute(input, "value").unwrap())).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    let escaped = [("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#39;", "'"), ("&#38;", "&")];
    Some(escaped.iter().fold(value.to_owned(), |value, (from, to)| value.replace(from, to)))
}
