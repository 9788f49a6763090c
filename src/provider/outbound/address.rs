use std::net::{IpAddr, Ipv6Addr};

/// True for an address of the public Internet (the IANA special-purpose registries, RFC 6890).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(network, length)| in_v4(v4.to_bits(), *network, *length)),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(v4),
            None => {
                // Global unicast, less what is set aside in it.
                let [first, second, ..] = v6.segments();
                let is_special =
                    matches!((first, second), (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff));
                first & 0xe000 == 0x2000 && !is_special
            }
        },
    }
}

/// This network, private, shared, loopback, link-local, IETF, documentation (three), 6to4 relays, benchmarks, multicast, reserved.
const SPECIAL_V4: [(u32, u32); 14] = [
    (0x0000_0000, 8),
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0x7f00_0000, 8),
    (0xa9fe_0000, 16),
    (0xac10_0000, 12),
    (0xc000_0000, 24),
    (0xc000_0200, 24),
    (0xc058_6300, 24),
    (0xc0a8_0000, 16),
    (0xc612_0000, 15),
    (0xc633_6400, 24),
    (0xcb00_7100, 24),
    (0xe000_0000, 3),
];

fn in_v4(address: u32, network: u32, length: u32) -> bool {
    (address ^ network) >> (32 - length) == 0
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291 section 2.5.5.2), or behind a NAT64 (RFC 6052 section 2.1).
fn embedded(address: Ipv6Addr) -> Option<IpAddr> {
    let bits = address.to_bits();
    let v4 = u32::try_from(bits & 0xffff_ffff).ok()?;
    let is_mapped = bits >> 32 == 0xffff;
    let is_nat64 = bits >> 32 == 0x0064_ff9b_u128 << 64;
    (is_mapped || is_nat64).then(|| IpAddr::V4(std::net::Ipv4Addr::from_bits(v4)))
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for (address, want) in [
            ("8.8.8.8", true),
            ("1.1.1.1", true),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("223.255.255.255", true),
            ("2606:4700::1111", true),
            ("64:ff9b::808:808", true),
            ("::ffff:8.8.8.8", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.170", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.51.100.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("3fff::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), want, "{address}");
        }
    }
}
