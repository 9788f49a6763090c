//! Changing the password, where the realm permits it (`spec.login.passwordChange`) and this process knows where to write it. The old one
//! is asked for, under the same lockout as at sign-in. With it ends all that was signed in or granted under it, but for this browser.

use axum::{
    body::Body,
    http::{Response, StatusCode},
};

use super::{Here, PATH, apps, end_sessions, overview};
use crate::{
    account::AccountError,
    provider::{
        Params,
        login::{self, Alert},
        visit::{Visit, see_other},
    },
    realm::{PasswordChange, PasswordNotWritten, PasswordWriter, User},
    secret::Secret,
    store::StoreError,
};

/// A shorter password is refused, in characters. What a person chooses for the one factor that there is (NIST SP 800-63B section 3.1.1).
pub(super) const MIN_LENGTH: usize = 12;
/// A longer one is refused, in bytes.
const MAX_LENGTH: usize = 1024;

/// What may be wrong with a password that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    Missing,
    Different,
    Short,
    Long,
    Same,
    Name,
}

/// The writer, where this person may change the password here.
pub(super) fn writer<'v>(visit: &Visit<'v>, user: &User) -> Option<&'v dyn PasswordWriter> {
    let login = &visit.call.realm.settings.login;
    let permitted = login.passwords && login.password_change && user.password.is_some();
    visit.call.provider.password_writer.as_deref().filter(|_| permitted)
}

/// The form has come, with a token that fits.
pub(super) async fn change(visit: &mut Visit<'_>, here: &Here<'_>, form: &Params) -> Response<Body> {
    let (Some(writer), Some(old)) = (writer(visit, here.user), here.user.password.clone()) else {
        return overview::refuse(visit, here, StatusCode::FORBIDDEN, |texts| texts.own.password_not_here.into()).await;
    };
    let field = |name| form.get(name).unwrap_or_default();
    let (current, new) = (field("current-password"), field("new-password"));
    if let Err(unfit) = check(here.user, current, new, field("new-password-again")) {
        return overview::refuse(visit, here, StatusCode::UNPROCESSABLE_ENTITY, |texts| texts.own.unfit(unfit)).await;
    }
    match login::authenticate(visit.call, &here.user.username, Secret::new(current)).await {
        Ok(Ok(_)) => {}
        Ok(Err(alert)) => {
            let now = visit.call.now;
            let text = |texts: &crate::provider::pages::Texts| match alert {
                Alert::Wrong => texts.own.current_wrong.to_owned(),
                other => other.text(texts, now),
            };
            return overview::refuse(visit, here, alert.status(), text).await;
        }
        Err(error) => return visit.trouble(&error),
    }
    let Ok(hash) = visit.call.provider.passwords.hash(Secret::new(new)).await else {
        return overview::refuse(visit, here, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.overloaded.into()).await;
    };
    let change = PasswordChange { user: here.user.name.clone(), old, new: hash };
    match writer.write(change.clone()).await {
        Ok(()) => written(visit, here, &change).await,
        Err(error) => not_written(visit, here, &error).await,
    }
}

fn check(user: &User, current: &str, new: &str, again: &str) -> Result<(), Unfit> {
    let is = |other: &str| new.trim().eq_ignore_ascii_case(other.trim());
    let email = user.profile.get("email").and_then(|email| email.as_str()).unwrap_or_default();
    match () {
        () if current.is_empty() || new.is_empty() => Err(Unfit::Missing),
        () if new != again => Err(Unfit::Different),
        () if new == current => Err(Unfit::Same),
        () if new.len() > MAX_LENGTH => Err(Unfit::Long),
        () if new.chars().count() < MIN_LENGTH || new.trim().is_empty() => Err(Unfit::Short),
        () if is(&user.username) || is(email) => Err(Unfit::Name),
        () => Ok(()),
    }
}

/// Ends what the old password had begun. This browser goes on under a new cookie, whichever of the two passwords this replica sees.
async fn written(visit: &mut Visit<'_>, here: &Here<'_>, change: &PasswordChange) -> Response<Body> {
    tracing::info!(subject = %here.user.subject, "a person changed their password");
    let call = visit.call;
    let ended: Result<(), StoreError> = async {
        end_sessions(call, here, |session| session.sid() != here.session.sid()).await?;
        apps::end_grants(call, &here.user.subject, |_| true).await
    }
    .await;
    let begun = login::begin(visit, here.user, change.new_password().as_ref()).await;
    if let Err(error) = ended.map_err(AccountError::from).and(begun) {
        return visit.trouble(&error);
    }
    settle(visit, here, change).await;
    see_other(&format!("{}?done=password-changed", call.realm.issuer.endpoint(PATH)))
}

/// The controller reads back what was written within moments. Waiting for them, "it is changed" is true when it is said.
async fn settle(visit: &Visit<'_>, here: &Here<'_>, change: &PasswordChange) {
    let (call, new) = (visit.call, change.new_password());
    for _ in 0..50 {
        let snapshot = call.provider.registry.load().clone();
        let realm = snapshot.realm(&call.realm.name);
        let user = realm.and_then(|realm| realm.users.get(&here.user.subject));
        if user.is_none_or(|user| user.password == new) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn not_written(visit: &Visit<'_>, here: &Here<'_>, error: &PasswordNotWritten) -> Response<Body> {
    tracing::warn!(user = %here.user.name, %error, "a new password was not written");
    let (status, text): (_, fn(&crate::provider::pages::Texts) -> String) = match error {
        PasswordNotWritten::NotOurs(_) => (StatusCode::FORBIDDEN, |texts| texts.own.password_not_here.into()),
        PasswordNotWritten::Changed => (StatusCode::CONFLICT, |texts| texts.own.password_overtaken.into()),
        PasswordNotWritten::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, |texts| texts.unavailable.text.into()),
    };
    overview::refuse(visit, here, status, text).await
}

impl crate::provider::pages::OwnTexts {
    fn unfit(&self, unfit: Unfit) -> String {
        match unfit {
            Unfit::Missing => self.password_missing.to_owned(),
            Unfit::Different => self.password_different.to_owned(),
            Unfit::Short => format!("{}{MIN_LENGTH}{}", self.password_short.0, self.password_short.1),
            Unfit::Long => self.password_long.to_owned(),
            Unfit::Same => self.password_same.to_owned(),
            Unfit::Name => self.password_name.to_owned(),
        }
    }
}
