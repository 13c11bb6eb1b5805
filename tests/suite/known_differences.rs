//! Where we end differently than vectors of others expect, and why. Each line is checked: one that ends as expected
//! after all fails the test that reads it.

const EDDSA: &str = "alg EdDSA leaves the curve open; the list has the fully specified name Ed25519 (RFC 9864) only";
const JSON_FORM: &str =
    "the JWS JSON serialisation is optional in RFC 9901, and OpenID4VP presents the compact form only";
const KID_NUMBER: &str = "kid is a number, but RFC 7515 section 4.1.4 says that it is a string";

/// Cases in the format.
pub(crate) const FORMAT_FILES: &[(&str, &str)] = &[
    ("RFC9901-8.2-1", JSON_FORM),
    ("RFC9901-8.2-2", JSON_FORM),
    ("RFC9901-8.3-1", JSON_FORM),
    ("credo-complexSdJwtVc", EDDSA),
    ("credo-complexSdJwtVcPresentation", EDDSA),
    ("credo-did-untrusted", EDDSA),
    ("credo-expired", EDDSA),
    ("credo-expired-inside-validity", EDDSA),
    ("credo-nbf-reached", EDDSA),
    ("credo-no-disclosures", EDDSA),
    ("credo-sdJwtVcWithSingleDisclosure", EDDSA),
    ("credo-sdJwtVcWithSingleDisclosurePresentation", EDDSA),
    ("credo-simpleJwtVcPresentation", EDDSA),
    ("credo-simpleJwtVcWithoutHolderBinding", EDDSA),
    ("credo-x509-no-anchors", EDDSA),
    ("credo-x509-trusted", EDDSA),
    ("credo-x509-untrusted", EDDSA),
    ("credo-x509-without-iss", EDDSA),
    ("go-sd-jwt-valid-token-with-disclosed-address-with-no-properties", "RS256 does not exist here"),
    ("multipaz-bdr-pid", "x5c includes the trust anchor, which HAIP section 6.1.1 forbids"),
    ("oauth-sd-jwt-examples-json_serialization_flattened-issuance", JSON_FORM),
    ("oauth-sd-jwt-examples-json_serialization_flattened-presentation", JSON_FORM),
    ("oauth-sd-jwt-examples-json_serialization_general-issuance", JSON_FORM),
    ("oauth-sd-jwt-examples-json_serialization_general-presentation", JSON_FORM),
    ("sd-jwt-python-header_mod-issuance", KID_NUMBER),
    ("sd-jwt-python-header_mod-presentation", KID_NUMBER),
    ("sd-jwt-python-json_serialization_flattened-issuance", JSON_FORM),
    ("sd-jwt-python-json_serialization_flattened-presentation", JSON_FORM),
    ("sd-jwt-python-json_serialization_general-issuance", JSON_FORM),
    ("sd-jwt-python-json_serialization_general-presentation", JSON_FORM),
];

/// Examples of RFC 7520 by their files.
pub(crate) const COOKBOOK: &[(&str, &str)] = &[];

/// Tests of Wycheproof, as file and `tcId`.
pub(crate) const WYCHEPROOF: &[(&str, u64, &str)] = &[
    ("json_web_signature_test.json", 347, "the key says alg ES521, which is no algorithm; RFC 7520 has ES512"),
    ("json_web_signature_test.json", 351, "the key says alg ES521, which is no algorithm; RFC 7520 has ES512"),
    ("json_web_encryption_test.json", 76, NO_KID),
    ("json_web_encryption_test.json", 78, NO_KID),
];

const NO_KID: &str = "the header has no kid, but OpenID4VP 1.0 section 8.3 wants that of the key that was announced";

/// Test cases of x509-limbo.
pub(crate) const LIMBO: &[(&str, &str)] = &[
    ("pathlen::max-chain-depth-1-self-issued", SELF_ISSUED),
    ("pathlen::self-issued-certs-pathlen", SELF_ISSUED),
    ("pathlen::validation-ignores-pathlen-in-leaf", "stricter: the leaf is a CA certificate, and such never issues"),
    ("pathological::multiple-chains-expired-intermediate", "stricter: x5c holds a certificate outside of the path"),
    ("rfc5280::aki::cross-signed-root-missing-aki", IDENTIFIERS),
    ("rfc5280::aki::intermediate-missing-aki", IDENTIFIERS),
    ("rfc5280::nc::not-allowed-in-ee-noncritical", "a leaf certifies nobody, so constraints in it constrain nothing"),
    (
        "rfc5280::nc::permitted-dn-match",
        "stricter: constraints on directory names are refused, as webpki cannot check them",
    ),
    ("rfc5280::nc::permitted-self-issued", SELF_ISSUED),
    ("rfc5280::root-non-critical-basic-constraints", CONFIGURED),
    ("rfc5280::ski::intermediate-missing-ski", IDENTIFIERS),
    ("rfc5280::ski::root-missing-ski", IDENTIFIERS),
    ("webpki::aki::root-with-aki-authoritycertissuer", CONFIGURED),
    ("webpki::aki::root-with-aki-authoritycertserialnumber", CONFIGURED),
    ("webpki::aki::root-with-aki-missing-keyidentifier", CONFIGURED),
    ("webpki::aki::root-with-aki-ski-mismatch", CONFIGURED),
    ("webpki::cryptographydotio-chain", "stricter: RSA below 3072 bits (BSI TR-02102-1)"),
    ("webpki::eku::ee-without-eku", "a rule for TLS servers; a profile of ours may name an extended key usage"),
    ("webpki::san::mismatch-apex-subdomain-san", SERVER_NAME),
    ("webpki::san::mismatch-subdomain-san", SERVER_NAME),
    ("webpki::san::unicode-emoji-san", SERVER_NAME),
    ("webpki::san::wildcard-embedded-leftmost-san", SERVER_NAME),
    ("webpki::san::wildcard-match-across-labels-san", SERVER_NAME),
];

const SELF_ISSUED: &str = "stricter: CAs that certify themselves anew under the same name are not followed";
const IDENTIFIERS: &str = "key identifiers help to build paths; x5c gives the path, and the signatures decide";
const CONFIGURED: &str = "a formal fault of a root; trust in it is by configuration, by name and key";
const SERVER_NAME: &str = "the name of a TLS server; an issuer is not one, and no host is looked for";

/// Trusted lists in XML.
pub(crate) const XML_LISTS: &[(&str, &str)] = &[
    ("dss-fi-v6-no-tsp-information.xml", "the signature is looked at first, and it is broken, whatever else is"),
    ("forkbomb-tsl612-eaa-broken-combined", "its version 5 is read; it is refused because its next update has passed"),
    (
        "forkbomb-tsl612-eaa-broken-incorrect_sha2_digest",
        "the file with the digest beside a list is not read: the signature covers the list",
    ),
    (
        "forkbomb-tsl612-eaa-broken-invalid_tsl_version_identifier",
        "version 5 is read as well: national lists have it, and nothing that we read changed with version 6",
    ),
];
