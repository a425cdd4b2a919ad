//! Cases: notes of control beside a conversation, which are a conversation of their own.

use super::Fixture;
use super::bench::{Bench, appended, control, is_conflict, is_marked, mark, stored, time};
use crate::conversation::{Conversation, Participation};
use crate::id::ConversationId;
use crate::permission::{MayTakePart, may_see_notes};
use crate::protocol::{Role, User};
use crate::store::{
    Account, AppendMessage, Change, Committed, ConversationCreated, Event, Original, Verdict,
};

impl<F: Fixture> Bench<F> {
    /// The permit to write notes beside a conversation as it now is.
    async fn may_note(&mut self, user: &str, id: &ConversationId) -> MayTakePart {
        let account = self.stored_account(user).await.expect("the user has an account");
        let conversation = self.conversation(id).await;
        may_see_notes(&account, Some(&conversation)).expect("the user is in control, and takes part")
    }

    /// A note to be stored at [`time`] 0.
    async fn note_of(&mut self, user: &str, id: &ConversationId) -> AppendMessage {
        let permit = self.may_note(user, id).await;
        self.message_under(permit)
    }

    /// A note under this `client_message_id`.
    async fn named_note(&mut self, name: &str, id: &ConversationId) -> Change {
        let note = self.note_of("control", id).await;
        Change::AppendMessage(AppendMessage { client_message_id: Some(name.into()), ..note })
    }
}

fn created(committed: &Committed) -> &ConversationCreated {
    match &committed.event {
        Some(Event::ConversationCreated(created)) => created,
        other => panic!("the first note gave {other:?}"),
    }
}

/// The first note creates the conversation of the notes, and the conversation itself stays as it
/// was.
pub async fn the_first_note_creates_a_conversation<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let before = bench.conversation(&id).await;
    let list = bench.listed_ids("control").await;
    let first = bench.note_of("control", &id).await;
    let expected = stored(&first, 1, time(0));
    let committed = bench.accept(Change::AppendMessage(first)).await;
    assert_eq!((&created(&committed).id, created(&committed).message()), (&id.notes(), expected.clone()));
    let second = AppendMessage { at: time(5), ..bench.note_of("other", &id).await };
    let next = stored(&second, 2, time(5));
    assert_eq!(appended(&bench.accept(Change::AppendMessage(second)).await).message(), next);
    assert_eq!(bench.messages(&id.notes()).await, [expected, next]);
    assert_eq!(bench.conversation(&id).await, Conversation { has_notes: true, ..before });
    assert!(bench.row("control", &id).await.rows[0].conversation.has_notes, "as in the list");
    assert_eq!(bench.listed_ids("control").await, list, "notes are in no list");
    assert_eq!(bench.row("control", &id.notes()).await.rows, []);
    let notes = bench.conversation(&id.notes()).await;
    assert_eq!((notes.participation, notes.has_notes), (Participation::default(), false));
    assert_eq!((notes.last_seq, notes.last_message_at, notes.open_orders), (2, time(5), vec![]));
}

/// Two first notes at once are both in the one conversation.
pub async fn two_first_notes_are_in_one_conversation<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let notes = [bench.note_of("control", &id).await, bench.note_of("other", &id).await];
    let expected = [stored(&notes[0], 1, time(0)), stored(&notes[1], 2, time(0))];
    bench.accept_all(notes.map(Change::AppendMessage).into()).await;
    assert_eq!(bench.messages(&id.notes()).await, expected);
}

/// A change of the members of the conversation, and the loss of the role, void decisions about its
/// notes.
pub async fn a_note_decided_on_other_members_conflicts<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let note = bench.note_of("control", &id).await;
    bench.accept(Change::AppendMessage(note)).await;
    let (late, reading) = (bench.note_of("control", &id).await, bench.may_note("control", &id).await);
    let withdrawal = bench.membership("control", &id).await;
    let mut changes = vec![Change::Withdraw(withdrawal), Change::AppendMessage(late)];
    changes.push(mark(reading, 1));
    let verdicts = bench.commit(changes).await;
    assert_eq!(verdicts.iter().map(is_conflict).collect::<Vec<_>>(), [false, true, true]);
    let late = bench.note_of("other", &id).await;
    bench.put(Account { teams: control("other", &["other"]).teams, ..field("other") }).await;
    let verdicts: Vec<Verdict> = bench.commit(vec![Change::AppendMessage(late)]).await;
    assert!(is_conflict(&verdicts[0]), "of a team, and no more in control");
    assert_eq!(bench.messages(&id.notes()).await.len(), 1);
}

fn field(user: &str) -> Account {
    Account::new(User::new(user, Role::BusDriver))
}

/// Notes are read like messages: up to a number, by a user and by control as a whole.
pub async fn notes_are_read<F: Fixture>(bench: &mut Bench<F>) {
    let other = bench.create("driver", &["other"]).await;
    let id = bench.create("driver", &["control", "other"]).await;
    for _ in 0..2 {
        let note = bench.note_of("control", &id).await;
        bench.accept(Change::AppendMessage(note)).await;
    }
    let permit = bench.may_note("other", &other).await;
    assert!(is_conflict(&bench.commit(vec![mark(permit, 1)]).await[0]), "there are no notes to read");
    for (up_to, rises) in [(2, true), (1, false)] {
        let permit = bench.may_note("other", &id).await;
        assert_eq!(is_marked(&bench.accept(mark(permit, up_to)).await), rises);
    }
    let note = bench.messages(&id.notes()).await.remove(1);
    assert_eq!(bench.seq(&id.notes(), &note.id).await, Some(2));
    assert_eq!(bench.row("other", &id).await.rows[0].read_up_to, 0, "a position of the notes alone");
}

/// A repeated note gets the original, the first one too.
pub async fn a_repeated_note_gets_the_original<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for (seq, name) in [(1, "first"), (2, "second")] {
        let note = bench.named_note(name, &id).await;
        let committed = bench.accept(note).await;
        let again = bench.named_note(name, &id).await;
        let original = bench.duplicate(again).await;
        assert_eq!(Some(original.clone()), committed.event.and_then(Original::of), "{seq}");
        assert_eq!(bench.original("control", name).await, Some(original));
    }
    assert_eq!(bench.messages(&id.notes()).await.len(), 2);
}

/// Notes survive a crash, and their numbers go on.
pub async fn notes_survive_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    for count in 1..4 {
        let note = bench.note_of("control", &id).await;
        bench.accept(Change::AppendMessage(note)).await;
        let (notes, main) = (bench.messages(&id.notes()).await, bench.conversation(&id).await);
        if !bench.crash().await {
            return;
        }
        assert_eq!((bench.messages(&id.notes()).await, notes.len()), (notes, count), "acknowledged notes");
        assert_eq!((main.has_notes, bench.conversation(&id).await), (true, main));
    }
}
