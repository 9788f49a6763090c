use std::io;

use super::{
    connection::{ApiError, ConnectionError},
    seen::Seen,
    token::TokenError,
};

/// Why a command did not do what it was asked for: a sentence for people, with what to do. It never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// There is no cluster to ask.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The API server refused, or can't be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Standard output is gone.
    #[error("can't write to standard output: {0}")]
    Write(#[source] io::Error),
    /// What was found can't be written as a document; it is a fault of ours.
    #[error("can't write the document: {0}")]
    Document(String),
    /// A file that an option names can't be used.
    #[error("can't read {path}: {source}; see {option}")]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It can't be done as things are: the whole sentence.
    #[error("{0}")]
    Refused(String),
}

impl PluginError {
    /// An operator of another version has written what this program does not know.
    pub(super) fn unreadable(seen: &Seen, why: &str) -> Self {
        let Seen { kind, place, .. } = seen;
        Self::Refused(format!(
            "this version of kubectl realmkeeper can't read {kind} {}: {why}; take the version of the operator",
            place.name
        ))
    }

    /// What a serialiser said.
    pub(super) fn document(error: impl std::fmt::Display) -> Self {
        Self::Document(error.to_string())
    }
}
