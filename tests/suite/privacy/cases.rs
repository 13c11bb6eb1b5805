//! What can happen to the marked person.

use serde_json::{Value, json};

/// What the wallet of the marked person does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Case {
    Accepted,
    EverythingShown,
    Plain,
    Declined,
    Revoked,
    Expired,
    OtherValues,
    WrongNonce,
    WrongState,
    SignatureFlipped,
    DisclosureTwice,
    UnknownQuery,
    VpTokenText,
    NotEncrypted,
    NotDecryptable,
    InTheAddress,
    Json,
    Twice,
}

impl Case {
    pub(super) const ALL: [Self; 18] = [
        Self::Accepted,
        Self::EverythingShown,
        Self::Plain,
        Self::Declined,
        Self::Revoked,
        Self::Expired,
        Self::OtherValues,
        Self::WrongNonce,
        Self::WrongState,
        Self::SignatureFlipped,
        Self::DisclosureTwice,
        Self::UnknownQuery,
        Self::VpTokenText,
        Self::NotEncrypted,
        Self::NotDecryptable,
        Self::InTheAddress,
        Self::Json,
        Self::Twice,
    ];

    pub(super) fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted | Self::EverythingShown | Self::Plain)
    }

    /// What the wallet is answered with.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Accepted | Self::EverythingShown | Self::Plain | Self::Declined => 200,
            Self::Json => 415,
            _ => 400,
        }
    }

    /// What the caller asks for.
    pub(super) fn body(self) -> Value {
        let kept = json!({"delete_after_read": false});
        match self {
            Self::OtherValues => {
                let claims = json!([{"path": ["family_name"], "values": ["SOMEBODY"]}, {"path": ["birthdate"]}]);
                let query = json!({"credentials": [{
                    "id": "pid-de-sdjwt", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
                    "claims": claims
                }]});
                json!({"dcql_query": query, "flow": "cross_device", "result": kept})
            }
            Self::Plain => {
                json!({"preset": "schalter", "flow": "cross_device", "response_mode": "direct_post", "result": kept})
            }
            _ => json!({"preset": "servicekonto-voll", "flow": "cross_device", "result": kept}),
        }
    }
}
