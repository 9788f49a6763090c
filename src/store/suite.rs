//! What every engine must do, told once: each test below runs for each engine. A new engine adds its name at the end.

mod atomicity;
mod changes;
mod closing;
mod concurrency;
mod counters;
mod due;
mod expiry;
mod limits;
mod owned;
mod removal;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::{Artifact, Change, Consumed, IdHash, Kind, MemoryStore, PostgresStore, SqliteStore, Store, StoreError};

#[path = "../../tests/support/postgres.rs"]
pub(super) mod server;

/// A bound that a test can reach.
const MAX_INTERACTIONS: usize = 160;

/// An engine under test, and the files that it needs as long as it lives.
pub(super) struct Engine {
    store: Arc<dyn Store>,
    _files: Option<TempDir>,
}

mod engines {
    use super::*;

    pub(super) async fn memory() -> Engine {
        Engine { store: Arc::new(MemoryStore::with_max_interactions(MAX_INTERACTIONS)), _files: None }
    }

    pub(super) async fn sqlite() -> Engine {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("state.db"), MAX_INTERACTIONS).unwrap();
        Engine { store: Arc::new(store), _files: Some(folder) }
    }

    pub(super) async fn postgres() -> Engine {
        on(server::shared().url("suite")).await
    }

    /// As CockroachDB is by default: what would not happen one after the other is refused, and tried again.
    pub(super) async fn postgres_serializable() -> Engine {
        on(server::shared().url("careful")).await
    }

    /// Each in a schema of its own.
    async fn on(url: String) -> Engine {
        let store = PostgresStore::open(url.parse().unwrap(), MAX_INTERACTIONS).await.unwrap();
        Engine { store: Arc::new(store), _files: None }
    }
}

impl Engine {
    async fn commit(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), StoreError> {
        self.commit_at(changes, now()).await
    }

    async fn commit_at(&self, changes: impl IntoIterator<Item = Change>, at: Timestamp) -> Result<(), StoreError> {
        self.store.commit(changes.into_iter().collect(), at).await
    }

    /// For what is only there to be changed afterwards.
    async fn given(&self, artifacts: impl IntoIterator<Item = Builder>) {
        self.commit(artifacts.into_iter().map(|artifact| Change::Put(artifact.build()))).await.unwrap();
    }

    async fn find(&self, kind: Kind, id: &str) -> Option<Artifact> {
        self.find_at(kind, id, now()).await
    }

    async fn find_at(&self, kind: Kind, id: &str, at: Timestamp) -> Option<Artifact> {
        self.store.find(kind, &IdHash::of(id), at).await.unwrap()
    }

    /// Which of these tokens are there, in order.
    async fn tokens_left(&self, ids: &[&'static str]) -> Vec<&'static str> {
        let mut left = vec![];
        for id in ids {
            left.extend(self.find(Kind::RefreshToken, id).await.map(|_| *id));
        }
        left
    }
}

/// When the tests take place.
pub(super) fn now() -> Timestamp {
    "2026-03-01T12:00:00.123456Z".parse().unwrap()
}

/// So many seconds later.
pub(super) fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// An artifact that lives for a minute and belongs to nothing.
pub(super) fn artifact(kind: Kind, id: &str) -> Builder {
    Builder(Artifact {
        kind,
        id: IdHash::of(id),
        realm: "identity/staff".into(),
        grant: None,
        session: None,
        subject: None,
        payload: format!(r#"{{"what":"{id}"}}"#).into_bytes(),
        expires_at: after(60),
        consumed: None,
    })
}

/// A refresh token: where the kind does not matter.
pub(super) fn token(id: &str) -> Builder {
    artifact(Kind::RefreshToken, id)
}

/// An artifact in the making.
pub(super) struct Builder(Artifact);

impl Builder {
    pub(super) fn grant(mut self, grant: &str) -> Self {
        self.0.grant = Some(IdHash::of(grant));
        self
    }

    pub(super) fn session(mut self, session: &str) -> Self {
        self.0.session = Some(IdHash::of(session));
        self
    }

    pub(super) fn subject(mut self, subject: &str) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    pub(super) fn realm(mut self, realm: &str) -> Self {
        self.0.realm = realm.into();
        self
    }

    pub(super) fn payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.0.payload = payload.into();
        self
    }

    pub(super) fn expires_at(mut self, at: Timestamp) -> Self {
        self.0.expires_at = at;
        self
    }

    pub(super) fn used(mut self, successor: Option<&str>) -> Self {
        self.0.consumed = Some(Consumed { at: now(), successor: successor.map(IdHash::of) });
        self
    }

    pub(super) fn build(self) -> Artifact {
        self.0
    }
}

fn consume(id: &str, successor: Option<&str>) -> Change {
    Change::Consume { kind: Kind::RefreshToken, id: IdHash::of(id), successor: successor.map(IdHash::of) }
}

fn resucceed(id: &str, from: &str, to: &str) -> Change {
    let [id, from, to] = [id, from, to].map(IdHash::of);
    Change::Resucceed { kind: Kind::RefreshToken, id, from, to }
}

fn require(id: &str, payload: Option<&str>) -> Change {
    let payload = payload.map(|payload| payload.as_bytes().to_vec());
    Change::Require { kind: Kind::RefreshToken, id: IdHash::of(id), payload }
}

fn schedule(id: &str, due: Timestamp) -> Change {
    Change::Schedule { kind: Kind::RefreshToken, id: IdHash::of(id), due }
}

fn remove(id: &str) -> Change {
    Change::Remove { kind: Kind::RefreshToken, id: IdHash::of(id) }
}

fn remove_unused(id: &str) -> Change {
    Change::RemoveUnused { kind: Kind::RefreshToken, id: IdHash::of(id) }
}

#[track_caller]
fn assert_conflict(outcome: Result<(), StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "a conflict is due, not {outcome:?}");
}

macro_rules! tests {
    ($engine:ident: $topic:ident { $($test:ident)* }) => {
        mod $topic {
            use crate::store::suite;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    suite::$topic::$test(suite::engines::$engine().await).await;
                }
            )*
        }
    };
}

macro_rules! suite {
    ($($engine:ident)*) => {$(
        mod $engine {
            tests! { $engine: changes {
                what_is_inserted_is_found_as_it_was
                an_insert_conflicts_with_what_is_there_used_or_not
                an_insert_replaces_what_has_expired
                one_id_stands_under_several_kinds
                a_put_adds_and_replaces
                consume_marks_what_is_unused_once
                consume_conflicts_with_what_is_missing_or_expired
                resucceed_moves_the_successor_and_keeps_the_time
                resucceed_conflicts_unless_from_is_the_successor
                require_holds_for_what_is_unused_and_as_it_was_read
                remove_unused_takes_out_what_is_unused
                remove_unused_conflicts_with_what_is_missing_used_or_expired
                remove_takes_out_anything_and_never_conflicts
            } }
            tests! { $engine: atomicity {
                a_conflict_anywhere_leaves_everything_as_it_was
                a_conflict_takes_back_nothing_of_its_neighbours
                later_changes_see_earlier_ones
                nothing_to_do_is_done
            } }
            tests! { $engine: removal {
                remove_grant_takes_all_of_one_grant_and_nothing_else
                remove_session_takes_all_of_one_session_and_nothing_else
                what_has_changed_its_grant_or_session_goes_with_the_new_one
                what_a_conflict_has_brought_back_can_be_removed_again
                a_grant_that_is_not_there_is_no_conflict
            } }
            tests! { $engine: expiry {
                nothing_is_found_from_its_end_on_though_no_sweep_has_passed
                a_sweep_deletes_no_more_than_its_limit_and_says_how_many
                a_sweep_leaves_what_is_alive
                a_sweep_takes_counters_too
                the_ends_of_time_are_times_too
            } }
            tests! { $engine: due {
                what_is_scheduled_is_due_from_then_on_the_longest_due_first
                what_is_not_there_can_not_be_scheduled
                what_is_scheduled_anew_used_replaced_or_over_is_due_no_more
                a_conflict_leaves_what_was_due_as_it_was
                kinds_are_due_apart
                of_many_who_claim_what_is_due_one_wins
            } }
            tests! { $engine: counters {
                a_counter_counts_up_and_keeps_its_window
                a_counter_starts_anew_at_the_end_of_its_window
                counters_are_apart_by_key_and_from_artifacts
                a_reset_forgets
                a_window_without_end_is_no_error
            } }
            tests! { $engine: limits {
                one_interaction_too_many_is_refused_until_some_expire
                one_interaction_too_many_is_refused_until_some_are_removed
                a_refused_interaction_takes_its_commit_with_it
            } }
            tests! { $engine: owned {
                what_belongs_to_a_user_is_found_by_kind_and_realm_and_nothing_else
                what_belongs_to_a_user_comes_in_pages_that_miss_nothing
                what_has_expired_is_used_or_has_changed_hands_is_listed_as_it_is
            } }
            tests! { $engine: concurrency {
                of_many_who_redeem_a_code_one_wins
                of_many_who_rotate_a_token_one_wins_and_its_successor_is_there
                of_many_who_move_a_successor_one_wins
                of_many_who_insert_one_id_one_wins
                what_is_rotated_while_its_grant_or_session_is_removed_does_not_outlive_it
                counts_are_never_lost
                a_reader_never_sees_half_a_commit
                commits_over_the_same_artifacts_in_any_order_all_end
            } }
            tests! { $engine: closing {
                a_closed_engine_refuses_everything_and_closes_again
            } }
        }
    )*};
}

suite! { memory sqlite postgres postgres_serializable }
