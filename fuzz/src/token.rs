//! Tokens: any text, and carefully made tokens, under every algorithm.
//!
//! A token is accepted exactly if this very text was signed with the right key under the right
//! algorithm and its claims are valid. The accepted claims are the signed ones.

use std::path::PathBuf;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_core::engine::VerifyError;
use chat_core::protocol::Role;
use chat_core::time::Timestamp;
use chat_server::auth::{Algorithm, Expected, LEEWAY, LONGEST, Secret, TokenVerifier, VerifyingKey};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::sign;
use serde_json::{Value, json};

const SECRET: &[u8; 32] = b"a secret of exactly 32 bytes ...";
const OTHER_SECRET: &[u8; 32] = b"another secret of these 32 bytes";
const NOW: i64 = 1_700_000_000;

/// A signing method with its verifier.
struct Party {
    algorithm: Algorithm,
    signing: EncodingKey,
    /// The public key, which everybody knows and an attacker may use as a secret.
    public: Vec<u8>,
    verifier: TokenVerifier,
    /// The signature of the only token signed with a private key. Signing takes a thousand times as
    /// long as with a secret, and the code after the signature check is the same for all.
    ready: Option<String>,
}

/// A manipulation of a signed token.
#[derive(Arbitrary)]
enum Treatment {
    /// No manipulation.
    None,
    /// One byte changed.
    Replace { at: usize, by: u8 },
    /// Cut short.
    Cut { at: usize },
    /// A text inserted.
    Insert { at: usize, byte: u8 },
    /// A text appended.
    Append(u8),
    /// Other claims under the same signature.
    Claims(String),
    /// Another header under the same signature.
    Header(String),
}

static PARTIES: LazyLock<Vec<Party>> = LazyLock::new(|| {
    [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].map(Party::new).into()
});

/// Runs one input. The first byte picks the verifier, and whether the rest is a token or the recipe
/// for one.
///
/// # Panics
///
/// If one of the above does not hold.
pub fn run(bytes: &[u8]) {
    let Some((pick, rest)) = bytes.split_first() else { return };
    let party = &PARTIES[usize::from(pick % 4)];
    match pick / 4 % 2 {
        0 => assert!(party.verify(&String::from_utf8_lossy(rest)).is_none(), "a token that nobody signed"),
        // An input too short for a recipe is skipped.
        _ => drop(made_with_care(party, &mut Unstructured::new(rest))),
    }
}

/// Signs a token, rightly or wrongly, manipulates it, and has it verified.
fn made_with_care(party: &Party, recipe: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let treatment = Treatment::arbitrary(recipe)?;
    let forger = recipe.int_in_range(0..=7_u8)?;
    let is_ready = forger > 1 && party.ready.is_some();
    let header = if is_ready { good_header(party.algorithm).to_string() } else { header(party, recipe)? };
    let claims = if is_ready { good_claims().to_string() } else { claims(recipe)? };
    let signed = encoded(header.as_bytes()) + "." + &encoded(claims.as_bytes());
    let signature = party.sign(&signed, forger);
    let whole = format!("{signed}.{signature}");
    let token = treatment.apply(&whole, &signed, &signature);
    let accepted = party.verify(&token);
    let names_algorithm = json_of(&header)["alg"] == party.algorithm.to_string().as_str();
    if let Some(accepted) = &accepted {
        assert!(forger > 1, "{token} was signed by somebody else");
        assert!(names_algorithm, "{token} names another algorithm");
        assert_eq!(token, whole, "this was not signed");
        assert_eq!(Some(accepted), read(&json_of(&claims)).as_ref(), "{claims} was signed");
    }
    let good = [good_header(party.algorithm), good_claims()].map(|json| json.to_string());
    if forger > 1 && token == whole && [header, claims] == good {
        assert!(accepted.is_some(), "{token} is in order");
    }
    Ok(())
}

/// The user, role and expiry in a token.
type Judgement = (String, Role, Timestamp);

impl Party {
    fn new(algorithm: Algorithm) -> Self {
        let name = match algorithm {
            Algorithm::Hs256 => return Self::with_secret(),
            Algorithm::Rs256 => "rs256",
            Algorithm::Es256 => "es256",
            Algorithm::EdDsa => "eddsa",
        };
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../chat-server/tests/keys");
        let private =
            std::fs::read(folder.join(format!("{name}.pem"))).expect("the key is in the repository");
        let path = folder.join(format!("{name}.pub.pem"));
        let signing = match algorithm {
            Algorithm::Hs256 | Algorithm::Rs256 => EncodingKey::from_rsa_pem(&private),
            Algorithm::Es256 => EncodingKey::from_ec_pem(&private),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(&private),
        };
        let key = VerifyingKey::from_pem_file(&path, algorithm).expect("the key fits its algorithm");
        let public = std::fs::read(path).expect("it was read before");
        let signing = signing.expect("the key fits its algorithm");
        let header = encoded(good_header(algorithm).to_string().as_bytes());
        let good = header + "." + &encoded(good_claims().to_string().as_bytes());
        let ready = sign(good.as_bytes(), &signing, algorithm.into()).expect("the key fits its algorithm");
        let verifier = TokenVerifier::new(key, &Expected::default());
        Self { algorithm, signing, public, verifier, ready: Some(ready) }
    }

    fn with_secret() -> Self {
        let secret = Secret::new(SECRET, "fuzz").expect("it is long enough");
        Self {
            algorithm: Algorithm::Hs256,
            signing: EncodingKey::from_secret(SECRET),
            public: Vec::new(),
            verifier: TokenVerifier::new(VerifyingKey::from_secret(&secret), &Expected::default()),
            ready: None,
        }
    }

    fn verify(&self, token: &str) -> Option<Judgement> {
        match self.verifier.verify(token, now()) {
            Ok(claims) => Some((claims.user.id.to_string(), claims.user.role, claims.expires_at)),
            Err(VerifyError::Invalid | VerifyError::Expired) => None,
        }
    }

    /// Signs as the issuer does, or as a forger with another secret (0) or with the public key as a
    /// secret (1).
    fn sign(&self, signed: &str, forger: u8) -> String {
        let (key, algorithm) = match forger {
            0 => (&EncodingKey::from_secret(OTHER_SECRET), Algorithm::Hs256),
            1 => (&EncodingKey::from_secret(&self.public), Algorithm::Hs256),
            _ => match &self.ready {
                Some(signature) => return signature.clone(),
                None => (&self.signing, self.algorithm),
            },
        };
        sign(signed.as_bytes(), key, algorithm.into()).expect("the key fits its algorithm")
    }
}

impl Treatment {
    fn apply(self, whole: &str, signed: &str, signature: &str) -> String {
        let place = |at: usize| at % whole.len();
        match self {
            Self::None => whole.to_owned(),
            Self::Replace { at, by } => {
                let mut bytes = whole.as_bytes().to_vec();
                bytes[place(at)] = by;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Self::Cut { at } => whole[..place(at)].to_owned(),
            Self::Insert { at, byte } => {
                let (before, after) = whole.split_at(at % (whole.len() + 1));
                format!("{before}{}{after}", char::from(byte))
            }
            Self::Append(byte) => format!("{whole}{}", char::from(byte)),
            Self::Claims(claims) => {
                let header = signed.split_once('.').map_or(signed, |(header, _)| header);
                [header, &encoded(claims.as_bytes()), signature].join(".")
            }
            Self::Header(header) => {
                let claims = signed.split_once('.').map_or(signed, |(_, claims)| claims);
                [&encoded(header.as_bytes()), claims, signature].join(".")
            }
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW * 1_000)
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn good_header(algorithm: Algorithm) -> Value {
    json!({"typ": "JWT", "alg": algorithm.to_string()})
}

fn good_claims() -> Value {
    json!({"sub": "user_1", "role": "BUS_DRIVER", "exp": NOW + 60})
}

/// Draws a header, usually a valid one.
fn header(party: &Party, recipe: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let mut header = good_header(party.algorithm);
    match recipe.int_in_range(0..=7_u8)? {
        0 => {
            header["alg"] =
                (*recipe.choose(&["none", "None", "HS256", "HS384", "RS256", "ES256", ""])?).into();
        }
        1 => return Ok(recipe.arbitrary::<&str>()?.to_owned()),
        2 => header["crit"] = json!([recipe.arbitrary::<&str>()?]),
        _ => {}
    }
    Ok(header.to_string())
}

/// Draws claims: valid ones, valid ones with one changed, or any text.
fn claims(recipe: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let mut claims = good_claims();
    let name = *recipe.choose(&["sub", "role", "exp", "nbf", "email", "aud"])?;
    match recipe.int_in_range(0..=7_u8)? {
        0 => return Ok(recipe.arbitrary::<&str>()?.to_owned()),
        1 => claims[name] = recipe.arbitrary::<&str>()?.into(),
        2 => claims[name] = recipe.arbitrary::<f64>()?.into(),
        3 => claims[name] = (NOW + recipe.int_in_range(-100..=100_i64)?).into(),
        4 => claims[name] = "x".repeat(recipe.int_in_range(250..=260)?).into(),
        5 => claims[name] = Value::Null,
        _ => {}
    }
    Ok(claims.to_string())
}

/// Returns the meaning of claims, if valid.
fn read(claims: &Value) -> Option<Judgement> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time that no calendar holds is pressed into one that it does"
    )]
    let time =
        |name: &str| claims[name].as_f64().map(|seconds| Timestamp::from_millis((seconds * 1_000.0) as i64));
    let user = claims["sub"].as_str().filter(|user| (1..=256).contains(&user.len()))?;
    let role = serde_json::from_value(claims["role"].clone()).ok()?;
    let is_early = time("nbf").is_some_and(|start| start > now().plus(LEEWAY));
    let until = time("exp").filter(|end| end.plus(LEEWAY) > now() && !is_early)?;
    Some((user.to_owned(), role, until.min(now().plus(LONGEST))))
}
