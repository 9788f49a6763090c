use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who has asked: the last address of `X-Forwarded-For` that is not a proxy of ours, each line of it having been written by a proxy that
/// is. What a client has put there itself stands before that and is never believed.
pub(super) fn client(peer: IpAddr, proxies: &[IpNet], headers: &HeaderMap) -> IpAddr {
    let is_ours = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    if !is_ours(&peer) {
        return peer;
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    let mut client = peer;
    for hop in hops.map(address) {
        match hop {
            Some(address) if is_ours(&address) => client = address,
            Some(address) => return address,
            None => break,
        }
    }
    client
}

/// An address, as some write it with a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = || hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop).parse::<IpAddr>();
    let with_port = |_| hop.parse::<SocketAddr>().map(|address| address.ip());
    bare().or_else(with_port).ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::HeaderMap;

    use super::{X_FORWARDED_FOR, client};

    fn found(peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client(peer.parse::<IpAddr>().unwrap(), &proxies, &headers).to_string()
    }

    #[test]
    fn only_our_proxies_are_believed() {
        for (peer, lines, want) in [
            ("203.0.113.9", &["1.2.3.4"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6, 1.2.3.4 ,10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["1.2.3.4, rubbish"], "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4:5678"], "1.2.3.4"),
            ("fd00::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("fd00::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
        ] {
            assert_eq!(found(peer, lines), want, "{peer} {lines:?}");
        }
    }
}
