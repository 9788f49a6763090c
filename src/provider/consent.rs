//! The consent page (OpenID Connect Core section 3.1.2.4): who asks for what, and nothing happens before the person agrees.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};

use super::{
    Call, ErrorCode, OAuthError,
    authorize::{self, Standing},
    pages::{self, ConsentPage, Texts},
    under_way::UnderWay,
};
use crate::{
    account::consent::Consent,
    realm::{Realm, Scope},
    store::StoreError,
};

const PATH: &str = "/consent";

/// Answers GET and POST.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    UnderWay::answer(call, request, show, submit).await
}

/// The question, while it is open; else wherever the sign-in stands.
async fn show(under_way: &mut UnderWay<'_>) -> Response<Body> {
    let call = under_way.visit.call;
    let standing = authorize::check_login(
        &under_way.request,
        under_way.visit.session.as_ref(),
        Some(&under_way.interaction),
        call.now,
    );
    let Some(user) = under_way.user().filter(|_| standing == Standing::Fine) else {
        return under_way.proceed().await;
    };
    match authorize::consent_is_needed(call, &under_way.request, &user.subject, Some(&under_way.interaction)).await {
        Ok(true) => consent_page(under_way),
        Ok(false) => under_way.proceed().await,
        Err(error) => under_way.visit.trouble(&error.into()),
    }
}

async fn submit(under_way: &mut UnderWay<'_>) -> Response<Body> {
    // The token names the user: nobody agrees for somebody who has signed in in another tab in the meantime.
    let Some(subject) = under_way.user().map(|user| user.subject.clone()) else { return under_way.outdated(PATH) };
    if !under_way.csrf_is_valid(["consent", &subject]) {
        return under_way.outdated(PATH);
    }
    match under_way.form.get("action") {
        Some("allow") => match remember(under_way, &subject).await {
            Ok(()) => under_way.proceed().await,
            Err(error) => under_way.visit.trouble(&error.into()),
        },
        Some("deny") => {
            let error = OAuthError::new(ErrorCode::AccessDenied, "the person did not agree");
            under_way.request.reply_to.error(&under_way.visit, &under_way.request.client, error)
        }
        _ => under_way.outdated(PATH),
    }
}

async fn remember(under_way: &mut UnderWay<'_>, subject: &str) -> Result<(), StoreError> {
    let call = under_way.visit.call;
    let (store, request) = (&*call.provider.store, &under_way.request);
    let mut consent = Consent::find(store, &call.realm, subject, &request.client, call.now).await?;
    consent.extend(&authorize::asked(&call.realm.settings, request));
    consent.remember(store, &call.realm, subject, &request.client, call.now).await?;
    under_way.interaction.consent(store, &call.realm, subject, call.now).await
}

fn consent_page(under_way: &UnderWay<'_>) -> Response<Body> {
    let (Some(person), Some(user)) = (under_way.person(), under_way.user()) else { return under_way.outdated(PATH) };
    let (realm, texts) = (under_way.visit.realm(), under_way.texts());
    let asked = authorize::asked(&realm.settings, &under_way.request);
    let scopes = asked.scopes.iter().map(|scope| Cow::Borrowed(wish(realm, texts, scope)));
    let wishes = scopes.chain(asked.claims.iter().map(|claim| claim_wish(realm, texts, claim))).collect();
    let page = ConsentPage {
        frame: under_way.visit.frame(),
        client: under_way.asker(),
        person,
        wishes,
        resources: &under_way.request.resources,
        action: under_way.url(PATH),
        switch: format!("{}&account=other", under_way.url("/login")),
        interaction: &under_way.interaction.id,
        csrf: under_way.csrf(["consent", &user.subject]),
    };
    pages::client_page(StatusCode::OK, &page, &page.client)
}

/// What a scope means: a standard one in the page's language, another as the Realm describes it.
pub(super) fn wish<'u>(realm: &'u Realm, texts: &'static Texts, name: &'u str) -> &'u str {
    match texts.scopes.iter().find(|(standard, _)| *standard == name) {
        Some((_, text)) => text,
        None => realm.settings.scope(name).map_or(name, |scope| &*scope.description),
    }
}

/// What it means to learn one claim: a standard one in the page's language; one that has a scope to itself as the Realm describes that;
/// another by its name.
pub(super) fn claim_wish<'u>(realm: &'u Realm, texts: &'static Texts, name: &'u str) -> Cow<'u, str> {
    let standard = || texts.claims.iter().find(|(standard, _)| *standard == name).map(|(_, text)| Cow::Borrowed(*text));
    let has_it_alone = |scope: &&Scope| matches!(&*scope.claims, [only] if **only == *name);
    let described = || realm.settings.scopes.iter().find(has_it_alone).map(|scope| wish(realm, texts, &scope.name));
    let named = || Cow::Owned(format!("{}{name}{}", texts.claim.0, texts.claim.1));
    standard().or_else(|| described().map(Cow::Borrowed)).unwrap_or_else(named)
}

#[cfg(test)]
mod tests;
