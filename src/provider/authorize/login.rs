//! OpenID Connect Core sections 3.1.2.1 and 3.1.2.3: whether the person must sign in, again or at all. With `prompt=none` the same
//! answer is an error instead of a page (section 3.1.2.6).

use jiff::{SignedDuration, Timestamp};

use super::{AuthorizationRequest, id_token_hint::Meant};
use crate::account::{interaction::Interaction, session::Session};

/// What must happen before there is an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Signed in as the request wants it.
    Fine,
    /// The person must sign in.
    SignIn,
    /// The person must say with which account to go on.
    SelectAccount,
    /// The person has signed in for this request, and is not the one it means.
    SomebodyElse,
}

pub(crate) fn check(
    request: &AuthorizationRequest,
    session: Option<&Session>,
    interaction: Option<&Interaction>,
    now: Timestamp,
) -> Standing {
    let Some(session) = session else { return Standing::SignIn };
    // Signed in since the request was made: that answers `prompt` and `max_age`, however long the rest of it takes.
    let is_fresh = interaction.is_some_and(|interaction| interaction.started_at() <= session.authenticated_at());
    let is_hinted = match &request.meant {
        Meant::Anybody => true,
        Meant::Subject(known) => known.is(&session.subject()),
        Meant::Unvouched(known) => !request.prompt.none && known.is(&session.subject()),
    };
    // Section 3.1.2.2: for a `sub` that is asked for there is an answer about that person, or none.
    let is_meant = is_hinted && request.claims.is_for(&request.client.subject.shown(&session.subject()));
    match (is_meant, is_fresh) {
        (false, true) => return Standing::SomebodyElse,
        (false, false) => return Standing::SignIn,
        (true, true) => return Standing::Fine,
        (true, false) => {}
    }
    if request.prompt.login || is_too_old(request.max_age, session, now) {
        return Standing::SignIn;
    }
    let is_confirmed = interaction.is_some_and(Interaction::account_confirmed);
    if request.prompt.select_account && !is_confirmed { Standing::SelectAccount } else { Standing::Fine }
}

/// `max_age=0` is another way to say `prompt=login`.
fn is_too_old(max_age: Option<u32>, session: &Session, now: Timestamp) -> bool {
    max_age.is_some_and(|max_age| {
        max_age == 0 || now.duration_since(session.authenticated_at()) > SignedDuration::from_secs(i64::from(max_age))
    })
}
