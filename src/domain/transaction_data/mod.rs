//! Transaction data: what a person authorises by presenting a credential, such as a payment or the approval of a form.
//!
//! A caller gives entries ([`requested`]); each is an object of a configured type ([`types`]), is sent as base64url text and
//! kept as exactly that text ([`entry`]). The holder's proof then carries a hash of each text, which is checked in two steps
//! ([`confirmation`]): what one proof confirms, and whether all proofs together confirm each entry once.
//!
//! OpenID4VP 1.0 sections 5.1 and 8.4, appendix B.3.3; TXD-01 to TXD-11.

pub mod confirmation;
pub mod entry;
pub mod requested;
pub mod types;

pub use confirmation::{Confirmation, check_each_once, confirmed_by};
pub use entry::Entry;
pub use types::{Schema, TransactionDataType, TransactionDataTypes};
