//! An addition: ready texts, which apps offer at one press.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::Error;
use super::role::Role;
use crate::limits::FieldLimits;
use crate::phrases::LONGEST_PHRASE_NAME;

/// The `data` of `get_phrases`. The field is optional.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetPhrases {
    /// The language of the app, as `de` or `de-AT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Arc<str>>,
}

impl GetPhrases {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, _: &FieldLimits) -> Result<(), Error> {
        self.language.as_ref().map_or(Ok(()), |name| check::text("language", name, LONGEST_PHRASE_NAME))
    }
}

/// The use of a phrase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhraseKind {
    /// A new conversation of field staff, with title and content.
    Request,
    /// A message of field staff in a conversation.
    Answer,
    /// A message of control in a conversation.
    Reply,
}

/// A ready text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Phrase {
    /// The name of the phrase, the same in all languages.
    pub id: Arc<str>,
    /// The roles that are shown the phrase.
    pub roles: Vec<Role>,
    /// The use of the phrase.
    pub kind: PhraseKind,
    /// The language of the texts.
    pub language: Arc<str>,
    /// The title of a request, and the label of the button.
    pub title: Arc<str>,
    /// The text of the message.
    pub content: Arc<str>,
    /// Whether the request is an emergency.
    pub emergency: bool,
}

/// The reply to `get_phrases`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetPhrasesReply {
    /// Always `true`.
    pub success: Success,
    /// The phrases of the user's role, in the order in which apps show them.
    pub phrases: Vec<Phrase>,
    /// The name of this set of phrases. Changes with them.
    pub version: Arc<str>,
}
