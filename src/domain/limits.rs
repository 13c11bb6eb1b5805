//! All limits of the core in one place. They are fixed, not settings: a larger input is an attack or a defect.
//!
//! Limits of HTTP (bodies, headers, deadlines, rates) belong to the configuration of the service.

/// Largest JOSE header part, in characters of its base64url text.
pub const JOSE_HEADER_CHARS: usize = 32 * 1024;
/// Longest `kid`, in characters.
pub const KID_CHARS: usize = 256;
/// Largest answer of a wallet, in bytes.
pub const RESPONSE_BYTES: usize = 1024 * 1024;
/// Deepest nesting of a JSON document; the top level counts as one.
pub const JSON_DEPTH: usize = 32;
/// Most values in one JSON document.
pub const JSON_NODES: usize = 10_000;
/// Deepest nesting of a CBOR item, tags included; the top level counts as one.
pub const CBOR_DEPTH: usize = 32;
/// Most values in one CBOR item, keys of maps included.
pub const CBOR_NODES: usize = 10_000;
/// Most presentations in one response.
pub const PRESENTATIONS: usize = 16;
/// Most presentations for one credential query.
pub const PRESENTATIONS_PER_QUERY: usize = 8;
/// Most disclosures in one SD-JWT.
pub const DISCLOSURES: usize = 256;
/// Deepest nesting of disclosures within disclosures.
pub const DISCLOSURE_RECURSION: usize = 16;
/// Most certificates in `x5c`.
pub const CERTIFICATES: usize = 5;
/// Largest certificate, in bytes of DER.
pub const CERTIFICATE_BYTES: usize = 16 * 1024;
/// Largest list of revoked certificates, in bytes of DER.
pub const REVOCATION_LIST_BYTES: usize = 4 * 1024 * 1024;
/// Most lists of revoked certificates of one trust source.
pub const REVOCATION_LISTS: usize = 64;
/// Largest status list token, in bytes on the wire. A hundred million entries of one bit fit while few are set: as a
/// JWT, which encodes the list in base64url twice, up to 0.7 %; as a CWT up to 1.7 %. Issuers with more use more lists.
pub const STATUS_TOKEN_BYTES: usize = 2 * 1024 * 1024;
/// Largest status list, in bytes after inflation: a hundred million entries of one bit are 12.5 million bytes.
pub const STATUS_LIST_BYTES: usize = 16 * 1024 * 1024;
/// Largest document that names status lists, in bytes.
pub const AGGREGATION_BYTES: usize = 256 * 1024;
/// Most status lists that one such document may name.
pub const AGGREGATION_LISTS: usize = 1_000;
/// Longest address of a status list in such a document, in bytes.
pub const STATUS_URI_BYTES: usize = 2_048;
/// Largest metadata document of an issuer, and largest key set that one points to, in bytes.
pub const ISSUER_METADATA_BYTES: usize = 64 * 1024;
/// Most keys of an issuer.
pub const ISSUER_KEYS: usize = 32;
/// Most issuers that one trust source may name.
pub const ISSUERS: usize = 64;
/// Bytes of a registration certificate with whatever it is wrapped into. It goes into every request.
pub const REGISTRATION_BYTES: usize = 64 * 1024;
/// Largest trust list, in bytes.
pub const TRUST_LIST_BYTES: usize = 32 * 1024 * 1024;
/// Most services that are read from one trust list; further ones are refused with it.
pub const TRUST_LIST_SERVICES: usize = 100_000;
/// Most values in the JSON of one trust list.
pub const TRUST_LIST_NODES: usize = 8_000_000;
/// Most values in one entity, and in the scheme information, of a JSON trust list.
pub const TRUST_LIST_ENTRY_NODES: usize = 100_000;
/// Most members of one object of a JSON trust list.
pub const TRUST_LIST_MEMBERS: usize = 1_000;
/// Most attributes of one element of an XML list, namespace declarations included.
pub const XML_ATTRIBUTES: usize = 64;
/// Deepest nesting of an XML list.
pub const XML_DEPTH: usize = 64;
/// Most tags, attributes, comments and other pieces of markup in one XML list.
pub const XML_MARKUP: usize = 500_000;
/// Largest `data:` URI in a claim, in characters.
pub const DATA_URI_CHARS: usize = 512 * 1024;
/// Most credential queries in one DCQL query.
pub const DCQL_CREDENTIALS: usize = 16;
/// Most claims in one credential query.
pub const DCQL_CLAIMS: usize = 128;
/// Most sets (claim sets, credential sets, options) in one place of a DCQL query.
pub const DCQL_SETS: usize = 64;
/// Largest DCQL query, in bytes.
pub const DCQL_BYTES: usize = 48 * 1024;
/// Most entries of transaction data in one request.
pub const TRANSACTION_DATA: usize = 8;
/// Longest entry of transaction data, in characters of its base64url text.
pub const TRANSACTION_DATA_CHARS: usize = 8 * 1024;
/// Largest schema of a type of transaction data, in bytes.
pub const TRANSACTION_DATA_SCHEMA_BYTES: usize = 256 * 1024;
/// Most faults that are told of one entry of transaction data.
pub const TRANSACTION_DATA_FAULTS: usize = 16;
/// Bytes of randomness in every identifier and code.
pub const RANDOM_BYTES: usize = 16;
/// Bytes of randomness in every nonce.
pub const NONCE_BYTES: usize = 24;
/// Largest type metadata document, in bytes.
pub const TYPE_METADATA_BYTES: usize = 512 * 1024;
/// Most types in a chain of `extends`, the first one included.
pub const TYPE_METADATA_CHAIN: usize = 8;
/// Most claims in one type metadata document.
pub const TYPE_METADATA_CLAIMS: usize = 256;
/// Most languages in one place of a type metadata document.
pub const TYPE_METADATA_LOCALES: usize = 64;
/// Longest name of a type or label of a claim that is taken from type metadata, in characters; the rest is cut off.
pub const TYPE_METADATA_LABEL_CHARS: usize = 128;
/// Longest description that is taken from type metadata, in characters; the rest is cut off.
pub const TYPE_METADATA_DESCRIPTION_CHARS: usize = 1024;
