//! What every store must do: one set of checks, run against each of them by `tests/suite/store.rs`.
//!
//! Each function takes a fresh, empty store that remembers ended transactions for [`KEEP`] seconds, and panics if the
//! store breaks its promise. Checks that need a file, a second process or a restart are in the suite, with their store.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "these are tests: a panic is their verdict"
)]

use crate::app::ports::{Idempotency, Inserted, Replaced, StoreError, Swept, TransactionStore};
use crate::domain::ids::{Nonce, PageHandle, RequestHandle, State, TenantId, TransactionId};
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{
    Accepted, ErrorRecord, Flow, MAX_WRONG_CODES, NewTransaction, Purpose, Refusal, RegistrationUse, RequestData,
    ResponseCodeHash, ResponseMode, ResultPolicy, Returned, SecretScalar, Status, Transaction,
};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// A store under test.
pub type Store = Arc<dyn TransactionStore>;

/// Seconds for which the store must remember ended transactions.
pub const KEEP: i64 = 5_000;
/// When samples begin.
pub const CREATED: UnixSeconds = UnixSeconds(1_000);
/// When samples expire.
pub const EXPIRES: UnixSeconds = UnixSeconds(1_300);
/// A moment in between.
pub const DURING: UnixSeconds = UnixSeconds(1_200);
/// Seconds for which samples keep their results.
pub const TTL: u32 = 900;
/// How many try the same at once.
const CROWD: u8 = 64;

const CODE: ResponseCodeHash = ResponseCodeHash::new([1; 32]);
const WRONG: ResponseCodeHash = ResponseCodeHash::new([2; 32]);

/// The parts of a new transaction whose names all come from `number`.
pub fn sample(number: u64) -> NewTransaction {
    fn random<const N: usize>(number: u64, part: u8) -> [u8; N] {
        let mut bytes = [part; N];
        for (byte, digit) in bytes.iter_mut().zip(number.to_be_bytes()) {
            *byte = digit;
        }
        bytes
    }
    NewTransaction {
        tenant: TenantId::default_tenant(),
        id: TransactionId::from_random(random(number, 1)),
        handle: RequestHandle::from_random(random(number, 2)),
        page: PageHandle::from_random(random(number, 3)),
        created_at: CREATED,
        expires_at: EXPIRES,
        flow: Flow::CrossDevice,
        request: RequestData {
            preset: Some("bewohnerparken".to_owned()),
            client_id: "x509_hash:abc".to_owned(),
            nonce: Nonce::from_random(random(number, 4)),
            state: Some(State::from_random(random(number, 5))),
            response_mode: ResponseMode::DirectPostJwt,
            response_uri: Some("https://verifier.example/wallet/responses/abc".to_owned()),
            dcql_query: format!(r#"{{"credentials":[{{"id":"pid","meta":"{}"}}]}}"#, "x".repeat(900)),
            transaction_data: Vec::new(),
            purpose: Purpose { de: Some("Prüfung der Anschrift".to_owned()), en: None },
            encryption_key: Some(SecretScalar::new([6; 32])),
            encryption_kid: "k1".to_owned(),
            registration: RegistrationUse::default(),
        },
        reference: Some(format!("A-{number}")),
        result_policy: ResultPolicy { ttl_seconds: TTL, delete_after_read: false, return_seconds: TTL },
        session: None,
    }
}

/// An accepted presentation that names `who`.
pub fn accepted(who: &str) -> Accepted {
    Accepted { result: format!(r#"{{"who":"{who}"}}"#), report: format!(r#"{{"of":"{who}"}}"#) }
}

fn refusal(who: &str) -> Refusal {
    Refusal {
        report: format!(r#"{{"of":"{who}"}}"#),
        error: ErrorRecord { code: Code::CredentialRevoked, detail: who.to_owned() },
    }
}

fn declined(who: &str) -> ErrorRecord {
    ErrorRecord { code: Code::WalletErrorRecorded, detail: who.to_owned() }
}

/// Ends a fetched transaction in one of five ways.
fn end(fetched: Transaction, way: u8, who: &str) -> Transaction {
    match way % 5 {
        0 => fetched.verify(DURING, accepted(who), CODE).unwrap(),
        1 => fetched.reject(DURING, refusal(who)).unwrap(),
        2 => fetched.decline(DURING, declined(who)).unwrap(),
        3 => fetched.cancel(DURING).unwrap(),
        _ => fetched.expire(EXPIRES),
    }
}

/// Inserts a new transaction and returns it.
pub async fn insert(store: &Store, new: NewTransaction) -> Transaction {
    let transaction = Transaction::begin(new);
    assert_eq!(store.insert(transaction.clone(), None).await.unwrap(), Inserted::New);
    transaction
}

async fn replace(store: &Store, shown: &Transaction, next: Transaction) -> Transaction {
    assert_eq!(store.replace(shown, next.clone()).await.unwrap(), Replaced::Done);
    next
}

async fn insert_fetched(store: &Store, new: NewTransaction) -> Transaction {
    let open = insert(store, new).await;
    let fetched = open.clone().fetch(DURING).unwrap();
    replace(store, &open, fetched).await
}

async fn stored(store: &Store, transaction: &Transaction) -> Option<Transaction> {
    store.by_id(transaction.tenant(), transaction.id()).await.unwrap()
}

/// What was stored comes back under each of its names, after every step, and under no other.
pub async fn names_lead_to_the_transaction(store: Store) {
    let mut all = Vec::new();
    for number in 0..20 {
        all.push(insert(&store, sample(number)).await);
    }
    for (way, open) in (0..).zip(all.iter_mut()) {
        if way % 2 == 0 {
            *open = replace(&store, open, open.clone().fetch(DURING).unwrap()).await;
            *open = replace(&store, open, end(open.clone(), way / 2, "one")).await;
        }
    }
    for one in &all {
        assert_eq!(stored(&store, one).await.as_ref(), Some(one));
        assert_eq!(store.by_handle(one.handle()).await.unwrap().as_ref(), Some(one));
        assert_eq!(store.by_page(one.page()).await.unwrap().as_ref(), Some(one));
    }
    let other = Transaction::begin(sample(99));
    assert_eq!(stored(&store, &other).await, None);
    assert_eq!(store.by_handle(other.handle()).await.unwrap(), None);
    assert_eq!(store.by_page(other.page()).await.unwrap(), None);
    // NON-07: one name never stands in for another.
    let one = &all[0];
    assert_eq!(store.by_page(&PageHandle::parse(one.id().as_str()).unwrap()).await.unwrap(), None);
    assert_eq!(store.by_handle(&RequestHandle::parse(one.page().as_str()).unwrap()).await.unwrap(), None);
}

/// API-006: another tenant's transaction is as good as none, also for a repeated creation.
pub async fn tenants_do_not_meet(store: Store) {
    let theirs = TenantId::parse("theirs").unwrap();
    let ours = insert(&store, sample(1)).await;
    assert_eq!(store.by_id(&theirs, ours.id()).await.unwrap(), None);
    // A forged value that claims another tenant writes nothing.
    let mut parts = sample(1);
    parts.tenant = theirs.clone();
    let forged = Transaction::begin(parts);
    let replaced = store.replace(&forged, forged.clone().cancel(DURING).unwrap()).await.unwrap();
    assert!(matches!(replaced, Replaced::Lost(None)), "not even the existence shows");
    assert_eq!(stored(&store, &ours).await, Some(ours));
    // One key digest, two tenants: both create.
    let key = Idempotency { key_hash: [7; 32], content_hash: [8; 32], until: EXPIRES };
    let mut second = sample(3);
    second.tenant = theirs;
    let (first, second) = (Transaction::begin(sample(2)), Transaction::begin(second));
    assert_eq!(store.insert(first, Some(key)).await.unwrap(), Inserted::New);
    assert_eq!(store.insert(second, Some(key)).await.unwrap(), Inserted::New);
}

/// A name that exists is a defect of the random source, and changes nothing.
pub async fn names_are_taken_once(store: Store) {
    let first = insert(&store, sample(1)).await;
    let with = |change: fn(&mut NewTransaction)| {
        let mut parts = sample(2);
        change(&mut parts);
        Transaction::begin(parts)
    };
    for second in [
        with(|new| new.id = sample(1).id),
        with(|new| new.handle = sample(1).handle),
        with(|new| new.page = sample(1).page),
    ] {
        assert!(matches!(store.insert(second, None).await, Err(StoreError::Misuse(_))));
    }
    assert_eq!(stored(&store, &first).await, Some(first));
    insert(&store, sample(2)).await;
}

/// RSP-010, RSP-011, RSP-012: whatever comes second, the first end stays, and the second hears of it.
pub async fn first_end_wins_in_every_order(store: Store) {
    for first in 0..5_u8 {
        for second in 0..5_u8 {
            let fetched = insert_fetched(&store, sample(u64::from(first * 5 + second))).await;
            let winner = replace(&store, &fetched, end(fetched.clone(), first, "first")).await;
            let loser = end(fetched.clone(), second, "second");
            let lost = store.replace(&fetched, loser.clone()).await.unwrap();
            assert_eq!(lost, Replaced::Lost(Some(Box::new(winner.clone()))), "{first} {second}");
            // A loser that goes on as if it had won gets nowhere, even where version and status are the same.
            if loser != winner && loser.has_outcome() {
                let replaced = store.replace(&loser, loser.clone().erase()).await.unwrap();
                assert_eq!(replaced, Replaced::Lost(Some(Box::new(winner.clone()))), "{first} {second}");
            }
            assert_eq!(stored(&store, &winner).await, Some(winner));
        }
    }
}

/// RSP-007: many answer at the same moment; exactly one ends it, and what is stored belongs wholly to that one.
pub async fn a_crowd_of_answers_ends_it_once(store: Store) {
    for round in 0..10 {
        let fetched = insert_fetched(&store, sample(round)).await;
        let barrier = Arc::new(Barrier::new(CROWD.into()));
        let mut crowd = JoinSet::new();
        for number in 0..CROWD {
            let (store, barrier, fetched) = (Arc::clone(&store), Arc::clone(&barrier), fetched.clone());
            crowd.spawn(async move {
                let next = end(fetched.clone(), number, &format!("holder {number}"));
                barrier.wait().await;
                (store.replace(&fetched, next.clone()).await.unwrap(), next)
            });
        }
        let answers = crowd.join_all().await;
        let winners: Vec<_> = answers.iter().filter(|(replaced, _)| *replaced == Replaced::Done).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let winner = &winners[0].1;
        assert_eq!(stored(&store, &fetched).await.as_ref(), Some(winner));
        for (replaced, _) in &answers {
            assert!(*replaced == Replaced::Done || *replaced == Replaced::Lost(Some(Box::new(winner.clone()))));
        }
    }
}

/// A value that is no successor is refused as a defect, and changes nothing.
pub async fn only_successors_are_written(store: Store) {
    let open = insert(&store, sample(1)).await;
    let fetched = replace(&store, &open, open.clone().fetch(DURING).unwrap()).await;
    let verified = replace(&store, &fetched, end(fetched.clone(), 0, "one")).await;
    let another = Transaction::begin(sample(2)).fetch(DURING).unwrap();
    for (shown, next) in [(&verified, &fetched), (&verified, &open), (&open, &another), (&verified, &verified)] {
        assert!(matches!(store.replace(shown, next.clone()).await, Err(StoreError::Misuse(_))));
    }
    assert_eq!(stored(&store, &verified).await, Some(verified));
}

/// Reads as the use case does: stores what reading changed, and begins again if another was faster.
async fn read(store: &Store, id: &Transaction, code: Option<ResponseCodeHash>) -> Result<bool, Code> {
    loop {
        let shown = stored(store, id).await.unwrap();
        let (next, reading) = shown.clone().read(DURING, Returned { code: code.as_ref(), session: None });
        if next.version() == shown.version() || store.replace(&shown, next).await.unwrap() == Replaced::Done {
            return reading.map(|reading| reading.outcome.is_some()).map_err(|reason| reason.code);
        }
    }
}

/// SES-004: wrong codes are counted, however many come at once; then the right one comes too late.
pub async fn a_crowd_of_wrong_codes_is_counted(store: Store) {
    let mut parts = sample(1);
    parts.flow = Flow::SameDevice { return_url: "https://town.example/back".to_owned() };
    let fetched = insert_fetched(&store, parts).await;
    let answered = replace(&store, &fetched, end(fetched.clone(), 0, "one")).await;
    assert_eq!(read(&store, &answered, None).await, Err(Code::ResponseCodeRequired));
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (store, answered) = (Arc::clone(&store), answered.clone());
        crowd.spawn(async move { read(&store, &answered, Some(WRONG)).await });
    }
    // The last of the wrong codes ends the transaction as rejected; whoever comes later sees that and nothing else.
    let answers = crowd.join_all().await;
    let wrong = answers.iter().filter(|answer| **answer == Err(Code::ResponseCodeInvalid)).count();
    assert_eq!(wrong, usize::from(MAX_WRONG_CODES));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(true) | Err(Code::ResponseCodeInvalid))));
    let closed = stored(&store, &answered).await.unwrap();
    assert_eq!(closed.status(), Status::Rejected);
    assert_eq!(closed.version(), answered.version().saturating_add(MAX_WRONG_CODES.into()));
    let (_, reading) = closed.clone().read(DURING, Returned { code: Some(&CODE), session: None });
    assert!(reading.unwrap().outcome.unwrap().result.is_none(), "too late for the right code");
}

/// A read-once result is read once, however many ask at once; the owner of any other may ask again (SES-013).
pub async fn a_crowd_of_readers_reads_once(store: Store) {
    let mut parts = sample(1);
    parts.result_policy.delete_after_read = true;
    let fetched = insert_fetched(&store, parts).await;
    let once = replace(&store, &fetched, end(fetched.clone(), 0, "one")).await;
    let fetched = insert_fetched(&store, sample(2)).await;
    let again = replace(&store, &fetched, end(fetched.clone(), 0, "two")).await;
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let (store, once, again) = (Arc::clone(&store), once.clone(), again.clone());
        crowd.spawn(async move { (read(&store, &once, None).await, read(&store, &again, None).await) });
    }
    let answers = crowd.join_all().await;
    assert_eq!(answers.iter().filter(|(once, _)| *once == Ok(true)).count(), 1);
    assert_eq!(answers.iter().filter(|(once, _)| *once == Err(Code::ResultPurged)).count(), usize::from(CROWD) - 1);
    assert!(answers.iter().all(|(_, again)| *again == Ok(true)));
}

/// API-010: the same call again gives the same transaction as it now is; other content under the key is a conflict.
pub async fn repeated_creation_is_recognised(store: Store) {
    let key = Idempotency { key_hash: [7; 32], content_hash: [8; 32], until: UnixSeconds(1_100) };
    let first = Transaction::begin(sample(1));
    assert_eq!(store.insert(first.clone(), Some(key)).await.unwrap(), Inserted::New);
    let replayed = store.insert(Transaction::begin(sample(2)), Some(key)).await.unwrap();
    assert_eq!(replayed, Inserted::Replayed(Box::new(first.clone())));
    let other = Idempotency { content_hash: [9; 32], ..key };
    assert_eq!(store.insert(Transaction::begin(sample(3)), Some(other)).await.unwrap(), Inserted::Conflict);
    for number in [2, 3] {
        assert_eq!(stored(&store, &Transaction::begin(sample(number))).await, None, "nothing was stored");
    }
    let ended = replace(&store, &first, first.clone().cancel(DURING).unwrap()).await;
    let replayed = store.insert(Transaction::begin(sample(2)), Some(key)).await.unwrap();
    assert_eq!(replayed, Inserted::Replayed(Box::new(ended)), "as it now is");
    // The end of the key's time is exclusive.
    let at = |seconds, number| {
        let mut parts = sample(number);
        parts.created_at = UnixSeconds(seconds);
        Transaction::begin(parts)
    };
    assert_eq!(store.insert(at(1_099, 4), Some(other)).await.unwrap(), Inserted::Conflict);
    let later = Idempotency { until: UnixSeconds(1_200), ..other };
    assert_eq!(store.insert(at(1_100, 5), Some(later)).await.unwrap(), Inserted::New);
    assert_eq!(store.insert(at(1_101, 6), Some(key)).await.unwrap(), Inserted::Conflict, "the newer call has the key");
}

/// API-010: of many equal calls at once exactly one creates, and all are told of the same transaction.
pub async fn a_crowd_of_equal_calls_creates_once(store: Store) {
    let key = Idempotency { key_hash: [7; 32], content_hash: [8; 32], until: EXPIRES };
    let barrier = Arc::new(Barrier::new(CROWD.into()));
    let mut crowd = JoinSet::new();
    for number in 0..CROWD {
        let (store, barrier) = (Arc::clone(&store), Arc::clone(&barrier));
        crowd.spawn(async move {
            let mine = Transaction::begin(sample(number.into()));
            barrier.wait().await;
            match store.insert(mine.clone(), Some(key)).await.unwrap() {
                Inserted::New => (1, mine),
                Inserted::Replayed(theirs) => (0, *theirs),
                Inserted::Conflict => (100, mine),
            }
        });
    }
    let answers = crowd.join_all().await;
    assert_eq!(answers.iter().map(|(new, _)| new).sum::<i32>(), 1);
    assert!(answers.iter().all(|(_, transaction)| *transaction == answers[0].1));
}

/// P2, STO-025: everything happens exactly when it is due, nothing else, and once.
pub async fn sweeping_does_what_is_due(store: Store) {
    let sweep = async |at: i64| store.expire_and_erase(UnixSeconds(at), 1_000).await.unwrap();
    let none = Swept::default();
    let open = insert(&store, sample(1)).await;
    let fetched = insert_fetched(&store, sample(2)).await;
    let fetched_too = insert_fetched(&store, sample(3)).await;
    let verified = replace(&store, &fetched_too, end(fetched_too.clone(), 0, "one")).await;
    let mut parts = sample(4);
    parts.expires_at = UnixSeconds(50_000);
    let live = insert(&store, parts).await;
    let key = Idempotency { key_hash: [7; 32], content_hash: [8; 32], until: UnixSeconds(8_000) };
    let keyed = Transaction::begin(sample(5));
    assert_eq!(store.insert(keyed.clone(), Some(key)).await.unwrap(), Inserted::New);
    let keyed = replace(&store, &keyed, keyed.clone().cancel(DURING).unwrap()).await;

    assert_eq!(sweep(1_299).await, none);
    assert_eq!(sweep(1_300).await, Swept { expired: 2, ..none });
    for one in [&open, &fetched] {
        let expired = stored(&store, one).await.unwrap();
        assert_eq!((expired.status(), expired.finished_at()), (Status::Expired, Some(EXPIRES)));
        assert!(expired.request().encryption_key.is_none(), "OVP-META-15");
    }
    assert_eq!(sweep(1_300).await, none, "twice is once");
    // The result of 1 200 lives 900 seconds.
    assert_eq!(sweep(2_099).await, none);
    assert_eq!(stored(&store, &verified).await, Some(verified.clone()));
    assert_eq!(sweep(2_100).await, Swept { erased: 1, ..none });
    let erased = stored(&store, &verified).await.unwrap();
    assert_eq!((erased.status(), erased.has_outcome()), (Status::Verified, false));
    // Rows go 5 000 seconds after their end, those with an idempotency key not before its time is over.
    assert_eq!(sweep(6_199).await, none);
    assert_eq!(sweep(6_200).await, Swept { removed: 1, ..none });
    assert_eq!(stored(&store, &verified).await, None);
    assert_eq!(store.by_handle(verified.handle()).await.unwrap(), None);
    assert_eq!(store.by_page(verified.page()).await.unwrap(), None);
    assert_eq!(sweep(6_300).await, Swept { removed: 2, ..none });
    assert_eq!(sweep(7_999).await, none);
    assert_eq!(stored(&store, &keyed).await, Some(keyed.clone()));
    assert_eq!(sweep(8_000).await, Swept { removed: 1, ..none });
    assert_eq!(stored(&store, &keyed).await, None);
    assert_eq!(stored(&store, &live).await, Some(live));
}

/// The limit holds, the longest overdue come first, and the rest is done the next time.
pub async fn sweeping_keeps_to_its_limit(store: Store) {
    for number in 0..10 {
        let mut parts = sample(number);
        parts.expires_at = EXPIRES.minus(i64::try_from(number).unwrap());
        insert(&store, parts).await;
    }
    for (limit, expired) in [(0, 0), (4, 4), (4, 4), (4, 2), (4, 0)] {
        assert_eq!(store.expire_and_erase(EXPIRES, limit).await.unwrap(), Swept { expired, ..Swept::default() });
        if limit == 4 && expired == 4 {
            let last = stored(&store, &Transaction::begin(sample(9))).await.unwrap();
            assert_eq!(last.status(), Status::Expired);
        }
    }
    assert_eq!(store.expire_and_erase(EXPIRES.plus(KEEP), 100).await.unwrap().removed, 10);
}

/// A sweep and answers at the same moment: one of them wins each transaction.
pub async fn sweeping_races_with_answers(store: Store) {
    let mut all = Vec::new();
    for number in 0..100 {
        all.push(insert_fetched(&store, sample(number)).await);
    }
    let mut crowd = JoinSet::new();
    for fetched in all.clone() {
        let store = Arc::clone(&store);
        crowd.spawn(async move {
            let next = end(fetched.clone(), 0, "one");
            usize::from(store.replace(&fetched, next).await.unwrap() == Replaced::Done)
        });
    }
    let mut expired = 0;
    for _ in 0..20 {
        expired += store.expire_and_erase(EXPIRES, 10).await.unwrap().expired;
        tokio::task::yield_now().await;
    }
    let verified: usize = crowd.join_all().await.into_iter().sum();
    assert_eq!(verified + expired, 100);
    let mut statuses = HashMap::new();
    for one in &all {
        *statuses.entry(stored(&store, one).await.unwrap().status()).or_insert(0) += 1;
    }
    assert_eq!(statuses.get(&Status::Verified).copied().unwrap_or(0), verified);
    assert_eq!(statuses.get(&Status::Expired).copied().unwrap_or(0), expired);
}

/// Those who wait hear of every change, also of one between subscription and waiting, and of the end of all changes.
pub async fn watchers_hear_of_changes(store: Store) {
    let open = insert(&store, sample(1)).await;
    let (mut first, mut second) = (store.watch(open.id()), store.watch(open.id()));
    let mut other = store.watch(Transaction::begin(sample(2)).id());
    let fetched = replace(&store, &open, open.clone().fetch(DURING).unwrap()).await;
    assert!(first.changed().await && second.changed().await);
    let waiter = tokio::spawn(async move {
        assert!(first.changed().await);
        first
    });
    replace(&store, &fetched, end(fetched.clone(), 3, "one")).await;
    let mut first = waiter.await.unwrap();
    assert!(second.changed().await);
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(20), other.changed()).await;
    assert!(nothing.is_err(), "another transaction's changes are not heard");
    assert_eq!(store.expire_and_erase(DURING.plus(KEEP), 10).await.unwrap().removed, 1);
    assert!(!first.changed().await && !second.changed().await, "gone");
    store.close().await.unwrap();
    assert!(!other.changed().await, "closed");
    assert!(!store.watch(open.id()).changed().await, "still closed");
}

/// After the close everything is unavailable, and nothing hangs.
pub async fn closed_means_unavailable(store: Store) {
    let open = insert(&store, sample(1)).await;
    store.health().await.unwrap();
    store.close().await.unwrap();
    let unavailable = Code::StorageUnavailable;
    assert_eq!(store.health().await.unwrap_err().code(), unavailable);
    assert_eq!(store.by_id(open.tenant(), open.id()).await.unwrap_err().code(), unavailable);
    assert_eq!(store.by_handle(open.handle()).await.unwrap_err().code(), unavailable);
    assert_eq!(store.by_page(open.page()).await.unwrap_err().code(), unavailable);
    assert_eq!(store.insert(Transaction::begin(sample(2)), None).await.unwrap_err().code(), unavailable);
    let next = open.clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&open, next).await.unwrap_err().code(), unavailable);
    assert_eq!(store.expire_and_erase(DURING, 1).await.unwrap_err().code(), unavailable);
    assert_eq!(store.close().await.unwrap_err().code(), unavailable);
}

/// STO-020: text is only text, in every field, of every size.
pub async fn text_is_only_text(store: Store) {
    let hostile = ["'; DROP TABLE transactions; --", "\" OR 1=1", "\0\u{1}\\u0000", "%_?1 :a $b", "ü€😀\u{202e}", ""];
    for (number, text) in (0_u64..).zip(hostile) {
        let text = text.to_owned();
        let mut parts = sample(number);
        parts.flow = Flow::SameDevice { return_url: text.clone() };
        parts.reference = Some(text.clone());
        parts.request.preset = Some(text.clone());
        parts.request.client_id.clone_from(&text);
        parts.request.response_uri = Some(text.clone());
        parts.request.dcql_query.clone_from(&text);
        parts.request.purpose = Purpose { de: Some(text.clone()), en: Some(text.clone()) };
        parts.request.encryption_kid.clone_from(&text);
        let fetched = insert_fetched(&store, parts).await;
        let refusal =
            Refusal { report: text.clone(), error: ErrorRecord { code: Code::BadRequest, detail: text.clone() } };
        let rejected = fetched.clone().reject(DURING, refusal).unwrap();
        let rejected = replace(&store, &fetched, rejected).await;
        assert_eq!(stored(&store, &rejected).await, Some(rejected));
    }
    // Portraits: every size around the ends of pages, and large ones.
    for (number, size) in (100..).zip((3_000..12_000).step_by(97).chain([100_000, 1_048_000, 1_049_000, 1_500_000])) {
        let fetched = insert_fetched(&store, sample(number)).await;
        let big = Accepted { result: "p".repeat(size), report: "{}".to_owned() };
        let verified = fetched.clone().verify(DURING, big, CODE).unwrap();
        let verified = replace(&store, &fetched, verified).await;
        assert_eq!(stored(&store, &verified).await, Some(verified));
    }
}

/// S1, S3, T1: a long random history of steps by two hands with stale views, against a plain model.
pub async fn random_histories_agree_with_the_model(store: Store) {
    let mut random: u64 = 0x5eed;
    let mut draw = move |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let mut model: Vec<Option<Transaction>> = Vec::new();
    let mut ends: HashMap<usize, (Status, Option<UnixSeconds>)> = HashMap::new();
    let mut seen: Vec<[Transaction; 2]> = Vec::new();
    for number in 0..8_u64 {
        let open = insert(&store, sample(number)).await;
        seen.push([open.clone(), open.clone()]);
        model.push(Some(open));
    }
    for step in 0..1_500 {
        let (which, hand) = (draw(8), draw(2));
        let shown = seen[which][hand].clone();
        let old = shown.clone();
        let next = match draw(9) {
            0 => shown.fetch(DURING).unwrap_or(old),
            1 => shown.verify(DURING, accepted("a"), CODE).unwrap_or(old),
            2 => shown.reject(DURING, refusal("b")).unwrap_or(old),
            3 => shown.decline(DURING, declined("c")).unwrap_or(old),
            4 if draw(6) == 0 => shown.cancel(DURING).unwrap_or(old),
            5 if draw(6) == 0 => shown.expire(EXPIRES),
            6 => shown.erase(),
            7 if step % 200 == 199 => {
                let at = [EXPIRES, DURING.plus(TTL.into()), EXPIRES.plus(KEEP)][draw(3)];
                store.expire_and_erase(at, 100).await.unwrap();
                for one in &mut model {
                    *one = one.take().map(|it| it.sweep(at)).filter(|it| {
                        it.due().is_some() || it.finished_at().is_none_or(|finished| at < finished.plus(KEEP))
                    });
                }
                old
            }
            _ => shown.read(DURING, Returned { code: Some(&CODE), session: None }).0,
        };
        let shown = &seen[which][hand];
        if next.version() != shown.version() {
            let replaced = store.replace(shown, next.clone()).await.unwrap();
            if model[which].as_ref() == Some(shown) {
                assert_eq!(replaced, Replaced::Done, "step {step}");
                model[which] = Some(next);
            } else {
                assert_eq!(replaced, Replaced::Lost(model[which].clone().map(Box::new)), "step {step}");
            }
        }
        let now = stored(&store, &seen[which][0]).await;
        assert_eq!(now, model[which], "step {step}");
        if let Some(now) = now {
            if now.status().is_end() {
                let end = (now.status(), now.finished_at());
                assert_eq!(*ends.entry(which).or_insert(end), end, "one end state, for ever");
            }
            if draw(3) > 0 {
                seen[which][hand] = now;
            }
        } else {
            // Gone: another takes its place in the history.
            let number = 1_000 + u64::try_from(step).unwrap();
            let open = insert(&store, sample(number)).await;
            ends.remove(&which);
            seen[which] = [open.clone(), open.clone()];
            model[which] = Some(open);
        }
    }
}
