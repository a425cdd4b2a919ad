//! Permissions of every role for every event, participant or not, against the protocol document's
//! "Role-Based Access Control", written out by hand.

use std::time::Duration;

use chat_core::conversation::{Conversation, Members, Participation, Standing};
use chat_core::id::TeamId;
use chat_core::permission::{by_role, may_create, may_start, may_take_part, takes_part};
use chat_core::protocol::{
    Error, ErrorCode, ErrorReply, EventType, Role, RoomType, User, Work, encode_reply,
};
use chat_core::store::{Account, Position, StoredAccount};
use chat_core::time::Timestamp;

/// The document's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Yes,
    /// The role may not.
    Forbidden,
    /// The role may, but only as a participant: conversations of others are not found.
    NotFound,
}

use Answer::{Forbidden, NotFound, Yes};

/// A row: the event, then for each role (driver, regulator, staff, admin) as a participant and as
/// none.
type Row = (&'static str, [[Answer; 2]; 4]);

const ANYBODY: [[Answer; 2]; 4] = [[Yes, Yes]; 4];
const PARTICIPANTS: [[Answer; 2]; 4] = [[Yes, NotFound]; 4];
const FIELD: [[Answer; 2]; 4] = [[Yes, Yes], [Yes, Yes], [Forbidden, Forbidden], [Forbidden, Forbidden]];
const CONTROL: [[Answer; 2]; 4] = [[Forbidden, Forbidden], [Forbidden, Forbidden], [Yes, Yes], [Yes, Yes]];

const CONTROL_PARTICIPANTS: [[Answer; 2]; 4] =
    [[Forbidden, Forbidden], [Forbidden, Forbidden], [Yes, NotFound], [Yes, NotFound]];

const FIELD_PARTICIPANTS: [[Answer; 2]; 4] =
    [[Yes, NotFound], [Yes, NotFound], [Forbidden, Forbidden], [Forbidden, Forbidden]];

const TABLE: [Row; 23] = [
    // "Send messages in conversations they're part of"
    ("send_chat_message", PARTICIPANTS),
    // "Create support conversations with control center": bus drivers and queue regulators only
    ("create_support_conversation", FIELD),
    // "for the current user"
    ("get_active_conversations", ANYBODY),
    // "Join conversation rooms for conversations they're participants in"
    ("join_conversation", PARTICIPANTS),
    // "Join support rooms for monitoring field staff requests": control staff and admin only
    ("join_support_room", CONTROL),
    // "Use typing indicators and read receipts"
    ("typing_indicator", PARTICIPANTS),
    // "Conversation not found or access denied"
    ("get_conversation_messages", PARTICIPANTS),
    ("mark_message_read", PARTICIPANTS),
    // An addition: one's own session.
    ("refresh_token", ANYBODY),
    // Additions: the work on a conversation is a matter of control.
    ("take_conversation", CONTROL_PARTICIPANTS),
    ("release_conversation", CONTROL_PARTICIPANTS),
    ("transfer_conversation", CONTROL_PARTICIPANTS),
    ("resolve_conversation", CONTROL_PARTICIPANTS),
    ("reopen_conversation", CONTROL_PARTICIPANTS),
    // Additions: control ends an emergency, and its creator withdraws it.
    ("end_emergency", CONTROL_PARTICIPANTS),
    ("withdraw_emergency", FIELD_PARTICIPANTS),
    // Additions: orders are answered by whoever was asked, and withdrawn by their sender.
    ("answer_message", PARTICIPANTS),
    ("withdraw_order", PARTICIPANTS),
    ("get_open_orders", ANYBODY),
    // An addition: notes are for control alone.
    ("add_note", CONTROL_PARTICIPANTS),
    // Additions: control speaks first, to people that it finds.
    ("start_conversation", CONTROL),
    ("get_people", CONTROL),
    // An addition: the ready texts of one's own role.
    ("get_phrases", ANYBODY),
];

/// A conversation with these members, and with the team `blue`.
fn conversation(members: &[&str]) -> Conversation {
    let members = members.iter().map(|user| ((*user).into(), Standing::Member)).collect();
    Conversation {
        id: "conv_1".into(),
        title: "Support: title".into(),
        room_type: RoomType::GeneralSupport,
        created_by: "somebody".into(),
        created_at: Timestamp::default(),
        participation: Participation { teams: vec!["blue".into()], members },
        version: 7,
        last_seq: 1,
        last_at: Timestamp::default(),
        last_text_seq: 1,
        last_message_at: Timestamp::default(),
        work: Work::begun(Timestamp::default()),
        emergency: None,
        open_orders: vec![],
        has_notes: false,
    }
}

/// An active user in these teams, with rights of position 5.
fn account(role: Role, teams: &[&str]) -> StoredAccount {
    let teams = teams.iter().map(|team| TeamId::from(*team)).collect();
    let account = Account { teams, ..Account::new(User::new("user", role)) };
    StoredAccount { account, position: Position(6), rights: Position(5) }
}

/// This crate's answer.
fn answer(account: &StoredAccount, event: EventType, conversation: &Conversation) -> Answer {
    if let Err(code) = by_role(account.user().role, event) {
        assert_eq!(code, ErrorCode::Forbidden);
        return Forbidden;
    }
    if event.rules().membership
        && let Err(code) = may_take_part(account, Some(conversation))
    {
        assert_eq!(code, ErrorCode::ConversationNotFound);
        return NotFound;
    }
    Yes
}

#[test]
fn every_role_every_event_participant_or_not() {
    let (with, without) = (conversation(&["other", "user"]), conversation(&["other", "user2", "use"]));
    assert_eq!(TABLE.len(), EventType::ALL.len(), "the table names every event");
    for event in EventType::ALL {
        let (_, row) = TABLE.iter().find(|(name, _)| *name == event.as_str()).expect("a row for each event");
        for (role, expected) in Role::ALL.into_iter().zip(row) {
            let (outside, of_team) = (account(role, &["red"]), account(role, &["blue", "red"]));
            let answers = [&with, &without].map(|conversation| answer(&outside, *event, conversation));
            assert_eq!(answers, *expected, "{event:?} by {role:?}, as a participant and as none");
            let answers = [&of_team, &outside].map(|account| answer(account, *event, &without));
            assert_eq!(answers, *expected, "{event:?} by {role:?}, of the team and of another");
        }
    }
}

#[test]
fn the_roles_of_the_table_are_in_its_order() {
    let roles = [Role::BusDriver, Role::QueueRegulator, Role::ControlStaff, Role::ControlAdmin];
    assert_eq!(Role::ALL, roles);
    assert_eq!(roles.map(Role::is_control), [false, false, true, true]);
}

#[test]
fn a_permit_to_create_carries_the_creator_and_its_rights() {
    for role in Role::ALL {
        let permit = may_create(&account(role, &[]));
        if role.is_control() {
            assert_eq!(permit.unwrap_err(), ErrorCode::Forbidden, "{role:?}");
        } else {
            let permit = permit.unwrap();
            assert_eq!((permit.creator().as_str(), permit.rights()), ("user", Position(5)), "{role:?}");
        }
    }
}

#[test]
fn a_permit_to_start_is_one_of_control() {
    for role in Role::ALL {
        let permit = may_start(&account(role, &[]));
        let granted = permit.map(|permit| (permit.creator().to_string(), permit.rights()));
        let expected =
            if role.is_control() { Ok(("user".to_owned(), Position(5))) } else { Err(ErrorCode::Forbidden) };
        assert_eq!(granted, expected, "{role:?}");
    }
}

#[test]
fn a_permit_to_take_part_carries_user_conversation_version_and_rights() {
    let user = account(Role::BusDriver, &[]);
    let permit = may_take_part(&user, Some(&conversation(&["user", "other"]))).unwrap();
    assert_eq!(permit.user().as_str(), "user");
    assert_eq!(permit.conversation().as_str(), "conv_1");
    assert_eq!((permit.version(), permit.rights()), (7, Position(5)));
}

#[test]
fn who_created_a_conversation_and_left_it_may_not_take_part() {
    let left = Conversation { created_by: "user".into(), ..conversation(&["other"]) };
    let creator = account(Role::BusDriver, &[]);
    assert_eq!(may_take_part(&creator, Some(&left)).unwrap_err(), ErrorCode::ConversationNotFound);
}

#[test]
fn unknown_and_forbidden_are_the_same_bytes() {
    let user = account(Role::BusDriver, &[]);
    let [unknown, forbidden] = [None, Some(&conversation(&["other"]))].map(|conversation| {
        let code = may_take_part(&user, conversation).unwrap_err();
        encode_reply(&ErrorReply::reply(Error::from(code)), None)
    });
    assert_eq!(unknown, forbidden);
}

#[test]
fn silence_does_not_end_the_right_to_take_part() {
    let silent = conversation(&["user"]);
    let later = Timestamp::default().plus(Duration::from_hours(24 * 365));
    assert_ne!(
        silent.status(later, Duration::from_hours(24)),
        silent.status(silent.created_at, Duration::MAX)
    );
    assert!(may_take_part(&account(Role::BusDriver, &[]), Some(&silent)).is_ok());
}

/// The right to take part: a standing by name, then for each role (driver, regulator, staff, admin)
/// outside of the conversation's team and in it.
const STANDINGS: [(Standing, [[bool; 2]; 4]); 4] = [
    (Standing::Unnamed, [[false, true]; 4]),
    (Standing::Member, [[true, true]; 4]),
    (Standing::ControlMember, [[false, true], [false, true], [true, true], [true, true]]),
    (Standing::Withdrawn, [[false, false]; 4]),
];

#[test]
fn every_standing_every_role_in_the_team_or_not() {
    for (standing, row) in STANDINGS {
        let members = Members::from_iter([("other".into(), Standing::Member), ("user".into(), standing)]);
        let participation = Participation { teams: vec!["blue".into()], members };
        for (role, expected) in Role::ALL.into_iter().zip(row) {
            let accounts = [account(role, &["red"]), account(role, &["blue"])].map(|stored| stored.account);
            let answers = accounts.each_ref().map(|account| takes_part(account, &participation));
            assert_eq!(answers, expected, "{standing:?} {role:?}");
            for account in accounts {
                let inactive = Account { active: false, ..account };
                assert!(!takes_part(&inactive, &participation), "P5: inactive, {standing:?} {role:?}");
            }
        }
    }
}
