//! What the vectors are made of: keys and certificates from the seed, and one good token that cases change in a place.

use super::draft::members;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::jose::keys::{EphemeralKey, SigningKey};
use crate::domain::time::UnixSeconds;
use crate::simulator::authority::{IssuerName, SignerKey, SigningIdentity, TestAuthority};
use crate::simulator::encode::status_list::StatusList;
use crate::simulator::seed::Seed;
use crate::vectors::VectorError;
use serde_json::{Map, Value, json};

/// The seed of all keys and salts. It is public, and so is everything that follows from it.
pub const SEED: [u8; 32] = *b"pruefstein test vectors, set 001";

/// The time of evaluation: 2026-03-02T12:00:00Z.
pub const NOW: i64 = 1_772_452_800;

/// The type of the invented credential.
pub const TYPE: &str = "urn:example:vectors:identity:1";

/// The address of its status list, and the origin that the relying party allows.
pub const STATUS_URI: &str = "https://status.example/lists/1";
/// See [`STATUS_URI`].
pub const STATUS_ORIGIN: &str = "https://status.example";

/// Keys and certificates.
pub struct World {
    /// The test authority that certifies issuers.
    pub authority: TestAuthority,
    /// The issuer whose key is known as a JWK.
    pub issuer: SigningKey,
    /// The holder.
    pub holder: SigningKey,
    /// Somebody else.
    pub stranger: SigningKey,
    /// The encryption key of the request.
    pub recipient: EphemeralKey,
    /// The ephemeral key of the wallet.
    pub sender: EphemeralKey,
}

impl World {
    /// Makes everything from [`SEED`].
    ///
    /// # Errors
    /// [`VectorError`], in theory only.
    pub fn new() -> Result<Self, VectorError> {
        let seed = Seed::new(SEED);
        let ephemeral = |name: &str| {
            EphemeralKey::from_scalar(seed.bytes(name)).ok_or(VectorError::Made("a seed that gives no key"))
        };
        Ok(Self {
            authority: TestAuthority::for_host(SEED, UnixSeconds(NOW), "verifier.example")?,
            issuer: seed.key("issuer")?,
            holder: seed.key("holder")?,
            stranger: seed.key("stranger")?,
            recipient: ephemeral("recipient")?,
            sender: ephemeral("sender")?,
        })
    }

    /// The certified issuer.
    pub fn certified(&self) -> SigningIdentity {
        self.authority.issuer(IssuerName::PidGermany)
    }

    /// Its anchor, as in `x509_roots`.
    pub fn root(&self) -> String {
        base64::encode_standard(self.authority.issuer_root(IssuerName::PidGermany))
    }

    /// The audience of proofs.
    pub fn client_id(&self) -> String {
        self.authority.access().x509_hash_client_id()
    }

    /// A value that belongs to `name`, as salts and nonces are.
    pub fn random(&self, name: &str) -> String {
        Seed::new(SEED).text(name)
    }

    /// The nonce of the request.
    pub fn nonce(&self) -> String {
        self.random("nonce")
    }

    /// The text of a disclosure whose salt belongs to `label`: a member with `name`, or an array element without.
    pub fn disclosure(&self, label: &str, name: Option<&str>, value: &Value) -> String {
        let salt = self.random(&format!("salt/{label}"));
        let items = match name {
            Some(name) => json!([salt, name, value]),
            None => json!([salt, value]),
        };
        encode(&items)
    }

    /// The claims of the invented person, concealed: the payload members, and the disclosures to be sent.
    fn conceal(&self) -> (Map<String, Value>, Vec<String>) {
        let member = |name: &str, value: Value| self.disclosure(name, Some(name), &value);
        let given = member("given_name", json!("LINA"));
        let family = member("family_name", json!("TESTFRAU"));
        let locality = member("locality", json!("TESTSTADT"));
        let street = member("street_address", json!("PROBEWEG 1"));
        let address = member("address", json!({"_sd": [digest(&locality), digest(&street)]}));
        let german = self.disclosure("nationality 0", None, &json!("DE"));
        let french = self.disclosure("nationality 1", None, &json!("FR"));
        let decoy = digest(&self.random("decoy"));
        let mut digests = vec![digest(&given), digest(&family), digest(&address), decoy];
        digests.sort();
        let concealed = json!({
            "_sd_alg": "sha-256",
            "_sd": digests,
            "nationalities": [{"...": digest(&german)}, {"...": digest(&french)}],
        });
        (members(concealed), vec![given, family, address, locality, german])
    }

    /// A good SD-JWT of the issuer whose key is known, with a good proof.
    pub fn token(&self) -> Token {
        let (concealed, disclosures) = self.conceal();
        let mut payload = json!({
            "iss": "https://issuer.example",
            "iat": NOW.saturating_sub(3_600),
            "exp": NOW.saturating_add(30 * 86_400),
            "cnf": {"jwk": self.holder.public_jwk()},
        });
        merge(&mut payload, concealed);
        Token {
            header: json!({"alg": "ES256", "typ": "example+sd-jwt"}),
            payload,
            raw_payload: None,
            disclosures,
            proof_header: json!({"alg": "ES256", "typ": "kb+jwt"}),
            proof: json!({"iat": NOW, "aud": self.client_id(), "nonce": self.nonce()}),
            raw_proof: None,
            signer: SignerKey::P256(self.issuer.clone()),
            holder: self.holder.clone(),
            hash: HashAlgorithm::Sha256,
        }
    }

    /// A good SD-JWT VC of the certified issuer, with a good proof, without a status.
    pub fn credential(&self) -> Token {
        let mut token = self.token();
        let issuer = self.certified();
        token.header = json!({"alg": "ES256", "typ": "dc+sd-jwt", "x5c": issuer.x5c()});
        token.payload["iss"] = json!(IssuerName::PidGermany.uri());
        token.payload["vct"] = json!(TYPE);
        token.signer = issuer.key;
        token
    }

    /// What a relying party that verifies [`Self::credential`] brings along.
    pub fn credential_config(&self) -> Value {
        json!({
            "now": NOW,
            "clock_skew": 60,
            "trust": {"x509_roots": [self.root()]},
            "alg_allowed": ["ES256"],
            "allowed_typ": ["dc+sd-jwt"],
            "key_binding": "required",
            "kb_max_age": 600,
            "verifier": {"aud": self.client_id(), "nonce": self.nonce()},
            "expected_vct": [TYPE],
        })
    }
}

/// What the good credential discloses, with everything that stays in the clear.
pub fn disclosed(payload: &Value) -> Value {
    let mut claims = payload.clone();
    if let Some(members) = claims.as_object_mut() {
        members.shift_remove("_sd");
        members.shift_remove("_sd_alg");
    }
    let shown = json!({
        "given_name": "LINA",
        "family_name": "TESTFRAU",
        "address": {"locality": "TESTSTADT"},
        "nationalities": ["DE"],
    });
    merge(&mut claims, members(shown));
    claims
}

/// A key of a test with its private part, named for the group.
pub fn key_of(key: &SignerKey) -> Value {
    match key {
        SignerKey::P256(key) => Value::Object(key.test_jwk()),
        SignerKey::P384(_) => Value::Null,
    }
}

/// Adds members.
pub fn merge(value: &mut Value, more: Map<String, Value>) {
    if let Some(members) = value.as_object_mut() {
        members.extend(more);
    }
}

/// Removes a member.
pub fn remove(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.shift_remove(name);
    }
}

/// base64url of a JSON value.
pub fn encode(value: &Value) -> String {
    base64::encode_url(value.to_string().as_bytes())
}

/// The digest of a disclosure.
pub fn digest(text: &str) -> String {
    HashAlgorithm::Sha256.digest_url(text.as_bytes())
}

/// A JWS over exactly these texts.
///
/// # Errors
/// [`VectorError`] if the key cannot sign.
pub fn sign(header: &str, payload: &[u8], key: &SignerKey) -> Result<String, VectorError> {
    let input = format!("{}.{}", base64::encode_url(header.as_bytes()), base64::encode_url(payload));
    let signature = key.sign(input.as_bytes())?;
    Ok(format!("{input}.{}", base64::encode_url(&signature)))
}

/// An SD-JWT that is being made. It is good until a case changes it.
#[derive(Clone)]
pub struct Token {
    /// The protected header.
    pub header: Value,
    /// The payload.
    pub payload: Value,
    /// The text of the payload, where JSON values cannot express it.
    pub raw_payload: Option<String>,
    /// The disclosures that are sent.
    pub disclosures: Vec<String>,
    /// The protected header of the proof.
    pub proof_header: Value,
    /// `sd_hash` is added if it is not there.
    pub proof: Value,
    /// The text of the proof's payload.
    pub raw_proof: Option<String>,
    /// The key of the issuer.
    pub signer: SignerKey,
    /// The key that signs the proof.
    pub holder: SigningKey,
    /// The hash function of digests and `sd_hash`.
    pub hash: HashAlgorithm,
}

impl Token {
    /// Changes it.
    pub fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds a digest to `_sd` at the top.
    pub fn refer(&mut self, digest: String) {
        match self.payload.get_mut("_sd").and_then(Value::as_array_mut) {
            Some(digests) => digests.push(Value::from(digest)),
            None => self.payload["_sd"] = json!([digest]),
        }
    }

    /// Adds a disclosure and its digest at the top.
    pub fn disclose(&mut self, text: String) {
        self.refer(self.hash.digest_url(text.as_bytes()));
        self.disclosures.push(text);
    }

    /// The issuer-signed JWT.
    ///
    /// # Errors
    /// [`VectorError`] if the key cannot sign.
    pub fn issuer_jwt(&self) -> Result<String, VectorError> {
        let payload = self.raw_payload.clone().unwrap_or_else(|| self.payload.to_string());
        sign(&self.header.to_string(), payload.as_bytes(), &self.signer)
    }

    /// Issuer-signed JWT and disclosures, without a proof.
    ///
    /// # Errors
    /// As [`Self::issuer_jwt`].
    pub fn bare(&self) -> Result<String, VectorError> {
        let mut text = format!("{}~", self.issuer_jwt()?);
        for disclosure in &self.disclosures {
            text.push_str(disclosure);
            text.push('~');
        }
        Ok(text)
    }

    /// The proof over `bare`.
    ///
    /// # Errors
    /// As [`Self::issuer_jwt`].
    pub fn proof_over(&self, bare: &str) -> Result<String, VectorError> {
        let mut proof = self.proof.clone();
        if proof.get("sd_hash").is_none() {
            merge(&mut proof, members(json!({"sd_hash": self.hash.digest_url(bare.as_bytes())})));
        }
        let payload = self.raw_proof.clone().unwrap_or_else(|| proof.to_string());
        sign(&self.proof_header.to_string(), payload.as_bytes(), &SignerKey::P256(self.holder.clone()))
    }

    /// The whole presentation.
    ///
    /// # Errors
    /// As [`Self::issuer_jwt`].
    pub fn text(&self) -> Result<String, VectorError> {
        let bare = self.bare()?;
        let proof = self.proof_over(&bare)?;
        Ok(format!("{bare}{proof}"))
    }
}

/// A list token that is being made: two bits for each of sixteen entries, of which entries 1 to 3 have the values 1 to 3.
#[derive(Clone)]
pub struct ListToken {
    /// The protected header.
    pub header: Value,
    /// The payload.
    pub payload: Value,
    /// The key of its signer.
    pub signer: SignerKey,
}

impl ListToken {
    /// The last index.
    pub const LAST: u64 = 15;

    /// A good one of the certified issuer.
    pub fn good(world: &World) -> Self {
        let issuer = world.certified();
        let list = StatusList { bits: 2, entries: 16, values: [(1, 1), (2, 2), (3, 3)].into_iter().collect() };
        Self {
            header: json!({"alg": "ES256", "typ": "statuslist+jwt", "x5c": issuer.x5c()}),
            payload: json!({
                "sub": STATUS_URI, "iat": NOW - 600, "exp": NOW + 3_600, "ttl": 600,
                "status_list": {"bits": 2, "lst": base64::encode_url(&list.zlib())},
            }),
            signer: issuer.key,
        }
    }

    /// Changes signer and chain.
    pub fn sign_with(&mut self, signer: &SigningIdentity) {
        self.header["x5c"] = json!(signer.x5c());
        self.signer = signer.key.clone();
    }

    /// The token.
    ///
    /// # Errors
    /// [`VectorError`] if the key cannot sign.
    pub fn text(&self) -> Result<String, VectorError> {
        sign(&self.header.to_string(), self.payload.to_string().as_bytes(), &self.signer)
    }
}
