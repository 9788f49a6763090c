//! Front-Channel Logout 1.0 section 2: each client of the session that has registered a `frontchannel_logout_uri` is loaded in a frame of the
//! page that the person sees, so that it can sign them out in this very browser.

use axum::{body::Body, http::Response};
use url::Url;

use crate::{
    account::session::Ended,
    provider::{
        authorize::with_query,
        pages::{self, SignedOutPage},
    },
    realm::{Client, Realm},
};

/// The frame of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientFrame {
    uri: String,
    origin: String,
}

/// The frames of an ended session's clients. `iss` and `sid` are sent to each: who has not asked for them passes them over.
pub(super) fn frames(realm: &Realm, ended: &Ended) -> Vec<ClientFrame> {
    let identity = [("iss", realm.issuer.as_str()), ("sid", ended.session.sid())];
    ended.clients.iter().filter_map(|client| frame(client, &identity)).collect()
}

fn frame(client: &Client, identity: &[(&str, &str)]) -> Option<ClientFrame> {
    let uri = client.logout.frontchannel_uri.as_deref()?;
    let origin = pages::origin_in_policy(&Url::parse(uri).ok()?)?;
    Some(ClientFrame { uri: with_query(uri, identity), origin })
}

/// The page with the frames; its policy lets in those clients and nobody else.
pub(super) fn page(page: SignedOutPage<'_>, frames: &[ClientFrame]) -> Response<Body> {
    let mut origins: Vec<_> = frames.iter().map(|frame| frame.origin.clone()).collect();
    origins.sort();
    origins.dedup();
    let frames = frames.iter().map(|frame| frame.uri.clone()).collect();
    pages::signed_out(&SignedOutPage { frames, ..page }, &origins)
}
