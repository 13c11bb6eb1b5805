//! The request object: a JWT signed with the access certificate (OpenID4VP 1.0 section 5, RFC 9101, HAIP section 5.1).
//!
//! Rules kept here: OVP-REQ-14, OVP-JAR-06, OVP-JAR-16, OVP-JAR-18, OVP-CID-13, OVP-META-16.

use crate::domain::encoding::base64;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::jose::jwe::ContentEncryption;
use crate::domain::time::UnixSeconds;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What a request says. Members that 1.0 does not have cannot be written (OVP-REQ-21, OVP-JAR-07, OVP-JAR-08).
#[derive(Clone, Copy)]
pub struct RequestObject<'a> {
    /// The whole client identifier.
    pub client_id: &'a str,
    /// `direct_post.jwt` or `direct_post`.
    pub response_mode: &'a str,
    /// Where the answer goes.
    pub response_uri: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The state of the request.
    pub state: &'a str,
    /// The query, exactly as stored.
    pub dcql_query: &'a RawValue,
    /// The entries of transaction data, exactly as stored; none, no member.
    pub transaction_data: &'a [String],
    /// The key for the answer, if it is to be encrypted.
    pub encryption_jwk: Option<&'a Map<String, Value>>,
    /// The algorithms that are accepted.
    pub algorithms: &'a AllowedAlgorithms,
    /// What the wallet sent along, to be echoed (OVP-RURI-10, OVP-RURI-11).
    pub wallet_nonce: Option<&'a str>,
    /// When this object is made.
    pub issued_at: UnixSeconds,
    /// When the transaction ends.
    pub expires: UnixSeconds,
    /// The certificates in DER, leaf first, without the anchor.
    pub certificates: &'a [Vec<u8>],
    /// Whether the protected header says when it is made (OVP-JAR-15).
    pub issued_at_in_header: bool,
    /// The registration certificate, as the profile wants it written; `None` sends none (VINFO-01, VINFO-04).
    pub registration: Option<&'a str>,
}

/// The audience of request objects for wallets with static configuration (OVP-JAR-05).
pub const SELF_ISSUED_AUDIENCE: &str = "https://self-issued.me/v2";

/// The only `response_type` (OVP-REQ-01).
pub(super) const VP_TOKEN: &str = "vp_token";
/// `format` of a registration certificate in `verifier_info` (ETSI TS 119 472-2 RO_REQ-07).
pub const REGISTRATION_FORMAT: &str = "registration_cert";

#[derive(Serialize)]
pub(super) struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<UnixSeconds>,
    x5c: Vec<String>,
}

impl Header<'_> {
    /// For these certificates in DER, leaf first; with the time where the profile wants it.
    pub(super) fn new(certificates: &[Vec<u8>], iat: Option<UnixSeconds>) -> Self {
        Self {
            alg: "ES256",
            typ: "oauth-authz-req+jwt",
            iat,
            x5c: certificates.iter().map(|der| base64::encode_standard(der)).collect(),
        }
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    response_type: &'a str,
    response_mode: &'a str,
    client_id: &'a str,
    response_uri: &'a str,
    aud: &'a str,
    nonce: &'a str,
    state: &'a str,
    iat: UnixSeconds,
    exp: UnixSeconds,
    dcql_query: &'a RawValue,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    transaction_data: &'a [String],
    client_metadata: ClientMetadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verifier_info: Option<[VerifierInfo<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_nonce: Option<&'a str>,
}

/// An attestation about the verifier. It is for the whole request, so it names no credential (VINFO-02).
#[derive(Serialize)]
pub(super) struct VerifierInfo<'a> {
    format: &'static str,
    data: &'a str,
}

#[derive(Serialize)]
pub(super) struct ClientMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Jwks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_response_enc_values_supported: Option<[&'static str; 2]>,
    vp_formats_supported: VpFormats,
}

impl<'a> ClientMetadata<'a> {
    /// For answers of these algorithms, encrypted to this key if there is one.
    pub(super) fn new(algorithms: &AllowedAlgorithms, encryption_jwk: Option<&'a Map<String, Value>>) -> Self {
        let names: Vec<&'static str> = algorithms.names().collect();
        Self {
            jwks: encryption_jwk.map(|jwk| Jwks { keys: [jwk] }),
            encrypted_response_enc_values_supported: encryption_jwk
                .map(|_| ContentEncryption::ALL.map(ContentEncryption::name)),
            vp_formats_supported: VpFormats { sd_jwt: SdJwtFormat { issuer: names.clone(), holder: names } },
        }
    }
}

#[derive(Serialize)]
struct Jwks<'a> {
    keys: [&'a Map<String, Value>; 1],
}

#[derive(Serialize)]
struct VpFormats {
    #[serde(rename = "dc+sd-jwt")]
    sd_jwt: SdJwtFormat,
}

#[derive(Serialize)]
struct SdJwtFormat {
    #[serde(rename = "sd-jwt_alg_values")]
    issuer: Vec<&'static str>,
    #[serde(rename = "kb-jwt_alg_values")]
    holder: Vec<&'static str>,
}

impl<'a> VerifierInfo<'a> {
    /// The one element for a registration certificate (VINFO-02, VINFO-04).
    pub(super) fn registration(data: Option<&'a str>) -> Option<[Self; 1]> {
        data.map(|data| [Self { format: REGISTRATION_FORMAT, data }])
    }
}

impl RequestObject<'_> {
    /// Header and payload in their encoded form: what is signed with ES256. Append a dot and the signature.
    ///
    /// # Errors
    /// None in practice: all members can be written as JSON.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 5.1, 5.2, 5.8 and 8.3, HAIP section 5; OVP-JAR-02, OVP-META-03, OVP-META-11.
    pub fn signing_input(&self) -> Result<String, serde_json::Error> {
        let header = Header::new(self.certificates, self.issued_at_in_header.then_some(self.issued_at));
        let payload = Payload {
            response_type: VP_TOKEN,
            response_mode: self.response_mode,
            client_id: self.client_id,
            response_uri: self.response_uri,
            aud: SELF_ISSUED_AUDIENCE,
            nonce: self.nonce,
            state: self.state,
            iat: self.issued_at,
            exp: self.expires,
            dcql_query: self.dcql_query,
            transaction_data: self.transaction_data,
            client_metadata: self.client_metadata(),
            verifier_info: VerifierInfo::registration(self.registration),
            wallet_nonce: self.wallet_nonce,
        };
        let header = base64::encode_url(&serde_json::to_vec(&header)?);
        let payload = base64::encode_url(&serde_json::to_vec(&payload)?);
        Ok(format!("{header}.{payload}"))
    }

    /// The same request as parameters of a link, unsigned: for the prefix `redirect_uri` alone. Objects are JSON texts
    /// there (OVP-REQ-08).
    ///
    /// # Errors
    /// None in practice: all members can be written as JSON.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 5.1, 5.6 and 5.9.3.
    pub fn link_parameters(&self) -> Result<Vec<(&'static str, String)>, serde_json::Error> {
        let mut parameters = vec![
            ("client_id", self.client_id.to_owned()),
            ("response_type", VP_TOKEN.to_owned()),
            ("response_mode", self.response_mode.to_owned()),
            ("response_uri", self.response_uri.to_owned()),
            ("nonce", self.nonce.to_owned()),
            ("state", self.state.to_owned()),
            ("dcql_query", self.dcql_query.get().to_owned()),
            ("client_metadata", serde_json::to_string(&self.client_metadata())?),
        ];
        if !self.transaction_data.is_empty() {
            parameters.push(("transaction_data", serde_json::to_string(self.transaction_data)?));
        }
        Ok(parameters)
    }

    fn client_metadata(&self) -> ClientMetadata<'_> {
        ClientMetadata::new(self.algorithms, self.encryption_jwk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decoded(object: RequestObject<'_>) -> (Value, Value) {
        let text = object.signing_input().unwrap();
        let (header, payload) = text.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice(&base64::decode_url(part).unwrap()).unwrap();
        (read(header), read(payload))
    }

    #[test]
    fn the_members_of_a_haip_request() {
        // OVP-REQ-01 to 05, OVP-REQ-08, OVP-JAR-02 to 05, OVP-JAR-14, OVP-META-01 to 03, OVP-META-11,
        // OVP-META-12, OVP-META-17, NON-04, case REQ-014.
        let query = RawValue::from_string(r#"{"credentials": []}"#.to_owned()).unwrap();
        let jwk = json!({"kty": "EC", "kid": "k"}).as_object().unwrap().clone();
        let object = RequestObject {
            client_id: "x509_hash:h",
            response_mode: "direct_post.jwt",
            response_uri: "https://v.example/wallet/responses/h",
            nonce: "n",
            state: "s",
            dcql_query: &query,
            transaction_data: &[],
            encryption_jwk: Some(&jwk),
            algorithms: &AllowedAlgorithms::default(),
            wallet_nonce: None,
            issued_at: UnixSeconds(1),
            expires: UnixSeconds(301),
            certificates: &[vec![0xfb, 0xff], vec![1]],
            issued_at_in_header: false,
            registration: None,
        };
        let (header, payload) = decoded(object);
        assert_eq!(header, json!({"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": ["+/8=", "AQ=="]}));
        assert_eq!(
            payload,
            json!({
                "response_type": "vp_token", "response_mode": "direct_post.jwt", "client_id": "x509_hash:h",
                "response_uri": "https://v.example/wallet/responses/h", "aud": "https://self-issued.me/v2",
                "nonce": "n", "state": "s", "iat": 1, "exp": 301, "dcql_query": {"credentials": []},
                "client_metadata": {
                    "jwks": {"keys": [{"kty": "EC", "kid": "k"}]},
                    "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
                    "vp_formats_supported": {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}}
                }
            })
        );
        // TXD-01, TXD-08: the entries as they are.
        let entries = ["eyJ0eXBlIjoidCJ9".to_owned(), "e30".to_owned()];
        let (_, authorised) = decoded(RequestObject { transaction_data: &entries, ..object });
        assert_eq!(authorised["transaction_data"], json!(entries));
        // VINFO-01, VINFO-02, VINFO-04: an array of one element that names no credential.
        let (_, registered) = decoded(RequestObject { registration: Some("e30.e30.AA"), ..object });
        assert_eq!(registered["verifier_info"], json!([{"format": "registration_cert", "data": "e30.e30.AA"}]));
        // OVP-JAR-15: the time in the header where the profile wants it, as a whole number.
        let (dated, _) = decoded(RequestObject { issued_at_in_header: true, ..object });
        assert_eq!(dated["iat"], 1);
        // OVP-RURI-10, OVP-RURI-11: the nonce of the wallet only when it sent one.
        let (_, echoed) = decoded(RequestObject { wallet_nonce: Some("w"), ..object });
        assert_eq!(echoed["wallet_nonce"], "w");
        // OVP-META-12: nothing about encryption when the answer comes plain.
        let (_, plain) = decoded(RequestObject { encryption_jwk: None, response_mode: "direct_post", ..object });
        assert_eq!(plain["client_metadata"].as_object().unwrap().keys().collect::<Vec<_>>(), ["vp_formats_supported"]);
    }

    #[test]
    fn a_link_says_the_same_as_an_object() {
        // OVP-REQ-08, OVP-CID-07: objects as JSON texts, nothing that only a signed request has.
        let query = RawValue::from_string(r#"{"credentials": []}"#.to_owned()).unwrap();
        let jwk = json!({"kty": "EC", "kid": "k"}).as_object().unwrap().clone();
        let uri = "https://v.example/wallet/responses/h";
        let client_id = format!("redirect_uri:{uri}");
        let entries = ["eyJ0eXBlIjoidCJ9".to_owned()];
        let object = RequestObject {
            client_id: &client_id,
            response_mode: "direct_post.jwt",
            response_uri: uri,
            nonce: "n",
            state: "s",
            dcql_query: &query,
            transaction_data: &entries,
            encryption_jwk: Some(&jwk),
            algorithms: &AllowedAlgorithms::default(),
            wallet_nonce: None,
            issued_at: UnixSeconds(1),
            expires: UnixSeconds(301),
            certificates: &[],
            issued_at_in_header: false,
            registration: None,
        };
        let (_, signed) = decoded(object);
        let mut seen = Vec::new();
        for (name, text) in object.link_parameters().unwrap() {
            let value = match name {
                "dcql_query" | "client_metadata" | "transaction_data" => serde_json::from_str(&text).unwrap(),
                _ => Value::String(text),
            };
            assert_eq!(value, signed[name], "{name}");
            seen.push(name);
        }
        let missing: Vec<&str> =
            signed.as_object().unwrap().keys().map(String::as_str).filter(|name| !seen.contains(name)).collect();
        assert_eq!(missing, ["aud", "iat", "exp"]);
    }
}
