use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Limits;

/// What goes on on a connection, in counters that cost a request next to nothing; [`Watch`] looks at them now and then.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Bytes that came.
    read: AtomicU64,
    /// What `read` was when the last request had been handled: more since then is the head of another.
    read_when_idle: AtomicU64,
    /// Requests so far.
    started: AtomicU64,
    /// Requests under way.
    active: AtomicU32,
    /// HTTP/2: bytes come between requests too.
    multiplexed: AtomicBool,
    /// The client took too long: the connection reads as ended.
    overdue: AtomicBool,
}

/// A request under way, until it is dropped.
pub(super) struct Active(Arc<Activity>);

impl Activity {
    pub(super) fn start(self: &Arc<Self>, multiplexed: bool) -> Active {
        self.started.fetch_add(1, Relaxed);
        self.active.fetch_add(1, Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Relaxed);
        }
        Active(self.clone())
    }

    fn is_in_head(&self) -> bool {
        !self.multiplexed.load(Relaxed) && self.read.load(Relaxed) > self.read_when_idle.load(Relaxed)
    }

    pub(super) fn set_overdue(&self) {
        self.overdue.store(true, Relaxed);
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.read_when_idle.store(self.0.read.load(Relaxed), Relaxed);
        self.0.active.fetch_sub(1, Relaxed);
    }
}

/// Finds out by looking every [`Watch::every`] whether a client takes too long.
#[derive(Debug)]
pub(super) struct Watch {
    every: Duration,
    head: Duration,
    idle: Duration,
    started: u64,
    idle_for: Duration,
    in_head_for: Duration,
}

impl Watch {
    pub(super) fn new(limits: &Limits) -> Self {
        let every = (limits.head.min(limits.idle) / 4).max(Duration::from_millis(10));
        let (head, idle) = (limits.head, limits.idle);
        Self { every, head, idle, started: 0, idle_for: Duration::ZERO, in_head_for: Duration::ZERO }
    }

    pub(super) fn every(&self) -> Duration {
        self.every
    }

    /// True where the connection is to be closed.
    pub(super) fn is_overdue(&mut self, activity: &Activity) -> bool {
        let started = activity.started.load(Relaxed);
        if activity.active.load(Relaxed) > 0 || started != self.started {
            self.started = started;
            self.idle_for = Duration::ZERO;
            self.in_head_for = Duration::ZERO;
            return false;
        }
        self.idle_for += self.every;
        match started == 0 || activity.is_in_head() {
            true => self.in_head_for += self.every,
            false => self.in_head_for = Duration::ZERO,
        }
        self.idle_for >= self.idle || self.in_head_for >= self.head
    }
}

/// A stream that counts what it reads; once its client is overdue it answers 408, where a head has begun, and ends.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
    told: bool,
}

const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, told: false }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn tell(&mut self, cx: &mut Context<'_>) {
        if !self.told && self.activity.is_in_head() {
            // A courtesy: hyper has nothing to say to half a head, and where the client does not read there is nobody to tell.
            let _ = Pin::new(&mut self.stream).poll_write(cx, REQUEST_TIMEOUT);
            let _ = Pin::new(&mut self.stream).poll_flush(cx);
        }
        self.told = true;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.activity.overdue.load(Relaxed) {
            self.tell(cx);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
        self.activity.read.fetch_add(u64::try_from(read).unwrap_or(0), Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{Activity, Limits, Relaxed, Watch};

    /// Ticks until overdue, at most `most`.
    fn ticks(watch: &mut Watch, activity: &Activity, most: u32) -> Option<u32> {
        (1..=most).find(|_| watch.is_overdue(activity))
    }

    #[test]
    fn a_head_has_less_time_than_an_idle_connection_and_a_request_has_all() {
        let limits = Limits { head: Duration::from_secs(4), idle: Duration::from_secs(20), ..Limits::default() };
        let activity = Arc::new(Activity::default());
        let mut watch = Watch::new(&limits);
        assert_eq!(ticks(&mut watch, &activity, 9), Some(4), "nothing came at all");

        let request = activity.start(false);
        let mut watch = Watch::new(&limits);
        assert_eq!(ticks(&mut watch, &activity, 100), None, "a request is under way");
        drop(request);
        assert_eq!(ticks(&mut watch, &activity, 100), Some(20), "idle");

        let mut watch = Watch::new(&limits);
        watch.is_overdue(&activity);
        activity.read.fetch_add(1, Relaxed);
        assert_eq!(ticks(&mut watch, &activity, 100), Some(4), "a head has begun");
    }

    #[test]
    fn what_comes_between_the_requests_of_http2_is_no_head() {
        let limits = Limits { head: Duration::from_secs(4), idle: Duration::from_secs(20), ..Limits::default() };
        let activity = Arc::new(Activity::default());
        drop(activity.start(true));
        activity.read.fetch_add(9, Relaxed);
        let mut watch = Watch::new(&limits);
        watch.is_overdue(&activity);
        assert_eq!(ticks(&mut watch, &activity, 100), Some(20));
    }
}
