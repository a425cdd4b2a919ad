//! A JSON Web Key Set (RFC 7517), reduced to the public keys usable for tokens.

use std::fmt;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{DecodingKey, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::auth::{Algorithm, VerifyingKey};

/// Fewest base64 characters of an RSA modulus: 2,048 bits (RFC 7518, section 3.3).
const SHORTEST_MODULUS: usize = 342;

/// Public keys with their names (`kid`).
#[derive(Default)]
pub(in crate::auth) struct KeySet(Vec<(Option<String>, VerifyingKey)>);

/// The key selected by a token's header.
pub(in crate::auth) enum Chosen<'a> {
    /// A key of the set.
    Key(&'a VerifyingKey),
    /// A name missing from the set.
    Unknown,
    /// No name, although the set has several keys.
    None,
}

/// The reason that a document is not usable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum KeySetError {
    /// The document is not a key set.
    #[error("the document is no JSON Web Key Set")]
    NoSet,
    /// No key in the set is usable.
    #[error("the document holds no public key for {0}")]
    NoKey(Accepted),
}

/// The accepted algorithms: one, or every asymmetric one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Accepted(pub(crate) Option<Algorithm>);

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(algorithm) => algorithm.fmt(f),
            None => f.write_str("RS256, ES256 or EdDSA"),
        }
    }
}

#[derive(Deserialize)]
struct Document {
    /// Parsed one by one, because an issuer may publish kinds unknown here.
    keys: Vec<Value>,
}

impl KeySet {
    /// Parses a document. Skips keys for other purposes, and secrets: a published secret is not
    /// one.
    ///
    /// # Errors
    ///
    /// [`KeySetError`].
    pub(in crate::auth) fn read(document: &[u8], accepted: Accepted) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_slice(document).map_err(|_| KeySetError::NoSet)?;
        let keys: Vec<_> = document.keys.into_iter().filter_map(|key| read(key, accepted)).collect();
        if keys.is_empty() { Err(KeySetError::NoKey(accepted)) } else { Ok(Self(keys)) }
    }

    /// Number of keys.
    pub(in crate::auth) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key named by a token, or the only key if the token names none. The signature is not
    /// checked here.
    pub(in crate::auth) fn choose(&self, token: &str) -> Chosen<'_> {
        let Ok(header) = decode_header(token) else { return Chosen::None };
        match (&header.kid, self.0.as_slice()) {
            (Some(_), keys) => {
                let mut named = keys.iter().filter(|(name, _)| *name == header.kid).map(|(_, key)| key);
                // Keys of different algorithms may share a name (RFC 7517, section 4.5).
                let first = named.clone().next();
                let fitting = named.find(|key| header.alg == key.algorithm().into());
                fitting.or(first).map_or(Chosen::Unknown, Chosen::Key)
            }
            (None, [(_, only)]) => Chosen::Key(only),
            (None, _) => Chosen::None,
        }
    }
}

fn read(key: Value, accepted: Accepted) -> Option<(Option<String>, VerifyingKey)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let algorithm = match &key.algorithm {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() >= SHORTEST_MODULUS => Algorithm::Rs256,
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => Algorithm::Es256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDsa,
        _ => return None,
    };
    let named = match algorithm {
        Algorithm::Hs256 => return None,
        Algorithm::Rs256 => KeyAlgorithm::RS256,
        Algorithm::Es256 => KeyAlgorithm::ES256,
        Algorithm::EdDsa => KeyAlgorithm::EdDSA,
    };
    let is_for_signatures = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let is_for_this = key.common.key_algorithm.is_none_or(|algorithm| algorithm == named);
    let is_accepted = accepted.0.is_none_or(|accepted| accepted == algorithm);
    if !(is_for_signatures && is_for_this && is_accepted) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    Some((key.common.key_id, VerifyingKey::public(algorithm, decoding)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(n: &str) -> Value {
        json!({"kty": "RSA", "kid": "rsa", "n": n, "e": "AQAB"})
    }

    fn point() -> Value {
        let (x, y) =
            ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": y})
    }

    fn pair() -> Value {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x})
    }

    fn with(mut key: Value, name: &str, value: &str) -> Value {
        key[name] = value.into();
        key
    }

    fn names(keys: &[Value], algorithm: Option<Algorithm>) -> Vec<String> {
        let document = json!({"keys": keys}).to_string();
        let set = KeySet::read(document.as_bytes(), Accepted(algorithm)).unwrap_or_default();
        set.0
            .into_iter()
            .map(|(name, key)| format!("{} {}", name.unwrap_or_default(), key.algorithm()))
            .collect()
    }

    #[test]
    fn public_keys_count_and_everything_else_is_ignored() {
        let modulus = format!("{}w", "u".repeat(SHORTEST_MODULUS - 1));
        let keys = [
            json!("no key"),
            json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
            with(json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}), "alg", "RS256"),
            json!({"kty": "new", "kid": "kind"}),
            rsa(&modulus),
            rsa(&"u".repeat(SHORTEST_MODULUS - 2)),
            with(rsa(&modulus), "alg", "HS256"),
            with(rsa(&modulus), "alg", "RS512"),
            with(rsa(&modulus), "use", "enc"),
            with(point(), "alg", "ES256"),
            with(point(), "crv", "P-384"),
            with(pair(), "use", "sig"),
            with(pair(), "crv", "X25519"),
        ];
        assert_eq!(names(&keys, None), ["rsa RS256", "ec ES256", "ed EdDSA"]);
        assert_eq!(names(&keys, Some(Algorithm::EdDsa)), ["ed EdDSA"]);
        assert!(names(&keys, Some(Algorithm::Hs256)).is_empty());
    }

    #[test]
    fn a_document_without_a_key_is_no_set() {
        let read = |text: &str| KeySet::read(text.as_bytes(), Accepted(None)).err();
        for text in ["", "{}", "[]", r#"{"keys": {}}"#, "<html>"] {
            assert_eq!(read(text), Some(KeySetError::NoSet), "{text}");
        }
        assert_eq!(read(r#"{"keys": []}"#), Some(KeySetError::NoKey(Accepted(None))));
    }
}
