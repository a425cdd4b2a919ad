//! Drafts of an earlier run.

use chat_client::machine::{Input, Machine, Output, Settings};
use chat_client::outbox::{Draft, Entry};
use chat_client::{Event, NotSentReason, Progress};
use chat_core::time::{Monotonic, Now, Timestamp};

#[test]
fn one_that_is_too_late_at_the_start_is_handed_back_only_when_the_app_can_hear_it() {
    let mut machine = Machine::new(Settings::default(), [7; 32]);
    let draft = Draft::SendChatMessage { conversation_id: "conv_1".into(), content: "At the depot".into() };
    let not_after = Some(Timestamp::from_millis(1_000));
    let entry = Entry { client_message_id: "a-1".into(), draft: draft.clone(), not_after };
    let now = Now { monotonic: Monotonic::default(), wall: Timestamp::from_millis(2_000) };
    machine.handle(now, Input::Restored(vec![entry]));
    // The app gets its handle only after the first input, and sees the draft in the outbox.
    let outputs = std::iter::from_fn(|| machine.poll()).collect::<Vec<_>>();
    assert_eq!(machine.outbox().count(), 1);
    assert!(matches!(outputs.last(), Some(Output::WakeAt(Some(at))) if *at == now.monotonic), "{outputs:?}");
    machine.handle(now, Input::Tick);
    let told = std::iter::from_fn(|| machine.poll()).find_map(|output| match output {
        Output::Event(Event::Outbox { progress: Progress::NotSent(not_sent), .. }) => Some(not_sent),
        _ => None,
    });
    let told = told.expect("it is handed back");
    assert_eq!((told.reason, told.draft), (NotSentReason::TooLate, draft));
    assert_eq!(machine.outbox().count(), 0);
}
