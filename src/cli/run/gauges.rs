use std::{fmt, sync::Arc};

use jiff::Timestamp;

use crate::{
    provider::Clock,
    realm::{ClientSecret, Realm, Registry},
    telemetry::metrics_library::{
        collector::Collector,
        encoding::{DescriptorEncoder, EncodeMetric},
        metrics::gauge::ConstGauge,
    },
};

/// What each realm has, computed from the published realms when the metrics are asked for: a realm that is gone leaves nothing.
pub(super) struct Gauges {
    registry: Arc<Registry>,
    clock: Clock,
}

impl Gauges {
    pub(super) fn new(registry: Arc<Registry>, clock: Clock) -> Self {
        Self { registry, clock }
    }

    /// Keys by algorithm and state: `active` signs, `published` is in the JWKS only.
    fn keys(&self, realm: &Realm) -> Vec<(&'static str, &'static str, i64)> {
        let now = (self.clock)();
        let published: Vec<_> = realm.keyring.published(now).collect();
        let mut counts = Vec::new();
        for algorithm in crate::jose::KeyAlgorithm::all() {
            let all = published.iter().filter(|jwk| jwk.alg == algorithm.jwk_name()).count();
            let active = usize::from(realm.keyring.active(algorithm, now).is_some());
            for (state, count) in [("active", active), ("published", all.saturating_sub(active))] {
                if all > 0 {
                    counts.push((algorithm.resource_name(), state, i64::try_from(count).unwrap_or(i64::MAX)));
                }
            }
        }
        counts
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.registry.load();
        let mut realms: Vec<_> = snapshot.realms().collect();
        realms.sort_by(|a, b| a.name.cmp(&b.name));
        let kind = ConstGauge::new(0i64).metric_type();
        let mut keys =
            encoder.encode_descriptor("keys", "Keys in the JWKS by realm, algorithm and state", None, kind)?;
        for realm in &realms {
            for (algorithm, state, count) in self.keys(realm) {
                let labels = [("realm", &*realm.name.to_string()), ("algorithm", algorithm), ("state", state)];
                ConstGauge::new(count).encode(keys.encode_family(&labels)?)?;
            }
        }
        for (name, help, count) in [
            ("clients", "Accepted clients by realm", clients as fn(&Realm) -> usize),
            ("users", "Accepted users by realm", users),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for realm in &realms {
                let count = i64::try_from(count(realm)).unwrap_or(i64::MAX);
                ConstGauge::new(count).encode(family.encode_family(&[("realm", &*realm.name.to_string())])?)?;
            }
        }
        let help = "When the former secret of a client was used last, while it is accepted, in Unix time; 0: not yet";
        let name = "client_previous_secret_last_used_timestamp_seconds";
        let mut former = encoder.encode_descriptor(name, help, None, kind)?;
        let now = (self.clock)();
        for realm in &realms {
            let mut clients: Vec<_> = realm.clients.values().collect();
            clients.sort_by(|a, b| a.id.cmp(&b.id));
            for client in clients {
                let accepted = |secret: &&ClientSecret| secret.valid_until.is_some_and(|until| now < until);
                let Some(secret) = client.authentication.secrets.iter().find(accepted) else { continue };
                let used = secret.last_use.get().map_or(0, Timestamp::as_second);
                let labels = [("realm", &*realm.name.to_string()), ("client", client.id.as_str())];
                ConstGauge::new(used).encode(former.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn clients(realm: &Realm) -> usize {
    realm.clients.size()
}

fn users(realm: &Realm) -> usize {
    realm.users.size()
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{ClientSecret, Gauges, Timestamp};
    use crate::{
        provider::testing::{client, realm, user},
        telemetry::Metrics,
    };

    #[test]
    fn a_client_shows_when_its_former_secret_was_used_last() {
        let metrics = Metrics::default();
        let end = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(100);
        let former = ClientSecret::new("1", b"former", Some(end)).unwrap();
        let clock = Arc::new(std::sync::atomic::AtomicI64::new(50));
        let mut app = client("a").0;
        app.authentication.secrets.push(former.clone());
        let staff = realm().client(client("b")).serve();
        staff.change(|realm| {
            realm.clients.insert_mut(app.id.clone(), Arc::new(app));
        });
        let now = clock.clone();
        let clock_of = move || Timestamp::from_second(now.load(std::sync::atomic::Ordering::Relaxed)).unwrap();
        metrics.register(Box::new(Gauges::new(staff.provider.registry.clone(), Arc::new(clock_of))));
        let line = |used| {
            format!(
                r#"realmkeeper_client_previous_secret_last_used_timestamp_seconds{{realm="identity/staff",client="a"}} {used}"#
            )
        };
        assert!(metrics.encode().contains(&line(0)), "{}", metrics.encode());
        former.note_use(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(42));
        assert!(metrics.encode().contains(&line(42)));
        clock.store(100, std::sync::atomic::Ordering::Relaxed);
        assert!(!metrics.encode().contains(r#"client="a"} "#), "it is no longer accepted");
    }

    #[test]
    fn each_realm_shows_its_keys_clients_and_users() {
        let metrics = Metrics::default();
        let staff = realm().client(client("a")).client(client("b")).user(user("ada")).serve();
        let registry = staff.provider.registry.clone();
        metrics.register(Box::new(Gauges::new(registry, Arc::new(|| Timestamp::UNIX_EPOCH))));
        let text = metrics.encode();
        for line in [
            r#"realmkeeper_keys{realm="identity/staff",algorithm="ES256",state="active"} 1"#,
            r#"realmkeeper_keys{realm="identity/staff",algorithm="RS256",state="published"} 0"#,
            r#"realmkeeper_clients{realm="identity/staff"} 2"#,
            r#"realmkeeper_users{realm="identity/staff"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
