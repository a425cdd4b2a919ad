//! TLS keys of the curve P-521, which ring does not sign with.

use std::fmt;
use std::sync::Arc;

use p521::SecretKey;
use p521::ecdsa::signature::Signer as _;
use p521::ecdsa::{DerSignature, Signature, SigningKey};
use p521::elliptic_curve::sec1::ToEncodedPoint as _;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id};
use tokio_rustls::rustls::sign::{self, Signer, public_key_to_spki};
use tokio_rustls::rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// A key of this curve.
#[derive(Clone)]
pub(crate) struct P521Key(Arc<SecretKey>);

impl P521Key {
    /// Reads a key; `None` if it is of another kind.
    pub(crate) fn read(key: &PrivateKeyDer<'_>) -> Option<Self> {
        use p521::pkcs8::DecodePrivateKey as _;
        let key = match key {
            PrivateKeyDer::Pkcs8(der) => SecretKey::from_pkcs8_der(der.secret_pkcs8_der()).ok()?,
            PrivateKeyDer::Sec1(der) => SecretKey::from_sec1_der(der.secret_sec1_der()).ok()?,
            _ => return None,
        };
        Some(Self(Arc::new(key)))
    }
}

impl sign::SigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&self.scheme()).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let point = self.0.public_key().to_encoded_point(false);
        Some(public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let key = SigningKey::from_bytes(&self.0.to_bytes());
        let key = key.map_err(|error| Error::General(error.to_string()))?;
        let signature: Signature = key.sign(message);
        Ok(DerSignature::from(signature).as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

impl fmt::Debug for P521Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P521Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use p521::ecdsa::VerifyingKey;
    use p521::ecdsa::signature::Verifier as _;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::sign::SigningKey as _;

    use super::*;

    #[test]
    fn a_signature_is_one_of_the_key() {
        let pem = include_bytes!("../tests/keys/p521.pem");
        let key = P521Key::read(&PrivateKeyDer::from_pem_slice(pem).unwrap()).unwrap();
        assert!(key.choose_scheme(&[SignatureScheme::ED25519]).is_none());
        let signer = key.choose_scheme(&[SignatureScheme::ECDSA_NISTP521_SHA512]).unwrap();
        let signature = Signature::from_der(&signer.sign(b"a message").unwrap()).unwrap();
        let public = key.0.public_key().to_encoded_point(false);
        let verifying = VerifyingKey::from_sec1_bytes(public.as_bytes()).unwrap();
        assert!(verifying.verify(b"a message", &signature).is_ok());
        assert!(verifying.verify(b"another message", &signature).is_err());
        let other = include_bytes!("../tests/keys/es256.pem");
        assert!(P521Key::read(&PrivateKeyDer::from_pem_slice(other).unwrap()).is_none());
    }
}
