//! The store of a world, and its answers.

use super::{SERVER, World};
use crate::engine::{Input, Ticket};
use crate::store::{Change, Query, UnavailableError, Verdict};

/// A question to the store that is not answered yet.
#[derive(Debug)]
pub enum Question {
    /// To load something.
    Load(Ticket, Query),
    /// To commit changes.
    Commit(Ticket, Vec<Change>),
}

/// How the store answers a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Correctly. A load returns the state at the time of the request, the oldest state allowed.
    Good,
    /// Correctly. A load returns the current state.
    Late,
    /// With a failure, and nothing was done.
    Lost,
    /// With a failure, although the request was carried out.
    DoneButLost,
}

impl World {
    /// Answers one of the questions that wait.
    pub fn answer(&mut self, place: usize, answer: Answer) {
        let question = self.questions.remove(place);
        self.answer_question(question, answer);
        self.act();
    }

    /// Answers all questions, and those that come of it, until none is left.
    pub fn settle(&mut self) {
        while !self.questions.is_empty() {
            self.answer(0, Answer::Good);
        }
    }

    /// Gives the engine the events of a shared store that it has asked for, if there are any.
    pub fn hear(&mut self) {
        self.hear_some(usize::MAX);
    }

    /// The same, with at most this many events.
    pub fn hear_some(&mut self, most: usize) {
        let Some(after) = self.follows else { return };
        let mut followed = self.store.follow(after);
        followed.happened.truncate(most);
        if !followed.happened.is_empty() {
            self.follows = None;
            self.input(Input::Heard { result: Ok(followed) });
        }
    }

    pub(super) fn ask_store(&mut self, question: Question) {
        if !self.hold {
            return self.answer_question(question, Answer::Late);
        }
        if let Question::Load(ticket, query) = &question {
            self.begun.insert(*ticket, self.store.answer(query.clone()));
        }
        self.questions.push(question);
    }

    fn answer_question(&mut self, question: Question, answer: Answer) {
        let lost = || UnavailableError::new("the store is lost");
        let input = match question {
            Question::Load(ticket, query) => {
                let begun = self.begun.remove(&ticket);
                let result = match answer {
                    Answer::Good => Ok(begun.unwrap_or_else(|| self.store.answer(query))),
                    Answer::Late => Ok(self.store.answer(query)),
                    Answer::Lost | Answer::DoneButLost => Err(lost()),
                };
                Input::Loaded { ticket, result }
            }
            Question::Commit(ticket, changes) => {
                let verdicts: Option<Vec<Verdict>> =
                    (answer != Answer::Lost).then(|| self.store.judge_as(self.commit, changes));
                let (is_told, now) = (matches!(answer, Answer::Good | Answer::Late), self.now.monotonic);
                self.show(|oracle, store| oracle.stored(SERVER, store, is_told, now));
                let result = verdicts.filter(|_| is_told).ok_or_else(lost);
                Input::Committed { ticket, result }
            }
        };
        self.engine.handle(self.now, input);
    }
}
