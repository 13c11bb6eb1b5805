//! The request for the browser's Digital Credentials API (OpenID4VP 1.0 Appendix A, HAIP section 5.2).
//!
//! Nothing is fetched and nothing is posted: the page hands the request to the browser, and the browser hands the answer
//! back. So there is no address, no state and nothing of the wallet in it, and members for them cannot be written
//! (DCA-10).

use super::object::{ClientMetadata, Header, SELF_ISSUED_AUDIENCE, VP_TOKEN, VerifierInfo};
use crate::domain::dc_api::Origin;
use crate::domain::encoding::base64;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::time::UnixSeconds;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// What a request says.
#[derive(Clone, Copy)]
pub struct DcApiRequest<'a> {
    /// The whole client identifier.
    pub client_id: &'a str,
    /// The page that asks, and no other: a request that is stolen is of no use elsewhere.
    pub origin: &'a Origin,
    /// `dc_api.jwt` or `dc_api`.
    pub response_mode: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The query, exactly as stored.
    pub dcql_query: &'a RawValue,
    /// The entries of transaction data, exactly as stored; none, no member.
    pub transaction_data: &'a [String],
    /// The key for the answer, if it is to be encrypted.
    pub encryption_jwk: Option<&'a Map<String, Value>>,
    /// The algorithms that are accepted.
    pub algorithms: &'a AllowedAlgorithms,
    /// When this request is made.
    pub issued_at: UnixSeconds,
    /// When the transaction ends.
    pub expires: UnixSeconds,
    /// The certificates in DER, leaf first, without the anchor.
    pub certificates: &'a [Vec<u8>],
    /// Whether the protected header says when it is made (OVP-JAR-15).
    pub issued_at_in_header: bool,
    /// The registration certificate, as the profile wants it written; `None` sends none, and unsigned requests never do.
    pub registration: Option<&'a str>,
}

#[derive(Serialize)]
struct Parameters<'a> {
    response_type: &'a str,
    response_mode: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_origins: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    nonce: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<UnixSeconds>,
    dcql_query: &'a RawValue,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    transaction_data: &'a [String],
    client_metadata: ClientMetadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifier_info: Option<[VerifierInfo<'a>; 1]>,
}

/// A header of the JSON form: the client identifier and what vouches for the client stand here, and only here (DCA-09,
/// VINFO-07).
#[derive(Serialize)]
struct PartyHeader<'a> {
    #[serde(flatten)]
    common: Header<'a>,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifier_info: Option<[VerifierInfo<'a>; 1]>,
}

/// Header and payload in their encoded form. What is signed is both, joined by a dot.
#[derive(Clone, PartialEq, Eq)]
pub struct ToSign {
    /// The protected header.
    pub protected: String,
    /// The payload.
    pub payload: String,
}

impl ToSign {
    /// What is signed with ES256.
    pub fn signing_input(&self) -> String {
        format!("{}.{}", self.protected, self.payload)
    }

    /// `data` of `openid4vp-v1-signed`, with this signature (DCA-06).
    pub fn compact(&self, signature: &[u8]) -> Value {
        json!({"request": format!("{}.{}", self.signing_input(), base64::encode_url(signature))})
    }

    /// `data` of `openid4vp-v1-multisigned`, with this one signature: the object of RFC 7515 section 7.2.1 is the value of
    /// `request`, as the text of the compact form is. See `docs/divergences.md`.
    pub fn general(&self, signature: &[u8]) -> Value {
        let signature = json!({"protected": self.protected, "signature": base64::encode_url(signature)});
        json!({"request": {"payload": self.payload, "signatures": [signature]}})
    }
}

impl<'a> DcApiRequest<'a> {
    /// The request for `openid4vp-v1-signed`.
    ///
    /// # Errors
    /// None in practice: all members can be written as JSON.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections A.2 and A.3.2.1, 5.8 (`aud`); DCA-06, OVP-JAR-02.
    pub fn signed(&self) -> Result<ToSign, serde_json::Error> {
        let verifier_info = VerifierInfo::registration(self.registration);
        let parameters = Parameters { client_id: Some(self.client_id), verifier_info, ..self.authenticated() };
        encoded(&self.header(), &parameters)
    }

    /// The request for `openid4vp-v1-multisigned`, to be signed by this client.
    ///
    /// # Errors
    /// None in practice: all members can be written as JSON.
    ///
    /// # Source
    /// OpenID4VP 1.0 section A.3.2.2; DCA-09.
    pub fn multi_signed(&self) -> Result<ToSign, serde_json::Error> {
        let verifier_info = VerifierInfo::registration(self.registration);
        let header = PartyHeader { common: self.header(), client_id: self.client_id, verifier_info };
        encoded(&header, &self.authenticated())
    }

    /// `data` of `openid4vp-v1-unsigned`: the parameters themselves, without a client and without origins, as nothing
    /// would vouch for them (DCA-05).
    ///
    /// # Errors
    /// None in practice: all members can be written as JSON.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections A.2 and A.3.1.
    pub fn unsigned(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.plain())
    }

    fn header(&self) -> Header<'a> {
        Header::new(self.certificates, self.issued_at_in_header.then_some(self.issued_at))
    }

    fn plain(&self) -> Parameters<'a> {
        Parameters {
            response_type: VP_TOKEN,
            response_mode: self.response_mode,
            client_id: None,
            expected_origins: None,
            aud: None,
            nonce: self.nonce,
            iat: None,
            exp: None,
            dcql_query: self.dcql_query,
            transaction_data: self.transaction_data,
            client_metadata: ClientMetadata::new(self.algorithms, self.encryption_jwk),
            verifier_info: None,
        }
    }

    fn authenticated(&self) -> Parameters<'a> {
        Parameters {
            expected_origins: Some([self.origin.as_str()]),
            aud: Some(SELF_ISSUED_AUDIENCE),
            iat: Some(self.issued_at),
            exp: Some(self.expires),
            ..self.plain()
        }
    }
}

fn encoded(header: &impl Serialize, parameters: &Parameters<'_>) -> Result<ToSign, serde_json::Error> {
    Ok(ToSign {
        protected: base64::encode_url(&serde_json::to_vec(header)?),
        payload: base64::encode_url(&serde_json::to_vec(parameters)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(request: impl FnOnce(DcApiRequest<'_>)) {
        let query = RawValue::from_string(r#"{"credentials": []}"#.to_owned()).unwrap();
        let jwk = json!({"kty": "EC", "kid": "k"}).as_object().unwrap().clone();
        request(DcApiRequest {
            client_id: "x509_hash:h",
            origin: &Origin::parse("https://antrag.stadt.example").unwrap(),
            response_mode: "dc_api.jwt",
            nonce: "n",
            dcql_query: &query,
            transaction_data: &[],
            encryption_jwk: Some(&jwk),
            algorithms: &AllowedAlgorithms::default(),
            issued_at: UnixSeconds(1),
            expires: UnixSeconds(301),
            certificates: &[vec![0xfb, 0xff], vec![1]],
            issued_at_in_header: false,
            registration: None,
        });
    }

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&base64::decode_url(part).unwrap()).unwrap()
    }

    fn metadata() -> Value {
        json!({
            "jwks": {"keys": [{"kty": "EC", "kid": "k"}]},
            "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
            "vp_formats_supported": {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}}
        })
    }

    #[test]
    fn a_registration_stands_where_its_signer_is_named() {
        // VINFO-07: in each protected header of the JSON form and not in its payload; unsigned, nowhere.
        with(|request| {
            let request = DcApiRequest { registration: Some("e30.e30.AA"), ..request };
            let info = json!([{"format": "registration_cert", "data": "e30.e30.AA"}]);
            let signed = request.signed().unwrap();
            assert_eq!(decoded(&signed.payload)["verifier_info"], info);
            assert!(decoded(&signed.protected).get("verifier_info").is_none());
            let multi = request.multi_signed().unwrap();
            assert_eq!(decoded(&multi.protected)["verifier_info"], info);
            assert!(decoded(&multi.payload).get("verifier_info").is_none());
            assert!(request.unsigned().unwrap().get("verifier_info").is_none());
        });
    }

    #[test]
    fn a_signed_request_names_client_and_origin() {
        // DCA-04, DCA-06, DCA-07, DCA-10, OVP-JAR-02, OVP-JAR-05: every member there is, and no other.
        with(|request| {
            let parts = request.signed().unwrap();
            assert_eq!(
                decoded(&parts.protected),
                json!({"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": ["+/8=", "AQ=="]})
            );
            assert_eq!(
                decoded(&parts.payload),
                json!({
                    "response_type": "vp_token", "response_mode": "dc_api.jwt", "client_id": "x509_hash:h",
                    "expected_origins": ["https://antrag.stadt.example"], "aud": "https://self-issued.me/v2",
                    "nonce": "n", "iat": 1, "exp": 301, "dcql_query": {"credentials": []}, "client_metadata": metadata()
                })
            );
            let text = format!("{}.{}.AQI", parts.protected, parts.payload);
            assert_eq!(parts.compact(&[1, 2]), json!({"request": text}));
            assert_eq!(format!("{}.AQI", parts.signing_input()), text);
            let entries = ["eyJ0IjoxfQ".to_owned()];
            let authorised = DcApiRequest { transaction_data: &entries, ..request };
            assert_eq!(decoded(&authorised.signed().unwrap().payload)["transaction_data"], json!(entries));
            // OVP-JAR-15.
            let dated = DcApiRequest { issued_at_in_header: true, ..request };
            assert_eq!(decoded(&dated.signed().unwrap().protected)["iat"], 1);
            assert_eq!(decoded(&dated.multi_signed().unwrap().protected)["iat"], 1);
        });
    }

    #[test]
    fn in_the_json_form_the_client_stands_in_the_header_only() {
        // DCA-09.
        with(|request| {
            let parts = request.multi_signed().unwrap();
            assert_eq!(
                decoded(&parts.protected),
                json!({
                    "alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": ["+/8=", "AQ=="], "client_id": "x509_hash:h"
                })
            );
            let (signed, multi) = (decoded(&request.signed().unwrap().payload), decoded(&parts.payload));
            let mut without = signed;
            without.as_object_mut().unwrap().remove("client_id");
            assert_eq!(multi, without);
            assert_eq!(
                parts.general(&[1, 2]),
                json!({"request": {
                    "payload": parts.payload, "signatures": [{"protected": parts.protected, "signature": "AQI"}]
                }})
            );
        });
    }

    #[test]
    fn an_unsigned_request_says_nothing_of_its_sender() {
        // DCA-05, OVP-META-12.
        with(|request| {
            assert_eq!(
                request.unsigned().unwrap(),
                json!({
                    "response_type": "vp_token", "response_mode": "dc_api.jwt", "nonce": "n",
                    "dcql_query": {"credentials": []}, "client_metadata": metadata()
                })
            );
            let plain = DcApiRequest { encryption_jwk: None, response_mode: "dc_api", ..request }.unsigned().unwrap();
            assert_eq!(plain["response_mode"], "dc_api");
            assert_eq!(
                plain["client_metadata"].as_object().unwrap().keys().collect::<Vec<_>>(),
                ["vp_formats_supported"]
            );
        });
    }
}
