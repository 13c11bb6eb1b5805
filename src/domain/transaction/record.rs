//! The form in which stores keep a transaction: versioned and self-checking.
//!
//! ```text
//! "PTX"  1 byte version  4 bytes CRC-32 of all that follows, big-endian  JSON text
//! ```
//!
//! The checksum finds damage, not forgery: whoever can write to the store can also compute it. Reading is strict: an
//! unknown member, a missing one that is not optional, or parts that contradict one another are damage too (STO-009).
//!
//! Rules kept here: PRV-03, PRV-07.

use super::binding::{BrowserHash, ResponseCodeHash, SessionHash};
use super::reading::{Gate, Lock};
use super::{
    Accepted, Answer, Answered, ErrorRecord, Flow, NewTransaction, Outcome, Phase, Purpose, RegistrationUse,
    RequestData, ResponseMode, ResultPolicy, SecretScalar, Status, Transaction,
};
use crate::domain::dc_api::{Offer, Origin, Protocol};
use crate::domain::encoding::base64;
use crate::domain::ids::{Nonce, PageHandle, RequestHandle, State, TenantId, TransactionId};
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The version written by this code. Version 1 knew no answered transactions, no browsers and no sessions; it is still read.
pub const VERSION: u8 = 2;

/// The oldest version that is read.
const OLDEST: u8 = 1;

/// The time to come back of records of version 1, which do not say.
const RETURN_SECONDS: u32 = 300;

const MAGIC: &[u8; 3] = b"PTX";

/// Why stored bytes are not a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// The bytes are damaged.
    #[error("the record is damaged: {0}")]
    Damaged(&'static str),
    /// A newer program wrote this record.
    #[error("the record has version {0}, which this program does not know")]
    Newer(u8),
}

/// CRC-32 (IEEE) of `bytes`: finds any one to three flipped bits in a record, and any damage of up to 32 bits in a row.
pub fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Writes the record. The bytes hold secrets and are zeroed when dropped.
///
/// # Errors
/// [`RecordFault::Damaged`] if the value cannot be written; no value made by this room's functions is such.
pub fn encode(transaction: &Transaction) -> Result<Zeroizing<Vec<u8>>, RecordFault> {
    let mut record = Zeroizing::new(Vec::with_capacity(size_hint(transaction)));
    encode_onto(transaction, &mut record)?;
    Ok(record)
}

/// Appends the record to `buffer`, which the caller zeroes. With room for [`size_hint`] more bytes it does not move.
///
/// # Errors
/// As [`encode`]; `buffer` then holds a part of the record.
pub fn encode_onto(transaction: &Transaction, buffer: &mut Vec<u8>) -> Result<(), RecordFault> {
    const SUM: std::ops::Range<usize> = 4..8;
    let start = buffer.len();
    buffer.extend_from_slice(MAGIC);
    buffer.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    let cannot = |_| RecordFault::Damaged("cannot be written");
    serde_json::to_writer(&mut *buffer, &Row::of(transaction)).map_err(cannot)?;
    let (head, json) =
        buffer.get_mut(start..).and_then(|record| record.split_at_mut_checked(SUM.end)).unwrap_or_default();
    if let Some(place) = head.get_mut(SUM) {
        place.copy_from_slice(&checksum(json).to_be_bytes());
    }
    Ok(())
}

/// About the length of the record, and hardly ever less: a buffer that has to move leaves a copy of the key behind.
pub fn size_hint(transaction: &Transaction) -> usize {
    // Names and small texts take about 700 bytes; the rest is room for longer ones.
    const SMALL: usize = 1_500;
    let outcome = transaction.answer().and_then(|answer| answer.outcome.as_ref());
    let waiting = match &transaction.phase {
        Phase::Answered(answered) => Some(&answered.accepted),
        _ => None,
    };
    let long = [
        waiting.map(|accepted| accepted.result.as_str()),
        waiting.map(|accepted| accepted.report.as_str()),
        Some(transaction.start.request.dcql_query.as_str()),
        outcome.and_then(|outcome| outcome.result.as_deref()),
        outcome.and_then(|outcome| outcome.report.as_deref()),
    ];
    // JSON within JSON: each quotation mark and backslash takes two characters, and raw control characters there are none.
    let escaped = |text: &str| text.len().saturating_mul(2);
    let entries = transaction.start.request.transaction_data.iter().map(String::as_str);
    long.into_iter().flatten().chain(entries).fold(SMALL, |sum, text| sum.saturating_add(escaped(text)))
}

/// Reads a record.
///
/// # Errors
/// [`RecordFault`] for anything but the bytes that [`encode`] wrote.
pub fn decode(record: &[u8]) -> Result<Transaction, RecordFault> {
    let rest = record.strip_prefix(MAGIC).ok_or(RecordFault::Damaged("not a record"))?;
    let (version, rest) = rest.split_first().ok_or(RecordFault::Damaged("too short"))?;
    let (sum, json) = rest.split_first_chunk::<4>().ok_or(RecordFault::Damaged("too short"))?;
    if *version > VERSION {
        return Err(RecordFault::Newer(*version));
    }
    if *version < OLDEST {
        return Err(RecordFault::Damaged("a version that never was"));
    }
    if checksum(json) != u32::from_be_bytes(*sum) {
        return Err(RecordFault::Damaged("wrong checksum"));
    }
    let row: Row<'_> = serde_json::from_slice(json).map_err(|_| RecordFault::Damaged("not the expected members"))?;
    row.into_transaction(*version).ok_or(RecordFault::Damaged("members contradict one another"))
}

type Text<'a> = Cow<'a, str>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow)]
    tenant: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    handle: Text<'a>,
    #[serde(borrow)]
    page: Text<'a>,
    version: u64,
    created_at: UnixSeconds,
    expires_at: UnixSeconds,
    /// Present in the same-device flow, absent in the others.
    #[serde(borrow)]
    return_url: Option<Text<'a>>,
    /// Present in the flow of the Digital Credentials API. Records from before it have no such member.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    dc_api: Option<OfferRow<'a>>,
    #[serde(borrow)]
    request: RequestRow<'a>,
    #[serde(borrow)]
    reference: Option<Text<'a>>,
    ttl_seconds: u32,
    delete_after_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_seconds: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    session: Option<Text<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    browser: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched_at: Option<UnixSeconds>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    answered: Option<AnsweredRow<'a>>,
    #[serde(borrow)]
    status: Text<'a>,
    finished_at: Option<UnixSeconds>,
    #[serde(borrow)]
    outcome: Option<OutcomeRow<'a>>,
    #[serde(borrow)]
    gate: Option<GateRow<'a>>,
}

/// What a browser was offered.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfferRow<'a> {
    #[serde(borrow)]
    origin: Text<'a>,
    #[serde(borrow)]
    protocols: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestRow<'a> {
    #[serde(borrow)]
    preset: Option<Text<'a>>,
    #[serde(borrow)]
    client_id: Text<'a>,
    #[serde(borrow)]
    nonce: Text<'a>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    #[serde(borrow)]
    response_mode: Text<'a>,
    #[serde(borrow)]
    response_uri: Option<Text<'a>>,
    #[serde(borrow)]
    dcql_query: Text<'a>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    transaction_data: Vec<Text<'a>>,
    #[serde(borrow)]
    purpose_de: Option<Text<'a>>,
    #[serde(borrow)]
    purpose_en: Option<Text<'a>>,
    key: Option<KeyText>,
    #[serde(borrow)]
    kid: Text<'a>,
    /// SHA-256 of the registration certificate as base64url. Absent in records of programs that knew none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    registration: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    exceeds_registration: bool,
}

/// A key as base64url, zeroed when dropped.
#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
#[serde(transparent)]
struct KeyText(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeRow<'a> {
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow)]
    report: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<ErrorRow<'a>>,
}

/// An accepted answer that waits; its code, if it waits for one, is in `gate`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnsweredRow<'a> {
    until: UnixSeconds,
    #[serde(borrow)]
    result: Text<'a>,
    #[serde(borrow)]
    report: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorRow<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    detail: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GateRow<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    wrong_codes: u8,
    code_used: bool,
}

impl<'a> Row<'a> {
    fn of(transaction: &'a Transaction) -> Self {
        let start = &transaction.start;
        let answer = transaction.answer();
        let answered = match &transaction.phase {
            Phase::Answered(answered) => Some(answered),
            _ => None,
        };
        let gate = match answered.map(|answered| &answered.lock) {
            Some(Lock::Code(gate)) => Some(gate),
            Some(Lock::Confirmation) => None,
            None => answer.and_then(|answer| answer.gate.as_ref()),
        };
        Self {
            tenant: start.tenant.as_str().into(),
            id: start.id.as_str().into(),
            handle: start.handle.as_str().into(),
            page: start.page.as_str().into(),
            version: transaction.version,
            created_at: start.created_at,
            expires_at: start.expires_at,
            return_url: match &start.flow {
                Flow::SameDevice { return_url } => Some(return_url.as_str().into()),
                Flow::CrossDevice | Flow::DcApi(_) => None,
            },
            dc_api: transaction.offer().map(OfferRow::of),
            request: RequestRow::of(&start.request),
            reference: text(start.reference.as_ref()),
            ttl_seconds: start.result_policy.ttl_seconds,
            delete_after_read: start.result_policy.delete_after_read,
            return_seconds: Some(start.result_policy.return_seconds),
            session: start.session.map(|session| base64::encode_url(session.as_bytes()).into()),
            browser: transaction.browser.map(|browser| base64::encode_url(browser.as_bytes()).into()),
            fetched_at: match transaction.phase {
                Phase::Fetched { at } => Some(at),
                _ => None,
            },
            answered: answered.map(|answered| AnsweredRow {
                until: answered.until,
                result: answered.accepted.result.as_str().into(),
                report: answered.accepted.report.as_str().into(),
            }),
            status: transaction.status().as_str().into(),
            finished_at: transaction.finished_at(),
            outcome: answer.and_then(|answer| answer.outcome.as_ref()).map(|outcome| OutcomeRow {
                result: text(outcome.result.as_ref()),
                report: text(outcome.report.as_ref()),
                error: outcome
                    .error
                    .as_ref()
                    .map(|error| ErrorRow { code: error.code.as_str().into(), detail: error.detail.as_str().into() }),
            }),
            gate: gate.map(|gate| GateRow {
                code: base64::encode_url(gate.code.as_bytes()).into(),
                wrong_codes: gate.wrong_codes,
                code_used: gate.code_used,
            }),
        }
    }

    fn into_transaction(self, version: u8) -> Option<Transaction> {
        let status = Status::from_name(&self.status)?;
        let gate = match self.gate {
            None => None,
            Some(row) => Some(Gate {
                code: ResponseCodeHash::new(bytes(&row.code)?),
                wrong_codes: row.wrong_codes,
                code_used: row.code_used,
            }),
        };
        let outcome = match self.outcome {
            None => None,
            Some(row) => Some(row.into_outcome(status)?),
        };
        let flow = match (self.return_url, self.dc_api) {
            (Some(return_url), None) => Flow::SameDevice { return_url: return_url.into_owned() },
            (None, None) => Flow::CrossDevice,
            (None, Some(row)) => Flow::DcApi(row.into_offer()?),
            (Some(_), Some(_)) => return None,
        };
        let same_device = matches!(flow, Flow::SameDevice { .. });
        let answered = match self.answered {
            None => None,
            Some(row) => {
                let accepted = Accepted { result: row.result.into_owned(), report: row.report.into_owned() };
                Some((accepted, row.until))
            }
        };
        if (answered.is_some() || self.fetched_at.is_some()) && status != Status::Fetched {
            return None;
        }
        let plain = outcome.is_none() && gate.is_none();
        let gated = gate.is_some() == same_device;
        // Version 1 kept a code for refusals too, which nothing asked for.
        let ungated = gate.is_none() || version == OLDEST && same_device;
        let browser = match self.browser {
            None => None,
            Some(text) => Some(BrowserHash::new(bytes(&text)?)),
        };
        let phase = match (status, self.finished_at) {
            (Status::Open, None) if plain => Phase::Open,
            (Status::Fetched, None) if answered.is_some() => {
                let (accepted, until) = answered?;
                let lock = match gate {
                    Some(gate) if same_device => Lock::Code(gate),
                    None if !same_device && browser.is_some() => Lock::Confirmation,
                    _ => return None,
                };
                if outcome.is_some() || self.fetched_at.is_some() {
                    return None;
                }
                Phase::Answered(Answered { accepted, lock, until })
            }
            (Status::Fetched, None) if plain => {
                let at = match self.fetched_at {
                    Some(at) => at,
                    // Version 1 did not say when.
                    None if version == OLDEST => self.created_at,
                    None => return None,
                };
                Phase::Fetched { at }
            }
            (Status::Expired, Some(finished_at)) if plain => Phase::Expired { finished_at },
            (Status::Cancelled, Some(finished_at)) if plain => Phase::Cancelled { finished_at },
            (Status::Verified, Some(finished_at)) if gated => Phase::Verified(Answer { finished_at, outcome, gate }),
            (Status::Rejected, Some(finished_at)) if ungated => {
                Phase::Rejected(Answer { finished_at, outcome, gate: None })
            }
            (Status::Declined, Some(finished_at)) if ungated => {
                Phase::Declined(Answer { finished_at, outcome, gate: None })
            }
            _ => return None,
        };
        let request = self.request.into_request()?;
        // The browser brings neither a state nor an answer to an address of ours; wallets bring both.
        let by_browser = matches!(flow, Flow::DcApi(_));
        let fits = |present: bool| present != by_browser;
        let carried = request.response_mode.is_by_browser() == by_browser;
        if !(carried && fits(request.state.is_some()) && fits(request.response_uri.is_some())) {
            return None;
        }
        let closed = status.is_end() || matches!(phase, Phase::Answered(_));
        if closed && request.encryption_key.is_some() {
            return None;
        }
        let session = match self.session {
            None => None,
            Some(text) => Some(SessionHash::new(bytes(&text)?)),
        };
        Some(Transaction {
            start: NewTransaction {
                tenant: TenantId::parse(&self.tenant)?,
                id: TransactionId::parse(&self.id)?,
                handle: RequestHandle::parse(&self.handle)?,
                page: PageHandle::parse(&self.page)?,
                created_at: self.created_at,
                expires_at: self.expires_at,
                flow,
                request,
                reference: self.reference.map(Cow::into_owned),
                result_policy: ResultPolicy {
                    ttl_seconds: self.ttl_seconds,
                    delete_after_read: self.delete_after_read,
                    return_seconds: self.return_seconds.unwrap_or(RETURN_SECONDS),
                },
                session,
            },
            browser,
            phase,
            version: self.version,
        })
    }
}

impl<'a> OfferRow<'a> {
    fn of(offer: &'a Offer) -> Self {
        Self {
            origin: offer.origin.as_str().into(),
            protocols: offer.protocols.iter().map(|protocol| protocol.as_str().into()).collect(),
        }
    }

    fn into_offer(self) -> Option<Offer> {
        let protocols: Option<Vec<Protocol>> = self.protocols.iter().map(|name| Protocol::from_name(name)).collect();
        let protocols = protocols.filter(|protocols| !protocols.is_empty())?;
        Some(Offer { origin: Origin::parse(&self.origin).ok()?, protocols })
    }
}

impl<'a> RequestRow<'a> {
    fn of(request: &'a RequestData) -> Self {
        Self {
            preset: text(request.preset.as_ref()),
            client_id: request.client_id.as_str().into(),
            nonce: request.nonce.as_str().into(),
            state: request.state.as_ref().map(|state| state.as_str().into()),
            response_mode: request.response_mode.as_str().into(),
            response_uri: text(request.response_uri.as_ref()),
            dcql_query: request.dcql_query.as_str().into(),
            transaction_data: request.transaction_data.iter().map(|text| text.as_str().into()).collect(),
            purpose_de: text(request.purpose.de.as_ref()),
            purpose_en: text(request.purpose.en.as_ref()),
            key: request.encryption_key.as_ref().map(|key| KeyText(base64::encode_url(key.expose()))),
            kid: request.encryption_kid.as_str().into(),
            registration: request.registration.certificate.map(|digest| base64::encode_url(&digest).into()),
            exceeds_registration: request.registration.exceeds,
        }
    }

    fn into_request(self) -> Option<RequestData> {
        let encryption_key = match self.key {
            None => None,
            Some(key) => Some(SecretScalar::new(bytes(&key.0)?)),
        };
        let state = match self.state {
            None => None,
            Some(text) => Some(State::parse(&text)?),
        };
        Some(RequestData {
            preset: self.preset.map(Cow::into_owned),
            client_id: self.client_id.into_owned(),
            nonce: Nonce::parse(&self.nonce)?,
            state,
            response_mode: ResponseMode::from_name(&self.response_mode)?,
            response_uri: self.response_uri.map(Cow::into_owned),
            dcql_query: self.dcql_query.into_owned(),
            transaction_data: self.transaction_data.into_iter().map(Cow::into_owned).collect(),
            purpose: Purpose { de: self.purpose_de.map(Cow::into_owned), en: self.purpose_en.map(Cow::into_owned) },
            encryption_key,
            encryption_kid: self.kid.into_owned(),
            registration: RegistrationUse {
                certificate: match self.registration {
                    None => None,
                    Some(digest) => Some(bytes(&digest)?),
                },
                exceeds: self.exceeds_registration,
            },
        })
    }
}

impl OutcomeRow<'_> {
    /// A result if and only if verified; an error if and only if not.
    fn into_outcome(self, status: Status) -> Option<Outcome> {
        let error = match self.error {
            None => None,
            Some(row) => Some(ErrorRecord { code: Code::from_name(&row.code)?, detail: row.detail.into_owned() }),
        };
        let verified = status == Status::Verified;
        if self.result.is_some() != verified || error.is_some() == verified {
            return None;
        }
        let (result, report) = (self.result.map(Cow::into_owned), self.report.map(Cow::into_owned));
        Some(Outcome { result, report, error })
    }
}

fn text(value: Option<&String>) -> Option<Text<'_>> {
    value.map(|text| Cow::Borrowed(text.as_str()))
}

/// 32 bytes from base64url; the detour leaves no copy behind.
fn bytes(text: &str) -> Option<[u8; 32]> {
    let decoded = Zeroizing::new(base64::decode_url(text).ok()?);
    decoded.as_slice().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CREATED, EXPIRES, dc_api, open, same_device};
    use super::super::{Refusal, Returned};
    use super::*;
    use proptest::prelude::*;

    const CODE: ResponseCodeHash = ResponseCodeHash::new([1; 32]);

    fn accepted() -> Accepted {
        Accepted { result: r#"{"family_name":"MÜLLER \"x\""}"#.to_owned(), report: "{}".to_owned() }
    }

    /// One transaction of every status, with and without gate and outcome.
    fn samples() -> Vec<Transaction> {
        let error = ErrorRecord { code: Code::CredentialRevoked, detail: "status 1".to_owned() };
        let mut all = Vec::new();
        for flow in [same_device(), Flow::CrossDevice, dc_api()] {
            let opened = open(5, flow);
            let fetched = opened.clone().fetch(CREATED).unwrap();
            let answered = fetched.clone().verify(CREATED, accepted(), CODE).unwrap();
            let read = |it: &Transaction, code: &ResponseCodeHash| {
                it.clone().read(CREATED, Returned { code: Some(code), session: None }).0
            };
            let verified = read(&answered, &CODE);
            let bound = opened.clone().open_page(BrowserHash::new([8; 32])).unwrap();
            let waiting = bound.clone().fetch(CREATED).unwrap().verify(CREATED, accepted(), CODE).unwrap();
            let mut start = opened.start.clone();
            start.session = Some(SessionHash::new([9; 32]));
            let refusal = Refusal { report: "{}".to_owned(), error: error.clone() };
            all.extend([
                opened.clone().cancel(CREATED).unwrap(),
                opened.expire(EXPIRES),
                Transaction::begin(start),
                bound,
                waiting,
                read(&answered, &ResponseCodeHash::new([2; 32])),
                answered.clone().sweep(EXPIRES.plus(1)),
                answered,
                read(&verified, &ResponseCodeHash::new([2; 32])),
                verified.clone().erase(),
                verified,
                fetched.clone().reject(CREATED, refusal).unwrap(),
                fetched.clone().decline(CREATED, error.clone()).unwrap(),
                fetched,
            ]);
        }
        all.push(open(5, same_device()));
        let mut authorised = open(5, Flow::CrossDevice);
        authorised.start.request.transaction_data = vec!["eyJ0eXBlIjoidCJ9".to_owned(), "e30".repeat(900)];
        all.push(authorised);
        all
    }

    #[test]
    fn every_state_comes_back_as_it_was() {
        for transaction in samples() {
            let record = encode(&transaction).unwrap();
            assert_eq!(decode(&record).unwrap(), transaction);
        }
    }

    #[test]
    fn buffers_do_not_move() {
        for transaction in samples() {
            let (hint, record) = (size_hint(&transaction), encode(&transaction).unwrap());
            assert!(record.len() <= hint && record.capacity() == hint, "{} {hint}", record.len());
        }
        let fetched = open(5, Flow::CrossDevice).fetch(CREATED).unwrap();
        // What stands in a transaction is JSON text, with its own escapes.
        let text = serde_json::to_string(&"\u{1}\"\\ä\n".repeat(2_000)).unwrap();
        let ended = fetched.verify(CREATED, Accepted { result: text.clone(), report: text }, CODE).unwrap();
        assert_eq!(encode(&ended).unwrap().capacity(), size_hint(&ended));
    }

    #[test]
    fn any_flipped_bit_is_found() {
        // STO-009, value
        for transaction in samples() {
            let record = encode(&transaction).unwrap();
            for at in 0..record.len() {
                for bit in 0..8 {
                    let mut damaged = record.to_vec();
                    damaged[at] ^= 1 << bit;
                    assert!(decode(&damaged).is_err(), "byte {at} bit {bit} of {}", transaction.status());
                }
            }
            for length in 0..record.len() {
                assert!(decode(&record[..length]).is_err(), "cut at {length}");
            }
        }
    }

    /// Seals changed JSON with the right checksum: damage that only the contents can show.
    fn with(
        transaction: &Transaction,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Result<Transaction, RecordFault> {
        let record = encode(transaction).unwrap();
        let mut json: serde_json::Value = serde_json::from_slice(&record[8..]).unwrap();
        change(&mut json);
        let json = serde_json::to_vec(&json).unwrap();
        let mut changed = record[..4].to_vec();
        changed.extend_from_slice(&checksum(&json).to_be_bytes());
        changed.extend_from_slice(&json);
        decode(&changed)
    }

    type Change = fn(&mut serde_json::Value);

    #[test]
    fn contradictions_are_damage() {
        use serde_json::json;
        let fetched = open(5, same_device()).fetch(CREATED).unwrap();
        let answered = fetched.clone().verify(CREATED, accepted(), CODE).unwrap();
        let verified = answered.clone().claimed(CREATED);
        assert!(with(&verified, |_| {}).is_ok());
        assert!(with(&answered, |_| {}).is_ok());
        let wrong: [(&str, &Transaction, Change); 20] = [
            ("answered without a lock", &answered, |v| v["gate"] = json!(null)),
            ("answered and ended", &answered, |v| {
                v["status"] = json!("expired");
                v["finished_at"] = json!(1);
            }),
            ("key after the answer", &answered, |v| v["request"]["key"] = json!(base64::encode_url(&[1; 32]))),
            ("a confirmation of nobody", &answered, |v| {
                v["gate"] = json!(null);
                v["return_url"] = json!(null);
            }),
            ("answered and still to be collected", &answered, |v| v["fetched_at"] = json!(1)),
            ("collected at no time", &fetched, |v| v["fetched_at"] = json!(null)),
            ("short browser", &fetched, |v| v["browser"] = json!("AA")),
            ("unknown member", &verified, |v| v["x"] = json!(1)),
            ("unknown status", &verified, |v| v["status"] = json!("done")),
            ("open with a finish", &fetched, |v| v["finished_at"] = json!(1)),
            ("ended without one", &verified, |v| v["finished_at"] = json!(null)),
            ("key after the end", &verified, |v| v["request"]["key"] = json!(base64::encode_url(&[1; 32]))),
            ("rejected with a result", &verified, |v| v["status"] = json!("rejected")),
            ("open with an outcome", &verified, |v| v["status"] = json!("open")),
            ("verified with an error", &verified, |v| {
                v["outcome"]["error"] = json!({"code":"bad_request","detail":""});
            }),
            ("verified without result", &verified, |v| v["outcome"]["result"] = json!(null)),
            ("no gate in same-device", &verified, |v| v["gate"] = json!(null)),
            ("gate in cross-device", &verified, |v| v["return_url"] = json!(null)),
            ("short code", &verified, |v| v["gate"]["code"] = json!("AA")),
            ("bad id", &verified, |v| v["id"] = json!("1")),
        ];
        for (name, transaction, change) in wrong {
            assert!(matches!(with(transaction, change), Err(RecordFault::Damaged(_))), "{name}");
        }
    }

    #[test]
    fn offers_to_browsers_fit_the_flow() {
        use serde_json::json;
        let (asked, posted) = (open(5, dc_api()), open(5, same_device()));
        assert!(with(&asked, |_| {}).is_ok());
        let offer = |value: serde_json::Value| move |v: &mut serde_json::Value| v["dc_api"] = value;
        let good = json!({"origin": "https://antrag.town.example", "protocols": ["openid4vp-v1-signed"]});
        assert!(with(&asked, offer(good.clone())).is_ok());
        assert!(with(&posted, offer(good)).is_err(), "a return address and an offer");
        for wrong in [
            json!(null),
            json!({"origin": "https://antrag.town.example/", "protocols": ["openid4vp-v1-signed"]}),
            json!({"origin": "https://antrag.town.example", "protocols": []}),
            json!({"origin": "https://antrag.town.example", "protocols": ["openid4vp"]}),
            json!({"origin": "https://antrag.town.example"}),
        ] {
            assert!(with(&asked, offer(wrong.clone())).is_err(), "{wrong}");
        }
        let request =
            |name: &'static str, value: serde_json::Value| move |v: &mut serde_json::Value| v["request"][name] = value;
        assert!(with(&asked, request("state", json!("AAAAAAAAAAAAAAAAAAAAAA"))).is_err());
        assert!(with(&asked, request("response_uri", json!("https://verifier.example/x"))).is_err());
        assert!(with(&asked, request("response_mode", json!("direct_post.jwt"))).is_err());
        for (name, value) in [("state", json!(null)), ("response_uri", json!(null)), ("response_mode", json!("dc_api"))]
        {
            assert!(with(&posted, request(name, value)).is_err(), "{name}");
        }
    }

    #[test]
    fn records_from_before_the_dc_api_stay_readable() {
        // The exact members that were written before: none of them says anything of a browser.
        let old = r#"{"tenant":"default","id":"BQUFBQUFBQUFBQUFBQUFBQ","handle":"BQUFBQUFBQUFBQUFBQUFBQ","page":"BQUFBQUFBQUFBQUFBQUFBQ","version":1,"created_at":1000,"expires_at":1300,"return_url":"https://town.example/back","request":{"preset":"bewohnerparken","client_id":"x509_hash:abc","nonce":"BQUFBQUFBQUFBQUFBQUFBQ","state":"BQUFBQUFBQUFBQUFBQUFBQ","response_mode":"direct_post.jwt","response_uri":"https://verifier.example/wallet/responses/abc","dcql_query":"{\"credentials\":[]}","purpose_de":"Prüfung der Anschrift","purpose_en":null,"key":"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU","kid":"k1"},"reference":"A-2027-000123","ttl_seconds":900,"delete_after_read":false,"status":"open","finished_at":null,"outcome":null,"gate":null}"#.as_bytes();
        let mut record = MAGIC.to_vec();
        record.push(1);
        record.extend_from_slice(&checksum(old).to_be_bytes());
        record.extend_from_slice(old);
        let read = decode(&record).unwrap();
        assert_eq!((read.status(), read.flow(), read.offer()), (Status::Open, &same_device(), None));
        let (read, sample) = (read.request(), open(5, same_device()));
        assert_eq!((&read.state, &read.response_uri), (&sample.request().state, &sample.request().response_uri));
        assert_eq!((read.response_mode, &read.client_id), (ResponseMode::DirectPostJwt, &sample.request().client_id));
        assert_eq!(read.encryption_key, sample.request().encryption_key);
        // And the other flows are still written without a word of it.
        for flow in [same_device(), Flow::CrossDevice] {
            let record = encode(&open(5, flow)).unwrap();
            assert!(!String::from_utf8_lossy(&record).contains("dc_api"));
        }
    }

    #[test]
    fn newer_versions_are_named() {
        // STO-010, row level
        let mut record = encode(&open(5, same_device())).unwrap();
        record[3] = 3;
        assert_eq!(decode(&record).unwrap_err(), RecordFault::Newer(3));
        record[3] = 0;
        assert!(matches!(decode(&record).unwrap_err(), RecordFault::Damaged(_)));
    }

    #[test]
    fn records_of_version_1_are_still_read() {
        // STO-010: what the version before wrote. It dated no collection and kept a code for refusals.
        let older = |transaction: &Transaction, gate: bool| {
            let record = encode(transaction).unwrap();
            let mut json: serde_json::Value = serde_json::from_slice(&record[8..]).unwrap();
            let members = json.as_object_mut().unwrap();
            for name in ["return_seconds", "session", "browser", "fetched_at", "answered"] {
                members.remove(name);
            }
            if gate {
                let code = base64::encode_url(CODE.as_bytes());
                members["gate"] = serde_json::json!({"code": code, "wrong_codes": 0, "code_used": false});
            }
            let json = serde_json::to_vec(&json).unwrap();
            let mut changed = b"PTX\x01".to_vec();
            changed.extend_from_slice(&checksum(&json).to_be_bytes());
            changed.extend_from_slice(&json);
            decode(&changed).unwrap()
        };
        let fetched = open(5, same_device()).fetch(CREATED).unwrap();
        assert_eq!(older(&fetched, false), fetched);
        let verified = fetched.clone().verify(CREATED, accepted(), CODE).unwrap().claimed(CREATED);
        assert_eq!(older(&verified, true), verified);
        let error = ErrorRecord { code: Code::CredentialRevoked, detail: "status 1".to_owned() };
        let rejected = fetched.reject(CREATED, Refusal { report: "{}".to_owned(), error }).unwrap();
        assert_eq!(older(&rejected, true), rejected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Fuzz target 23: refused or equal, no panic.
        #[test]
        fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in any::<bool>()) {
            let mut record = if magic { b"PTX\x02".to_vec() } else { Vec::new() };
            record.extend_from_slice(&bytes);
            prop_assert!(decode(&record).is_err());
        }

        #[test]
        fn any_text_survives(reference in any::<String>(), result in any::<String>()) {
            let mut start = open(5, Flow::CrossDevice).start;
            start.reference = Some(reference);
            let accepted = Accepted { result, report: String::new() };
            let ended = Transaction::begin(start).fetch(CREATED).unwrap().verify(CREATED, accepted, CODE).unwrap();
            prop_assert_eq!(decode(&encode(&ended).unwrap()).unwrap(), ended);
        }
    }
}
