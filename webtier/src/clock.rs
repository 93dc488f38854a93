//! Where the time comes from, so that tests can bring their own.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock in milliseconds since the Unix epoch.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The operating system's clock.
    pub(crate) fn system() -> Self {
        Self(Arc::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        }))
    }

    /// A clock that stands until a test or a simulation moves it.
    pub(crate) fn standing(ms: Arc<std::sync::atomic::AtomicU64>) -> Self {
        Self(Arc::new(move || ms.load(std::sync::atomic::Ordering::SeqCst)))
    }

    /// Now.
    pub(crate) fn now_ms(&self) -> u64 {
        (self.0)()
    }
}
