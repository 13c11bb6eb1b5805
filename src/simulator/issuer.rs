//! Issues credentials in three steps, each of which a fault may spoil: a [`Draft`] says what is issued, a [`Sealed`]
//! credential has its claims concealed, an [`Issued`] one is signed.

use super::SimulatorError;
use super::authority::{IssuerName, PASS_TYPE, PID_DE_TYPE, PID_EU_TYPE, SigningIdentity, TestAuthority};
use super::certificates::start_of_day;
use super::encode::jws::{self, Jws};
use super::encode::sd_jwt::{Concealer, Disclosure, Step, encode};
use super::people::Person;
use super::seed::Seed;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::jose::keys::SigningKey;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value, json};

/// The type that an issuer issues.
pub const fn credential_type(kind: IssuerName) -> &'static str {
    match kind {
        IssuerName::PidGermany => PID_DE_TYPE,
        IssuerName::PidForeign => PID_EU_TYPE,
        IssuerName::Municipality => PASS_TYPE,
    }
}

/// The path of the status list of an issuer, below the address of the status host.
pub const fn status_path(kind: IssuerName) -> &'static str {
    match kind {
        IssuerName::PidGermany => "/lists/pid",
        IssuerName::PidForeign => "/lists/pid-foreign",
        IssuerName::Municipality => "/lists/sozialpass",
    }
}

/// The index of a person in the status list of each issuer; the first thousand are kept for faults.
pub fn status_index(person: Person) -> u64 {
    person.number().saturating_add(1_000)
}

/// The key that the credentials of a person are bound to, one per kind.
///
/// # Errors
/// [`SimulatorError::Key`] for the rare seed that gives no key.
pub fn holder_key(authority: &TestAuthority, person: Person, kind: IssuerName) -> Result<SigningKey, SimulatorError> {
    authority.seed().key(&format!("holder/{}/{}", person.name(), credential_type(kind)))
}

/// What is to be issued.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The signer and its chain.
    pub signer: SigningIdentity,
    /// The protected header.
    pub header: Map<String, Value>,
    /// Members that stay in the clear: type, dates, bound key, status.
    pub control: Map<String, Value>,
    /// Claims that will be concealed.
    pub claims: Map<String, Value>,
    /// The hash function of the digests.
    pub hash: HashAlgorithm,
    /// Decoy digests in every object.
    pub decoys: usize,
    label: String,
}

impl Draft {
    /// A good credential of this kind for `person`, bound to `holder`, valid from the start of the day for two weeks.
    /// `status_base` is the address of the status host, such as `https://status.pruefstein.example`.
    ///
    /// # Errors
    /// [`SimulatorError::Form`] if the person has no credential of this kind.
    pub fn new(
        authority: &TestAuthority,
        kind: IssuerName,
        person: Person,
        holder: &SigningKey,
        status_base: &str,
        now: UnixSeconds,
    ) -> Result<Self, SimulatorError> {
        let today = start_of_day(now);
        let claims = person.claims(kind, today).ok_or(SimulatorError::Form("the person has no such credential"))?;
        let signer = authority.issuer(kind);
        let mut header = jws::header("dc+sd-jwt");
        header.insert("x5c".to_owned(), Value::from(signer.x5c()));
        let mut control = Map::new();
        let mut put = |name: &str, value: Value| control.insert(name.to_owned(), value);
        put("iss", json!(kind.uri()));
        put("vct", json!(credential_type(kind)));
        if kind == IssuerName::PidGermany {
            put("aka_vcts", json!([PID_EU_TYPE]));
        }
        put("iat", json!(today.0));
        put("nbf", json!(today.0));
        put("exp", json!(today.plus(14 * 86_400).0));
        put("cnf", json!({"jwk": holder.public_jwk()}));
        let uri = format!("{status_base}{}", status_path(kind));
        put("status", json!({"status_list": {"idx": status_index(person), "uri": uri}}));
        let label = format!("{}/{}/{}", person.name(), credential_type(kind), today.0);
        Ok(Self { signer, header, control, claims, hash: HashAlgorithm::Sha256, decoys: 0, label })
    }

    /// Changes the signer, and `x5c` with it.
    pub fn sign_with(&mut self, signer: SigningIdentity) {
        self.header.insert("x5c".to_owned(), Value::from(signer.x5c()));
        self.signer = signer;
    }

    /// Conceals the claims.
    pub fn seal(self, seed: &Seed) -> Sealed {
        let mut concealer = Concealer::new(seed, &self.label, self.hash, self.decoys);
        let (concealed, disclosures) = concealer.conceal(&self.claims);
        let mut payload = self.control;
        let name = match self.hash {
            HashAlgorithm::Sha256 => "sha-256",
            HashAlgorithm::Sha384 => "sha-384",
            HashAlgorithm::Sha512 => "sha-512",
        };
        payload.insert("_sd_alg".to_owned(), Value::from(name));
        payload.extend(concealed);
        Sealed { signer: self.signer, header: self.header, payload, disclosures, hash: self.hash }
    }
}

/// A credential whose claims are concealed, not yet signed.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The signer.
    pub signer: SigningIdentity,
    /// The protected header.
    pub header: Map<String, Value>,
    /// The payload with `_sd`.
    pub payload: Map<String, Value>,
    /// All disclosures.
    pub disclosures: Vec<Disclosure>,
    /// The hash function of the digests.
    pub hash: HashAlgorithm,
}

impl Sealed {
    /// Adds a disclosure that will be sent without being asked for, and gives its digest, which nothing refers to yet.
    pub fn force_disclosure(&mut self, disclosure: &Value) -> String {
        self.force_text(encode(disclosure))
    }

    /// As [`Self::force_disclosure`], with the text of the disclosure.
    pub fn force_text(&mut self, text: String) -> String {
        let digest = self.hash.digest_url(text.as_bytes());
        self.disclosures.push(Disclosure { path: Vec::new(), text, forced: true });
        digest
    }

    /// Adds a digest to `_sd` at the top.
    pub fn refer_to(&mut self, digest: &str) {
        if let Some(Value::Array(digests)) = self.payload.get_mut("_sd") {
            digests.push(Value::from(digest));
        }
    }

    /// The disclosure of a claim at the top.
    pub fn disclosure_of(&mut self, claim: &str) -> Option<&mut Disclosure> {
        let path = [Step::Name(claim.to_owned())];
        self.disclosures.iter_mut().find(|disclosure| disclosure.path == path)
    }

    /// The payload as JSON.
    pub fn payload_json(&self) -> Vec<u8> {
        jws::json(&self.payload)
    }

    /// Signs.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] if the signer cannot sign.
    pub fn issue(self) -> Result<Issued, SimulatorError> {
        let jwt = Jws::unsigned(&self.header, self.payload_json()).sign(&self.signer.key)?.text();
        Ok(Issued { jwt, disclosures: self.disclosures, hash: self.hash })
    }
}

/// A credential as the wallet holds it.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The issuer-signed JWT.
    pub jwt: String,
    /// All disclosures.
    pub disclosures: Vec<Disclosure>,
    /// The hash function of digests and `sd_hash`.
    pub hash: HashAlgorithm,
}

impl Issued {
    /// The disclosures that are needed to show what `paths` select, and those that are forced.
    pub fn disclosures_for(&self, paths: &[Vec<Value>]) -> Vec<String> {
        let wanted = |disclosure: &&Disclosure| disclosure.forced || paths.iter().any(|path| disclosure.serves(path));
        self.disclosures.iter().filter(wanted).map(|disclosure| disclosure.text.clone()).collect()
    }
}

/// A proof of possession that is being made.
#[derive(Debug, Clone)]
pub struct KeyBinding {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The payload; [`present`] adds `sd_hash` if it has none.
    pub payload: Map<String, Value>,
}

impl KeyBinding {
    /// A good proof for this request.
    pub fn new(audience: &str, nonce: &str, now: UnixSeconds) -> Self {
        let mut payload = Map::new();
        payload.insert("iat".to_owned(), json!(now.0));
        payload.insert("aud".to_owned(), json!(audience));
        payload.insert("nonce".to_owned(), json!(nonce));
        Self { header: jws::header("kb+jwt"), payload }
    }
}

/// The part of a presentation that `sd_hash` is over: the JWT and the disclosures, each followed by a tilde.
pub fn bare_presentation(jwt: &str, disclosures: &[String]) -> String {
    let mut text = format!("{jwt}~");
    for disclosure in disclosures {
        text.push_str(disclosure);
        text.push('~');
    }
    text
}

/// A complete presentation with a good signature of `holder`.
///
/// # Errors
/// [`SimulatorError::Key`], in theory only.
pub fn present(
    issued: &Issued,
    disclosures: &[String],
    mut binding: KeyBinding,
    holder: &SigningKey,
) -> Result<String, SimulatorError> {
    let bare = bare_presentation(&issued.jwt, disclosures);
    binding.payload.entry("sd_hash").or_insert_with(|| Value::from(issued.hash.digest_url(bare.as_bytes())));
    let signer = super::authority::SignerKey::P256(holder.clone());
    let proof = Jws::unsigned(&binding.header, jws::json(&binding.payload)).sign(&signer)?;
    Ok(format!("{bare}{}", proof.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::base64;
    use crate::domain::jose::jwk::PublicKey;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

    fn made(person: Person, kind: IssuerName) -> (TestAuthority, Issued, SigningKey) {
        let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
        let holder = holder_key(&authority, person, kind).unwrap();
        let draft = Draft::new(&authority, kind, person, &holder, "https://status.pruefstein.example", NOW).unwrap();
        let issued = draft.seal(authority.seed()).issue().unwrap();
        (authority, issued, holder)
    }

    fn json_part(token: &str, index: usize) -> Value {
        serde_json::from_slice(&base64::decode_url(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
    }

    fn verifies(token: &str, key: &PublicKey) -> bool {
        let (input, signature) = token.rsplit_once('.').unwrap();
        key.verify(input.as_bytes(), &base64::decode_url(signature).unwrap())
    }

    #[test]
    fn an_issued_credential_holds_by_hand() {
        for (person, kind) in [
            (Person::Ordinary, IssuerName::PidGermany),
            (Person::Foreign, IssuerName::PidForeign),
            (Person::Minor, IssuerName::Municipality),
        ] {
            let (_, issued, holder) = made(person, kind);
            let header = json_part(&issued.jwt, 0);
            assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("dc+sd-jwt")));
            let leaf = base64::decode_standard(header["x5c"][0].as_str().unwrap()).unwrap();
            let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
            assert!(verifies(&issued.jwt, &PublicKey::from_spki(leaf.public_key().raw).unwrap()));
            let payload = json_part(&issued.jwt, 1);
            assert_eq!(payload["vct"], credential_type(kind));
            assert_eq!(payload["cnf"]["jwk"], Value::Object(holder.public_jwk()));
            assert_eq!(payload["_sd_alg"], "sha-256");
            assert!(payload.get("family_name").is_none(), "everything personal is concealed");
            assert!(payload["exp"].as_i64().unwrap() > NOW.0 && payload["nbf"].as_i64().unwrap() <= NOW.0);
        }
    }

    #[test]
    fn a_presentation_is_bound_to_what_it_shows() {
        let (_, issued, holder) = made(Person::Ordinary, IssuerName::PidGermany);
        let disclosures = issued.disclosures_for(&[vec![json!("address"), json!("locality")]]);
        assert_eq!(disclosures.len(), 2);
        let text = present(&issued, &disclosures, KeyBinding::new("aud", "nonce", NOW), &holder).unwrap();
        let (bare, proof) = text.rsplit_once('~').unwrap();
        let payload = json_part(proof, 1);
        assert_eq!(payload["sd_hash"], HashAlgorithm::Sha256.digest_url(format!("{bare}~").as_bytes()));
        assert_eq!(
            (&payload["aud"], &payload["nonce"], &payload["iat"]),
            (&json!("aud"), &json!("nonce"), &json!(NOW.0))
        );
        assert_eq!(json_part(proof, 0), json!({"alg": "ES256", "typ": "kb+jwt"}));
        assert!(verifies(proof, &holder.public_key().unwrap()));
        assert_eq!(bare.split('~').count(), 3);
    }

    #[test]
    fn credentials_are_the_same_bytes_all_day() {
        let (_, first, _) = made(Person::TwoNationalities, IssuerName::PidGermany);
        let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
        let holder = holder_key(&authority, Person::TwoNationalities, IssuerName::PidGermany).unwrap();
        let later = Draft::new(
            &authority,
            IssuerName::PidGermany,
            Person::TwoNationalities,
            &holder,
            "https://status.pruefstein.example",
            NOW.plus(60),
        );
        let later = later.unwrap().seal(authority.seed()).issue().unwrap();
        assert_eq!((first.jwt, first.disclosures), (later.jwt, later.disclosures));
    }
}
