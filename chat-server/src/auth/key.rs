//! The key and the algorithm that verify tokens.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jsonwebtoken::DecodingKey;

use super::Secret;

/// A signature algorithm of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Algorithm {
    /// HMAC with a secret shared with the issuer.
    #[value(name = "HS256")]
    Hs256,
    /// RSA; the server has the public key.
    #[value(name = "RS256")]
    Rs256,
    /// ECDSA on the curve P-256; the server has the public key.
    #[value(name = "ES256")]
    Es256,
    /// Ed25519; the server has the public key.
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

/// The reason that a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("can't read the public key file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A private key, which must stay with the issuer.
    #[error(
        "{} holds a private key; the server wants the public one: openssl pkey -in KEY -pubout",
        path.display()
    )]
    Private {
        /// The file.
        path: PathBuf,
    },
    /// A key of another kind, or no key.
    #[error("{} holds no public key for {algorithm} in PEM format", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The configured algorithm.
        algorithm: Algorithm,
    },
    /// HS256 has no public key.
    #[error("HS256 works with a secret, not with a public key: give --jwt-algorithm RS256, ES256 or EdDSA")]
    Symmetric,
}

/// A verification key, bound to one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// A key for HS256.
    pub fn from_secret(secret: &Secret) -> Self {
        Self { algorithm: Algorithm::Hs256, key: DecodingKey::from_secret(secret.expose()) }
    }

    /// Reads a public key in PEM format.
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

    /// Binds a public key to an algorithm.
    pub(super) fn public(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self { algorithm, key }
    }

    /// The algorithm of the key.
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
