//! Every kind of bad token, under every algorithm.

mod keys;

use std::path::PathBuf;

use chat_core::protocol::{Role, User};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_700_000_000;
const SECRET: &[u8; 32] = b"a secret of exactly 32 bytes ...";

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1000)
}

fn key_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

fn key_bytes(name: &str) -> Vec<u8> {
    std::fs::read(key_file(name)).unwrap()
}

/// An algorithm with its verifying and signing keys.
struct Setup {
    algorithm: Algorithm,
    signing: EncodingKey,
}

impl Setup {
    fn all() -> Vec<Self> {
        vec![
            Self { algorithm: Algorithm::Hs256, signing: EncodingKey::from_secret(SECRET) },
            Self {
                algorithm: Algorithm::Rs256,
                signing: EncodingKey::from_rsa_pem(&key_bytes("rs256.pem")).unwrap(),
            },
            Self {
                algorithm: Algorithm::Es256,
                signing: EncodingKey::from_ec_pem(&key_bytes("es256.pem")).unwrap(),
            },
            Self {
                algorithm: Algorithm::EdDsa,
                signing: EncodingKey::from_ed_pem(&key_bytes("eddsa.pem")).unwrap(),
            },
        ]
    }

    fn key(&self) -> VerifyingKey {
        let name = match self.algorithm {
            Algorithm::Hs256 => return VerifyingKey::from_secret(&Secret::new(SECRET, "test").unwrap()),
            Algorithm::Rs256 => "rs256.pub.pem",
            Algorithm::Es256 => "es256.pub.pem",
            Algorithm::EdDsa => "eddsa.pub.pem",
        };
        VerifyingKey::from_pem_file(&key_file(name), self.algorithm).unwrap()
    }

    fn verifier(&self) -> TokenVerifier {
        TokenVerifier::new(self.key(), &Expected::default())
    }

    fn sign(&self, claims: &Value) -> String {
        encode(&Header::new(self.algorithm.into()), claims, &self.signing).unwrap()
    }

    fn verify(&self, claims: &Value) -> Result<Claims, VerifyError> {
        self.verifier().verify(&self.sign(claims), now())
    }
}

fn hs256() -> Setup {
    Setup::all().remove(0)
}

fn good() -> Value {
    json!({"sub": "user_1", "role": "BUS_DRIVER", "exp": NOW + 60})
}

fn with(claim: &str, value: impl Into<Value>) -> Value {
    let mut claims = good();
    claims[claim] = value.into();
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

#[test]
fn a_good_token_says_who_and_until_when() {
    for setup in Setup::all() {
        let mut claims = with("email", "john@example.com");
        claims["first_name"] = json!("John");
        claims["last_name"] = json!("Doe");
        let claims = setup.verify(&claims).unwrap();
        let user = User {
            email: "john@example.com".into(),
            first_name: "John".into(),
            last_name: "Doe".into(),
            ..User::new("user_1", Role::BusDriver)
        };
        assert_eq!(claims.user, user, "{}", setup.algorithm);
        assert_eq!(claims.expires_at, Timestamp::from_millis((NOW + 60) * 1000));
    }
}

#[test]
fn missing_names_are_empty() {
    let mut claims = good();
    claims["email"] = Value::Null;
    assert_eq!(hs256().verify(&claims).unwrap().user, User::new("user_1", Role::BusDriver));
}

#[test]
fn what_is_no_token_is_invalid() {
    for setup in Setup::all() {
        let good = setup.sign(&good());
        let cut = &good[..good.len() - 6];
        let unsigned = &good[..=good.rfind('.').unwrap()];
        for garbage in ["", ".", "..", "...", "a.b.c", "Bearer", "\u{0}", "é.é.é", cut, unsigned, &good[1..]]
        {
            assert_eq!(setup.verifier().verify(garbage, now()), Err(VerifyError::Invalid), "{garbage:?}");
        }
    }
}

#[test]
fn a_token_of_another_key_is_invalid() {
    let other = EncodingKey::from_secret(b"another secret of 32 bytes .....");
    let token = encode(&Header::default(), &good(), &other).unwrap();
    assert_eq!(hs256().verifier().verify(&token, now()), Err(VerifyError::Invalid));
    for setup in Setup::all() {
        for other in Setup::all().iter().filter(|other| other.algorithm != setup.algorithm) {
            let token = other.sign(&good());
            assert_eq!(
                setup.verifier().verify(&token, now()),
                Err(VerifyError::Invalid),
                "{}",
                other.algorithm
            );
        }
    }
}

#[test]
fn a_changed_claim_breaks_the_signature() {
    for setup in Setup::all() {
        let (driver, admin) = (setup.sign(&good()), setup.sign(&with("role", "CONTROL_ADMIN")));
        let forged =
            format!("{}.{}", &admin[..admin.rfind('.').unwrap()], driver.rsplit('.').next().unwrap());
        assert_eq!(setup.verifier().verify(&forged, now()), Err(VerifyError::Invalid));
    }
}

#[test]
fn the_token_does_not_choose_its_algorithm() {
    let body = hs256().sign(&good());
    let body = body.split('.').nth(1).unwrap();
    for setup in Setup::all() {
        // {"alg":"none"}, {"alg":"None","typ":"JWT"}
        for header in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIiwidHlwIjoiSldUIn0"] {
            for token in
                [format!("{header}.{body}."), format!("{header}.{body}"), format!("{header}.{body}.AAAA")]
            {
                assert_eq!(
                    setup.verifier().verify(&token, now()),
                    Err(VerifyError::Invalid),
                    "{}",
                    setup.algorithm
                );
            }
        }
        // The public key is no secret: nobody must be able to sign with it.
        for name in ["rs256.pub.pem", "es256.pub.pem", "eddsa.pub.pem"] {
            let signing = EncodingKey::from_secret(&key_bytes(name));
            let token = encode(&Header::default(), &good(), &signing).unwrap();
            assert_eq!(
                setup.verifier().verify(&token, now()),
                Err(VerifyError::Invalid),
                "{}",
                setup.algorithm
            );
        }
    }
}

#[test]
fn what_is_required_must_be_there_and_be_what_it_says() {
    let long = "x".repeat(257);
    let bad = [
        without("sub"),
        without("role"),
        without("exp"),
        with("sub", ""),
        with("sub", 7),
        with("sub", long.as_str()),
        with("role", "BUS_PASSENGER"),
        with("role", "bus_driver"),
        with("role", Value::Null),
        with("email", long.as_str()),
        with("first_name", long.as_str()),
        with("last_name", long.as_str()),
        with("last_name", 7),
        with("exp", "1700000060"),
        with("exp", Value::Null),
        with("exp", json!([NOW + 60])),
        with("nbf", "soon"),
        json!([]),
        json!("sub"),
    ];
    for setup in Setup::all() {
        for claims in &bad {
            assert_eq!(setup.verify(claims), Err(VerifyError::Invalid), "{claims}");
        }
    }
    assert!(hs256().verify(&with("sub", "x".repeat(256).as_str())).is_ok());
}

#[test]
fn an_expired_token_is_told_from_an_invalid_one() {
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    for setup in Setup::all() {
        assert_eq!(setup.verify(&with("exp", NOW - leeway)), Err(VerifyError::Expired));
        assert!(setup.verify(&with("exp", NOW - leeway + 1)).is_ok(), "clocks differ");
    }
    let mut both = with("exp", 0);
    both["role"] = json!("NOBODY");
    assert_eq!(hs256().verify(&both), Err(VerifyError::Invalid));
}

#[test]
fn a_token_does_not_count_before_its_time() {
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    for setup in Setup::all() {
        assert_eq!(setup.verify(&with("nbf", NOW + leeway + 1)), Err(VerifyError::Invalid));
        assert!(setup.verify(&with("nbf", NOW + leeway)).is_ok(), "clocks differ");
    }
}

#[test]
fn absurd_times_are_times() {
    let year = Timestamp::from_millis(NOW * 1000).plus(LONGEST);
    for late in [json!(u64::MAX), json!(i64::MAX), json!(1e300), json!(NOW + 40_000_000)] {
        assert_eq!(hs256().verify(&with("exp", late.clone())).unwrap().expires_at, year, "{late}");
    }
    for early in [json!(0), json!(-1), json!(i64::MIN), json!(-1e300), json!(0.5)] {
        assert_eq!(hs256().verify(&with("exp", early.clone())), Err(VerifyError::Expired), "{early}");
    }
    assert_eq!(
        hs256().verify(&with("exp", json!(1_700_000_060.5))).unwrap().expires_at,
        Timestamp::from_millis(NOW * 1000 + 60_500)
    );
    // Written by hand, because no serializer produces a number beyond any float.
    let token = hs256().sign(&good());
    let mut parts = token.split('.');
    let header = parts.next().unwrap();
    // {"sub":"u","role":"BUS_DRIVER","exp":1e999}
    let body = "eyJzdWIiOiJ1Iiwicm9sZSI6IkJVU19EUklWRVIiLCJleHAiOjFlOTk5fQ";
    let signature = jsonwebtoken::crypto::sign(
        format!("{header}.{body}").as_bytes(),
        &hs256().signing,
        jsonwebtoken::Algorithm::HS256,
    );
    let token = format!("{header}.{body}.{}", signature.unwrap());
    assert_eq!(hs256().verifier().verify(&token, now()), Err(VerifyError::Invalid));
}

#[test]
fn a_configured_issuer_and_audience_are_required() {
    for setup in Setup::all() {
        let issuer = Expected { issuer: Some("depot".into()), audience: None };
        let audience = Expected { issuer: None, audience: Some("chat".into()) };
        let verify = |expected: &Expected, claims: &Value| {
            TokenVerifier::new(setup.key(), expected).verify(&setup.sign(claims), now()).map(|_| ())
        };
        assert_eq!(verify(&issuer, &with("iss", "depot")), Ok(()));
        for bad in [good(), with("iss", "garage"), with("iss", ""), with("iss", 7), with("iss", Value::Null)]
        {
            assert_eq!(verify(&issuer, &bad), Err(VerifyError::Invalid), "{bad}");
        }
        assert_eq!(verify(&audience, &with("aud", "chat")), Ok(()));
        assert_eq!(verify(&audience, &with("aud", json!(["mail", "chat"]))), Ok(()));
        for bad in
            [good(), with("aud", "mail"), with("aud", json!([])), with("aud", 7), with("aud", Value::Null)]
        {
            assert_eq!(verify(&audience, &bad), Err(VerifyError::Invalid), "{bad}");
        }
    }
}

#[test]
fn an_unconfigured_issuer_or_audience_is_ignored() {
    for ignored in [with("aud", "mail"), with("aud", 7), with("iss", "garage"), with("iat", "yesterday")] {
        assert!(hs256().verify(&ignored).is_ok(), "{ignored}");
    }
}

#[test]
fn an_issued_token_is_good() {
    let secret = Secret::new(SECRET, "test").unwrap();
    let expected = Expected { issuer: Some("depot".into()), audience: Some("chat".into()) };
    let user = User { last_name: "Doe".into(), ..User::new("user_1", Role::ControlStaff) };
    let token = issue(&secret, &user, now(), Duration::from_mins(1), &expected);
    let claims =
        TokenVerifier::new(VerifyingKey::from_secret(&secret), &expected).verify(&token, now()).unwrap();
    let issued_at = Some(Timestamp::from_millis(now().as_millis() / 1_000 * 1_000));
    assert_eq!(claims, Claims { user, expires_at: now().plus(Duration::from_mins(1)), issued_at });
}

#[test]
fn the_time_of_issue_is_read_where_it_is_one() {
    for (iat, read) in [
        (json!(1_700_000_000), Some(1_700_000_000_000)),
        (json!(1_700_000_000.25), Some(1_700_000_000_250)),
        (json!(-1), Some(-1_000)),
        (json!("yesterday"), None),
        (json!([7]), None),
        (Value::Null, None),
    ] {
        let claims = hs256().verify(&with("iat", iat.clone())).unwrap();
        assert_eq!(claims.issued_at.map(Timestamp::as_millis), read, "{iat}");
    }
}
