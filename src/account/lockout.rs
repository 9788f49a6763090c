//! Repeated failures lock out: a name of a realm after `maxFailures`, an address after [`ADDRESS_FACTOR`] times as many, each within
//! `window` and for `duration`.
//!
//! - A name is counted whether or not somebody has it, so a locked name says nothing about who exists, and the page may say openly that
//!   it is locked and for how long. While it is locked no password is looked at, right or wrong.
//! - An attempt is counted before its password is checked and forgotten when it was right: any number of guesses at the same instant
//!   get no more than `maxFailures` answers. What comes beyond that while they are being checked is neither admitted nor locked but
//!   [`Admission::Busy`]: a moment later it is one or the other.
//! - Whoever knows a name can lock it; that is the price, and `duration` bounds it. A session that is there goes on.
//! - An address is counted after a failure only, and a success does not clear it: who has an account of his own can't use it to go on
//!   guessing. Its limit is higher because many people may share one.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::{
    realm::{Lockout, Realm},
    store::{IdHash, Store, StoreError},
};

/// An address may fail this many times as often as a name.
pub const ADDRESS_FACTOR: u32 = 10;

/// The counters of one attempt to sign in.
#[derive(Debug)]
pub struct Attempt<'a> {
    store: &'a dyn Store,
    realm: String,
    policy: &'a Lockout,
    name: Keys,
    address: Keys,
    /// Failures of the name in its window, this attempt included.
    count: u32,
}

/// Whether a password may be checked.
#[derive(Debug)]
pub enum Admission<'a> {
    /// It may; tell the attempt how it ended.
    Admitted(Attempt<'a>),
    /// It may not, until then.
    Locked(Timestamp),
    /// As many passwords as may be wrong are being checked for this name: ask again in a moment. Should none of them ever be answered
    /// (a crash), the window ends then.
    Busy(Timestamp),
}

/// A counter of failures, and one whose presence is the lock.
#[derive(Debug)]
struct Keys {
    failures: IdHash,
    lock: IdHash,
}

impl Keys {
    fn new(realm: &str, what: &str, who: &str) -> Self {
        let key = |counter| IdHash::of(format!("lockout\0{counter}\0{what}\0{realm}\0{who}"));
        Self { failures: key("failures"), lock: key("lock") }
    }
}

/// Until when the name or the address is locked; no attempt is counted.
///
/// # Errors
/// The store's.
pub async fn locked(
    store: &dyn Store,
    realm: &Realm,
    username: &str,
    address: IpAddr,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let (name, address) = keys(realm, username, address);
    for lock in [&name.lock, &address.lock] {
        if let Some(locked) = store.counter(lock, now).await? {
            return Ok(Some(locked.expires_at));
        }
    }
    Ok(None)
}

fn keys(realm: &Realm, username: &str, address: IpAddr) -> (Keys, Keys) {
    let realm = realm.name.to_string();
    let address = network(address).to_string();
    (Keys::new(&realm, "name", &username.to_lowercase()), Keys::new(&realm, "address", &address))
}

impl<'a> Attempt<'a> {
    /// Counts an attempt to sign in as `username` from `address`.
    ///
    /// # Errors
    /// The store's.
    pub async fn admit(
        store: &'a dyn Store,
        realm: &'a Realm,
        username: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Admission<'a>, StoreError> {
        let policy = &realm.settings.login.lockout;
        let (name, address_keys) = keys(realm, username, address);
        let realm_name = realm.name.to_string();
        let counted = store.count(&realm_name, &name.failures, policy.window, now).await?;
        // After the count: a lock that falls between the two is seen.
        if let Some(until) = locked(store, realm, username, address, now).await? {
            return Ok(Admission::Locked(until));
        }
        if counted.count > policy.max_failures {
            return Ok(Admission::Busy(counted.expires_at));
        }
        let attempt = Self { store, realm: realm_name, policy, name, address: address_keys, count: counted.count };
        Ok(Admission::Admitted(attempt))
    }

    /// The password was wrong. The lock falls with the last failure that is allowed; its end is returned then.
    ///
    /// # Errors
    /// The store's.
    pub async fn failed(self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let counted = self.store.count(&self.realm, &self.address.failures, self.policy.window, now).await?;
        let limit = self.policy.max_failures.saturating_mul(ADDRESS_FACTOR);
        let of_address = if counted.count >= limit { self.lock(&self.address, now).await? } else { None };
        let of_name = if self.count >= self.policy.max_failures { self.lock(&self.name, now).await? } else { None };
        Ok(of_name.max(of_address))
    }

    /// The password was right.
    ///
    /// # Errors
    /// The store's.
    pub async fn succeeded(self) -> Result<(), StoreError> {
        self.store.reset(&self.name.failures).await
    }

    async fn lock(&self, keys: &Keys, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let lock = self.store.count(&self.realm, &keys.lock, self.policy.duration, now).await?;
        self.store.reset(&keys.failures).await?;
        Ok(Some(lock.expires_at))
    }
}

/// An IPv6 address counts as its /64, which is what one customer has at the least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::from(u64::MAX) << 64)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::{Admission, Attempt, network};
    use crate::{provider::testing::realm, realm::Realm, store::MemoryStore};

    fn staff() -> Realm {
        realm().settings(|settings| settings.login.lockout.max_failures = 3).build()
    }

    /// Fails once under a name of its own; false where the attempt is refused.
    async fn fail(store: &MemoryStore, realm: &Realm, name: &str, from: &str, now: jiff::Timestamp) -> bool {
        match Attempt::admit(store, realm, name, from.parse().unwrap(), now).await.unwrap() {
            Admission::Admitted(attempt) => {
                attempt.failed(now).await.unwrap();
                true
            }
            Admission::Locked(_) | Admission::Busy(_) => false,
        }
    }

    #[tokio::test]
    async fn an_address_is_locked_out_after_ten_times_the_failures_of_a_name_whatever_the_names() {
        let (store, realm, now) = (MemoryStore::new(), staff(), jiff::Timestamp::UNIX_EPOCH);
        let address = |n: u32| if n.is_multiple_of(2) { "2001:db8::1" } else { "2001:db8::ffff:2" };
        for n in 0..30 {
            assert!(fail(&store, &realm, &format!("name-{n}"), address(n), now).await, "{n}");
        }
        assert!(!fail(&store, &realm, "another", "2001:db8::3", now).await, "all of one /64 are one address");
        assert!(fail(&store, &realm, "another", "2001:db8:0:1::3", now).await, "the next /64 is not");
        assert!(fail(&store, &realm, "another", "192.0.2.1", now).await);
        let end = now + Duration::from_secs(900);
        assert!(fail(&store, &realm, "another", "2001:db8::3", end).await, "the lock ends");
    }

    #[tokio::test]
    async fn success_does_not_clear_an_address() {
        let (store, realm, now) = (MemoryStore::new(), staff(), jiff::Timestamp::UNIX_EPOCH);
        let mut refused = 0;
        for n in 0..40 {
            refused += u32::from(!fail(&store, &realm, &format!("name-{n}"), "192.0.2.1", now).await);
            let own = Attempt::admit(&store, &realm, "mallory", "192.0.2.1".parse().unwrap(), now).await.unwrap();
            if let Admission::Admitted(attempt) = own {
                attempt.succeeded().await.unwrap();
            }
        }
        assert_eq!(refused, 10);
    }

    #[tokio::test]
    async fn failures_outside_the_window_and_in_other_realms_do_not_count() {
        let (store, realm, now) = (MemoryStore::new(), staff(), jiff::Timestamp::UNIX_EPOCH);
        for n in 0..6_u64 {
            let later = now + Duration::from_secs(n * 150);
            assert!(fail(&store, &realm, "ada", "192.0.2.1", later).await, "{n}");
        }
        let guests = crate::provider::testing::realm().named("guests").build();
        for _ in 0..3 {
            fail(&store, &realm, "bob", "192.0.2.1", now).await;
        }
        assert!(!fail(&store, &realm, "BOB", "192.0.2.2", now).await);
        assert!(fail(&store, &guests, "bob", "192.0.2.2", now).await);
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64() {
        for (address, want) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(network(address.parse().unwrap()), want.parse::<IpAddr>().unwrap());
        }
    }
}
