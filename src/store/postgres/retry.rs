use std::time::Duration;

use aws_lc_rs::rand;

use super::{super::StoreError, failure::Failure};

/// So often one call is tried when others are in its way. With the pauses between that is two seconds.
const ATTEMPTS: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The attempts of one call.
pub(super) struct Attempts {
    made: u32,
    may_be_repeated: bool,
}

impl Attempts {
    /// Of a call that changes something: a connection that breaks leaves it open whether it was done.
    pub(super) fn writing() -> Self {
        Self { made: 0, may_be_repeated: false }
    }

    /// Of a call that only reads: where the connection breaks another is tried.
    pub(super) fn reading() -> Self {
        Self { made: 0, may_be_repeated: true }
    }

    /// Waits a little before the next attempt, or gives the failure where there is none.
    pub(super) async fn again(&mut self, failure: Failure) -> Result<(), StoreError> {
        self.made += 1;
        match failure {
            Failure::Again(_) if self.made < ATTEMPTS => tokio::time::sleep(pause(self.made, LONGEST_PAUSE)).await,
            Failure::Lost(_) if self.may_be_repeated && self.made == 1 => {}
            failure => return Err(failure.into()),
        }
        Ok(())
    }
}

/// Twice as long each time, and of random length, so that those who met do not meet again.
pub(super) fn pause(attempt: u32, longest: Duration) -> Duration {
    let pause = Duration::from_millis(4).saturating_mul(1 << attempt.min(16)).min(longest);
    let mut word = [0; 2];
    // Without entropy the pause is whole.
    let part = if rand::fill(&mut word).is_ok() { f64::from(u16::from_be_bytes(word)) / 65_536.0 } else { 1.0 };
    pause.mul_f64(0.1 + 0.9 * part)
}
