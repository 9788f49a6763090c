//! A browser's part in a sign-in, without a browser: cookies, redirects and forms.

use std::{collections::BTreeMap, sync::Mutex};

use reqwest::{Method, StatusCode, header};
use url::Url;

/// A person's browser: it keeps cookies, and follows redirects one by one.
pub struct Agent {
    http: reqwest::Client,
    cookies: Mutex<Vec<Cookie>>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Page {
    pub url: Url,
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: String,
}

/// Where a chain of redirects ends.
#[derive(Debug)]
pub enum Landing {
    /// On a page of the provider.
    Page(Page),
    /// At the relying party: the URL that the browser was sent to.
    Away(Url),
}

impl Agent {
    /// A browser that was never here before. `http` follows no redirects.
    pub fn new(http: reqwest::Client) -> Self {
        Self { http, cookies: Mutex::default() }
    }

    /// Opens an address and follows redirects.
    pub async fn open(&self, url: &str) -> Landing {
        let url = Url::parse(url).unwrap();
        let page = self.request(Method::GET, &url, None).await;
        self.follow(page).await
    }

    /// Sends the form of a page, with what a person types; follows redirects.
    pub async fn submit(&self, page: &Page, typed: &[(&str, &str)]) -> Landing {
        let form = page.form();
        let mut fields = form.fields.clone();
        for (name, value) in typed {
            fields.retain(|(known, _)| known != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let answer = self.post(page, &form.action, &fields).await;
        self.follow(answer).await
    }

    /// Sends a form as a browser on `page` does.
    pub async fn post(&self, page: &Page, action: &Url, fields: &[(String, String)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request(Method::POST, action, Some((page, body))).await
    }

    /// Sends one request.
    pub async fn request(&self, method: Method, url: &Url, form: Option<(&Page, String)>) -> Page {
        let mut request = self.http.request(method, url.clone()).header(header::ACCEPT, "text/html,*/*;q=0.8");
        if let Some(cookies) = self.cookies_for(url) {
            request = request.header(header::COOKIE, cookies);
        }
        if let Some((page, body)) = form {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, page.url.origin().ascii_serialization())
                .body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        headers.get_all(header::SET_COOKIE).iter().for_each(|cookie| self.keep(url, cookie.to_str().unwrap()));
        Page { url: url.clone(), status, headers, body: response.text().await.unwrap() }
    }

    /// Follows redirects until they leave the provider or end.
    pub async fn follow(&self, mut page: Page) -> Landing {
        for _ in 0..10 {
            if !page.status.is_redirection() {
                return Landing::Page(page);
            }
            let next = page.url.join(page.headers[header::LOCATION].to_str().unwrap()).unwrap();
            if next.origin() != page.url.origin() {
                return Landing::Away(next);
            }
            page = self.request(Method::GET, &next, None).await;
        }
        panic!("redirected without end, now at {}", page.url);
    }

    /// Names of the cookies that are kept.
    pub fn cookie_names(&self) -> Vec<String> {
        self.cookies.lock().unwrap().iter().map(|cookie| cookie.name.clone()).collect()
    }

    fn cookies_for(&self, url: &Url) -> Option<String> {
        let cookies = self.cookies.lock().unwrap();
        let pairs: Vec<_> = cookies
            .iter()
            .filter(|cookie| path_matches(url.path(), &cookie.path))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn keep(&self, url: &Url, header: &str) {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: BTreeMap<_, _> =
            parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(k, v)| (k.to_lowercase(), v)).collect();
        let default =
            url.path().rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
        let path = attributes.get("path").copied().filter(|path| path.starts_with('/')).unwrap_or(default);
        let mut cookies = self.cookies.lock().unwrap();
        cookies.retain(|cookie| (cookie.name.as_str(), cookie.path.as_str()) != (name, path));
        if attributes.get("max-age").is_none_or(|age| age.parse::<i64>().unwrap() > 0) {
            cookies.push(Cookie { name: name.into(), value: value.into(), path: path.into() });
        }
    }
}

/// RFC 6265 section 5.1.4.
fn path_matches(request: &str, cookie: &str) -> bool {
    request.strip_prefix(cookie).is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

impl Landing {
    /// The page, where the chain has ended on one.
    #[track_caller]
    pub fn page(self) -> Page {
        match self {
            Self::Page(page) => page,
            Self::Away(url) => panic!("a page was expected, but the browser was sent to {url}"),
        }
    }

    /// The relying party's URL, where the chain has ended there.
    #[track_caller]
    pub fn away(self) -> Url {
        match self {
            Self::Away(url) => url,
            Self::Page(page) => panic!("expected to be sent back, but: {} {}\n{}", page.status, page.url, page.body),
        }
    }
}

/// A form, as a browser would send it untouched.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: Url,
    pub fields: Vec<(String, String)>,
}

impl Page {
    /// The one form that posts.
    #[track_caller]
    pub fn form(&self) -> Form {
        self.forms()
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no form on {} {}:\n{}", self.status, self.url, self.body))
    }

    /// The forms that post.
    pub fn forms(&self) -> Vec<Form> {
        let posts =
            |form: &&str| attribute(tag(form), "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
        self.body.split("<form").skip(1).filter(posts).map(|form| self.read_form(form)).collect()
    }

    fn read_form(&self, text: &str) -> Form {
        let action = attribute(tag(text), "action").unwrap_or_default();
        let inner = text.split("</form").next().unwrap();
        let inputs = inner.split("<input").skip(1).map(tag);
        let fields = inputs
            .filter(|input| attribute(input, "type").is_none_or(|kind| kind != "submit"))
            .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())))
            .collect();
        Form { action: self.url.join(&action).unwrap(), fields }
    }

    /// True where the page asks for a username and a password.
    pub fn is_login(&self) -> bool {
        self.body.contains("name=\"username\"") && self.body.contains("name=\"password\"")
    }

    /// What stands on the page, without tags.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in self.body.split('<') {
            text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
        }
        unescape(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }
}

/// What stands between here and the end of the tag.
fn tag(text: &str) -> &str {
    text.split('>').next().unwrap_or_default()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split_once(&format!(" {name}=\""))?.1;
    Some(unescape(rest.split('"').next()?))
}

fn unescape(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&#34;", "\"")];
    let more = [("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&"), ("&amp;", "&")];
    named.iter().chain(&more).fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
