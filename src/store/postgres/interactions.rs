use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::super::StoreError;

/// A replica takes so large a part of what is free before it counts again, so that four of them keep the bound together.
const SHARE: usize = 4;
/// Counts within a second. More only happen close to the bound.
const MAX_COUNTS: u32 = 32;

/// The bound on sign-ins under way. To count at each would cost too much, and others add to them too: what is free is counted, a part of
/// it is given away, and then it is counted again. Where nothing is free that holds for a second.
pub(super) struct Interactions {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    left: usize,
    counts: u32,
    second: Option<Timestamp>,
    full_at: Option<Timestamp>,
}

impl Interactions {
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Admits so many more. `count` tells how many there are, and stops at the number it is given.
    pub(super) async fn admit<F>(
        &self,
        wanted: usize,
        now: Timestamp,
        count: impl Fn(usize) -> F,
    ) -> Result<(), StoreError>
    where
        F: Future<Output = Result<usize, StoreError>>,
    {
        let mut state = self.state.lock().await;
        if state.left < wanted {
            state.may_count(now)?;
            let free = self.most.saturating_sub(count(self.most).await?);
            state.full_at = (free == 0).then_some(now);
            state.left = free.min((free / SHARE).max(wanted));
        }
        state.left = state.left.checked_sub(wanted).ok_or_else(full)?;
        Ok(())
    }
}

impl State {
    fn may_count(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let is_over = |at: Timestamp| now.duration_since(at).abs() >= SignedDuration::from_secs(1);
        if self.second.is_none_or(is_over) {
            (self.second, self.counts) = (Some(now), 0);
        }
        if self.full_at.is_some_and(|at| !is_over(at)) || self.counts >= MAX_COUNTS {
            return Err(full());
        }
        self.counts += 1;
        Ok(())
    }
}

fn full() -> StoreError {
    StoreError::Unavailable("too many sign-ins are under way".into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::store::suite::{after, now};

    #[tokio::test]
    async fn it_counts_seldom_far_from_the_bound_and_not_at_all_for_a_second_at_it() {
        let (there, counts) = (Cell::new(0), Cell::new(0));
        let interactions = Interactions::new(10_000);
        let admit = async |at| {
            let count = |most: usize| {
                counts.set(counts.get() + 1);
                std::future::ready(Ok(there.get().min(most)))
            };
            let admitted = interactions.admit(1, at, count).await.is_ok();
            there.set(there.get() + usize::from(admitted));
            admitted
        };
        for n in 0..10_000 {
            // Two hundred a second.
            assert!(admit(after(n / 200)).await, "{n}");
        }
        assert!(counts.get() < 50, "{}", counts.get());
        let before = counts.get();
        let late = after(60);
        assert!(!admit(late).await && !admit(late).await);
        assert_eq!(counts.get(), before + 1);
        there.set(9_000);
        assert!(!admit(late).await && admit(after(61)).await);
        assert!(admit(now()).await, "a clock that is put back is no trouble");
    }
}
