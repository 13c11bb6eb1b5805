//! What an error of the database means: for the caller, for the connection, and for what may have been written.

use crate::app::ports::StoreError;
use tokio_postgres::error::SqlState;

/// How a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) error: StoreError,
    /// What is known of its effect.
    pub(super) effect: Effect,
    /// Whether the connection may be used again.
    pub(super) connection: Connection,
}

/// What is known of the effect of a statement that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing was written, and trying again does not help.
    None,
    /// Nothing was written, and trying again may help.
    NoneYet,
    /// The answer was lost: it was written, or not, or it will be.
    Unknown,
}

/// Whether a connection may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Sound,
    Broken,
}

impl Failed {
    /// No answer came in time, on a connection that nobody should wait for any more.
    pub(super) fn in_time() -> Self {
        let error = StoreError::Unavailable("the database did not answer in time".to_owned());
        Self { error, effect: Effect::Unknown, connection: Connection::Broken }
    }

    /// There was no connection to try it on.
    pub(super) const fn before(error: StoreError, effect: Effect) -> Self {
        Self { error, effect, connection: Connection::Sound }
    }
}

/// What the failure of a statement means. The text names the SQLSTATE only: a message could quote values.
pub(super) fn of_statement(error: &tokio_postgres::Error) -> Failed {
    let Some(state) = error.code() else {
        // Without a state it did not come from the server: the connection broke, or the answer had another form.
        let error = StoreError::Unavailable(format!("the connection to the database failed{}", cause(error)));
        return Failed { error, effect: Effect::Unknown, connection: Connection::Broken };
    };
    let text = format!("the database refuses a statement (SQLSTATE {})", state.code());
    let (error, effect, connection) = match state.code().get(..2).unwrap_or_default() {
        // Deadlock and serialization failure: rolled back, and the next try has other neighbours (STO-015).
        "40" => (StoreError::Unavailable(text), Effect::NoneYet, Connection::Sound),
        // What the tables themselves forbid. A violation of a unique name is told by its own state.
        "22" | "23" => (StoreError::Misuse("a rule of the tables was broken"), Effect::None, Connection::Sound),
        "XX" => (StoreError::Corrupt(text), Effect::None, Connection::Broken),
        // The server goes down or cuts the connection; a commit that waited for its standby is done all the same.
        "57" if *state != SqlState::QUERY_CANCELED => {
            (StoreError::Unavailable(text), Effect::Unknown, Connection::Broken)
        }
        "08" => (StoreError::Unavailable(text), Effect::Unknown, Connection::Broken),
        "53" if *state == SqlState::DISK_FULL => (StoreError::Full, Effect::None, Connection::Sound),
        // A statement that is not known any more, or whose tables were changed: a new connection prepares anew.
        "26" | "0A" => (StoreError::Unavailable(text), Effect::NoneYet, Connection::Broken),
        // A server that only reads is not the primary: the next connection looks for it.
        "25" => (
            StoreError::Unavailable(
                "the database takes no writes: it is not the primary, or is set to read only".into(),
            ),
            Effect::NoneYet,
            Connection::Broken,
        ),
        _ => (StoreError::Unavailable(text), Effect::None, Connection::Sound),
    };
    Failed { error, effect, connection }
}

/// Whether a name that must be taken once was taken already.
pub(super) fn is_taken(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

/// Why a connection could not be opened. Here the server's own words are told: they speak of users and hosts of the
/// configuration, and no statement with values has been sent yet.
pub(super) fn of_opening(error: &tokio_postgres::Error) -> StoreError {
    if let Some(refused) = error.as_db_error() {
        let (state, message) = (refused.code().code(), refused.message());
        return StoreError::Unavailable(format!("the database refuses: {message} (SQLSTATE {state})"));
    }
    StoreError::Unavailable(format!("no connection to the database{}", cause(error)))
}

/// The innermost words of a failure of the connection. They come from the system or from TLS, never from a statement.
fn cause(error: &tokio_postgres::Error) -> String {
    let mut inner = std::error::Error::source(error);
    let mut text = String::new();
    while let Some(error) = inner {
        text = format!(": {error}");
        inner = error.source();
    }
    if text.is_empty() && error.is_closed() {
        text.push_str(": it was closed");
    }
    text
}
