//! SD-JWT (RFC 9901) and the rules that SD-JWT VC adds.

pub mod disclose;
pub mod key_binding;
pub mod parse;
pub mod pid;
pub mod shape;
pub mod vc;

pub use parse::SdJwt;
