//! What is sent to the wallet: the identifier of the verifier, the signed request object, the link that leads to it.

pub mod client_id;
pub mod dc_api;
pub mod link;
pub mod object;
pub mod profile;
pub mod wallet_metadata;

pub use client_id::ClientIdPrefix;
pub use profile::Profile;
pub use wallet_metadata::WalletMetadata;
