//! What is sent to the wallet.
