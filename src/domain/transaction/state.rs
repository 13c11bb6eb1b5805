//! The steps of a transaction's life. Each takes the old state by value.
//!
//! ```text
//! open ──fetch──▶ fetched ──▶ answered ──▶ verified
//!   │                │   └───────┬──┴────▶ rejected │ declined
//!   └────────────────┴───────────┴───────▶ expired │ cancelled
//! ```

use super::binding::ResponseCodeHash;
use super::reading::{Gate, Lock};
use super::{Answer, Answered, ErrorRecord, Flow, Outcome, Phase, Transaction};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use std::fmt;

/// Seconds from the first collection on in which the request of a cross-device transaction may be collected again. One
/// scan is meant; a wallet that tries again at once is the same scan (OVP-RURI-04, OVP-REQ-17).
pub const SCAN_SECONDS: i64 = 60;

/// What an accepted presentation leaves behind.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// JSON text of the result: credentials and the claims that were asked for, nothing else (PRI-007, PRI-012).
    pub result: String,
    /// JSON text of the report.
    pub report: String,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accepted(..)")
    }
}

/// What a refused presentation leaves behind: codes, never the presentation (PRI-010).
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// JSON text of the report.
    pub report: String,
    /// The first fault.
    pub error: ErrorRecord,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("error", &self.error).finish_non_exhaustive()
    }
}

impl Transaction {
    /// A wallet collects the request at `now`.
    ///
    /// May be repeated: a fetched one comes back as it is, with the same version, and needs no storing.
    ///
    /// # Errors
    /// [`Code::RequestExpired`] once answered, after the end, and from `expires_at` on (REQ-004); in the cross-device flow
    /// also [`SCAN_SECONDS`] after the first collection.
    pub fn fetch(self, now: UnixSeconds) -> Result<Self, Reason> {
        let ended = || Err(Reason::new(Code::RequestExpired, "the request has ended"));
        if now >= self.start.expires_at {
            return ended();
        }
        match self.phase {
            Phase::Open => Ok(self.into_phase(Phase::Fetched { at: now })),
            Phase::Fetched { at } if self.start.flow == Flow::CrossDevice && now >= at.plus(SCAN_SECONDS) => {
                Err(Reason::new(Code::RequestExpired, "another wallet has collected the request"))
            }
            Phase::Fetched { .. } => Ok(self),
            _ => ended(),
        }
    }

    /// Whether an answer may be looked at, at `now`. The cheap question before the costly checks; the steps that end a
    /// transaction ask it again.
    ///
    /// # Errors
    /// - [`Code::TransactionCompleted`] after any end but expiry (RSP-010, RSP-011, RSP-012).
    /// - [`Code::TransactionExpired`] after expiry, and from `expires_at` on.
    /// - [`Code::StateMismatch`] if nobody has collected the request, so nobody can know its nonce (RSP-032). Requests
    ///   that travel in the link or through a browser need no collecting.
    pub fn check_answerable(&self, now: UnixSeconds) -> Result<(), Reason> {
        self.check_not_ended(now)?;
        match self.phase {
            Phase::Open if self.start.request.is_collected() => {
                Err(Reason::new(Code::StateMismatch, "an answer to a request that nobody collected"))
            }
            _ => Ok(()),
        }
    }

    /// The answer is accepted. In the same-device flow it waits for the person with `code`; in the cross-device flow for a
    /// confirmation, where a browser has opened the page. Otherwise the transaction ends as verified.
    ///
    /// # Errors
    /// As [`Transaction::check_answerable`].
    pub fn verify(self, now: UnixSeconds, accepted: Accepted, code: ResponseCodeHash) -> Result<Self, Reason> {
        self.check_answerable(now)?;
        let lock = match self.start.flow {
            Flow::SameDevice { .. } => Lock::Code(Gate::new(code)),
            Flow::CrossDevice if self.browser.is_some() => Lock::Confirmation,
            // Through a browser the answer came back to the page that asked: there is nobody to wait for.
            Flow::CrossDevice | Flow::DcApi(_) => {
                return Ok(self.into_phase(Phase::Verified(Answer::verified(now, accepted, None))));
            }
        };
        let until = now.plus(i64::from(self.start.result_policy.return_seconds));
        Ok(self.into_phase(Phase::Answered(Answered { accepted, lock, until })))
    }

    /// Ends as verified: the person of an accepted answer is here. Otherwise as it was.
    pub(super) fn claimed(mut self, now: UnixSeconds) -> Self {
        let Phase::Answered(answered) = self.phase else { return self };
        let Answered { accepted, lock, .. } = answered;
        let gate = match lock {
            Lock::Code(gate) => Some(gate),
            Lock::Confirmation => None,
        };
        self.phase = Phase::Open;
        self.into_phase(Phase::Verified(Answer::verified(now, accepted, gate)))
    }

    /// Ends as rejected, with everything of the accepted answer gone: its person did not come, or somebody else did
    /// (FIX-02, FIX-03).
    pub(super) fn turn_away(self, now: UnixSeconds, code: Code, detail: &str) -> Self {
        let error = ErrorRecord { code, detail: detail.to_owned() };
        let outcome = Outcome { result: None, report: None, error: Some(error) };
        self.into_phase(Phase::Rejected(Answer { finished_at: now, outcome: Some(outcome), gate: None }))
    }

    /// Ends as rejected.
    ///
    /// Only for faults found after issuer and holder were established; before that the sender may be anyone, and the
    /// transaction stays as it is (catalogue rule 6).
    ///
    /// # Errors
    /// As [`Transaction::check_answerable`].
    pub fn reject(self, now: UnixSeconds, refusal: Refusal) -> Result<Self, Reason> {
        let outcome = Outcome { result: None, report: Some(refusal.report), error: Some(refusal.error) };
        self.ended_by_answer(now, outcome, Phase::Rejected)
    }

    /// Ends as declined: the wallet answered with an error.
    ///
    /// # Errors
    /// As [`Transaction::check_answerable`].
    pub fn decline(self, now: UnixSeconds, error: ErrorRecord) -> Result<Self, Reason> {
        self.ended_by_answer(now, Outcome { result: None, report: None, error: Some(error) }, Phase::Declined)
    }

    /// The caller calls it off.
    ///
    /// # Errors
    /// [`Code::TransactionCompleted`] or [`Code::TransactionExpired`], as for an answer; an answered one can be called off.
    pub fn cancel(self, now: UnixSeconds) -> Result<Self, Reason> {
        if !self.is_answered() {
            self.check_not_ended(now)?;
        }
        Ok(self.into_phase(Phase::Cancelled { finished_at: now }))
    }

    /// Ends if its time is over and it has not ended: an open one expires, an answered one whose person did not come is
    /// rejected. Otherwise as it was. The end is dated to that time, so that every instance tells the same story
    /// whenever its clean-up ran.
    pub fn expire(self, now: UnixSeconds) -> Self {
        match (self.finished_at(), self.due()) {
            (None, Some(due)) if now >= due => match &self.phase {
                Phase::Answered(Answered { lock: Lock::Confirmation, .. }) => {
                    self.turn_away(due, Code::SessionMismatch, "nobody confirmed the answer in time")
                }
                Phase::Answered(_) => {
                    let detail = "nobody came back with the response code in time";
                    self.turn_away(due, Code::ResponseCodeRequired, detail)
                }
                _ => self.into_phase(Phase::Expired { finished_at: due }),
            },
            _ => self,
        }
    }

    /// Erases the outcome of an answered transaction, and its transaction data; the status stays (PRI-013). Otherwise as it was.
    pub fn erase(mut self) -> Self {
        let erased = self.answer_mut().and_then(|answer| answer.outcome.take());
        if erased.is_some() {
            self.start.request.transaction_data.clear();
            self.version = self.version.saturating_add(1);
        }
        self
    }

    /// Does what is due at `now`: ends one whose time is over, erases an overdue outcome. Otherwise as it was.
    pub fn sweep(self, now: UnixSeconds) -> Self {
        let mut current = self;
        // An answered one that nobody looked at for long is rejected and then erased: two steps at most.
        while let Some(due) = current.due()
            && now >= due
        {
            current = if current.finished_at().is_none() { current.expire(now) } else { current.erase() };
        }
        current
    }

    /// When [`Transaction::sweep`] has something to do next, if ever.
    pub fn due(&self) -> Option<UnixSeconds> {
        if let Phase::Answered(answered) = &self.phase {
            return Some(answered.until);
        }
        match (self.finished_at(), self.has_outcome()) {
            (None, _) => Some(self.start.expires_at),
            (Some(finished_at), true) => Some(finished_at.plus(i64::from(self.start.result_policy.ttl_seconds))),
            (Some(_), false) => None,
        }
    }

    /// Whether a store may write this over `shown`: the same transaction, later, on a way that exists.
    ///
    /// An ended one keeps its end state and time for ever, and nothing erased comes back.
    pub fn follows(&self, shown: &Self) -> bool {
        let (was, is) = (&shown.start, &self.start);
        let same = (&was.tenant, &was.id, &was.handle, &was.page, was.created_at, was.expires_at)
            == (&is.tenant, &is.id, &is.handle, &is.page, is.created_at, is.expires_at);
        let step = match (shown.status().is_end(), self.status().is_end()) {
            (false, false) => self.phase.rank() >= shown.phase.rank(),
            (false, true) => true,
            (true, false) => false,
            (true, true) => {
                self.status() == shown.status()
                    && self.finished_at() == shown.finished_at()
                    && (shown.has_outcome() || !self.has_outcome())
            }
        };
        same && step && self.version > shown.version
    }

    fn check_not_ended(&self, now: UnixSeconds) -> Result<(), Reason> {
        match self.phase {
            Phase::Expired { .. } => Err(Reason::new(Code::TransactionExpired, "the deadline has passed")),
            Phase::Open | Phase::Fetched { .. } if now >= self.start.expires_at => {
                Err(Reason::new(Code::TransactionExpired, "the deadline has passed"))
            }
            Phase::Open | Phase::Fetched { .. } => Ok(()),
            _ => Err(Reason::new(Code::TransactionCompleted, "the transaction has ended")),
        }
    }

    fn ended_by_answer(self, now: UnixSeconds, outcome: Outcome, end: fn(Answer) -> Phase) -> Result<Self, Reason> {
        self.check_answerable(now)?;
        Ok(self.into_phase(end(Answer { finished_at: now, outcome: Some(outcome), gate: None })))
    }

    /// The one place where a phase changes: the version grows, and with an answer or an end the key goes (OVP-META-15).
    /// Transaction data goes with the result that it is the evidence for; where there is none, at once.
    fn into_phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self.version = self.version.saturating_add(1);
        if self.status().is_end() || self.is_answered() {
            self.start.request.encryption_key = None;
            if !self.has_outcome() && !self.is_answered() {
                self.start.request.transaction_data.clear();
            }
        }
        self
    }
}

impl Answer {
    fn verified(finished_at: UnixSeconds, accepted: Accepted, gate: Option<Gate>) -> Self {
        let outcome = Outcome { result: Some(accepted.result), report: Some(accepted.report), error: None };
        Self { finished_at, outcome: Some(outcome), gate }
    }
}

impl Phase {
    /// The order of the phases before an end: it never goes back.
    const fn rank(&self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Fetched { .. } => 1,
            Self::Answered(_) => 2,
            _ => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CREATED, EXPIRES, dc_api, open, same_device};
    use super::super::{BrowserHash, Returned, Status};
    use super::*;
    use proptest::prelude::*;

    const CODE: ResponseCodeHash = ResponseCodeHash::new([1; 32]);
    const LAST: UnixSeconds = UnixSeconds(1_299);

    fn error() -> ErrorRecord {
        ErrorRecord { code: Code::CredentialRevoked, detail: "status 1".to_owned() }
    }

    fn accepted() -> Accepted {
        Accepted { result: "{}".to_owned(), report: "{}".to_owned() }
    }

    fn refusal() -> Refusal {
        Refusal { report: "{}".to_owned(), error: error() }
    }

    type Step = fn(Transaction, UnixSeconds) -> Result<Transaction, Reason>;

    fn returned(code: &ResponseCodeHash) -> Returned<'_> {
        Returned { code: Some(code), session: None }
    }

    /// Every step that ends a transaction, with the end it leads to. An accepted answer is taken up at once.
    fn ends() -> [(Status, Step); 5] {
        [
            (Status::Verified, |it, now| Ok(it.verify(now, accepted(), CODE)?.claimed(now))),
            (Status::Rejected, |it, now| it.reject(now, refusal())),
            (Status::Declined, |it, now| it.decline(now, error())),
            (Status::Cancelled, |it, now| it.cancel(now)),
            (Status::Expired, |it, _| Ok(it.expire(EXPIRES))),
        ]
    }

    fn fetched() -> Transaction {
        open(1, same_device()).fetch(CREATED).unwrap()
    }

    #[test]
    fn first_end_state_wins_in_every_order() {
        // RSP-010, RSP-011, RSP-012; S1. Every end, followed by every other step.
        for (first, end) in ends() {
            let ended = end(fetched(), LAST).unwrap();
            assert_eq!(ended.status(), first);
            assert!(ended.request().encryption_key.is_none(), "OVP-META-15 after {first}");
            let expected = if first == Status::Expired { Code::TransactionExpired } else { Code::TransactionCompleted };
            for (second, again) in ends() {
                if second == Status::Expired {
                    assert_eq!(ended.clone().expire(EXPIRES), ended, "{first} then {second}");
                } else {
                    assert_eq!(again(ended.clone(), LAST).unwrap_err().code, expected, "{first} then {second}");
                    assert_eq!(again(ended.clone(), EXPIRES).unwrap_err().code, expected, "{first} then late {second}");
                }
            }
            assert_eq!(ended.clone().fetch(LAST).unwrap_err().code, Code::RequestExpired, "REQ-004 after {first}");
        }
    }

    #[test]
    fn expiry_is_exclusive_for_every_step() {
        // OVP-REQ-19: the last second counts, the next does not.
        for (status, end) in ends() {
            if status == Status::Expired {
                continue;
            }
            assert_eq!(end(fetched(), LAST).unwrap().status(), status);
            assert_eq!(end(fetched(), EXPIRES).unwrap_err().code, Code::TransactionExpired, "{status}");
        }
        assert!(open(1, same_device()).fetch(LAST).is_ok());
        assert_eq!(open(1, same_device()).fetch(EXPIRES).unwrap_err().code, Code::RequestExpired);
        assert_eq!(fetched().fetch(EXPIRES).unwrap_err().code, Code::RequestExpired);
        assert_eq!(fetched().expire(LAST), fetched());
        assert_eq!(fetched().expire(EXPIRES).finished_at(), Some(EXPIRES));
    }

    #[test]
    fn an_answer_before_anybody_collected_the_request_is_refused() {
        // RSP-032
        for (status, end) in ends() {
            let result = end(open(1, same_device()), LAST);
            match status {
                Status::Cancelled | Status::Expired => assert_eq!(result.unwrap().status(), status),
                _ => assert_eq!(result.unwrap_err().code, Code::StateMismatch, "{status}"),
            }
        }
    }

    #[test]
    fn in_the_dc_api_flow_nobody_collects_and_no_code_is_kept() {
        // The caller has the request from the start, and hands the answer in itself.
        for (status, end) in ends() {
            let ended = end(open(1, dc_api()), LAST).unwrap();
            assert_eq!(ended.status(), status);
            assert!(ended.answer().is_none_or(|answer| answer.gate.is_none()));
            assert!(ended.request().encryption_key.is_none(), "OVP-META-15 after {status}");
            if status != Status::Expired {
                assert_eq!(end(open(1, dc_api()), EXPIRES).unwrap_err().code, Code::TransactionExpired, "{status}");
            }
        }
    }

    #[test]
    fn fetching_again_changes_nothing() {
        let once = fetched();
        assert_eq!(once.version(), 2);
        assert_eq!(once.clone().fetch(LAST).unwrap(), once);
    }

    #[test]
    fn cross_device_keeps_no_code() {
        let ended = open(1, Flow::CrossDevice).fetch(CREATED).unwrap().verify(LAST, accepted(), CODE).unwrap();
        assert!(ended.answer().unwrap().gate.is_none());
        assert!(verified().answer().unwrap().gate.is_some());
    }

    /// A same-device transaction whose person came back at once.
    fn verified() -> Transaction {
        fetched().verify(LAST, accepted(), CODE).unwrap().claimed(LAST)
    }

    #[test]
    fn an_answered_one_is_closed_to_wallets_and_has_not_ended() {
        // FIX-01, SES-014: no end, no key, and no second answer.
        let answered = fetched().verify(LAST, accepted(), CODE).unwrap();
        assert_eq!((answered.status(), answered.finished_at(), answered.version()), (Status::Fetched, None, 3));
        assert!(answered.is_answered() && answered.request().encryption_key.is_none(), "OVP-META-15");
        for (status, again) in ends() {
            let result = again(answered.clone(), LAST);
            match status {
                Status::Cancelled => assert_eq!(result.unwrap().status(), Status::Cancelled),
                Status::Expired => assert_eq!(result.unwrap(), answered, "its time is another one"),
                _ => assert_eq!(result.unwrap_err().code, Code::TransactionCompleted, "{status}"),
            }
        }
        assert_eq!(answered.clone().fetch(LAST).unwrap_err().code, Code::RequestExpired);
        assert_eq!(answered.erase().status(), Status::Fetched);
    }

    #[test]
    fn nobody_comes_back_and_the_answer_is_rejected() {
        // FIX-03: at the second that was said, with nothing of the answer left.
        let answered = fetched().verify(LAST, accepted(), CODE).unwrap();
        let until = LAST.plus(300);
        assert_eq!(answered.due(), Some(until));
        assert_eq!(answered.clone().sweep(until.plus(-1)), answered);
        let rejected = answered.clone().sweep(until.plus(7));
        assert_eq!((rejected.status(), rejected.finished_at()), (Status::Rejected, Some(until)));
        let outcome = rejected.answer().unwrap().outcome.clone().unwrap();
        assert_eq!(outcome.error.unwrap().code, Code::ResponseCodeRequired);
        assert!(outcome.result.is_none() && outcome.report.is_none());
        assert!(rejected.follows(&answered));
        // Long after, the refusal is gone as well.
        assert!(!answered.sweep(until.plus(900)).has_outcome());
    }

    #[test]
    fn a_cross_device_request_is_scanned_once() {
        // OVP-RURI-04 within a minute, OVP-REQ-17 after it; the same-device flow is repeatable to its end.
        let scanned = open(1, Flow::CrossDevice).fetch(CREATED).unwrap();
        assert_eq!(scanned.clone().fetch(CREATED.plus(SCAN_SECONDS - 1)).unwrap(), scanned);
        assert_eq!(scanned.fetch(CREATED.plus(SCAN_SECONDS)).unwrap_err().code, Code::RequestExpired);
        assert!(fetched().fetch(CREATED.plus(SCAN_SECONDS)).is_ok());
    }

    #[test]
    fn erasure_leaves_the_status_and_is_idempotent() {
        // PRI-013
        let erased = verified().erase();
        assert_eq!((erased.status(), erased.finished_at(), erased.version()), (Status::Verified, Some(LAST), 5));
        assert!(!erased.has_outcome());
        assert_eq!(erased.clone().erase(), erased);
        assert_eq!(fetched().erase(), fetched(), "an open one has nothing to erase");
        assert_eq!(erased.due(), None);
    }

    #[test]
    fn sweeping_does_what_is_due_and_no_more() {
        assert_eq!(fetched().due(), Some(EXPIRES));
        assert_eq!(fetched().sweep(LAST), fetched());
        assert_eq!(fetched().sweep(EXPIRES).status(), Status::Expired);
        let ended = verified();
        assert_eq!(ended.due(), Some(LAST.plus(900)));
        assert_eq!(ended.clone().sweep(LAST.plus(899)), ended);
        assert!(!ended.sweep(LAST.plus(900)).has_outcome());
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let mut start = open(1, same_device()).start;
        start.expires_at = UnixSeconds(i64::MAX);
        let ended = Transaction::begin(start)
            .fetch(CREATED)
            .unwrap()
            .verify(UnixSeconds(i64::MAX - 1), accepted(), CODE)
            .unwrap();
        assert_eq!(ended.due(), Some(UnixSeconds(i64::MAX)));
        assert_eq!(ended.claimed(UnixSeconds(i64::MAX - 1)).due(), Some(UnixSeconds(i64::MAX)));
    }

    #[test]
    fn only_successors_follow() {
        let (first, second) = (open(1, same_device()), fetched());
        assert!(second.follows(&first));
        assert!(!first.follows(&second), "never back");
        assert!(!first.follows(&first), "no change is no successor");
        assert!(!open(2, same_device()).fetch(CREATED).unwrap().follows(&first), "another transaction");
        let answered = second.clone().verify(LAST, accepted(), CODE).unwrap();
        let mut again = second.clone();
        again.version = 9;
        assert!(!again.follows(&answered), "never back to a wallet");
        let verified = answered.clone().claimed(LAST);
        assert!(verified.follows(&answered));
        let mut cancelled = second.clone().cancel(LAST).unwrap();
        cancelled.version = 9;
        assert!(!cancelled.follows(&verified), "another end");
        let mut reopened = second;
        reopened.version = 9;
        assert!(!reopened.follows(&verified), "never open again");
        let erased = verified.clone().erase();
        assert!(erased.follows(&verified));
        let mut restored = verified.clone();
        restored.version = 9;
        assert!(!restored.follows(&erased), "nothing erased comes back");
        let mut redated = erased.clone();
        redated.version = 9;
        redated.phase = Phase::Verified(Answer { finished_at: CREATED, outcome: None, gate: None });
        assert!(!redated.follows(&erased), "another time");
    }

    #[derive(Debug, Clone)]
    enum Act {
        Fetch,
        Verify,
        Reject,
        Decline,
        Cancel,
        Expire,
        Sweep,
        Read(bool),
        Erase,
        OpenPage(bool),
        Return(bool, bool),
        Confirm(bool, bool),
    }

    fn browser(first: bool) -> BrowserHash {
        BrowserHash::new([u8::from(first); 32])
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            Just(Act::Fetch),
            Just(Act::Verify),
            Just(Act::Reject),
            Just(Act::Decline),
            Just(Act::Cancel),
            Just(Act::Expire),
            Just(Act::Sweep),
            any::<bool>().prop_map(Act::Read),
            Just(Act::Erase),
            any::<bool>().prop_map(Act::OpenPage),
            any::<(bool, bool)>().prop_map(|(first, right)| Act::Return(first, right)),
            any::<(bool, bool)>().prop_map(|(first, yes)| Act::Confirm(first, yes)),
        ]
    }

    fn apply(it: Transaction, act: &Act, now: UnixSeconds) -> Transaction {
        let old = it.clone();
        match act {
            Act::Fetch => it.fetch(now).unwrap_or(old),
            Act::Verify => it.verify(now, accepted(), CODE).unwrap_or(old),
            Act::Reject => it.reject(now, refusal()).unwrap_or(old),
            Act::Decline => it.decline(now, error()).unwrap_or(old),
            Act::Cancel => it.cancel(now).unwrap_or(old),
            Act::Expire => it.expire(now),
            Act::Sweep => it.sweep(now),
            Act::Read(right) => {
                let code = if *right { CODE } else { ResponseCodeHash::new([2; 32]) };
                it.read(now, returned(&code)).0
            }
            Act::OpenPage(first) => it.open_page(browser(*first)).unwrap_or(old),
            Act::Return(first, right) => {
                let code = if *right { CODE } else { ResponseCodeHash::new([2; 32]) };
                it.return_to_page(now, Some(browser(*first)), &code).0
            }
            Act::Confirm(first, yes) => it.confirm(now, browser(*first), *yes).0,
            Act::Erase => it.erase(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// S1: two holders of one transaction act in any order at any times, each on the value it last saw, and a
        /// store that writes only over the version shown stands between them.
        #[test]
        fn two_handles_never_break_the_rules(
            flow in 0..3_u8,
            steps in prop::collection::vec((act(), any::<bool>(), 990_i64..1_320), 1..40),
        ) {
            let flow = match flow {
                0 => same_device(),
                1 => Flow::CrossDevice,
                _ => dc_api(),
            };
            let mut stored = open(1, flow);
            let mut seen = [stored.clone(), stored.clone()];
            let mut end = None;
            for (act, second, now) in steps {
                let hand = usize::from(second);
                let shown = seen[hand].clone();
                let next = apply(shown.clone(), &act, UnixSeconds(now));
                prop_assert_eq!(next == shown, next.version() == shown.version());
                if next.version() != shown.version() {
                    prop_assert!(next.follows(&shown), "{:?}", act);
                    if shown.version() == stored.version() {
                        stored = next;
                    }
                }
                seen[hand] = stored.clone();
                if stored.status().is_end() {
                    let this = (stored.status(), stored.finished_at());
                    prop_assert_eq!(*end.get_or_insert(this), this, "one end state, for ever");
                    prop_assert!(stored.request().encryption_key.is_none(), "no key after the end");
                } else {
                    prop_assert!(end.is_none(), "ended never reopens");
                    prop_assert_eq!(stored.request().encryption_key.is_some(), !stored.is_answered());
                }
            }
        }
    }
}
