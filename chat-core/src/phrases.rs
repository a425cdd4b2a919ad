//! Ready texts: requests, answers and replies that apps offer at one press.
//!
//! An operator writes them, each by role and language. An engine shows each user those of the
//! user's role. [`Input::Phrases`](crate::engine::Input::Phrases) replaces all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::protocol::{GetPhrasesReply, Phrase, PhraseKind, Role, Success};

/// Most phrases of all roles. More are refused.
pub const MOST_PHRASES: usize = 200;

/// Most characters of an id, and of the name of a language.
pub const LONGEST_PHRASE_NAME: usize = 64;

/// Most characters of a title.
pub const LONGEST_PHRASE_TITLE: usize = 100;

/// Most characters of a content.
pub const LONGEST_PHRASE: usize = 500;

/// Most bytes of the texts of one language, which bounds a reply. More are refused.
pub const MOST_PHRASE_BYTES: usize = 64 << 10;

/// The words of a phrase in one language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PhraseText {
    /// The title of a request, and the label of the button.
    pub title: Arc<str>,
    /// The text of the message.
    pub content: Arc<str>,
}

/// A phrase in all its languages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PhraseSetting {
    /// The name of the phrase, unique among all.
    pub id: Arc<str>,
    /// The roles that are shown the phrase.
    pub roles: Vec<Role>,
    /// The use of the phrase.
    pub kind: PhraseKind,
    /// Whether the request is an emergency.
    pub emergency: bool,
    /// The words by language, in lower case: `en`, or `de-at`.
    pub texts: BTreeMap<Arc<str>, PhraseText>,
}

/// The error of phrases that can't be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhrasesError {
    /// More phrases than [`MOST_PHRASES`].
    #[error("more than {MOST_PHRASES} phrases")]
    TooMany,
    /// The texts of a language have more bytes than [`MOST_PHRASE_BYTES`].
    #[error("the texts in {0} have more than {MOST_PHRASE_BYTES} bytes")]
    TooLarge(Arc<str>),
    /// An id, or the name of a language, is blank or too long.
    #[error("a name must have 1 to {LONGEST_PHRASE_NAME} characters")]
    Name,
    /// Two phrases have the same id.
    #[error("two phrases have the id {0}")]
    Repeated(Arc<str>),
    /// A phrase has no role.
    #[error("the phrase {0} names no role")]
    NoRole(Arc<str>),
    /// A request or an answer of control, or a reply of field staff.
    #[error(
        "the phrase {0} has a role of the wrong side: field staff has requests and answers, control has replies"
    )]
    Side(Arc<str>),
    /// An emergency that is no request.
    #[error("the phrase {0} is an emergency: only a request can be one")]
    Emergency(Arc<str>),
    /// The phrase lacks the language that stands in for all others.
    #[error("the phrase {id} has no text in {language}")]
    Untold {
        /// The id of the phrase.
        id: Arc<str>,
        /// The language.
        language: Arc<str>,
    },
    /// A text is blank or too long.
    #[error(
        "the phrase {0} needs a title of at most {LONGEST_PHRASE_TITLE} characters and a content of at most \
         {LONGEST_PHRASE}"
    )]
    Text(Arc<str>),
}

/// The phrases of all roles, checked and bounded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phrases {
    version: Arc<str>,
    language: Arc<str>,
    all: Vec<PhraseSetting>,
}

/// No phrases.
impl Default for Phrases {
    fn default() -> Self {
        Self { version: "0".into(), language: "en".into(), all: Vec::new() }
    }
}

impl Phrases {
    /// Checks phrases, in the order in which apps show them.
    ///
    /// `version` names this set: apps keep the phrases of a version. `language` stands in where a
    /// phrase lacks the requested one.
    ///
    /// # Errors
    ///
    /// [`PhrasesError`] names the first phrase that can't be used.
    pub fn new(
        version: impl Into<Arc<str>>,
        language: impl Into<Arc<str>>,
        all: Vec<PhraseSetting>,
    ) -> Result<Self, PhrasesError> {
        let phrases = Self { version: version.into(), language: language.into(), all };
        phrases.check().map(|()| phrases)
    }

    fn check(&self) -> Result<(), PhrasesError> {
        if self.all.len() > MOST_PHRASES {
            return Err(PhrasesError::TooMany);
        }
        let (mut ids, mut bytes) = (BTreeSet::new(), BTreeMap::<_, usize>::new());
        for phrase in &self.all {
            self.check_phrase(phrase)?;
            if !ids.insert(&phrase.id) {
                return Err(PhrasesError::Repeated(phrase.id.clone()));
            }
            for (language, text) in &phrase.texts {
                *bytes.entry(language).or_default() += text.title.len() + text.content.len();
            }
        }
        let large = bytes.into_iter().find(|(_, bytes)| *bytes > MOST_PHRASE_BYTES);
        large.map_or(Ok(()), |(language, _)| Err(PhrasesError::TooLarge(language.clone())))
    }

    fn check_phrase(&self, phrase: &PhraseSetting) -> Result<(), PhrasesError> {
        let PhraseSetting { id, roles, kind, emergency, texts } = phrase;
        if ![id, &self.language]
            .into_iter()
            .chain(texts.keys())
            .all(|name| is_text(name, LONGEST_PHRASE_NAME))
        {
            return Err(PhrasesError::Name);
        }
        if roles.is_empty() {
            return Err(PhrasesError::NoRole(id.clone()));
        }
        if roles.iter().any(|role| role.is_control() != (*kind == PhraseKind::Reply)) {
            return Err(PhrasesError::Side(id.clone()));
        }
        if *emergency && *kind != PhraseKind::Request {
            return Err(PhrasesError::Emergency(id.clone()));
        }
        if !texts.contains_key(&self.language) {
            return Err(PhrasesError::Untold { id: id.clone(), language: self.language.clone() });
        }
        let is_short = |PhraseText { title, content }: &PhraseText| {
            is_text(title, LONGEST_PHRASE_TITLE) && is_text(content, LONGEST_PHRASE)
        };
        if texts.values().all(is_short) { Ok(()) } else { Err(PhrasesError::Text(id.clone())) }
    }

    /// The phrases of a role, in a language as `de` or `de-AT` as far as they have it.
    pub(crate) fn reply(&self, role: Role, language: Option<&str>) -> GetPhrasesReply {
        let asked = language.unwrap_or(&self.language).to_lowercase();
        let shown = self.all.iter().filter(|phrase| phrase.roles.contains(&role));
        GetPhrasesReply {
            success: Success,
            phrases: shown.filter_map(|phrase| self.shown(phrase, &asked)).collect(),
            version: self.version.clone(),
        }
    }

    /// A phrase in the asked language, or in the nearest one.
    fn shown(&self, phrase: &PhraseSetting, asked: &str) -> Option<Phrase> {
        let base = asked.split('-').next().unwrap_or(asked);
        let found =
            [asked, base, &*self.language].iter().find_map(|wanted| phrase.texts.get_key_value(*wanted));
        found.map(|(language, text)| Phrase {
            id: phrase.id.clone(),
            roles: phrase.roles.clone(),
            kind: phrase.kind,
            language: language.clone(),
            title: text.title.clone(),
            content: text.content.clone(),
            emergency: phrase.emergency,
        })
    }
}

fn is_text(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().nth(most).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(title: &str) -> PhraseText {
        PhraseText { title: title.into(), content: format!("{title}.").into() }
    }

    fn phrase(id: &str, role: Role, kind: PhraseKind) -> PhraseSetting {
        let texts = [("en", "Late"), ("de", "Spät"), ("de-at", "Z'spat")];
        let texts = texts.map(|(language, words)| (language.into(), text(words))).into();
        PhraseSetting { id: id.into(), roles: vec![role], kind, emergency: false, texts }
    }

    fn error(change: impl FnOnce(&mut PhraseSetting)) -> PhrasesError {
        let mut bad = phrase("late", Role::BusDriver, PhraseKind::Request);
        change(&mut bad);
        Phrases::new("1", "en", vec![bad]).unwrap_err()
    }

    #[test]
    fn a_role_gets_its_own_phrases_in_the_nearest_language() {
        let all = vec![
            phrase("late", Role::BusDriver, PhraseKind::Request),
            phrase("coming", Role::ControlStaff, PhraseKind::Reply),
        ];
        let phrases = Phrases::new("7", "en", all).unwrap();
        let titles = |role, language| {
            let reply = phrases.reply(role, language);
            assert_eq!(&*reply.version, "7");
            reply.phrases.iter().map(|one| format!("{} {}", one.id, one.title)).collect::<Vec<_>>()
        };
        assert_eq!(titles(Role::BusDriver, None), ["late Late"]);
        assert_eq!(titles(Role::BusDriver, Some("de-AT")), ["late Z'spat"]);
        assert_eq!(titles(Role::BusDriver, Some("DE-CH")), ["late Spät"]);
        assert_eq!(titles(Role::BusDriver, Some("tlh")), ["late Late"]);
        assert_eq!(titles(Role::ControlStaff, Some("de")), ["coming Spät"]);
        assert_eq!(titles(Role::QueueRegulator, Some("de")), [""; 0]);
    }

    #[test]
    fn a_phrase_that_can_not_be_used_is_named() {
        let id: Arc<str> = "late".into();
        assert_eq!(error(|bad| bad.id = " ".into()), PhrasesError::Name);
        assert_eq!(error(|bad| bad.roles.clear()), PhrasesError::NoRole(id.clone()));
        assert_eq!(error(|bad| bad.roles.push(Role::ControlAdmin)), PhrasesError::Side(id.clone()));
        assert_eq!(error(|bad| bad.kind = PhraseKind::Reply), PhrasesError::Side(id.clone()));
        let answers = |bad: &mut PhraseSetting| (bad.kind, bad.emergency) = (PhraseKind::Answer, true);
        assert_eq!(error(answers), PhrasesError::Emergency(id.clone()));
        let untold = PhrasesError::Untold { id: id.clone(), language: "en".into() };
        assert_eq!(error(|bad| drop(bad.texts.remove("en"))), untold);
        let long = |bad: &mut PhraseSetting| drop(bad.texts.insert("de".into(), text(&"ä".repeat(101))));
        assert_eq!(error(long), PhrasesError::Text(id.clone()));
        let twice = [0, 0].map(|_| phrase("late", Role::BusDriver, PhraseKind::Request)).into();
        assert_eq!(Phrases::new("1", "en", twice), Err(PhrasesError::Repeated(id)));
    }

    #[test]
    fn phrases_are_bounded_in_number_and_bytes() {
        let many = |count: usize, content: &str| {
            let phrases = (0..count).map(|number| {
                let mut one = phrase(&number.to_string(), Role::BusDriver, PhraseKind::Answer);
                one.texts.insert("en".into(), PhraseText { title: "t".into(), content: content.into() });
                one
            });
            Phrases::new("1", "en", phrases.collect()).map(drop)
        };
        assert_eq!(many(MOST_PHRASES, "x"), Ok(()));
        assert_eq!(many(MOST_PHRASES + 1, "x"), Err(PhrasesError::TooMany));
        assert_eq!(many(131, &"x".repeat(LONGEST_PHRASE - 1)), Ok(()));
        assert_eq!(many(132, &"x".repeat(LONGEST_PHRASE - 1)), Err(PhrasesError::TooLarge("en".into())));
    }
}
