//! Settings for the verification of tokens: a secret, a public key, or a key set.

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

/// The environment variable with the secret itself. On the command line, every user of the machine
/// could read the secret.
pub const SECRET_VARIABLE: &str = "CHAT_JWT_SECRET";

/// The source of the secret for HS256.
#[derive(Clone, Debug, clap::Args)]
pub struct SecretConfig {
    /// File with the secret (HS256) that tokens are signed with; without one, and without
    /// CHAT_JWT_SECRET, the server generates a secret and keeps it in the data directory.
    #[arg(long, env = "CHAT_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// The secret itself, from [`SECRET_VARIABLE`]. A file takes precedence.
    #[arg(skip = SecretText::from_environment())]
    pub jwt_secret: SecretText,
}

impl SecretConfig {
    /// The configured secret, or else the generated one of the data directory.
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

    /// The origin that [`resolve`](Self::resolve) would report, without generating a secret.
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

/// Text of unknown validity that must not be printed.
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

/// The required issuer and audience.
#[derive(Clone, Debug, clap::Args)]
pub struct ExpectedConfig {
    /// Issuer (`iss`) required in every token.
    #[arg(long, env = "CHAT_JWT_ISSUER", value_name = "NAME")]
    pub jwt_issuer: Option<String>,
    /// Audience (`aud`) required in every token.
    #[arg(long, env = "CHAT_JWT_AUDIENCE", value_name = "NAME")]
    pub jwt_audience: Option<String>,
}

impl ExpectedConfig {
    /// The value for the verifier.
    pub fn expected(&self) -> Expected {
        Expected { issuer: self.jwt_issuer.clone(), audience: self.jwt_audience.clone() }
    }
}

/// The verification of tokens.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenConfig {
    /// The secret.
    #[command(flatten)]
    pub secret: SecretConfig,
    /// Signature algorithm of tokens: HS256 with a secret, the others with a public key [default:
    /// HS256].
    #[arg(long, env = "CHAT_JWT_ALGORITHM", value_name = "ALGORITHM")]
    pub jwt_algorithm: Option<Algorithm>,
    /// File with the public key (PEM) for RS256, ES256 or EdDSA.
    #[arg(long, env = "CHAT_JWT_PUBLIC_KEY_FILE", value_name = "FILE")]
    pub jwt_public_key_file: Option<PathBuf>,
    /// The key set.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// The required issuer and audience.
    #[command(flatten)]
    pub expected: ExpectedConfig,
}

/// The source of a JSON Web Key Set.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct JwksConfig {
    /// File with a JSON Web Key Set; tokens name one of its keys (kid). Keys for RS256, ES256 and
    /// EdDSA are accepted, or only those for --jwt-algorithm. Read again after changes, when a
    /// token names an unknown key, and on SIGHUP.
    #[arg(long, env = "CHAT_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,
    /// URL of a JSON Web Key Set (https://…), fetched every five minutes, and at most once a minute
    /// when a token names an unknown key.
    #[arg(long, env = "CHAT_JWKS_URL", value_name = "URL")]
    pub jwks_url: Option<String>,
    /// File with the certificate authorities (PEM) to trust for --jwks-url [default: those that
    /// Mozilla trusts].
    #[arg(long, env = "CHAT_JWKS_CA_FILE", value_name = "FILE")]
    pub jwks_ca_file: Option<PathBuf>,
}

impl JwksConfig {
    /// Whether a key set is configured.
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

/// The reason that the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenConfigError {
    /// The public key can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The secret can't be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The URL of the key set can't be used.
    #[error("--jwks-url can't be used: {0}")]
    Address(#[from] TargetError),
    /// Authorities for an address that is not given.
    #[error("--jwks-ca-file is for --jwks-url, which is not given")]
    NoUrl,
    /// The key set can't be read.
    #[error(transparent)]
    Jwks(#[from] JwksError),
    /// A public key without its algorithm: a key can belong to several.
    #[error("a public key is given, but not its algorithm: give --jwt-algorithm RS256, ES256 or EdDSA")]
    NoAlgorithm,
    /// An asymmetric algorithm without a key.
    #[error("{0} needs a public key: give --jwt-public-key-file, --jwks-file or --jwks-url")]
    NoKey(Algorithm),
    /// More than one source of keys.
    #[error("give only one of these: a secret, a public key, a file with a key set, the URL of a key set")]
    Ambiguous,
}

impl TokenConfig {
    /// The verifier, and the origin of its secret. Public keys count as [`SecretOrigin::Given`]. A
    /// key set remains to be read.
    ///
    /// # Errors
    ///
    /// [`TokenConfigError`].
    pub fn verifier(&self, data_dir: &Path) -> Result<(TokenVerifier, SecretOrigin), TokenConfigError> {
        let expected = self.expected.expected();
        Ok(match self.key()? {
            Key::Public(key) => (TokenVerifier::new(key, &expected), SecretOrigin::Given),
            Key::Set(keys) => {
                (TokenVerifier::by_set(Arc::new(keys.kept_in(data_dir)), &expected), SecretOrigin::Given)
            }
            Key::Secret => {
                let (secret, origin) = self.secret.resolve(data_dir)?;
                (TokenVerifier::new(VerifyingKey::from_secret(&secret), &expected), origin)
            }
        })
    }

    /// The origin that [`verifier`](Self::verifier) would report, without generating a secret.
    ///
    /// # Errors
    ///
    /// Those of the verifier that are detectable without generating a secret.
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
        if self.jwks.jwks_ca_file.is_some() && self.jwks.jwks_url.is_none() {
            return Err(TokenConfigError::NoUrl);
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

/// The source of keys.
enum Key {
    /// A secret, possibly still to be generated.
    Secret,
    Public(VerifyingKey),
    Set(Jwks),
}
