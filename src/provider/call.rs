use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;

use super::{Endpoint, Provider};
use crate::realm::Realm;

/// One request's surroundings, handed to every step: the realm as it was when the request came, and the one `now`.
#[derive(Debug, Clone)]
pub struct Call {
    /// What the endpoints share.
    pub provider: Arc<Provider>,
    /// The realm, unchanging for this request.
    pub realm: Arc<Realm>,
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Who is on the other side.
    pub peer: Peer,
    /// The time of this request.
    pub now: Timestamp,
}

/// The other side of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address, as the socket has it.
    pub address: IpAddr,
}
