//! Reading the result, and coming back for it: response code, session and browser, confirmation, erasure after reading.

use super::binding::{BrowserHash, ResponseCodeHash, SessionHash};
use super::{Answer, Answered, Outcome, Phase, Status, Transaction};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;

/// After this many wrong codes the result stays closed, for the right code too (SES-004).
pub const MAX_WRONG_CODES: u8 = 5;

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

/// What an accepted answer waits for.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Lock {
    /// The response code from the redirect, in the same-device flow.
    Code(Gate),
    /// A yes on the page, from the browser that is bound to it, in the cross-device flow.
    Confirmation,
}

/// What somebody brings who wants to see a result.
#[derive(Debug, Clone, Copy, Default)]
pub struct Returned<'a> {
    /// The response code from the redirect.
    pub code: Option<&'a ResponseCodeHash>,
    /// The session of the caller's in which the code arrived.
    pub session: Option<&'a SessionHash>,
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
    /// Reads at `now`, with what the caller presents.
    ///
    /// The first part of the answer is the transaction as it is afterwards. Where its version is not the old one, it
    /// must be stored before the second part is shown; if the store says that another was faster, read again from the
    /// current value. So wrong codes are counted and a read-once result is read once, however many ask at a time.
    ///
    /// An open transaction past its time is expired by this, and an answered one rejected. The right code from the right
    /// session ends an answered one as verified, from a wrong session as rejected, and so does one wrong code too many.
    ///
    /// # Errors
    /// - [`Code::ResultPurged`] once the outcome is erased, or due to be.
    /// - [`Code::ResponseCodeRequired`] without a code in the same-device flow, for an accepted answer (SES-001, SES-014).
    /// - [`Code::ResponseCodeInvalid`] for a wrong code, and for any code after [`MAX_WRONG_CODES`] wrong ones (SES-004).
    /// - [`Code::SessionMismatch`] for the right code in another session, or without naming one (FIX-02, SES-016).
    pub fn read(self, now: UnixSeconds, returned: Returned<'_>) -> (Self, Result<Reading, Reason>) {
        let version = self.version;
        let mut current = self.sweep(now);
        if current.is_answered() {
            match current.take_up(now, returned) {
                (next, Ok(true)) => current = next,
                (next, Ok(false)) => {
                    let status = next.status();
                    return (next, Ok(Reading { status, finished_at: None, outcome: None }));
                }
                (next, Err(reason)) => return (next, Err(reason)),
            }
        }
        let (status, finished_at) = (current.status(), current.finished_at());
        let delete_after_read = current.start.result_policy.delete_after_read;
        let session = current.start.session;
        let Some(answer) = current.answer_mut() else {
            return (current, Ok(Reading { status, finished_at, outcome: None }));
        };
        let Some(outcome) = answer.outcome.clone() else {
            return (current, Err(Reason::new(Code::ResultPurged, "the result has been erased")));
        };
        let before = answer.gate.clone();
        // Only claims are behind the lock: that an answer was refused or declined, and why, names nobody.
        let gate = answer.gate.as_mut().filter(|_| outcome.result.is_some());
        let passed = gate.map_or(Ok(()), |gate| {
            gate.try_pass(returned.code)?;
            same_session(session.as_ref(), returned.session)
        });
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

    /// Takes up an accepted answer, if the one who asks is its person. `Ok(true)` if it has ended as verified by this,
    /// `Ok(false)` if it goes on waiting for a confirmation elsewhere.
    fn take_up(mut self, now: UnixSeconds, returned: Returned<'_>) -> (Self, Result<bool, Reason>) {
        let session = self.start.session;
        let Phase::Answered(answered) = &mut self.phase else { return (self, Ok(true)) };
        let Lock::Code(gate) = &mut answered.lock else { return (self, Ok(false)) };
        match gate.try_pass(returned.code) {
            Ok(()) => {}
            Err(reason) if reason.code == Code::ResponseCodeRequired => return (self, Err(reason)),
            Err(reason) => return (self.after_wrong_code(now), Err(reason)),
        }
        match same_session(session.as_ref(), returned.session) {
            Ok(()) => (self.claimed(now), Ok(true)),
            // Who names no session may be a caller that only asks how it stands; who names another one came back in it.
            Err(reason) if returned.session.is_none() => {
                gate.code_used = false;
                (self, Err(reason))
            }
            Err(reason) => {
                let detail = "the person came back in another session of the caller's";
                (self.turn_away(now, Code::SessionMismatch, detail), Err(reason))
            }
        }
    }

    /// What a wrong code that was counted leads to: one too many rejects an answer that waits.
    fn after_wrong_code(mut self, now: UnixSeconds) -> Self {
        match &self.phase {
            Phase::Answered(Answered { lock: Lock::Code(gate), .. }) if gate.wrong_codes >= MAX_WRONG_CODES => {
                self.turn_away(now, Code::ResponseCodeInvalid, "closed after too many wrong codes")
            }
            _ => {
                self.version = self.version.saturating_add(1);
                self
            }
        }
    }

    /// Binds the browser that opens the page, if it is the first. Once answered or ended, nobody is bound any more.
    ///
    /// # Errors
    /// [`Code::SessionMismatch`] for another browser (SES-017). It changes nothing: looking at a page is no return.
    pub fn open_page(mut self, browser: BrowserHash) -> Result<Self, Reason> {
        match self.browser {
            Some(bound) if bound == browser => Ok(self),
            Some(_) => Err(Reason::new(Code::SessionMismatch, "the page was opened by another browser first")),
            None if self.status().is_end() || self.is_answered() => Ok(self),
            None => {
                self.browser = Some(browser);
                self.version = self.version.saturating_add(1);
                Ok(self)
            }
        }
    }

    /// The person comes back to the page with the code from the redirect, in this browser. Where all is well nothing
    /// changes: the caller reads with the code.
    ///
    /// # Errors
    /// - [`Code::SessionMismatch`] in another browser, with the right code: the transaction is rejected by it (FIX-02).
    /// - [`Code::ResponseCodeInvalid`] for a wrong code, which is counted.
    /// - [`Code::TransactionExpired`] if it ended in another way before.
    pub fn return_to_page(
        self,
        now: UnixSeconds,
        browser: Option<BrowserHash>,
        code: &ResponseCodeHash,
    ) -> (Self, Result<(), Reason>) {
        let mut current = self.sweep(now);
        let foreign = current.browser.is_some_and(|bound| Some(bound) != browser);
        let gate = match &mut current.phase {
            Phase::Answered(Answered { lock: Lock::Code(gate), .. })
            | Phase::Verified(Answer { gate: Some(gate), .. }) => gate,
            // A refusal or a no needs no code, and tells nothing.
            Phase::Rejected(_) | Phase::Declined(_) if !foreign => return (current, Ok(())),
            _ => return (current, Err(Reason::new(Code::TransactionExpired, "there is nothing to come back to"))),
        };
        let used = gate.code_used;
        let passed = gate.try_pass(Some(code));
        gate.code_used = used;
        match passed {
            Ok(()) if !foreign => (current, Ok(())),
            Ok(()) => {
                let reason = Reason::new(Code::SessionMismatch, "the person came back in another browser");
                if current.is_answered() {
                    let detail = "the person came back in another browser than the one that opened the page";
                    current = current.turn_away(now, Code::SessionMismatch, detail);
                }
                (current, Err(reason))
            }
            Err(reason) => (current.after_wrong_code(now), Err(reason)),
        }
    }

    /// The person says on the page whether the answer was theirs.
    ///
    /// # Errors
    /// - [`Code::SessionMismatch`] from another browser; it changes nothing.
    /// - [`Code::TransactionExpired`] if nothing waits for a confirmation.
    pub fn confirm(self, now: UnixSeconds, browser: BrowserHash, yes: bool) -> (Self, Result<(), Reason>) {
        let current = self.sweep(now);
        if current.browser != Some(browser) {
            let reason = Reason::new(Code::SessionMismatch, "the page was opened by another browser first");
            return (current, Err(reason));
        }
        if !current.waits_for_confirmation() {
            return (current, Err(Reason::new(Code::TransactionExpired, "nothing waits for a confirmation")));
        }
        if yes {
            return (current.claimed(now), Ok(()));
        }
        (current.turn_away(now, Code::SessionMismatch, "the person says that the answer was not theirs"), Ok(()))
    }
}

/// Whether the caller's session is the one that began the transaction; any, where none was named then.
fn same_session(began: Option<&SessionHash>, returned: Option<&SessionHash>) -> Result<(), Reason> {
    match (began, returned) {
        (None, _) => Ok(()),
        (Some(began), Some(returned)) if began == returned => Ok(()),
        (Some(_), Some(_)) => Err(Reason::new(Code::SessionMismatch, "not the session that began the transaction")),
        (Some(_), None) => Err(Reason::new(Code::SessionMismatch, "the session is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CREATED, EXPIRES, open, same_device};
    use super::super::{Accepted, ErrorRecord, Flow, Refusal};
    use super::*;

    const RIGHT: ResponseCodeHash = ResponseCodeHash::new([1; 32]);
    const WRONG: ResponseCodeHash = ResponseCodeHash::new([2; 32]);
    const END: UnixSeconds = UnixSeconds(1_100);

    fn accepted() -> Accepted {
        Accepted { result: r#"{"credentials":{}}"#.to_owned(), report: r#"{"outcome":"accepted"}"#.to_owned() }
    }

    /// Accepted: waiting for the code in the same-device flow, else verified.
    fn accepted_in(flow: Flow, delete_after_read: bool) -> Transaction {
        let mut start = open(3, flow).start;
        start.result_policy.delete_after_read = delete_after_read;
        Transaction::begin(start).fetch(CREATED).unwrap().verify(END, accepted(), RIGHT).unwrap()
    }

    fn with(code: &ResponseCodeHash) -> Returned<'_> {
        Returned { code: Some(code), session: None }
    }

    fn code(result: Result<Reading, Reason>) -> Code {
        result.unwrap_err().code
    }

    fn error_of(rejected: &Transaction) -> Code {
        assert_eq!(rejected.status(), Status::Rejected);
        let outcome = rejected.answer().unwrap().outcome.clone().unwrap();
        assert!(outcome.result.is_none() && outcome.report.is_none(), "nothing of the answer is left");
        outcome.error.unwrap().code
    }

    #[test]
    fn same_device_opens_with_the_code_only() {
        // SES-001, SES-014
        let (same, refused) = accepted_in(same_device(), false).read(END, Returned::default());
        assert_eq!(code(refused), Code::ResponseCodeRequired);
        assert_eq!((same.version(), same.status()), (3, Status::Fetched), "nothing changed");
        let (used, shown) = same.read(END, with(&RIGHT));
        let shown = shown.unwrap();
        assert_eq!((shown.status, shown.finished_at), (Status::Verified, Some(END)));
        assert!(shown.outcome.unwrap().result.is_some());
        assert_eq!(used.version(), 4, "the end and the use of the code are one change");
        // SES-013: again, and again the same.
        let (again, shown) = used.clone().read(END, with(&RIGHT));
        assert!(shown.unwrap().outcome.is_some());
        assert_eq!(again, used);
        assert_eq!(code(used.read(END, Returned::default()).1), Code::ResponseCodeRequired);
    }

    #[test]
    fn only_claims_are_behind_the_lock() {
        let fetched = open(3, same_device()).fetch(CREATED).unwrap();
        let error = ErrorRecord { code: Code::CredentialRevoked, detail: "status 1".to_owned() };
        let rejected = fetched.clone().reject(END, Refusal { report: "{}".to_owned(), error: error.clone() });
        let declined = fetched.decline(END, error);
        for ended in [rejected.unwrap(), declined.unwrap()] {
            for presented in [Returned::default(), with(&WRONG), with(&RIGHT)] {
                let outcome = ended.clone().read(END, presented).1.unwrap().outcome.unwrap();
                assert!(outcome.result.is_none() && outcome.error.is_some());
            }
        }
    }

    #[test]
    fn five_wrong_codes_reject() {
        // SES-004: the fifth wrong code closes; four leave it open.
        let mut state = accepted_in(same_device(), false);
        for tries in 1..=MAX_WRONG_CODES {
            let (next, refused) = state.read(END, with(&WRONG));
            assert_eq!(code(refused), Code::ResponseCodeInvalid);
            assert_eq!(next.version(), 3 + u64::from(tries));
            if tries < MAX_WRONG_CODES {
                assert!(next.clone().read(END, with(&RIGHT)).1.is_ok(), "after {tries}");
            }
            state = next;
        }
        assert_eq!(error_of(&state), Code::ResponseCodeInvalid);
        let (same, shown) = state.clone().read(END, with(&RIGHT));
        assert!(shown.unwrap().outcome.unwrap().result.is_none());
        assert_eq!(same, state, "closed means closed");
    }

    #[test]
    fn wrong_codes_close_a_result_that_was_read_before_too() {
        // SES-004, after the right code was there.
        let (mut state, _) = accepted_in(same_device(), false).read(END, with(&RIGHT));
        for _ in 0..MAX_WRONG_CODES {
            state = state.read(END, with(&WRONG)).0;
        }
        assert_eq!(code(state.clone().read(END, with(&RIGHT)).1), Code::ResponseCodeInvalid);
        assert_eq!(state.status(), Status::Verified);
    }

    #[test]
    fn the_session_that_began_must_come_back() {
        // FIX-02, SES-016: the right code in the right session, and in no other.
        const MINE: SessionHash = SessionHash::new([3; 32]);
        const OTHER: SessionHash = SessionHash::new([4; 32]);
        let in_session = |session| Returned { code: Some(&RIGHT), session };
        let mut start = open(3, same_device()).start;
        start.session = Some(MINE);
        let answered = Transaction::begin(start).fetch(CREATED).unwrap().verify(END, accepted(), RIGHT).unwrap();
        let (verified, shown) = answered.clone().read(END, in_session(Some(&MINE)));
        assert!(shown.unwrap().outcome.unwrap().result.is_some());
        let (same, refused) = answered.clone().read(END, in_session(None));
        assert_eq!((code(refused), same == answered), (Code::SessionMismatch, true), "a caller that forgot it");
        let (rejected, refused) = answered.clone().read(END, in_session(Some(&OTHER)));
        assert_eq!((code(refused), error_of(&rejected)), (Code::SessionMismatch, Code::SessionMismatch));
        assert!(rejected.follows(&answered));
        // A wrong code says nothing of the session.
        let (counted, refused) = answered.read(END, Returned { code: Some(&WRONG), session: Some(&OTHER) });
        assert_eq!((code(refused), counted.is_answered()), (Code::ResponseCodeInvalid, true));
        // Once ended the end stays; the other session still sees nothing.
        let (same, refused) = verified.clone().read(END, in_session(Some(&OTHER)));
        assert_eq!((code(refused), same.status()), (Code::SessionMismatch, Status::Verified));
    }

    const FIRST: BrowserHash = BrowserHash::new([5; 32]);
    const SECOND: BrowserHash = BrowserHash::new([6; 32]);

    #[test]
    fn the_first_browser_that_opens_the_page_is_bound() {
        // SES-017
        let opened = open(3, same_device()).open_page(FIRST).unwrap();
        assert_eq!((opened.version(), opened.browser()), (2, Some(&FIRST)));
        assert_eq!(opened.clone().open_page(FIRST).unwrap(), opened);
        assert_eq!(opened.open_page(SECOND).unwrap_err().code, Code::SessionMismatch);
        // Nobody is bound once there is an answer.
        let answered = accepted_in(same_device(), false);
        assert_eq!(answered.clone().open_page(FIRST).unwrap(), answered);
    }

    #[test]
    fn a_return_in_another_browser_rejects() {
        // FIX-02, FIX-08, HAIP 1.0 section 5.1.
        let opened = open(3, same_device()).open_page(FIRST).unwrap();
        let answered = opened.fetch(CREATED).unwrap().verify(END, accepted(), RIGHT).unwrap();
        let (same, passed) = answered.clone().return_to_page(END, Some(FIRST), &RIGHT);
        assert!(passed.is_ok());
        assert_eq!(same, answered, "the caller's reading ends it, not the page");
        for other in [Some(SECOND), None] {
            let (rejected, refused) = answered.clone().return_to_page(END, other, &RIGHT);
            assert_eq!(refused.unwrap_err().code, Code::SessionMismatch);
            assert_eq!(error_of(&rejected), Code::SessionMismatch);
            assert!(rejected.read(END, with(&RIGHT)).1.unwrap().outcome.unwrap().result.is_none());
        }
        // Without the code another browser can end nothing.
        let (counted, refused) = answered.clone().return_to_page(END, Some(SECOND), &WRONG);
        assert_eq!(refused.unwrap_err().code, Code::ResponseCodeInvalid);
        assert!(counted.is_answered() && counted.version() > answered.version());
        // FIX-03: too late.
        let (late, refused) = answered.return_to_page(END.plus(300), Some(FIRST), &RIGHT);
        assert!(refused.is_ok(), "the caller is told why when it reads");
        assert_eq!(error_of(&late), Code::ResponseCodeRequired);
    }

    #[test]
    fn another_device_is_confirmed_by_the_browser_that_asked() {
        // FIX-09, OVP-REQ-17, OVP-RESP-19.
        let opened = open(3, Flow::CrossDevice).open_page(FIRST).unwrap();
        let answered = opened.fetch(CREATED).unwrap().verify(END, accepted(), RIGHT).unwrap();
        assert!(answered.waits_for_confirmation());
        let (same, shown) = answered.clone().read(END, with(&RIGHT));
        let shown = shown.unwrap();
        assert_eq!((shown.status, shown.outcome, same == answered), (Status::Fetched, None, true));
        let (verified, done) = answered.clone().confirm(END, FIRST, true);
        assert!(done.is_ok());
        assert!(verified.read(END, Returned::default()).1.unwrap().outcome.unwrap().result.is_some());
        let (rejected, done) = answered.clone().confirm(END, FIRST, false);
        assert!(done.is_ok());
        assert_eq!(error_of(&rejected), Code::SessionMismatch);
        let (same, refused) = answered.clone().confirm(END, SECOND, true);
        assert_eq!((refused.unwrap_err().code, same == answered), (Code::SessionMismatch, true));
        let (late, refused) = answered.confirm(END.plus(300), FIRST, true);
        assert_eq!((refused.unwrap_err().code, error_of(&late)), (Code::TransactionExpired, Code::SessionMismatch));
    }

    #[test]
    fn cross_device_needs_no_code() {
        assert!(accepted_in(Flow::CrossDevice, false).read(END, Returned::default()).1.unwrap().outcome.is_some());
        assert!(accepted_in(Flow::CrossDevice, false).read(END, with(&WRONG)).1.is_ok());
    }

    #[test]
    fn read_once_means_once() {
        let (erased, shown) = accepted_in(Flow::CrossDevice, true).read(END, Returned::default());
        assert!(shown.unwrap().outcome.is_some());
        assert!(!erased.has_outcome());
        assert_eq!(erased.version(), 4);
        assert_eq!(erased.status(), Status::Verified);
        assert_eq!(code(erased.read(END, Returned::default()).1), Code::ResultPurged);
        // A refused reading erases nothing; a passed one notes the code and erases in one change.
        let (still, _) = accepted_in(same_device(), true).read(END, with(&WRONG));
        assert!(still.is_answered());
        let (erased, shown) = still.read(END, with(&RIGHT));
        assert!(shown.unwrap().outcome.unwrap().result.is_some());
        assert_eq!((erased.has_outcome(), erased.status()), (false, Status::Verified));
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
        assert!(
            kept(&verified) && kept(&verified.clone().read(END, Returned::default()).0),
            "the evidence, as long as the result"
        );
        assert!(!kept(&verified.clone().erase()) && !kept(&verified.clone().sweep(END.plus(900))));
        let mut once = verified;
        once.start.result_policy.delete_after_read = true;
        assert!(!kept(&once.read(END, Returned::default()).0));
        assert!(!kept(&authorised().cancel(END).unwrap()) && !kept(&authorised().expire(EXPIRES)));
        let error = ErrorRecord { code: Code::WalletErrorRecorded, detail: "declined".to_owned() };
        assert!(kept(&authorised().decline(END, error).unwrap()));
    }

    #[test]
    fn the_result_ends_exactly_at_its_time() {
        let ended = accepted_in(Flow::CrossDevice, false);
        assert!(ended.clone().read(END.plus(899), Returned::default()).1.is_ok());
        let (erased, refused) = ended.read(END.plus(900), Returned::default());
        assert_eq!(code(refused), Code::ResultPurged);
        assert!(!erased.has_outcome(), "not only hidden: gone");
        assert_eq!(erased.version(), 4);
    }

    #[test]
    fn open_ones_show_their_status_and_expire_when_read_late() {
        let (same, shown) = open(3, same_device()).read(CREATED, Returned::default());
        assert_eq!(shown.unwrap().status, Status::Open);
        assert_eq!(same.version(), 1);
        let (expired, shown) = open(3, same_device()).read(EXPIRES, Returned::default());
        assert_eq!(shown.unwrap(), Reading { status: Status::Expired, finished_at: Some(EXPIRES), outcome: None });
        assert_eq!(expired.version(), 2);
    }
}
