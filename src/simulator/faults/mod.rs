//! Every way in which the simulated wallet can misbehave, and the one answer that is right.
//!
//! Each fault is perfect but for one thing: what depends on it is made again, unless a signature is the point. Besides
//! the faults there are peculiarities that a verifier must bear; they are expected to be accepted.

mod needs;

pub use needs::Needs;

use crate::domain::reason::Code;

/// How the transaction stands after the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Unchanged and still open (or fetched): an honest answer may follow.
    Open,
    /// Rejected.
    Rejected,
    /// Declined by the wallet.
    Declined,
    /// Verified.
    Verified,
}

impl End {
    /// Whether `status`, as the caller reads it, is this.
    pub fn is(self, status: &str) -> bool {
        match self {
            Self::Open => matches!(status, "open" | "fetched"),
            Self::Rejected => status == "rejected",
            Self::Declined => status == "declined",
            Self::Verified => status == "verified",
        }
    }
}

/// The one right answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// The code in the caller's result or report; `None` if the answer is accepted.
    pub code: Option<Code>,
    /// The status of the last answer to the wallet.
    pub http: u16,
    /// How the transaction stands afterwards.
    pub end: End,
}

pub(super) const fn open(code: Code) -> Expectation {
    Expectation { code: Some(code), http: 400, end: End::Open }
}

const fn open_with(http: u16, code: Code) -> Expectation {
    Expectation { code: Some(code), http, end: End::Open }
}

const fn rejected(code: Code) -> Expectation {
    Expectation { code: Some(code), http: 400, end: End::Rejected }
}

pub(super) const fn declined() -> Expectation {
    Expectation { code: Some(Code::WalletErrorRecorded), http: 200, end: End::Declined }
}

pub(super) const fn completed(end: End) -> Expectation {
    Expectation { code: Some(Code::TransactionCompleted), http: 409, end }
}

pub(super) const fn accepted() -> Expectation {
    Expectation { code: None, http: 200, end: End::Verified }
}

macro_rules! faults {
    ($(#[$about:meta])* $faults:ident: $( $variant:ident = $name:literal, $expected:expr, $cases:literal, $meaning:literal; )+) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $faults { $( #[doc = $meaning] $variant, )+ }

        impl $faults {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The name for the command line.
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )+ } }

            /// The fault of this name.
            pub fn from_name(name: &str) -> Option<Self> { match name { $( $name => Some(Self::$variant), )+ _ => None } }

            /// What must follow; the status is that of the call by which the answer arrives.
            pub const fn expected(self) -> Expectation { match self { $( Self::$variant => $expected, )+ } }

            /// The cases of the attack catalogue that it stands for; none for a case of our own.
            pub fn cases(self) -> impl Iterator<Item = &'static str> {
                let cases = match self { $( Self::$variant => $cases, )+ };
                cases.split(' ').filter(|case| !case.is_empty())
            }

            /// What the wallet does, in one sentence.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )+ } }
        }
    };
}

pub(super) use faults as fault_table;

use Code as C;

faults! {
    /// A named way to misbehave.
    Fault:
    // The issuer-signed JWT: header and signature.
    IssuerAlgNone = "issuer-alg-none", open(C::JwsAlgNotAllowed), "JOS-001", "The credential says alg none and has no signature.";
    IssuerAlgHs256 = "issuer-alg-hs256", open(C::JwsAlgNotAllowed), "JOS-004", "The credential has an HMAC with an empty secret.";
    IssuerAlgHs256PublicKey = "issuer-alg-hs256-public-key", open(C::JwsAlgNotAllowed), "JOS-004", "The credential has an HMAC with the public key of the issuer as secret.";
    IssuerAlgEs384 = "issuer-alg-es384", open(C::JwsAlgNotAllowed), "JOS-010", "The credential says ES384, but the key is on P-256.";
    IssuerAlgEsp256 = "issuer-alg-esp256", open(C::JwsAlgNotAllowed), "JOS-012", "The credential uses another name for ES256.";
    IssuerKeyP384 = "issuer-key-p384", open(C::JwsKeyMismatch), "", "The credential says ES256, but the certified key is on P-384.";
    IssuerSignatureZero = "issuer-signature-zero", open(C::JwsSignatureInvalid), "JOS-005 JOS-006", "The signature is 64 zero bytes.";
    IssuerSignatureDer = "issuer-signature-der", open(C::JwsSignatureInvalid), "JOS-007", "The signature is an ASN.1 sequence.";
    IssuerSignatureLong = "issuer-signature-long", open(C::JwsSignatureInvalid), "JOS-008", "R and S have 33 bytes each.";
    IssuerSignatureShort = "issuer-signature-short", open(C::JwsSignatureInvalid), "JOS-008", "The last byte of the signature is missing.";
    IssuerSignatureFlipped = "issuer-signature-flipped", open(C::JwsSignatureInvalid), "JOS-043", "One bit of the signature is flipped.";
    IssuerPayloadChanged = "issuer-payload-changed", open(C::JwsSignatureInvalid), "JOS-043", "The expiry was moved after signing.";
    IssuerHeaderSwapped = "issuer-header-swapped", open(C::JwsSignatureInvalid), "JOS-042", "The header is that of another token of the issuer.";
    IssuerOtherKey = "issuer-other-key", open(C::JwsSignatureInvalid), "", "The credential is signed with another key than the certified one.";
    IssuerHeaderJku = "issuer-header-jku", open(C::JwsHeaderNotAllowed), "JOS-014", "The header names an address with keys.";
    IssuerHeaderJwk = "issuer-header-jwk", open(C::JwsHeaderNotAllowed), "JOS-016", "The header carries a key of its own beside x5c.";
    IssuerKidPath = "issuer-kid-path", open(C::JwsHeaderNotAllowed), "JOS-017", "kid is a path out of a directory.";
    IssuerKidLong = "issuer-kid-long", open(C::JwsHeaderNotAllowed), "JOS-017", "kid has 1000 characters.";
    IssuerCrit = "issuer-crit", open(C::JwsCritUnsupported), "JOS-019", "crit names an unknown extension.";
    IssuerB64Crit = "issuer-b64-crit", open(C::JwsCritUnsupported), "JOS-021", "b64 is false and critical.";
    IssuerB64 = "issuer-b64", open(C::JwsHeaderNotAllowed), "JOS-022", "b64 is false and not critical.";
    IssuerTypJwt = "issuer-typ-jwt", open(C::CredentialTypInvalid), "JOS-036", "typ is JWT.";
    IssuerTypMissing = "issuer-typ-missing", open(C::CredentialTypInvalid), "JOS-036", "There is no typ.";
    IssuerTypOld = "issuer-typ-old", open(C::CredentialTypInvalid), "JOS-036", "typ is vc+sd-jwt, as in earlier drafts.";
    IssuerTypCase = "issuer-typ-case", open(C::CredentialTypInvalid), "JOS-036", "typ is DC+SD-JWT.";
    IssuerPadding = "issuer-padding", open(C::Base64urlInvalid), "JOS-028", "The signature part has padding.";
    IssuerAlphabet = "issuer-alphabet", open(C::Base64urlInvalid), "JOS-029", "A character is of the other base64 alphabet.";
    IssuerWhitespace = "issuer-whitespace", open(C::Base64urlInvalid), "JOS-030", "A line break stands in the payload part.";
    IssuerUnusedBits = "issuer-unused-bits", open(C::Base64urlInvalid), "JOS-031", "The last character has bits that mean nothing.";
    IssuerFourParts = "issuer-four-parts", open(C::JwsMalformed), "JOS-025", "The credential has a fourth part.";
    IssuerTwoParts = "issuer-two-parts", open(C::JwsMalformed), "JOS-025", "The credential has no signature part.";
    // JSON of the payload.
    PayloadArray = "payload-array", open(C::JsonInvalid), "JOS-032", "The payload is an array.";
    PayloadDuplicateMember = "payload-duplicate-member", open(C::JsonInvalid), "JSN-002", "vct occurs twice.";
    PayloadDuplicateEscaped = "payload-duplicate-escaped", open(C::JsonInvalid), "JSN-004", "vct occurs twice, once with an escape.";
    PayloadBom = "payload-bom", open(C::JsonInvalid), "JSN-010", "The payload begins with a byte order mark.";
    PayloadInvalidUtf8 = "payload-invalid-utf8", open(C::JsonInvalid), "JSN-011", "A text of the payload is not UTF-8.";
    PayloadLoneSurrogate = "payload-lone-surrogate", open(C::JsonInvalid), "JSN-011", "A text of the payload has half a surrogate pair.";
    PayloadTail = "payload-tail", open(C::JsonInvalid), "", "Something follows the JSON object.";
    PayloadTooDeep = "payload-too-deep", open(C::LimitExceeded), "JSN-006", "A claim is nested 100 deep.";
    PayloadTooMany = "payload-too-many", open(C::LimitExceeded), "JSN-006", "A claim is an array of 20 000 values.";
    ExpOutOfRange = "exp-out-of-range", open(C::CredentialClaimInvalid), "JSN-007", "exp is 1e400.";
    ExpFraction = "exp-fraction", accepted(), "JSN-008", "exp has a fraction, which is legal.";
    // SD-JWT structure and disclosures.
    NoFinalTilde = "no-final-tilde", open(C::SdjwtMalformed), "SDJ-001", "No proof follows, and the last tilde is missing.";
    JwtAmongDisclosures = "jwt-among-disclosures", open(C::SdjwtMalformed), "SDJ-004", "A JWT stands among the disclosures.";
    SdjwtJsonForm = "sdjwt-json-form", open(C::SdjwtMalformed), "SDJ-039 JOS-024", "The SD-JWT is in JSON serialization.";
    PresentationObject = "presentation-object", open(C::VpTokenMalformed), "SDJ-040", "The presentation is an object instead of a string.";
    DisclosureUnreferenced = "disclosure-unreferenced", open(C::SdjwtDisclosureUnreferenced), "SDJ-005", "A disclosure has no digest.";
    DisclosureTwice = "disclosure-twice", open(C::SdjwtDisclosureUnreferenced), "SDJ-006", "A disclosure is sent twice.";
    DisclosureParentMissing = "disclosure-parent-missing", open(C::SdjwtDisclosureUnreferenced), "", "The street is disclosed, the address around it is not.";
    DisclosureReencoded = "disclosure-reencoded", open(C::SdjwtDisclosureUnreferenced), "SDJ-030", "A disclosure is written with other white space.";
    DigestOfDecoded = "digest-of-decoded", open(C::SdjwtDisclosureUnreferenced), "SDJ-029", "A digest is over the decoded disclosure.";
    DigestTwice = "digest-twice", open(C::SdjwtDigestDuplicate), "SDJ-008", "A digest occurs at two levels.";
    DisclosureNameDots = "disclosure-name-dots", open(C::SdjwtReservedClaim), "SDJ-012", "A disclosure is named with three dots.";
    DisclosureNameSd = "disclosure-name-sd", open(C::SdjwtReservedClaim), "SDJ-012", "A disclosure is named _sd.";
    DisclosureNameSdAlg = "disclosure-name-sd-alg", open(C::SdjwtReservedClaim), "SDJ-013", "A disclosure is named _sd_alg.";
    ClaimAlsoClear = "claim-also-clear", open(C::SdjwtClaimConflict), "SDJ-014", "A disclosed name stands in the clear too.";
    ClaimDisclosedTwice = "claim-disclosed-twice", open(C::SdjwtClaimConflict), "SDJ-015", "Two disclosures have the same name.";
    ExpDisclosed = "exp-disclosed", open(C::SdjwtNotDisclosable), "SDJ-016", "exp comes in a disclosure.";
    VctDisclosed = "vct-disclosed", open(C::SdjwtNotDisclosable), "SDJ-016", "vct#integrity comes in a disclosure.";
    StatusDisclosed = "status-disclosed", open(C::SdjwtNotDisclosable), "SDJ-016", "status comes in a disclosure.";
    CnfDisclosed = "cnf-disclosed", open(C::SdjwtNotDisclosable), "SDJ-016", "cnf comes in a disclosure.";
    CnfPartDisclosed = "cnf-part-disclosed", open(C::SdjwtNotDisclosable), "SDJ-017", "A part of cnf comes in a disclosure.";
    IatDisclosed = "iat-disclosed", accepted(), "SDJ-018", "iat comes in a disclosure, which is legal.";
    ArrayDisclosureNamed = "array-disclosure-named", open(C::SdjwtDisclosureMalformed), "SDJ-020", "An array element has a disclosure with a name.";
    SaltNumber = "salt-number", open(C::SdjwtDisclosureMalformed), "SDJ-022", "A salt is a number.";
    ClaimNameNumber = "claim-name-number", open(C::SdjwtDisclosureMalformed), "SDJ-022", "A claim name is a number.";
    DisclosureFourParts = "disclosure-four-parts", open(C::SdjwtDisclosureMalformed), "", "A disclosure has four elements.";
    PlaceholderExtraMember = "placeholder-extra-member", open(C::SdjwtMalformed), "SDJ-023", "A placeholder of an array element has another member.";
    SdText = "sd-text", open(C::SdjwtMalformed), "SDJ-025", "_sd is a text.";
    SdNumbers = "sd-numbers", open(C::SdjwtMalformed), "SDJ-025", "_sd holds a number.";
    SdAlgSha1 = "sd-alg-sha1", open(C::SdjwtAlgUnsupported), "SDJ-026", "_sd_alg is sha-1.";
    SdAlgUpperCase = "sd-alg-upper-case", open(C::SdjwtAlgUnsupported), "SDJ-026", "_sd_alg is SHA-256.";
    SdAlgNested = "sd-alg-nested", open(C::SdjwtAlgUnsupported), "SDJ-027", "_sd_alg stands below the top.";
    SdAlgMislabelled = "sd-alg-mislabelled", open(C::SdjwtDisclosureUnreferenced), "SDJ-028", "_sd_alg is sha-512, the digests are of sha-256.";
    Decoys = "decoys", accepted(), "SDJ-032", "200 decoy digests, which are legal.";
    ManyDisclosures = "many-disclosures", open(C::LimitExceeded), "SDJ-036", "300 disclosures.";
    DisclosureRecursion = "disclosure-recursion", open(C::LimitExceeded), "", "Disclosures within disclosures, 20 deep.";
    DisclosurePadding = "disclosure-padding", open(C::Base64urlInvalid), "JOS-028", "A disclosure has padding.";
    DisclosureDuplicateMember = "disclosure-duplicate-member", open(C::JsonInvalid), "JSN-003", "A disclosed object has the same member twice.";
    // The proof of possession.
    KbMissing = "kb-missing", open(C::KbMissing), "KBJ-001", "There is no proof.";
    KbSignatureFlipped = "kb-signature-flipped", open(C::KbSignatureInvalid), "KBJ-002", "One bit of the proof's signature is flipped.";
    KbOtherKey = "kb-other-key", open(C::KbSignatureInvalid), "KBJ-002", "The proof is signed with another key.";
    KbAlgNone = "kb-alg-none", open(C::KbAlgNotAllowed), "KBJ-004", "The proof says alg none.";
    KbAlgHs256 = "kb-alg-hs256", open(C::KbAlgNotAllowed), "KBJ-004", "The proof has an HMAC with the bound public key as secret.";
    KbTypJwt = "kb-typ-jwt", open(C::KbTypInvalid), "KBJ-006", "typ of the proof is JWT.";
    KbTypMissing = "kb-typ-missing", open(C::KbTypInvalid), "KBJ-006", "The proof has no typ.";
    KbTypProof = "kb-typ-proof", open(C::KbTypInvalid), "KBJ-006", "typ of the proof is that of an issuance proof.";
    KbTypCase = "kb-typ-case", open(C::KbTypInvalid), "KBJ-006", "typ of the proof is KB+JWT.";
    KbAudHashOnly = "kb-aud-hash-only", open(C::KbAudMismatch), "KBJ-009", "aud lacks the prefix of client_id.";
    KbAudOtherPrefix = "kb-aud-other-prefix", open(C::KbAudMismatch), "KBJ-009", "aud has the prefix x509_san_dns.";
    KbAudCase = "kb-aud-case", open(C::KbAudMismatch), "KBJ-009", "aud differs in case.";
    KbAudArray = "kb-aud-array", open(C::KbAudMismatch), "KBJ-010", "aud is an array with the right value.";
    KbAudResponseUri = "kb-aud-response-uri", open(C::KbAudMismatch), "KBJ-011", "aud is response_uri.";
    KbAudOrigin = "kb-aud-origin", open(C::KbAudMismatch), "KBJ-011", "aud is an origin.";
    KbAudMissing = "kb-aud-missing", open(C::KbAudMismatch), "", "The proof has no aud.";
    KbWrongNonce = "kb-wrong-nonce", open(C::KbNonceMismatch), "KBJ-013 JWE-004", "The proof is for another request.";
    KbNonceMissing = "kb-nonce-missing", open(C::KbNonceMismatch), "KBJ-014", "The proof has no nonce.";
    KbNonceNumber = "kb-nonce-number", open(C::KbNonceMismatch), "KBJ-014", "nonce is a number.";
    KbNonceArray = "kb-nonce-array", open(C::KbNonceMismatch), "KBJ-014", "nonce is an array with the right value.";
    KbNonceSecond = "kb-nonce-second", open(C::KbNonceMismatch), "KBJ-035", "The second of two proofs is for another request.";
    KbIatPast = "kb-iat-past", open(C::KbIatOutOfWindow), "KBJ-016", "The proof is a year old.";
    KbIatFuture = "kb-iat-future", open(C::KbIatOutOfWindow), "KBJ-017", "The proof is from next year.";
    KbIatMissing = "kb-iat-missing", open(C::KbMalformed), "KBJ-019", "The proof has no iat.";
    KbIatText = "kb-iat-text", open(C::KbMalformed), "KBJ-019", "iat of the proof is a text.";
    KbIatExponent = "kb-iat-exponent", open(C::KbMalformed), "KBJ-019", "iat of the proof is 1e30.";
    KbExpPast = "kb-exp-past", open(C::KbIatOutOfWindow), "KBJ-020", "The proof has expired.";
    KbNbfFuture = "kb-nbf-future", open(C::KbIatOutOfWindow), "KBJ-020", "The proof is not valid yet.";
    KbSdHashMissing = "kb-sd-hash-missing", open(C::KbSdHashMismatch), "KBJ-021", "The proof has no sd_hash.";
    KbSdHashHex = "kb-sd-hash-hex", open(C::KbSdHashMismatch), "KBJ-021", "sd_hash is hexadecimal.";
    KbSdHashPadded = "kb-sd-hash-padded", open(C::KbSdHashMismatch), "KBJ-021", "sd_hash has padding.";
    KbSdHashOther = "kb-sd-hash-other", open(C::KbSdHashMismatch), "KBJ-023", "sd_hash is over another credential.";
    KbSdHashSha512 = "kb-sd-hash-sha512", open(C::KbSdHashMismatch), "KBJ-024", "sd_hash is of sha-512.";
    KbSdHashWithoutTilde = "kb-sd-hash-without-tilde", open(C::KbSdHashMismatch), "", "sd_hash leaves out the last tilde.";
    KbDisclosureRemoved = "kb-disclosure-removed", open(C::KbSdHashMismatch), "KBJ-023", "A disclosure was taken away after the proof was made.";
    KbHeaderJwk = "kb-header-jwk", open(C::JwsHeaderNotAllowed), "KBJ-033", "The proof brings its own key.";
    KbCrit = "kb-crit", open(C::JwsCritUnsupported), "JOS-019", "crit of the proof names an unknown extension.";
    KbPadding = "kb-padding", open(C::Base64urlInvalid), "JOS-028", "The proof has padding.";
    KbDuplicateMember = "kb-duplicate-member", open(C::JsonInvalid), "JSN-002", "nonce occurs twice in the proof.";
    CnfMissing = "cnf-missing", open(C::HolderKeyMissing), "KBJ-026", "The credential is bound to no key.";
    CnfKid = "cnf-kid", open(C::HolderKeyUnsupported), "KBJ-027", "The credential names its bound key only.";
    CnfPrivate = "cnf-private", open(C::HolderKeyUnsupported), "KBJ-028", "The bound key shows its private part.";
    CnfSymmetric = "cnf-symmetric", open(C::HolderKeyUnsupported), "KBJ-029", "The bound key is symmetric.";
    CnfIssuerKey = "cnf-issuer-key", open(C::HolderKeyUnsupported), "KBJ-032", "The bound key is that of the issuer.";
    CnfOffCurve = "cnf-off-curve", open(C::HolderKeyUnsupported), "JOS-040", "The bound key is not on its curve.";
    CnfShortCoordinate = "cnf-short-coordinate", open(C::HolderKeyUnsupported), "JOS-041", "A coordinate of the bound key has 31 bytes.";
    // What the credential says.
    VctMissing = "vct-missing", rejected(C::CredentialTypeMismatch), "SVC-002", "The credential has no type.";
    VctArray = "vct-array", rejected(C::CredentialTypeMismatch), "SVC-002", "The type is an array.";
    VctCase = "vct-case", rejected(C::CredentialTypeMismatch), "SVC-004", "The type differs in case.";
    VctSlash = "vct-slash", rejected(C::CredentialTypeMismatch), "SVC-004", "The type has a slash at its end.";
    VctOther = "vct-other", rejected(C::CredentialTypeMismatch), "SVC-003", "A good credential of another type is presented.";
    AkaByOtherIssuer = "aka-by-other-issuer", open(C::IssuerNotAuthorized), "SVC-005", "A town's pass says that it is also known as a PID.";
    PidByMunicipality = "pid-by-municipality", open(C::IssuerNotAuthorized), "SVC-005", "The town that issues passes issues a PID.";
    PidByForeignState = "pid-by-foreign-state", open(C::IssuerNotAuthorized), "SVC-005", "Another member state issues a German PID.";
    IssOther = "iss-other", accepted(), "", "iss names another issuer than the certificate: recorded, the certificate counts.";
    IssAbsent = "iss-absent", accepted(), "SVC-018", "iss is absent, which is legal.";
    ExpText = "exp-text", rejected(C::CredentialClaimInvalid), "SVC-014", "exp is a text.";
    NbfBoolean = "nbf-boolean", rejected(C::CredentialClaimInvalid), "SVC-014", "nbf is a boolean.";
    IatNull = "iat-null", rejected(C::CredentialClaimInvalid), "SVC-014", "iat is null.";
    NbfAfterExp = "nbf-after-exp", rejected(C::CredentialClaimInvalid), "SVC-016", "nbf lies after exp.";
    ExpNegative = "exp-negative", rejected(C::CredentialClaimInvalid), "SVC-016", "exp is negative.";
    Expired = "expired", rejected(C::CredentialExpired), "", "The credential has expired.";
    ExpiredWithinSkew = "expired-within-skew", accepted(), "SVC-012", "The credential expired 30 seconds ago, within the tolerance.";
    NotYetValid = "not-yet-valid", rejected(C::CredentialNotYetValid), "", "The credential becomes valid tomorrow.";
    FormatJwtVc = "format-jwt-vc", open(C::CredentialFormatMismatch), "SVC-024", "A plain JWT credential is presented.";
    // The certificate chain.
    X5cMissing = "x5c-missing", open(C::X5cMissing), "SVC-019", "There is no x5c.";
    IssDid = "iss-did", open(C::X5cMissing), "SVC-020", "iss is a DID and there is no x5c.";
    X5cText = "x5c-text", open(C::X5cMalformed), "X5C-019", "x5c is a text.";
    X5cEmpty = "x5c-empty", open(C::X5cMalformed), "X5C-019", "x5c is an empty array.";
    X5cBase64url = "x5c-base64url", open(C::X5cMalformed), "X5C-019", "x5c is in base64url.";
    X5cGarbage = "x5c-garbage", open(C::X5cMalformed), "X5C-019", "The leaf is no certificate.";
    X5cSix = "x5c-six", open(C::X5cTooLong), "X5C-022", "Six good certificates.";
    X5cAnchor = "x5c-anchor", open(C::X5cProfileViolation), "X5C-004", "The anchor is part of x5c.";
    X5cOwnRoot = "x5c-own-root", open(C::X5cUntrusted), "X5C-005", "The chain brings its own root.";
    X5cSelfSigned = "x5c-self-signed", open(C::X5cUntrusted), "X5C-005", "The leaf signed itself.";
    X5cUnknownRoot = "x5c-unknown-root", open(C::X5cUntrusted), "X5C-005 SVC-023", "Nobody trusts the root.";
    X5cSameNames = "x5c-same-names", open(C::X5cUntrusted), "X5C-029", "All names are right, all keys are others.";
    X5cLeafOnly = "x5c-leaf-only", open(C::X5cUntrusted), "", "The intermediate is missing.";
    X5cAccessCertificate = "x5c-access-certificate", open(C::X5cUntrusted), "", "An access certificate signed the PID.";
    X5cShuffled = "x5c-shuffled", open(C::X5cChainInvalid), "X5C-006", "The certificates are in the wrong order.";
    X5cUnrelated = "x5c-unrelated", open(C::X5cChainInvalid), "X5C-006", "A certificate of another chain stands between the good ones.";
    X5cDuplicate = "x5c-duplicate", open(C::X5cChainInvalid), "X5C-006", "The intermediate comes twice.";
    X5cIntermediateNotCa = "x5c-intermediate-not-ca", open(C::X5cChainInvalid), "X5C-008", "The intermediate has no CA bit.";
    X5cIntermediateNoSign = "x5c-intermediate-no-sign", open(C::X5cChainInvalid), "X5C-008", "The intermediate may not sign certificates.";
    X5cPathTooLong = "x5c-path-too-long", open(C::X5cChainInvalid), "X5C-010", "A CA stands below one that allows none.";
    X5cNameConstraint = "x5c-name-constraint", open(C::X5cChainInvalid), "X5C-011", "The leaf is outside the names that its CA may certify.";
    X5cCriticalExtension = "x5c-critical-extension", open(C::X5cChainInvalid), "", "The leaf has an unknown critical extension.";
    X5cLeafCa = "x5c-leaf-ca", open(C::X5cProfileViolation), "X5C-009", "The leaf is a CA.";
    X5cLeafEncipherment = "x5c-leaf-encipherment", open(C::X5cProfileViolation), "", "The leaf may not sign.";
    X5cLeafServer = "x5c-leaf-server", open(C::X5cProfileViolation), "X5C-013", "The leaf is for TLS servers only.";
    X5cThumbprint = "x5c-thumbprint", open(C::X5cProfileViolation), "", "x5t#S256 names another certificate.";
    X5cLeafExpired = "x5c-leaf-expired", open(C::X5cExpired), "X5C-015 X5C-016", "The leaf has expired.";
    X5cLeafNotYetValid = "x5c-leaf-not-yet-valid", open(C::X5cExpired), "X5C-015", "The leaf is not valid yet.";
    X5cIntermediateExpired = "x5c-intermediate-expired", open(C::X5cExpired), "X5C-015", "The intermediate has expired.";
    // Status.
    StatusRevoked = "status-revoked", rejected(C::CredentialRevoked), "", "The credential is revoked.";
    StatusSuspended = "status-suspended", rejected(C::CredentialSuspended), "TSL-028", "The credential is suspended.";
    StatusValueThree = "status-value-three", rejected(C::StatusValueUnknown), "", "The status has no agreed meaning.";
    StatusIndexBeyond = "status-index-beyond", rejected(C::StatusIndexOutOfRange), "", "The index is one beyond the list.";
    StatusIndexNegative = "status-index-negative", rejected(C::StatusIndexOutOfRange), "JSN-007", "The index is negative.";
    StatusIndexText = "status-index-text", rejected(C::StatusIndexOutOfRange), "JSN-007", "The index is a text.";
    StatusMissing = "status-missing", rejected(C::StatusInvalidReference), "TSL-031", "The credential has no status.";
    StatusOtherMechanism = "status-other-mechanism", rejected(C::StatusInvalidReference), "", "The status is of an unknown mechanism only.";
    StatusUriHttp = "status-uri-http", rejected(C::StatusUriNotAllowed), "TSL-001", "The list is at an http address.";
    StatusUriFile = "status-uri-file", rejected(C::StatusUriNotAllowed), "TSL-001", "The list is a file.";
    StatusUriOtherHost = "status-uri-other-host", rejected(C::StatusUriNotAllowed), "", "The list is at a host that is not allowed.";
    StatusUriInside = "status-uri-inside", rejected(C::StatusUriNotAllowed), "TSL-003", "The list is at an internal address.";
    StatusHostDown = "status-host-down", open_with(503, C::StatusUnavailable), "TSL-007", "The status host is down.";
    StatusHostBroken = "status-host-broken", open_with(503, C::StatusUnavailable), "TSL-007", "The status host answers 500.";
    StatusListMissing = "status-list-missing", open_with(503, C::StatusUnavailable), "", "The status host has no such list.";
    StatusRedirectInside = "status-redirect-inside", open_with(503, C::StatusUnavailable), "TSL-005", "The status host redirects to an internal address.";
    StatusAnswerHuge = "status-answer-huge", open_with(503, C::StatusUnavailable), "TSL-009", "The answer of the status host is too large.";
    StatusMediaType = "status-media-type", open_with(503, C::StatusUnavailable), "", "The status host says that the list is HTML.";
    StatusGarbage = "status-garbage", rejected(C::StatusTokenInvalid), "", "The list token is no token.";
    StatusSelfMade = "status-self-made", rejected(C::StatusTokenInvalid), "TSL-017", "The list is signed with a self-made certificate.";
    StatusOtherIssuer = "status-other-issuer", rejected(C::StatusTokenInvalid), "TSL-018", "The list is signed by the status signer of another issuer.";
    StatusUnsigned = "status-unsigned", rejected(C::StatusTokenInvalid), "TSL-020", "The list says alg none.";
    StatusOtherSubject = "status-other-subject", rejected(C::StatusTokenInvalid), "TSL-022", "sub of the list differs by a slash.";
    StatusOtherTyp = "status-other-typ", rejected(C::StatusTokenInvalid), "", "typ of the list is JWT.";
    StatusWithoutIat = "status-without-iat", rejected(C::StatusTokenInvalid), "", "The list does not say when it was made.";
    StatusExpired = "status-expired", rejected(C::StatusTokenExpired), "", "The list has expired.";
    StatusZipBomb = "status-zip-bomb", rejected(C::StatusListTooLarge), "TSL-011", "The list inflates to 64 MiB.";
    StatusRawDeflate = "status-raw-deflate", rejected(C::StatusListMalformed), "TSL-012", "The list has no zlib frame.";
    StatusTruncated = "status-truncated", rejected(C::StatusListMalformed), "TSL-012", "The list ends early.";
    StatusBadChecksum = "status-bad-checksum", rejected(C::StatusListMalformed), "TSL-012", "The checksum of the list is wrong.";
    StatusThreeBits = "status-three-bits", rejected(C::StatusListMalformed), "TSL-014", "The list has entries of three bits.";
    // Encryption of the answer.
    JweIsJws = "jwe-is-jws", open(C::JweMalformed), "JWE-002", "The answer is signed instead of encrypted.";
    JweInnerJwt = "jwe-inner-jwt", open(C::ResponseMalformed), "JWE-003", "An unsigned JWT with ready-made claims is encrypted.";
    JweKeyWrap = "jwe-key-wrap", open(C::JweAlgNotAllowed), "JWE-009", "The answer uses ECDH-ES+A128KW.";
    JwePbes2 = "jwe-pbes2", open(C::JweAlgNotAllowed), "JWE-009", "The answer says PBES2 with two billion rounds.";
    JweZip = "jwe-zip", open(C::JweZipNotAllowed), "JWE-010", "The answer is compressed.";
    JweEncCbc = "jwe-enc-cbc", open(C::JweEncNotAllowed), "JWE-011", "The answer uses A128CBC-HS256.";
    JweEncA192 = "jwe-enc-a192", open(C::JweEncNotAllowed), "JWE-011", "The answer uses A192GCM.";
    JweKidOther = "jwe-kid-other", open(C::JweKeyUnknown), "", "kid names a key that was not offered.";
    JweKidMissing = "jwe-kid-missing", open(C::JweKeyUnknown), "", "The answer does not name its key.";
    JweOtherKey = "jwe-other-key", open(C::DecryptionFailed), "JWE-024", "The answer is encrypted to another key under the right name.";
    JweEpkOffCurve = "jwe-epk-off-curve", open(C::DecryptionFailed), "JWE-013", "The ephemeral key is not on its curve.";
    JweEpkMissing = "jwe-epk-missing", open(C::JweMalformed), "JWE-014", "There is no ephemeral key.";
    JweEpkPrivate = "jwe-epk-private", open(C::JweMalformed), "JWE-014", "The ephemeral key shows its private part.";
    JweEpkP384 = "jwe-epk-p384", open(C::JweMalformed), "JWE-014", "The ephemeral key is on P-384.";
    JweTagShort = "jwe-tag-short", open(C::DecryptionFailed), "JWE-016", "The tag has 12 bytes.";
    JweIvShort = "jwe-iv-short", open(C::JweMalformed), "JWE-017", "The initialization vector has 8 bytes.";
    JweHeaderChanged = "jwe-header-changed", open(C::DecryptionFailed), "JWE-018", "The header was changed after encryption.";
    JweCiphertextFlipped = "jwe-ciphertext-flipped", open(C::DecryptionFailed), "JWE-018", "One bit of the ciphertext is flipped.";
    JweEncryptedKey = "jwe-encrypted-key", open(C::DecryptionFailed), "JWE-018", "There is an encrypted key although none is due.";
    JweJsonForm = "jwe-json-form", open(C::JweMalformed), "JWE-019", "The answer is in JSON serialization.";
    JweApuHuge = "jwe-apu-huge", open(C::LimitExceeded), "JWE-021", "apu has 48 KiB.";
    JweCrit = "jwe-crit", open(C::JwsCritUnsupported), "JWE-022", "crit of the answer names an unknown extension.";
    JwePadding = "jwe-padding", open(C::Base64urlInvalid), "JOS-028", "The answer has padding.";
    JweParties = "jwe-parties", accepted(), "JWE-020", "apu and apv are present, which is legal.";
    ResponsePlain = "response-plain", open(C::EncryptionRequired), "", "The answer is not encrypted.";
    // The answer as a form.
    StateMissing = "state-missing", open(C::StateMismatch), "RSP-002", "The answer has no state.";
    StateWrong = "state-wrong", open(C::StateMismatch), "RSP-001", "The answer has the state of another request.";
    ParameterTwice = "parameter-twice", open(C::DuplicateParameter), "RSP-019", "response occurs twice.";
    FormEmpty = "form-empty", open(C::ResponseMalformed), "", "The form is empty.";
    VpTokenInQuery = "vp-token-in-query", open(C::ResponseMalformed), "RSP-020", "The answer stands in the address.";
    PostedJson = "posted-json", open_with(415, C::UnsupportedMediaType), "RSP-025", "The answer is posted as JSON.";
    PostedText = "posted-text", open_with(415, C::UnsupportedMediaType), "RSP-025", "The answer is posted as text.";
    PostedCompressed = "posted-compressed", open_with(415, C::UnsupportedMediaType), "HTT-007", "The answer has a content coding.";
    SentWithGet = "sent-with-get", open_with(405, C::MethodNotAllowed), "RSP-025", "The answer is sent with GET.";
    BodyTooLarge = "body-too-large", open_with(413, C::PayloadTooLarge), "HTT-005", "The answer has 2 MiB.";
    ParametersExtra = "parameters-extra", accepted(), "RSP-027", "Unknown parameters come along, which is legal.";
    IdTokenExtra = "id-token-extra", accepted(), "RSP-028", "An id_token comes along, which is ignored.";
    MediaTypeSpelling = "media-type-spelling", accepted(), "HTT-023", "The media type of the form is spelt oddly, which is legal.";
    AnswerTwice = "answer-twice", completed(End::Verified), "RSP-007", "The same good answer is sent twice.";
    ErrorAfterAnswer = "error-after-answer", completed(End::Verified), "RSP-011", "An error follows a good answer.";
    AnswerAfterError = "answer-after-error", completed(End::Declined), "RSP-012", "A good answer follows an error.";
    ErrorAccessDenied = "error-access-denied", declined(), "RSP-014", "The person declines; the error is not encrypted.";
    ErrorEncrypted = "error-encrypted", declined(), "RSP-014", "The person declines; the error is encrypted.";
    ErrorUnknown = "error-unknown", declined(), "RSP-016", "The wallet sends an error that nobody knows.";
    ErrorStateMissing = "error-state-missing", open(C::StateMismatch), "RSP-013", "An error comes without state.";
    ErrorStateWrong = "error-state-wrong", open(C::StateMismatch), "RSP-013", "An error comes with another state.";
    JunkFlood = "junk-flood", open_with(429, C::RateLimited), "RSP-031", "Thirty answers of junk.";
    // vp_token and the query.
    VpTokenText = "vp-token-text", open(C::VpTokenMalformed), "RSP-021", "vp_token is a text.";
    VpTokenArray = "vp-token-array", open(C::VpTokenMalformed), "RSP-021", "vp_token is an array.";
    VpTokenNumber = "vp-token-number", open(C::VpTokenMalformed), "RSP-021", "vp_token is a number.";
    PresentationsNotArray = "presentations-not-array", open(C::VpTokenMalformed), "RSP-021", "A value of vp_token is no array.";
    PresentationsEmpty = "presentations-empty", open(C::QueryNotSatisfied), "RSP-023", "A value of vp_token is an empty array.";
    QueryIdUnknown = "query-id-unknown", open(C::VpTokenUnknownQuery), "DCQ-019", "The answer is to a query that was not asked.";
    PresentationExtra = "presentation-extra", open(C::VpTokenUnknownQuery), "DCQ-019", "Another credential comes along under a name of its own.";
    TwoPresentations = "two-presentations", open(C::VpTokenTooMany), "DCQ-005", "Two presentations where one was asked for.";
    NinePresentations = "nine-presentations", open(C::LimitExceeded), "DCQ-006", "Nine presentations where several were asked for.";
    PresentationRepeated = "presentation-repeated", open(C::VpTokenDuplicate), "DCQ-007", "The same presentation twice where several were asked for.";
    ClaimMissing = "claim-missing", rejected(C::ClaimMissing), "DCQ-002", "A claim that was asked for is not disclosed.";
    ClaimLookalike = "claim-lookalike", rejected(C::ClaimMissing), "JSN-013", "The name of a claim has a letter of another script.";
    ClaimValueOther = "claim-value-other", rejected(C::ClaimValueMismatch), "DCQ-010", "A value is not among those asked for.";
    ClaimValueTyped = "claim-value-typed", rejected(C::ClaimValueMismatch), "DCQ-010", "A value is the text true instead of true.";
    ClaimValueDecomposed = "claim-value-decomposed", rejected(C::ClaimValueMismatch), "JSN-015", "A value is spelt with a combining mark.";
    TransactionDataMissing = "transaction-data-missing", rejected(C::TransactionDataMismatch), "TXD-001", "The proof confirms no transaction data, although some was sent.";
    TransactionDataPart = "transaction-data-part", rejected(C::TransactionDataMismatch), "TXD-001", "The proof confirms one of two entries of transaction data.";
    TransactionDataExtra = "transaction-data-extra", rejected(C::TransactionDataMismatch), "TXD-005", "A hash of something else stands beside those of the transaction data.";
    TransactionDataTwice = "transaction-data-twice", rejected(C::TransactionDataMismatch), "", "The proof has the hash of an entry twice.";
    TransactionDataDecoded = "transaction-data-decoded", rejected(C::TransactionDataMismatch), "", "The hashes are over the decoded transaction data.";
    TransactionDataAlgOther = "transaction-data-alg-other", rejected(C::TransactionDataMismatch), "TXD-006", "The hashes are of sha-512, which was not offered.";
    TransactionDataAlgMissing = "transaction-data-alg-missing", rejected(C::TransactionDataMismatch), "TXD-006", "The hash algorithm is not named, although some were offered.";
    TransactionDataAlgArray = "transaction-data-alg-array", rejected(C::TransactionDataMismatch), "TXD-006", "The hash algorithm is an array with the right name.";
    TransactionDataAlgSha1 = "transaction-data-alg-sha1", rejected(C::TransactionDataMismatch), "TXD-006", "The hash algorithm is named sha-1.";
    TransactionDataByOther = "transaction-data-by-other", rejected(C::TransactionDataMismatch), "TXD-007", "A credential confirms that is not in credential_ids.";
    TransactionDataByTwo = "transaction-data-by-two", rejected(C::TransactionDataMismatch), "", "Two credentials confirm the same entry.";
    TransactionDataUnasked = "transaction-data-unasked", rejected(C::TransactionDataMismatch), "TXD-005", "The proof confirms transaction data, although none was sent.";
    TransactionDataReordered = "transaction-data-reordered", accepted(), "", "The hashes of two entries come in the other order, which is legal.";
    ErrorTransactionData = "error-transaction-data", declined(), "RSP-014", "The wallet does not support the transaction data, and says so.";
    ClaimSetHalves = "claim-set-halves", rejected(C::QueryNotSatisfied), "DCQ-011", "Half of one claim set and half of another.";
    CredentialMissing = "credential-missing", rejected(C::QueryNotSatisfied), "DCQ-001", "One of two credentials is missing.";
    CredentialsSwapped = "credentials-swapped", rejected(C::CredentialTypeMismatch), "DCQ-004", "Two credentials stand under each other's names.";
    CredentialSetHalves = "credential-set-halves", rejected(C::QueryNotSatisfied), "DCQ-014", "Half of one option and half of another.";
    ClaimsExtra = "claims-extra", accepted(), "PRI-012", "More is disclosed than was asked for; it must not be passed on.";
    // Fetching the request.
    WalletNonceLong = "wallet-nonce-long", open(C::WalletNonceInvalid), "REQ-005", "wallet_nonce has 10 KiB.";
    WalletNonceControl = "wallet-nonce-control", open(C::WalletNonceInvalid), "REQ-005", "wallet_nonce has control characters.";
    WalletNonceTwice = "wallet-nonce-twice", open(C::WalletNonceInvalid), "REQ-005", "wallet_nonce occurs twice.";
    WalletMetadataText = "wallet-metadata-text", open(C::WalletMetadataInvalid), "REQ-010", "wallet_metadata is not JSON.";
    WalletMetadataDeep = "wallet-metadata-deep", open(C::WalletMetadataInvalid), "REQ-010", "wallet_metadata is nested 5000 deep.";
    WalletMetadataKey = "wallet-metadata-key", open(C::WalletMetadataInvalid), "REQ-011", "The wallet wants the request encrypted to a key that is not on its curve.";
    WalletMetadataPrefix = "wallet-metadata-prefix", open(C::WalletIncompatible), "", "The wallet knows no prefix that this verifier has.";
    WalletMetadataAlg = "wallet-metadata-alg", open(C::WalletIncompatible), "", "The wallet knows no signature algorithm that this verifier has.";
    WalletMetadataUrls = "wallet-metadata-urls", accepted(), "REQ-008", "wallet_metadata names internal addresses, which must never be visited.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::dc_api::BrowserFault;
    use crate::simulator::matcher::Query;
    use crate::simulator::status_host::StatusHostMode;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_lead_back() {
        let names: BTreeSet<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        assert!(Fault::ALL.len() >= 80, "the command line promises at least sixty");
        for fault in Fault::ALL {
            assert_eq!(Fault::from_name(fault.name()), Some(*fault));
            assert!(
                fault.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            );
            assert!(fault.meaning().ends_with('.'));
            for case in fault.cases() {
                let (area, number) = case.split_once('-').unwrap();
                assert!(area.len() == 3 && number.len() == 3, "{case}");
            }
        }
        let meanings: BTreeSet<&str> = Fault::ALL.iter().map(|fault| fault.meaning()).collect();
        assert_eq!(meanings.len(), Fault::ALL.len());
    }

    #[test]
    fn state_follows_from_status_and_code() {
        for fault in Fault::ALL {
            let expected = fault.expected();
            match expected.end {
                End::Verified => assert!(expected.code.is_none() || expected.http == 409, "{}", fault.name()),
                End::Declined => assert!(matches!(expected.http, 200 | 409), "{}", fault.name()),
                End::Rejected => assert_eq!(expected.http, 400, "{}", fault.name()),
                End::Open => assert!(expected.http >= 400 && expected.code.is_some(), "{}", fault.name()),
            }
        }
    }

    /// Codes that a wallet cannot bring about, or not within one transaction, by design.
    const OUT_OF_REACH: [&str; 25] = [
        "quota_exceeded",
        "credential_issuer_mismatch",
        "trust_list_signature_invalid",
        "trust_list_rollback",
        "trust_list_malformed",
        "trust_list_too_large",
        "trust_unavailable",
        "bad_request",
        "header_fields_too_large",
        "request_timeout",
        "host_not_allowed",
        "not_found",
        "overloaded",
        "not_ready",
        "internal_error",
        "unknown_request",
        "request_expired",
        "transaction_expired",
        "invalid_presentation",
        "type_metadata_invalid",
        "x5c_revoked",
        "trust_anchor_set_empty",
        "storage_unavailable",
        "storage_full",
        "storage_corrupt",
    ];

    #[test]
    fn every_code_that_a_wallet_can_cause_has_a_fault() {
        let by_browser = BrowserFault::ALL.iter().filter_map(|fault| fault.expected().code);
        let caused: BTreeSet<Code> =
            Fault::ALL.iter().filter_map(|fault| fault.expected().code).chain(by_browser).collect();
        for code in Code::ALL {
            let by_wallet = !matches!(code.group(), "caller" | "session") && code.as_str() != "config_refused";
            if by_wallet && !OUT_OF_REACH.contains(&code.as_str()) {
                assert!(caused.contains(code), "no fault causes {code}");
            }
        }
    }

    #[test]
    fn queries_can_be_read() {
        for fault in Fault::ALL {
            if let Needs::Query(text) | Needs::TransactionData { query: text, .. } = fault.needs() {
                assert!(Query::parse(&serde_json::from_str(text).unwrap()).is_some(), "{}", fault.name());
            }
            assert!(!fault.needs().asked().is_empty());
        }
    }

    #[test]
    fn every_mode_of_the_status_host_is_used() {
        let used: Vec<StatusHostMode> = Fault::ALL.iter().map(|fault| fault.status_host()).collect();
        for mode in StatusHostMode::FAULTY {
            assert!(used.contains(&mode), "{mode:?}");
        }
    }
}
