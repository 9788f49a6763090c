use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Http, Provider, TokenError, Tokens, Want,
    cache::{Cache, Entry, Key},
    id_token::{self, Expected},
    login::{self, Attempt},
    loopback::Loopback,
    provider::{Grant, Wish},
};
use crate::{jose::Compact, plugin::Clock, realm::Issuer, secret::Secret};

/// Whoever waits for another's sign-in waits this much longer than that may take.
const AFTERWARDS: u64 = 30;
/// No ServiceAccount token is longer: 64 KiB.
const MAX_ASSERTION: u64 = 64 * 1024;

/// What is wanted, and how it can be had.
pub struct Session {
    /// From whom.
    pub issuer: Issuer,
    /// How it is reached.
    pub http: Http,
    /// None: every call asks anew.
    pub cache: Option<Cache>,
    /// For whom, and for what.
    pub wish: Wish,
    /// Which token must be good.
    pub want: Want,
    /// The file of the projected token; none: a person signs in.
    pub service_account_token: Option<PathBuf>,
    /// 0: any.
    pub listen_port: u16,
    /// Or the address is printed only.
    pub opens_browser: bool,
    /// In seconds.
    pub login_timeout: u64,
    /// What time it is.
    pub clock: Clock,
}

/// Tells a person something, beside the result.
pub type Say<'a> = &'a dyn Fn(&str);

impl Session {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// One workload never gets what is cached of another, whichever files both are called with.
    fn key(&self) -> Result<Key, TokenError> {
        let way = match &self.service_account_token {
            Some(file) => format!("workload {}", identity(&assertion(file)?, file)?),
            None => "person".to_owned(),
        };
        Ok(Key::of(self.issuer.as_str(), &self.wish, &way))
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.login_timeout.saturating_add(AFTERWARDS))
    }

    /// Tokens that are good: those of the cache, refreshed ones, or new ones.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn obtain(&self, say: Say<'_>) -> Result<Entry, TokenError> {
        let scopes = self.wish.scope.split_ascii_whitespace();
        if self.want == Want::Id && !scopes.into_iter().any(|scope| scope == "openid") {
            return Err(TokenError::NoIdToken);
        }
        let Some(cache) = &self.cache else { return self.fetch(None, say).await };
        let key = self.key()?;
        let good = |entry: &Entry| entry.tokens.is_fresh(self.want, entry.obtained_at, self.now());
        if let Some(entry) = cache.read(&key).filter(good) {
            return Ok(entry);
        }
        let _lock = match cache.lock(&key, self.patience()).await {
            Ok(lock) => lock,
            Err(TokenError::Busy) => return Err(TokenError::Busy),
            // A read-only home is no reason to have no token.
            Err(error) => {
                say(&format!("{error}; going on without it"));
                return self.fetch(None, say).await;
            }
        };
        // Somebody else may have been quicker.
        let before = cache.read(&key);
        if let Some(entry) = before.clone().filter(good) {
            return Ok(entry);
        }
        let entry = self.fetch(before, say).await?;
        if let Err(error) = cache.write(&key, &entry) {
            say(&format!("{error}; the next call must ask again"));
        }
        Ok(entry)
    }

    async fn fetch(&self, before: Option<Entry>, say: Say<'_>) -> Result<Entry, TokenError> {
        let provider = Provider::discover(self.http.clone(), self.issuer.clone()).await?;
        if let Some(file) = &self.service_account_token {
            let tokens = provider.tokens(Grant::Workload(&assertion(file)?), &self.wish).await?;
            return Ok(Entry { tokens, obtained_at: self.now() });
        }
        if let Some(before) = before
            && let Some(entry) = self.refresh(&provider, &before, say).await?
        {
            return Ok(entry);
        }
        self.login(&provider, say).await
    }

    /// None: the person must sign in again.
    async fn refresh(&self, provider: &Provider, before: &Entry, say: Say<'_>) -> Result<Option<Entry>, TokenError> {
        let Some(token) = &before.tokens.refresh_token else { return Ok(None) };
        let tokens = match provider.tokens(Grant::Refresh(token), &self.wish).await {
            Ok(tokens) => tokens,
            Err(TokenError::Refused(refusal)) => {
                say(&format!("the last sign-in is no longer good ({refusal})"));
                if let Some(cache) = &self.cache {
                    cache.remove(&self.key()?)?;
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let tokens = tokens.after(&before.tokens);
        let subject = before.tokens.subject();
        let entry = Entry { tokens, obtained_at: self.now() };
        // The old refresh token is spent: the new one is kept before anything can go wrong, and nothing that is not verified yet.
        if let Some(cache) = &self.cache {
            let tokens = Tokens { id_token: None, expires_in: None, ..entry.tokens.clone() };
            cache.write(&self.key()?, &Entry { tokens, obtained_at: entry.obtained_at })?;
        }
        self.verify(provider, &entry.tokens, None, subject.as_deref()).await?;
        Ok((self.want == Want::Access || entry.tokens.id_token.is_some()).then_some(entry))
    }

    async fn login(&self, provider: &Provider, say: Say<'_>) -> Result<Entry, TokenError> {
        let loopback = Loopback::bind(self.listen_port).await?;
        let redirect_uri = loopback.redirect_uri();
        let attempt = Attempt::new(provider, &self.wish, &redirect_uri)?;
        if self.opens_browser {
            say(&format!("The browser should open now. If it does not, sign in at:\n{}", attempt.url));
            login::open(&attempt.url);
        } else {
            say(&format!("Sign in at:\n{}", attempt.url));
        }
        let expectation = attempt.expectation();
        let patience = Duration::from_secs(self.login_timeout);
        let code = loopback.answer(move |query| expectation.read(query), patience).await?;
        let grant = Grant::Code { code: &code, redirect_uri: &redirect_uri, verifier: &attempt.pkce.verifier };
        let tokens = provider.tokens(grant, &self.wish).await?;
        self.verify(provider, &tokens, Some(&attempt.nonce), None).await?;
        match (self.want, &tokens.id_token) {
            (Want::Id, None) => Err(TokenError::NoIdToken),
            _ => Ok(Entry { tokens, obtained_at: self.now() }),
        }
    }

    /// An ID token is verified wherever there is one, also where the access token is what is wanted.
    async fn verify(
        &self,
        provider: &Provider,
        tokens: &Tokens,
        nonce: Option<&Secret>,
        subject: Option<&str>,
    ) -> Result<(), TokenError> {
        let Some(token) = &tokens.id_token else { return Ok(()) };
        let client_id = self.wish.client_id.as_deref().unwrap_or_default();
        let expected = Expected { issuer: &provider.issuer, client_id, nonce, subject };
        id_token::verify(token, &provider.keys().await?, &expected, self.now()).map(drop)
    }

    /// Revokes the refresh token and deletes the entry; says what was done.
    ///
    /// # Errors
    /// The provider can't be reached: then the entry stays, so that it can be tried again.
    pub async fn logout(&self) -> Result<String, TokenError> {
        let nothing = || Ok("nothing is cached for this issuer, client, scope and resource".to_owned());
        let Some(cache) = &self.cache else { return nothing() };
        let key = self.key()?;
        let _lock = cache.lock(&key, self.patience()).await?;
        let Some(entry) = cache.read(&key) else {
            // One that can't be read may hold a token still.
            cache.remove(&key)?;
            return nothing();
        };
        let said = match &entry.tokens.refresh_token {
            None => "forgotten; there was no refresh token to revoke".to_owned(),
            Some(token) => {
                let provider = Provider::discover(self.http.clone(), self.issuer.clone()).await?;
                match provider.revoke(token, self.wish.client_id.as_deref()).await? {
                    None => "revoked and forgotten".to_owned(),
                    Some(refusal) => format!("forgotten; the provider had nothing to revoke ({refusal})"),
                }
            }
        };
        cache.remove(&key)?;
        Ok(said)
    }
}

/// Whose token it is: that stays when the kubelet renews it. It is not verified, and decides about nothing but the entry that is looked at.
fn identity(token: &Secret, file: &Path) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
        sub: String,
    }
    let claims = token.expose_str().and_then(|token| Compact::parse(token).ok()?.claims_unverified::<Claims>().ok());
    let Claims { iss, sub } = claims.ok_or_else(|| TokenError::ServiceAccountToken(file.to_owned()))?;
    Ok(format!("{iss} {sub}"))
}

/// The projected token; the kubelet ends the file without a newline, people do not.
fn assertion(file: &PathBuf) -> Result<Secret, TokenError> {
    let failed = |error| TokenError::File { path: file.clone(), error };
    let length = fs::metadata(file).map_err(failed)?.len();
    if length > MAX_ASSERTION {
        return Err(TokenError::ServiceAccountToken(file.clone()));
    }
    let bytes = Secret::new(fs::read(file).map_err(failed)?);
    let token = bytes.expose_str().map(str::trim).unwrap_or_default();
    // The three parts of a JWS, so that another file is not sent by mistake.
    match Compact::parse(token) {
        Ok(_) => Ok(Secret::new(token)),
        Err(_) => Err(TokenError::ServiceAccountToken(file.clone())),
    }
}
