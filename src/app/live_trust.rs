//! The trust data of a tenant while the service runs: readers take the snapshot of the moment, a refresh puts a new one in
//! its place, whole.

use crate::domain::trust::TrustAnchors;
use std::sync::{Arc, PoisonError, RwLock};

/// The trust data that is in force.
#[derive(Debug, Default)]
pub struct LiveTrust(RwLock<Arc<TrustAnchors>>);

impl LiveTrust {
    /// The snapshot of now. Whoever decides with it keeps it until the decision is made.
    pub fn current(&self) -> Arc<TrustAnchors> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other trust data in force, at once for all who ask from now on.
    pub fn replace(&self, trust: TrustAnchors) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
    }
}

impl From<TrustAnchors> for LiveTrust {
    fn from(trust: TrustAnchors) -> Self {
        Self(RwLock::new(Arc::new(trust)))
    }
}
