//! The one key and the one algorithm that tokens are checked by.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jsonwebtoken::DecodingKey;

use super::Secret;

/// How tokens are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Algorithm {
    /// A secret shared with whoever issues the tokens.
    #[value(name = "HS256")]
    Hs256,
    /// An RSA key of which the server has the public half.
    #[value(name = "RS256")]
    Rs256,
    /// A key on the curve P-256 of which the server has the public half.
    #[value(name = "ES256")]
    Es256,
    /// An Ed25519 key of which the server has the public half.
    #[value(name = "EdDSA")]
    EdDsa,
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Hs256 => Self::HS256,
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Es256 => Self::ES256,
            Algorithm::EdDsa => Self::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&jsonwebtoken::Algorithm::from(*self), f)
    }
}

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("can't read the public key file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The half that must stay with the issuer.
    #[error(
        "{} holds a private key; the server wants the public one: openssl pkey -in KEY -pubout",
        path.display()
    )]
    Private {
        /// The file.
        path: PathBuf,
    },
    /// Another kind of key, or none.
    #[error("{} holds no public key for {algorithm} in PEM format", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What it was to be used for.
        algorithm: Algorithm,
    },
    /// HS256 has no public key.
    #[error("HS256 works with a secret, not with a public key: give --jwt-algorithm RS256, ES256 or EdDSA")]
    Symmetric,
}

/// A key with the only algorithm that it may be used for.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// HS256 by a secret.
    pub fn from_secret(secret: &Secret) -> Self {
        Self { algorithm: Algorithm::Hs256, key: DecodingKey::from_secret(secret.expose()) }
    }

    /// An algorithm by the public key of a PEM file.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn from_pem_file(path: &Path, algorithm: Algorithm) -> Result<Self, KeyError> {
        let pem = fs::read(path).map_err(|error| KeyError::Unreadable { path: path.to_owned(), error })?;
        if pem.windows(11).any(|window| window == b"PRIVATE KEY") {
            return Err(KeyError::Private { path: path.to_owned() });
        }
        let key = match algorithm {
            Algorithm::Hs256 => return Err(KeyError::Symmetric),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(&pem),
            Algorithm::Es256 => DecodingKey::from_ec_pem(&pem),
            Algorithm::EdDsa => DecodingKey::from_ed_pem(&pem),
        };
        let key = key.map_err(|_| KeyError::Unfit { path: path.to_owned(), algorithm })?;
        Ok(Self { algorithm, key })
    }

    /// An algorithm by a public key.
    pub(super) fn public(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self { algorithm, key }
    }

    /// What the key may be used for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.algorithm).finish()
    }
}
