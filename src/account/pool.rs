use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::password::Check;
use crate::secret::Secret;

/// Where passwords are checked: as many at once as there are cores, a bounded queue before them, and bounded memory. What does not
/// fit is refused at once, so that a flood of sign-ins costs the sign-ins and not the process.
#[derive(Debug)]
pub struct PasswordPool {
    /// One permit for each check that runs or waits.
    admitted: Arc<Semaphore>,
    /// One permit for each check that runs.
    running: Arc<Semaphore>,
    /// One permit a MiB.
    memory: Arc<Semaphore>,
    patience: Duration,
}

/// The bounds of a [`PasswordPool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Checks that run at once; one at least.
    pub running: usize,
    /// Checks that wait beside them.
    pub waiting: usize,
    /// Memory of all that run, in MiB; what one check may take ([`crate::realm::MAX_MEMORY_KIB`]) at least.
    pub memory_mib: usize,
    /// How long one waits at the most.
    pub patience: Duration,
}

/// Why a password was not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too many are waiting, or waited for too long: answer 503 with Retry-After.
    #[error("too many sign-ins at once")]
    Overloaded,
    /// The hash could not be computed.
    #[error("the password could not be checked")]
    Failed,
}

/// The memory of the largest check that is accepted, in MiB.
const LARGEST_MIB: usize = (crate::realm::MAX_MEMORY_KIB / 1024) as usize;

impl PoolLimits {
    /// For a machine of this many cores: 32 wait for each core, and each core has 64 MiB (256 MiB together at least).
    pub fn for_cores(cores: usize) -> Self {
        Self {
            running: cores,
            waiting: cores * 32,
            memory_mib: (cores * 64).max(LARGEST_MIB),
            patience: Duration::from_secs(5),
        }
    }
}

impl Default for PasswordPool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(PoolLimits::for_cores(cores))
    }
}

impl PasswordPool {
    /// A pool within these limits.
    pub fn new(limits: PoolLimits) -> Self {
        let running = limits.running.max(1);
        Self {
            admitted: Arc::new(Semaphore::new(running + limits.waiting)),
            running: Arc::new(Semaphore::new(running)),
            memory: Arc::new(Semaphore::new(limits.memory_mib.max(LARGEST_MIB))),
            patience: limits.patience,
        }
    }

    /// Runs a check off the async threads. One whose caller has gone leaves the queue; once it runs it runs to its end and counts until
    /// then.
    ///
    /// # Errors
    /// [`PoolError`].
    pub async fn verify(&self, check: Check, password: Secret) -> Result<bool, PoolError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| PoolError::Overloaded)?;
        let place = timeout(self.patience, self.place(&check)).await.map_err(|_| PoolError::Overloaded)??;
        let checked = tokio::task::spawn_blocking(move || {
            let outcome = check.run(&password);
            drop((place, admitted));
            outcome
        });
        match checked.await {
            Ok(Ok(right)) => Ok(right),
            Ok(Err(_)) | Err(_) => Err(PoolError::Failed),
        }
    }

    /// Waits for memory, then for a core: who waits for memory keeps no core idle.
    async fn place(&self, check: &Check) -> Result<[OwnedSemaphorePermit; 2], PoolError> {
        let mib = check.memory_kib().div_ceil(1024);
        let memory = self.memory.clone().acquire_many_owned(mib).await.map_err(|_| PoolError::Failed)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| PoolError::Failed)?;
        Ok([memory, running])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;

    use super::{PasswordPool, PoolError, PoolLimits};
    use crate::{
        account::Check,
        realm::{Password, PasswordHash},
        secret::Secret,
    };

    /// Right for "hunter2"; about a tenth of a second.
    fn check(function: &str) -> Check {
        let hash = format!("{function}$c2FsdHNhbHRzYWx0c2FsdA$RilxBxnvGa3JIyaXwlUUKmvuPzxjHerJeqIuhiIvKNU");
        Check::against(&Password::Phc(hash.parse::<PasswordHash>().unwrap()))
    }

    fn pool(running: usize, waiting: usize, patience: Duration) -> PasswordPool {
        PasswordPool::new(PoolLimits { running, waiting, memory_mib: 0, patience })
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused_at_once_and_the_rest_is_answered() {
        let pool = pool(1, 2, Duration::from_secs(60));
        let verify = || pool.verify(check("$pbkdf2-sha256$i=1000"), Secret::new("hunter2"));
        let answers = join_all((0..10).map(|_| verify())).await;
        assert_eq!(answers.iter().filter(|answer| **answer == Ok(true)).count(), 3);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(PoolError::Overloaded)).count(), 7);
        assert_eq!(verify().await, Ok(true), "places come free again");
    }

    #[tokio::test]
    async fn who_waits_longer_than_the_patience_is_refused() {
        let pool = pool(1, 10, Duration::from_millis(1));
        let slow = || pool.verify(check("$pbkdf2-sha256$i=300000"), Secret::new("x"));
        let answers = join_all((0..3).map(|_| slow())).await;
        assert_eq!(answers, [Ok(false), Err(PoolError::Overloaded), Err(PoolError::Overloaded)]);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_no_hole() {
        let pool = pool(1, 1, Duration::from_secs(60));
        for _ in 0..5 {
            let running = pool.verify(check("$pbkdf2-sha256$i=300000"), Secret::new("x"));
            let gone = tokio::time::timeout(Duration::from_millis(1), running).await;
            assert!(gone.is_err());
            let next = pool.verify(check("$pbkdf2-sha256$i=1000"), Secret::new("hunter2")).await;
            assert_eq!(next, Ok(true));
        }
    }

    #[tokio::test]
    async fn large_hashes_share_the_memory_one_after_the_other() {
        let pool = pool(4, 8, Duration::from_secs(60));
        let large = || pool.verify(check("$argon2id$v=19$m=200000,t=1,p=1"), Secret::new("x"));
        let mut both = Box::pin(async { tokio::join!(large(), large()) });
        tokio::select! {
            _ = &mut both => {}
            () = tokio::time::sleep(Duration::from_millis(5)) => {
                assert_eq!(pool.running.available_permits(), 3, "there is memory for one of them only");
            }
        }
        assert_eq!(both.await, (Ok(false), Ok(false)));
    }
}
