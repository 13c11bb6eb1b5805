//! The rules. Values in, values out: no I/O, no clock, no randomness, no async.
//!
//! Rooms, from the ground floor up; each may use the ones before it, as the table in `tests/suite/architecture.rs` says:
//! [`reason`] every code · [`limits`] · [`time`] · [`dc_api`] origins and protocols of the browser's Digital Credentials API ·
//! [`encoding`] strict base64, JSON and CBOR · [`jose`] signatures, encryption, keys · [`cose`] signed CBOR · [`ids`] · [`x509`] chains · [`trust_list`] lists of trusted entities · [`trust`] who may issue
//! what · [`status_list`] · [`sd_jwt`] · [`dcql`] queries and their evaluation · [`type_metadata`] rules and words of a
//! credential type · [`preset`] queries ready to ship · [`transaction_data`] what a person authorises · [`request`] what is sent to the wallet · [`diagnosis`] what is wrong with
//! credential type · [`preset`] queries ready to ship · [`request`] what is sent to the wallet · [`registration`]
//! what may be asked · [`diagnosis`] what is wrong with
//! an installation · [`transaction`] one presentation and its states ·
//! [`verify`] the order of the checks and the report, on the top floor.

pub mod cose;
pub mod dc_api;
pub mod dcql;
pub mod diagnosis;
pub mod encoding;
pub mod ids;
pub mod jose;
pub mod limits;
pub mod preset;
pub mod reason;
pub mod registration;
pub mod request;
pub mod sd_jwt;
pub mod status_list;
pub mod time;
pub mod transaction;
pub mod transaction_data;
pub mod trust;
pub mod trust_list;
pub mod type_metadata;
pub mod verify;
pub mod x509;
