//! Background work: open transactions expire, results are erased, old counts are forgotten.
//!
//! Rules kept here: PRV-15.

use super::ports::Swept;
use super::{App, Failure};

/// Rows in one go, so that nobody waits long for the store.
const BATCH: usize = 500;

impl App {
    /// Does everything that is due now. May be killed and run again at any time.
    ///
    /// # Errors
    /// Failures of the store; what was done stays done.
    pub async fn expire(&self) -> Result<Swept, Failure> {
        let now = self.now();
        self.tries.sweep(now);
        let mut all = Swept::default();
        loop {
            let swept = self.ports.store.expire_and_erase(now, BATCH).await?;
            all.expired = all.expired.saturating_add(swept.expired);
            all.erased = all.erased.saturating_add(swept.erased);
            all.removed = all.removed.saturating_add(swept.removed);
            if swept.total() < BATCH {
                return Ok(all);
            }
        }
    }
}
