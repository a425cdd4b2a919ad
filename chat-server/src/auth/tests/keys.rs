//! Key files and key sets.

use jsonwebtoken::jwk::Jwk;

use super::*;

#[tokio::test]
async fn the_key_of_a_set_that_a_token_names_checks_it() {
    let setups: Vec<_> =
        Setup::all().into_iter().filter(|setup| setup.algorithm != Algorithm::Hs256).collect();
    let mut keys = Vec::new();
    for setup in &setups {
        let mut key = Jwk::from_encoding_key(&setup.signing, setup.algorithm.into()).unwrap();
        key.common.key_id = Some(setup.algorithm.to_string());
        keys.push(key);
    }
    // One name for keys of two kinds.
    keys[1].common.key_id = keys[0].common.key_id.clone();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, json!({"keys": keys}).to_string()).unwrap();
    let jwks = Arc::new(Jwks::of_file(file.path(), Accepted(None)));
    jwks.read().await.unwrap();
    let verifier = TokenVerifier::by_set(jwks, &Expected::default());
    for (signs, setup) in setups.iter().enumerate() {
        for (named, key) in keys.iter().enumerate() {
            let header = Header { kid: key.common.key_id.clone(), ..Header::new(setup.algorithm.into()) };
            let token = encode(&header, &good(), &setup.signing).unwrap();
            let is_its_own = keys[signs].common.key_id == keys[named].common.key_id;
            assert_eq!(verifier.verify(&token, now()).is_ok(), is_its_own, "{} {named}", setup.algorithm);
        }
    }
}

#[test]
fn a_key_file_must_hold_a_public_key_of_its_algorithm() {
    let refusal =
        |name: &str, algorithm| VerifyingKey::from_pem_file(&key_file(name), algorithm).unwrap_err();
    assert!(matches!(refusal("rs256.pem", Algorithm::Rs256), KeyError::Private { .. }));
    assert!(matches!(refusal("README.md", Algorithm::Rs256), KeyError::Unfit { .. }));
    assert!(matches!(refusal("rs256.pub.pem", Algorithm::Es256), KeyError::Unfit { .. }));
    assert!(matches!(refusal("rs256.pub.pem", Algorithm::Hs256), KeyError::Symmetric));
    assert!(matches!(refusal("none.pem", Algorithm::EdDsa), KeyError::Unreadable { .. }));
}

#[test]
fn neither_keys_nor_secrets_print() {
    for setup in Setup::all() {
        let printed = format!("{:?} {:?}", setup.verifier(), setup.key());
        assert!(!printed.contains("secret of exactly") && !printed.contains("97, 32"), "{printed}");
    }
}
