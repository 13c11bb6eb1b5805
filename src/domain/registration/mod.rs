//! Registration: what a relying party has told its registrar that it will ask, and whether a query keeps to that.
//!
//! [`serialised`] a certificate out of what a registrar sends → [`certificate`] verified, with its [`content`] →
//! [`identity`] for whom · [`coverage`] a query beside what is registered · [`chosen`] which one goes with a request ·
//! [`verifier_info`] how it is sent.

pub mod certificate;
pub mod chosen;
pub mod content;
pub mod coverage;
pub mod identity;
pub mod serialised;
pub mod verifier_info;

pub use certificate::RegistrationCertificate;
pub use chosen::{Registration, Registrations, UnregisteredQueries};
pub use content::{Content, RegisteredCredential, Remark};
pub use coverage::{Coverage, Difference, compare};
pub use identity::Compared;
