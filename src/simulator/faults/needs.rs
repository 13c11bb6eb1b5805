//! What a fault needs, so that it shows: a query, a person's behaviour, a status host that misbehaves.

use super::Fault;
use crate::simulator::status_host::StatusHostMode;
use serde_json::{Map, Value};

/// What must be asked for, so that the fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// This preset.
    Preset(&'static str),
    /// This DCQL query, as JSON.
    Query(&'static str),
    /// This DCQL query with these entries of transaction data, both as JSON.
    TransactionData {
        /// The query.
        query: &'static str,
        /// A list of objects.
        entries: &'static str,
    },
}

impl Needs {
    /// The members of the call that starts the presentation.
    pub fn asked(self) -> Map<String, Value> {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let mut asked = Map::new();
        let mut put = |name: &str, value: Value| asked.insert(name.to_owned(), value);
        match self {
            Self::Preset(name) => {
                put("preset", Value::from(name));
            }
            Self::Query(query) => {
                put("dcql_query", json(query));
            }
            Self::TransactionData { query, entries } => {
                put("dcql_query", json(query));
                put("transaction_data", json(entries));
            }
        }
        asked
    }
}

/// One PID, three claims, no sets: for faults that claim sets would hide.
const PLAIN: &str = r#"{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"path":["family_name"]},{"path":["given_name"]},{"path":["birthdate"]}]}]}"#;
/// A name and an age with the values that are acceptable.
const VALUES: &str = r#"{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"path":["family_name"],"values":["PRÜFSTEIN"]},{"path":["age_equal_or_over","18"],"values":[true]}]}]}"#;
/// Several presentations are welcome.
const MULTIPLE: &str = r#"{"credentials":[{"id":"pid","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"path":["family_name"]}]}]}"#;
/// Two credentials, both needed.
const PAIR: &str = r#"{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"path":["family_name"]},{"path":["given_name"]}]},{"id":"pass","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:kommune:sozialpass:1"]},"claims":[{"path":["family_name"]},{"path":["given_name"]}]}]}"#;
/// The credential that may confirm transaction data.
const PASS: &str = r#"{"credentials":[{"id":"pass","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:kommune:sozialpass:1"]},"claims":[{"path":["family_name"]}]}]}"#;
/// It twice, with different claims.
const PASSES: &str = r#"{"credentials":[{"id":"pass","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:kommune:sozialpass:1"]},"claims":[{"path":["family_name"]}]},{"id":"again","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:kommune:sozialpass:1"]},"claims":[{"path":["given_name"]}]}]}"#;
/// Two entries for the pass, with a choice of one hash algorithm.
const ENTRIES: &str = r#"[{"type":"urn:example:kommune:freigabe:1","credential_ids":["pass"],"form":"A-17","transaction_data_hashes_alg":["sha-256"]},{"type":"urn:example:kommune:freigabe:1","credential_ids":["pass"],"form":"B-2","amount":"12.50","transaction_data_hashes_alg":["sha-256"]}]"#;
/// One entry for the pass, without a choice.
const ENTRY: &str = r#"[{"type":"urn:example:kommune:freigabe:1","credential_ids":["pass"],"form":"A-17"}]"#;
/// One entry that either of two credentials may confirm.
const EITHER: &str = r#"[{"type":"urn:example:kommune:freigabe:1","credential_ids":["pass","again"],"form":"A-17"}]"#;
/// Two claim sets without a claim in common.
const CLAIM_SETS: &str = r#"{"credentials":[{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"id":"a","path":["family_name"]},{"id":"b","path":["given_name"]},{"id":"c","path":["birthdate"]},{"id":"d","path":["birth_name"]}],"claim_sets":[["a","b"],["c","d"]]}]}"#;
/// Two options of two credentials each.
const OPTIONS: &str = r#"{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"path":["family_name"]}]},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:kommune:sozialpass:1"]},"claims":[{"path":["family_name"]}]},{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:de:1"]},"claims":[{"path":["given_name"]}]},{"id":"d","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:kommune:sozialpass:1"]},"claims":[{"path":["given_name"]}]}],"credential_sets":[{"options":[["a","b"],["c","d"]]}]}"#;

impl Fault {
    /// What must be asked for, so that the fault shows.
    pub const fn needs(self) -> Needs {
        match self {
            Self::ClaimMissing | Self::ClaimLookalike => Needs::Query(PLAIN),
            Self::ClaimValueOther | Self::ClaimValueTyped | Self::ClaimValueDecomposed => Needs::Query(VALUES),
            Self::NinePresentations | Self::PresentationRepeated => Needs::Query(MULTIPLE),
            Self::CredentialMissing | Self::CredentialsSwapped | Self::KbNonceSecond => Needs::Query(PAIR),
            Self::ClaimSetHalves => Needs::Query(CLAIM_SETS),
            Self::CredentialSetHalves => Needs::Query(OPTIONS),
            Self::TransactionDataByOther => Needs::TransactionData { query: PAIR, entries: ENTRIES },
            Self::TransactionDataByTwo => Needs::TransactionData { query: PASSES, entries: EITHER },
            Self::TransactionDataMissing | Self::TransactionDataAlgOther | Self::ErrorTransactionData => {
                Needs::TransactionData { query: PASS, entries: ENTRY }
            }
            Self::TransactionDataPart
            | Self::TransactionDataExtra
            | Self::TransactionDataTwice
            | Self::TransactionDataDecoded
            | Self::TransactionDataAlgMissing
            | Self::TransactionDataAlgArray
            | Self::TransactionDataAlgSha1
            | Self::TransactionDataReordered => Needs::TransactionData { query: PASS, entries: ENTRIES },
            _ => Needs::Preset("bewohnerparken"),
        }
    }

    /// How the status host behaves.
    pub const fn status_host(self) -> StatusHostMode {
        match self {
            Self::StatusHostDown => StatusHostMode::Down,
            Self::StatusHostBroken => StatusHostMode::Broken,
            Self::StatusListMissing => StatusHostMode::Missing,
            Self::StatusRedirectInside => StatusHostMode::RedirectInside,
            Self::StatusAnswerHuge => StatusHostMode::Huge,
            Self::StatusMediaType => StatusHostMode::OtherMediaType,
            Self::StatusGarbage => StatusHostMode::Garbage,
            Self::StatusSelfMade => StatusHostMode::SelfMadeSigner,
            Self::StatusOtherIssuer => StatusHostMode::OtherIssuer,
            Self::StatusUnsigned => StatusHostMode::Unsigned,
            Self::StatusOtherSubject => StatusHostMode::OtherSubject,
            Self::StatusOtherTyp => StatusHostMode::OtherTyp,
            Self::StatusWithoutIat => StatusHostMode::WithoutIat,
            Self::StatusExpired => StatusHostMode::Expired,
            Self::StatusZipBomb => StatusHostMode::ZipBomb,
            Self::StatusRawDeflate => StatusHostMode::RawDeflate,
            Self::StatusTruncated => StatusHostMode::Truncated,
            Self::StatusBadChecksum => StatusHostMode::BadChecksum,
            Self::StatusThreeBits => StatusHostMode::ThreeBits,
            _ => StatusHostMode::Well,
        }
    }

    /// Whether the fault happens while the request is fetched, before any answer.
    pub const fn spoils_the_fetch(self) -> bool {
        matches!(
            self,
            Self::WalletNonceLong
                | Self::WalletNonceControl
                | Self::WalletNonceTwice
                | Self::WalletMetadataText
                | Self::WalletMetadataDeep
                | Self::WalletMetadataKey
                | Self::WalletMetadataPrefix
                | Self::WalletMetadataAlg
        )
    }
}
