//! Reading the result: the response code of the same-device flow, and erasure after reading.

use super::{Outcome, Status, Transaction};
use crate::domain::jose::constant_time_eq;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use std::fmt;

/// After this many wrong codes the result stays closed, for the right code too (SES-004).
pub const MAX_WRONG_CODES: u8 = 5;

/// The SHA-256 digest of a response code. The code itself is never kept.
#[derive(Clone, Copy)]
pub struct ResponseCodeHash([u8; 32]);

impl ResponseCodeHash {
    /// Takes a digest.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest, for the record.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for ResponseCodeHash {
    /// Compares in constant time (GEN-11).
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

impl Eq for ResponseCodeHash {}

impl fmt::Debug for ResponseCodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseCodeHash(..)")
    }
}

/// The lock before the result of a same-device transaction.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) code: ResponseCodeHash,
    pub(super) wrong_codes: u8,
    pub(super) code_used: bool,
}

impl Gate {
    pub(super) const fn new(code: ResponseCodeHash) -> Self {
        Self { code, wrong_codes: 0, code_used: false }
    }

    /// Tries to pass. The right code passes again and again (SES-013): browser and redirect may come in any order.
    fn try_pass(&mut self, presented: Option<&ResponseCodeHash>) -> Result<(), Reason> {
        let Some(presented) = presented else {
            return Err(Reason::new(Code::ResponseCodeRequired, "the result opens with the code from the redirect"));
        };
        if self.wrong_codes >= MAX_WRONG_CODES {
            return Err(Reason::new(Code::ResponseCodeInvalid, "closed after too many wrong codes"));
        }
        if self.code != *presented {
            self.wrong_codes = self.wrong_codes.saturating_add(1);
            return Err(Reason::new(Code::ResponseCodeInvalid, "not the code of this transaction"));
        }
        self.code_used = true;
        Ok(())
    }
}

/// What the caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How far the transaction has come.
    pub status: Status,
    /// When it ended, if it has.
    pub finished_at: Option<UnixSeconds>,
    /// What a wallet's answer led to; `None` while there is no answer, and for expired and cancelled ones.
    pub outcome: Option<Outcome>,
}

impl Transaction {
    /// Reads at `now`, with the response code that the caller presents.
    ///
    /// The first part of the answer is the transaction as it is afterwards. Where its version is not the old one, it
    /// must be stored before the second part is shown; if the store says that another was faster, read again from the
    /// current value. So wrong codes are counted and a read-once result is read once, however many ask at a time.
    ///
    /// An open transaction past its time is expired by this.
    ///
    /// # Errors
    /// - [`Code::ResultPurged`] once the outcome is erased, or due to be.
    /// - [`Code::ResponseCodeRequired`] without a code in the same-device flow, for a verified one (SES-001, SES-014).
    /// - [`Code::ResponseCodeInvalid`] for a wrong code, and for any code after [`MAX_WRONG_CODES`] wrong ones (SES-004).
    pub fn read(self, now: UnixSeconds, presented: Option<&ResponseCodeHash>) -> (Self, Result<Reading, Reason>) {
        let version = self.version;
        let mut current = self.sweep(now);
        let (status, finished_at) = (current.status(), current.finished_at());
        let delete_after_read = current.start.result_policy.delete_after_read;
        let Some(answer) = current.answer_mut() else {
            return (current, Ok(Reading { status, finished_at, outcome: None }));
        };
        let Some(outcome) = answer.outcome.clone() else {
            return (current, Err(Reason::new(Code::ResultPurged, "the result has been erased")));
        };
        let before = answer.gate.clone();
        // Only claims are behind the lock: that an answer was refused or declined, and why, names nobody.
        let gate = answer.gate.as_mut().filter(|_| outcome.result.is_some());
        let passed = gate.map_or(Ok(()), |gate| gate.try_pass(presented));
        let mut changed = answer.gate != before;
        if passed.is_ok() && delete_after_read {
            answer.outcome = None;
            changed = true;
        }
        if !current.has_outcome() {
            current.start.request.transaction_data.clear();
        }
        if changed {
            current.version = version.saturating_add(1);
        }
        (current, passed.map(|()| Reading { status, finished_at, outcome: Some(outcome) }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CREATED, EXPIRES, open, same_device};
    use super::super::{Accepted, ErrorRecord, Flow, NewTransaction, Refusal, ResultPolicy};
    use super::*;

    const RIGHT: ResponseCodeHash = ResponseCodeHash::new([1; 32]);
    const WRONG: ResponseCodeHash = ResponseCodeHash::new([2; 32]);
    const END: UnixSeconds = UnixSeconds(1_100);

    fn accepted() -> Accepted {
        Accepted { result: r#"{"credentials":{}}"#.to_owned(), report: r#"{"outcome":"accepted"}"#.to_owned() }
    }

    fn verified(flow: Flow, delete_after_read: bool) -> Transaction {
        let NewTransaction { result_policy: ResultPolicy { ttl_seconds, .. }, .. } = open(3, flow.clone()).start;
        let mut start = open(3, flow).start;
        start.result_policy = ResultPolicy { ttl_seconds, delete_after_read };
        Transaction::begin(start).fetch(CREATED).unwrap().verify(END, accepted(), RIGHT).unwrap()
    }

    fn code(result: Result<Reading, Reason>) -> Code {
        result.unwrap_err().code
    }

    #[test]
    fn same_device_opens_with_the_code_only() {
        // SES-001, SES-014
        let (same, refused) = verified(same_device(), false).read(END, None);
        assert_eq!(code(refused), Code::ResponseCodeRequired);
        assert_eq!(same.version(), 3, "nothing changed");
        let (used, shown) = same.read(END, Some(&RIGHT));
        let shown = shown.unwrap();
        assert_eq!(shown.status, Status::Verified);
        assert!(shown.outcome.unwrap().result.is_some());
        assert_eq!(used.version(), 4, "the use of the code is noted");
        // SES-013: again, and again the same.
        let (again, shown) = used.clone().read(END, Some(&RIGHT));
        assert!(shown.unwrap().outcome.is_some());
        assert_eq!(again, used);
    }

    #[test]
    fn only_claims_are_behind_the_lock() {
        let fetched = open(3, same_device()).fetch(CREATED).unwrap();
        let error = ErrorRecord { code: Code::CredentialRevoked, detail: "status 1".to_owned() };
        let rejected = fetched.clone().reject(END, Refusal { report: "{}".to_owned(), error: error.clone() }, RIGHT);
        let declined = fetched.decline(END, error, RIGHT);
        for ended in [rejected.unwrap(), declined.unwrap()] {
            for presented in [None, Some(&WRONG), Some(&RIGHT)] {
                let outcome = ended.clone().read(END, presented).1.unwrap().outcome.unwrap();
                assert!(outcome.result.is_none() && outcome.error.is_some());
            }
        }
    }

    #[test]
    fn five_wrong_codes_close_the_result_for_ever() {
        // SES-004: the fifth wrong code closes; four leave it open.
        let mut state = verified(same_device(), false);
        for tries in 1..=MAX_WRONG_CODES {
            let (next, refused) = state.read(END, Some(&WRONG));
            assert_eq!(code(refused), Code::ResponseCodeInvalid);
            assert_eq!(next.version(), 3 + u64::from(tries));
            if tries < MAX_WRONG_CODES {
                assert!(next.clone().read(END, Some(&RIGHT)).1.is_ok(), "after {tries}");
            }
            state = next;
        }
        let (same, refused) = state.clone().read(END, Some(&RIGHT));
        assert_eq!(code(refused), Code::ResponseCodeInvalid);
        assert_eq!(same, state, "closed means closed: no counting on");
    }

    #[test]
    fn cross_device_needs_no_code() {
        assert!(verified(Flow::CrossDevice, false).read(END, None).1.unwrap().outcome.is_some());
        assert!(verified(Flow::CrossDevice, false).read(END, Some(&WRONG)).1.is_ok());
    }

    #[test]
    fn read_once_means_once() {
        let (erased, shown) = verified(Flow::CrossDevice, true).read(END, None);
        assert!(shown.unwrap().outcome.is_some());
        assert!(!erased.has_outcome());
        assert_eq!(erased.version(), 4);
        assert_eq!(erased.status(), Status::Verified);
        assert_eq!(code(erased.read(END, None).1), Code::ResultPurged);
        // A refused reading erases nothing; a passed one notes the code and erases in one change.
        let (still, _) = verified(same_device(), true).read(END, Some(&WRONG));
        assert!(still.has_outcome());
        let (erased, shown) = still.read(END, Some(&RIGHT));
        assert!(shown.is_ok());
        assert_eq!((erased.has_outcome(), erased.version()), (false, 5));
    }

    #[test]
    fn transaction_data_goes_with_the_result() {
        let authorised = || {
            let mut open = open(3, Flow::CrossDevice);
            open.start.request.transaction_data = vec!["e30".to_owned()];
            open.fetch(CREATED).unwrap()
        };
        let kept = |it: &Transaction| !it.request().transaction_data.is_empty();
        let verified = authorised().verify(END, accepted(), RIGHT).unwrap();
        assert!(kept(&verified) && kept(&verified.clone().read(END, None).0), "the evidence, as long as the result");
        assert!(!kept(&verified.clone().erase()) && !kept(&verified.clone().sweep(END.plus(900))));
        let mut once = verified;
        once.start.result_policy.delete_after_read = true;
        assert!(!kept(&once.read(END, None).0));
        assert!(!kept(&authorised().cancel(END).unwrap()) && !kept(&authorised().expire(EXPIRES)));
        let error = ErrorRecord { code: Code::WalletErrorRecorded, detail: "declined".to_owned() };
        assert!(kept(&authorised().decline(END, error, RIGHT).unwrap()));
    }

    #[test]
    fn the_result_ends_exactly_at_its_time() {
        let ended = verified(Flow::CrossDevice, false);
        assert!(ended.clone().read(END.plus(899), None).1.is_ok());
        let (erased, refused) = ended.read(END.plus(900), None);
        assert_eq!(code(refused), Code::ResultPurged);
        assert!(!erased.has_outcome(), "not only hidden: gone");
        assert_eq!(erased.version(), 4);
    }

    #[test]
    fn open_ones_show_their_status_and_expire_when_read_late() {
        let (same, shown) = open(3, same_device()).read(CREATED, None);
        assert_eq!(shown.unwrap().status, Status::Open);
        assert_eq!(same.version(), 1);
        let (expired, shown) = open(3, same_device()).read(EXPIRES, None);
        assert_eq!(shown.unwrap(), Reading { status: Status::Expired, finished_at: Some(EXPIRES), outcome: None });
        assert_eq!(expired.version(), 2);
    }
}
