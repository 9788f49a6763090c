//! A sign-in under way: the authorization request that waits for a person. Found by an id that stands in the URL, so that two tabs
//! don't get in each other's way, and only together with the secret of the browser that began it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{AccountError, find, payload};
use crate::{
    realm::Realm,
    secret::unguessable,
    store::{Artifact, Change, IdHash, Kind, Store, StoreError},
};

/// How long a person may take.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(30);

/// An authorization request longer than this is not kept.
pub const MAX_REQUEST_LENGTH: usize = 16 * 1024;

/// An authorization request that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// What stands in the URL.
    pub id: String,
    state: State,
}

/// An authorization request as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRequest {
    /// Its parameters, form-encoded: they are checked again at each step, against the realm as it is then.
    pub parameters: String,
    /// True where they come from a request object that the client has signed. It was verified once, and is not again.
    pub is_signed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// [`KeptRequest::parameters`].
    request: String,
    /// [`KeptRequest::is_signed`].
    #[serde(default)]
    is_signed: bool,
    /// Hash of the browser's secret.
    browser: [u8; 32],
    started_at: Timestamp,
    /// The person has chosen to go on with the account that is signed in.
    account_confirmed: bool,
    /// Who has agreed to what the client asks for, in this sign-in.
    consented: Option<String>,
}

/// What is found under an id.
#[derive(Debug)]
pub enum Found {
    /// The browser's own.
    Own(Interaction),
    /// One that another browser began, or one that sends no cookies.
    Foreign,
    /// None, or none any more.
    Gone,
}

impl Interaction {
    /// Begins one for the browser that holds this secret.
    ///
    /// # Errors
    /// The store's (it refuses when too many are under way), [`AccountError::NoEntropy`].
    pub async fn begin(
        store: &dyn Store,
        realm: &Realm,
        request: KeptRequest,
        browser: &str,
        now: Timestamp,
    ) -> Result<Self, AccountError> {
        let browser = *IdHash::of(browser).as_bytes();
        let KeptRequest { parameters: request, is_signed } = request;
        let state = State { request, is_signed, browser, started_at: now, account_confirmed: false, consented: None };
        let interaction = Self { id: unguessable()?, state };
        store.commit(vec![Change::Insert(interaction.artifact(realm))], now).await?;
        Ok(interaction)
    }

    /// The interaction of this id, for the browser that holds this secret (none: it sent no cookie).
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        store: &dyn Store,
        realm: &Realm,
        id: &str,
        browser: Option<&str>,
        now: Timestamp,
    ) -> Result<Found, StoreError> {
        let found = find::<State>(store, realm, Kind::Interaction, &IdHash::of(id), now).await?;
        let Some((state, _)) = found else { return Ok(Found::Gone) };
        let own = browser.is_some_and(|browser| IdHash::of(browser).as_bytes().ct_eq(&state.browser).into());
        Ok(if own { Found::Own(Self { id: id.to_owned(), state }) } else { Found::Foreign })
    }

    /// Remembers that the person goes on with the account that is signed in (`prompt=select_account`).
    ///
    /// # Errors
    /// The store's; a conflict where the interaction has ended.
    pub async fn confirm_account(
        &mut self,
        store: &dyn Store,
        realm: &Realm,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.state.account_confirmed = true;
        self.write(store, realm, now).await
    }

    /// Remembers that `subject` has agreed.
    ///
    /// # Errors
    /// The store's; a conflict where the interaction has ended.
    pub async fn consent(
        &mut self,
        store: &dyn Store,
        realm: &Realm,
        subject: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.state.consented = Some(subject.to_owned());
        self.write(store, realm, now).await
    }

    /// The request's parameters, form-encoded.
    pub fn request(&self) -> &str {
        &self.state.request
    }

    /// True where the client has signed it as a whole.
    pub fn is_signed(&self) -> bool {
        self.state.is_signed
    }

    /// When it began: who signs in later than that has done so for this request.
    pub fn started_at(&self) -> Timestamp {
        self.state.started_at
    }

    /// True where the person has chosen the account that is signed in.
    pub fn account_confirmed(&self) -> bool {
        self.state.account_confirmed
    }

    /// True where `subject` has agreed in this sign-in.
    pub fn has_consent_of(&self, subject: &str) -> bool {
        self.state.consented.as_deref() == Some(subject)
    }

    async fn write(&self, store: &dyn Store, realm: &Realm, now: Timestamp) -> Result<(), StoreError> {
        let artifact = self.artifact(realm);
        let remove = Change::RemoveUnused { kind: Kind::Interaction, id: artifact.id };
        store.commit(vec![remove, Change::Insert(artifact)], now).await
    }

    fn artifact(&self, realm: &Realm) -> Artifact {
        Artifact {
            kind: Kind::Interaction,
            id: IdHash::of(&self.id),
            realm: realm.name.to_string().into(),
            grant: None,
            session: None,
            subject: None,
            payload: payload(&self.state),
            expires_at: self.state.started_at + LIFETIME,
            consumed: None,
        }
    }
}
