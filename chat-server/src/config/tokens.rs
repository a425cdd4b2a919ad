//! Which tokens are good: by a secret, a public key, or a set of them.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::auth::{
    Accepted, Algorithm, Expected, Jwks, JwksError, KeyError, Secret, SecretError, SecretOrigin,
    TokenVerifier, VerifyingKey,
};
use crate::http_client::TargetError;

/// The environment variable that holds the secret itself: on the command line, all users of the machine would see it.
pub const SECRET_VARIABLE: &str = "CHAT_JWT_SECRET";

/// Where the secret of HS256 is.
#[derive(Clone, Debug, clap::Args)]
pub struct SecretConfig {
    /// File with the secret (HS256) that tokens are signed with; without one, and without CHAT_JWT_SECRET, the server
    /// makes a secret and keeps it in the data directory.
    #[arg(long, env = "CHAT_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// The secret itself, from [`SECRET_VARIABLE`]. A file wins.
    #[arg(skip = SecretText::from_environment())]
    pub jwt_secret: SecretText,
}

impl SecretConfig {
    /// The given secret, or else the one that was made for the data directory.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn resolve(&self, data_dir: &Path) -> Result<(Secret, SecretOrigin), SecretError> {
        match self.given()? {
            Some(secret) => Ok((secret, SecretOrigin::Given)),
            None => Secret::of_data_dir(data_dir),
        }
    }

    /// Where the secret would come from: the same, but none is made.
    fn origin(&self, data_dir: &Path) -> Result<SecretOrigin, SecretError> {
        match self.given()? {
            Some(_) => Ok(SecretOrigin::Given),
            None => Secret::origin_in(data_dir),
        }
    }

    fn given(&self) -> Result<Option<Secret>, SecretError> {
        let text = self.jwt_secret.0.as_ref();
        match &self.jwt_secret_file {
            Some(path) => Secret::from_file(path).map(Some),
            None => text.map(|text| Secret::new(text.as_bytes(), SECRET_VARIABLE)).transpose(),
        }
    }

    fn is_given(&self) -> bool {
        self.jwt_secret_file.is_some() || self.jwt_secret.0.is_some()
    }
}

/// Text of which nothing is known yet but that it must not be printed.
#[derive(Clone, Default)]
pub struct SecretText(pub Option<OsString>);

impl SecretText {
    fn from_environment() -> Self {
        Self(std::env::var_os(SECRET_VARIABLE))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "SecretText(…)" } else { "SecretText(none)" })
    }
}

/// Whom tokens come from and are meant for.
#[derive(Clone, Debug, clap::Args)]
pub struct ExpectedConfig {
    /// Issuer (`iss`) that every token must name.
    #[arg(long, env = "CHAT_JWT_ISSUER", value_name = "NAME")]
    pub jwt_issuer: Option<String>,
    /// Audience (`aud`) that every token must name.
    #[arg(long, env = "CHAT_JWT_AUDIENCE", value_name = "NAME")]
    pub jwt_audience: Option<String>,
}

impl ExpectedConfig {
    /// The same for the verifier.
    pub fn expected(&self) -> Expected {
        Expected { issuer: self.jwt_issuer.clone(), audience: self.jwt_audience.clone() }
    }
}

/// Which tokens are good.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenConfig {
    /// The secret, where there is one.
    #[command(flatten)]
    pub secret: SecretConfig,
    /// How tokens are signed: HS256 by a secret, the others by a key of which the server has the public half
    /// [default: HS256].
    #[arg(long, env = "CHAT_JWT_ALGORITHM", value_name = "ALGORITHM")]
    pub jwt_algorithm: Option<Algorithm>,
    /// File with the public key (PEM) of RS256, ES256 or EdDSA.
    #[arg(long, env = "CHAT_JWT_PUBLIC_KEY_FILE", value_name = "FILE")]
    pub jwt_public_key_file: Option<PathBuf>,
    /// Where public keys are published.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// Whom they come from and are meant for.
    #[command(flatten)]
    pub expected: ExpectedConfig,
}

/// Where public keys are published, as a JSON Web Key Set.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct JwksConfig {
    /// File with a JSON Web Key Set: tokens name one of its keys (kid). Keys of RS256, ES256 and EdDSA count, or only those of
    /// --jwt-algorithm. It is read again when it changes, when a token names another key, and at SIGHUP.
    #[arg(long, env = "CHAT_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,
    /// The same by its address (https://…), asked every five minutes, and when a token names another key, but at most
    /// once a minute for that.
    #[arg(long, env = "CHAT_JWKS_URL", value_name = "URL")]
    pub jwks_url: Option<String>,
    /// File with certificates (PEM) of the authorities to trust for that address [default: those that Mozilla trusts].
    #[arg(long, env = "CHAT_JWKS_CA_FILE", value_name = "FILE")]
    pub jwks_ca_file: Option<PathBuf>,
}

impl JwksConfig {
    /// Whether there is any.
    pub(crate) fn is_given(&self) -> bool {
        self.jwks_file.is_some() || self.jwks_url.is_some()
    }

    fn jwks(&self, algorithm: Option<Algorithm>) -> Result<Jwks, TokenConfigError> {
        let accepted = Accepted(algorithm);
        match (&self.jwks_file, &self.jwks_url) {
            (Some(_), Some(_)) => Err(TokenConfigError::Ambiguous),
            (Some(path), None) => Ok(Jwks::of_file(path, accepted)),
            (None, url) => {
                let url = url.as_deref().unwrap_or_default();
                Ok(Jwks::of_address(url, self.jwks_ca_file.as_deref(), accepted)?)
            }
        }
    }
}

/// Why it is not clear which tokens are good.
#[derive(Debug, thiserror::Error)]
pub enum TokenConfigError {
    /// The public key is no good.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The secret is no good.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The address of the key set is no good.
    #[error("--jwks-url can't be used: {0}")]
    Address(#[from] TargetError),
    /// There is no key set.
    #[error(transparent)]
    Jwks(#[from] JwksError),
    /// A key can belong to several algorithms.
    #[error("a public key is given, but not its algorithm: give --jwt-algorithm RS256, ES256 or EdDSA")]
    NoAlgorithm,
    /// The algorithm lacks its key.
    #[error("{0} needs a public key: give --jwt-public-key-file, --jwks-file or --jwks-url")]
    NoKey(Algorithm),
    /// Only one can count.
    #[error(
        "of a secret, a public key, and a key set in a file or at an address, more than one is given, and only one can \
         count: take the others away"
    )]
    Ambiguous,
}

impl TokenConfig {
    /// The verifier, and where its secret came from. Public keys count as given; a set of them is still to be read.
    ///
    /// # Errors
    ///
    /// [`TokenConfigError`].
    pub fn verifier(&self, data_dir: &Path) -> Result<(TokenVerifier, SecretOrigin), TokenConfigError> {
        let expected = self.expected.expected();
        Ok(match self.key()? {
            Key::Public(key) => (TokenVerifier::new(key, &expected), SecretOrigin::Given),
            Key::Set(keys) => (TokenVerifier::by_set(Arc::new(keys), &expected), SecretOrigin::Given),
            Key::Secret => {
                let (secret, origin) = self.secret.resolve(data_dir)?;
                (TokenVerifier::new(VerifyingKey::from_secret(&secret), &expected), origin)
            }
        })
    }

    /// Where the secret of [`verifier`](Self::verifier) would come from, without making one.
    ///
    /// # Errors
    ///
    /// Those of the verifier, as far as they show without making anything.
    pub fn check(&self, data_dir: &Path) -> Result<SecretOrigin, TokenConfigError> {
        match self.key()? {
            Key::Public(_) => Ok(SecretOrigin::Given),
            Key::Set(keys) => Ok(keys.check().map(|()| SecretOrigin::Given)?),
            Key::Secret => Ok(self.secret.origin(data_dir)?),
        }
    }

    fn key(&self) -> Result<Key, TokenConfigError> {
        let given = [self.secret.is_given(), self.jwt_public_key_file.is_some(), self.jwks.is_given()];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(TokenConfigError::Ambiguous);
        }
        match (&self.jwt_public_key_file, self.jwt_algorithm) {
            (None, Some(Algorithm::Hs256)) if self.jwks.is_given() => Err(KeyError::Symmetric.into()),
            (None, algorithm) if self.jwks.is_given() => Ok(Key::Set(self.jwks.jwks(algorithm)?)),
            (Some(path), Some(algorithm)) => Ok(Key::Public(VerifyingKey::from_pem_file(path, algorithm)?)),
            (Some(_), None) => Err(TokenConfigError::NoAlgorithm),
            (None, None | Some(Algorithm::Hs256)) => Ok(Key::Secret),
            (None, Some(algorithm)) => Err(TokenConfigError::NoKey(algorithm)),
        }
    }
}

/// What tokens are checked by.
enum Key {
    /// A secret, which may still have to be made.
    Secret,
    Public(VerifyingKey),
    Set(Jwks),
}
