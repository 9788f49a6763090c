//! Clients that registered themselves and that nobody uses any more: what nobody asked for by hand, nobody will clean up by hand.

use jiff::{SignedDuration, Timestamp};

use super::{ClientRemoval, build::Builder};
use crate::{
    controller::{
        checks::key_lifecycle::later,
        source::{Kind, ObjectKey},
    },
    realm::{ObjectName, registration::Registration},
};

/// A use is told so much later than it was, at the most: this part of the time that a client may lie unused.
pub(in crate::controller) const TOLD_WITHIN: u32 = 20;

/// True where the client is to be removed, and nothing else is to be planned for it.
pub(super) fn plan(builder: &mut Builder<'_>, name: &ObjectName) -> bool {
    let index = builder.index;
    let Some(record) = index.world.clients.get(name) else { return false };
    let (Some(registration), Some(spec)) = (&record.meta.registration, &record.spec) else { return false };
    let serving = index.states.realms.get(&spec.realm).and_then(|realm| realm.serving.as_ref());
    let policy = serving.and_then(|serving| serving.spec.settings.registration.as_ref());
    let unused_after = policy.and_then(|policy| policy.unused_after);
    let Some(unused_after) = unused_after.filter(|_| !record.meta.is_frozen) else { return false };
    let key = ObjectKey { kind: Kind::OidcClient, name: name.clone() };
    let end = end(registration, SignedDuration::try_from(unused_after).unwrap_or(SignedDuration::MAX));
    if end > builder.now {
        builder.wake(&key, end);
        return false;
    }
    let (uid, resource_version) = (record.meta.uid.clone(), record.meta.resource_version);
    builder.plan.expired.push(ClientRemoval { key, uid, resource_version });
    true
}

/// When a client has not been used for so long, whatever was not told of it yet.
fn end(registration: &Registration, unused_after: SignedDuration) -> Timestamp {
    let used = registration.last_used.unwrap_or(registration.issued_at).max(registration.issued_at);
    let untold = SignedDuration::from_secs(unused_after.as_secs() / i64::from(TOLD_WITHIN) + 1);
    later(later(used, unused_after), untold)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::end;
    use crate::realm::registration::{Registration, TokenHash};

    #[test]
    fn the_time_begins_with_the_registration_and_with_each_use() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let registration = |last_used| Registration {
            access_token: TokenHash::of(b"t"),
            issued_at: at(1000),
            secret_expires_at: None,
            last_used,
            revision: 1,
            statement: None,
        };
        let day = SignedDuration::from_secs(2000);
        assert_eq!(end(&registration(None), day), at(1000 + 2000 + 101));
        assert_eq!(end(&registration(Some(at(5000))), day), at(5000 + 2000 + 101));
        assert_eq!(end(&registration(Some(at(10))), day), at(1000 + 2000 + 101), "nobody used it before it was there");
    }
}
