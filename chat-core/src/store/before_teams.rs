//! The meaning of events that were written before conversations had teams, and before their work
//! was known.
//!
//! Before teams, each control user was a participant of each conversation by name. Such an event
//! becomes one of today by the accounts as they were at its position.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event::{ConversationCreated, Event, MembershipChanged, MessageAppended};
use super::{Account, CONTROL_TEAM, UnavailableError};
use crate::conversation::Standing;
use crate::id::{ConversationId, TeamId, UserId};
use crate::protocol::Work;

/// The limit of participants of one conversation at the time. A longer list was cut.
const PARTICIPANTS_MOST: usize = 2_000;

/// The store as it was before an event.
pub trait StoreBefore {
    /// The account of a user.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn account(&mut self, user: &UserId) -> Result<Option<Arc<Account>>, UnavailableError>;

    /// The teams of a conversation.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn teams(&mut self, conversation: &ConversationId) -> Result<Vec<TeamId>, UnavailableError>;

    /// The work on a conversation, or `None` if the conversation is unknown.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn work(&mut self, conversation: &ConversationId) -> Result<Option<Work>, UnavailableError>;

    /// All active control users.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn active_control(&mut self) -> Result<Arc<BTreeSet<UserId>>, UnavailableError>;
}

/// Completes an event written before teams or before work. An event of today stays as it is.
///
/// - A creation whose list holds all active control users, or was cut, gets the team
///   [`CONTROL_TEAM`]. Any other gets no team and keeps its list.
/// - An enrolment of an active control user lifts a withdrawal, or outside of the user's teams
///   makes the user a member while in control. Any other makes the user a member.
/// - A withdrawal of an active control user is one by name. Any other ends a membership.
/// - A message of control in a conversation that nobody ever took resolves the conversation, and
///   one of field staff has it wait.
///
/// # Errors
///
/// [`UnavailableError`] if the store before the event is.
pub fn complete(event: &mut Event, before: &mut impl StoreBefore) -> Result<(), UnavailableError> {
    match event {
        Event::ConversationCreated(created) if created.teams.is_none() => complete_creation(created, before),
        Event::MemberAdded(changed) if changed.standing.is_none() => {
            changed.standing = Some(standing_added(changed, before)?);
            Ok(())
        }
        Event::MemberWithdrawn(changed) if changed.standing.is_none() => {
            let control = active_control(&changed.user, before)?;
            changed.standing = Some(control.map_or(Standing::Unnamed, |_| Standing::Withdrawn));
            Ok(())
        }
        Event::MessageAppended(appended) if appended.work.is_none() && appended.entry.is_none() => {
            complete_message(appended, before)
        }
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::ConversationCreated(_)
        | Event::MessageAppended(_)
        | Event::ReadMarked(_)
        | Event::MemberAdded(_)
        | Event::MemberWithdrawn(_) => Ok(()),
    }
}

/// Completes an old message. A message of today names every change of the work itself.
fn complete_message(
    appended: &mut MessageAppended,
    before: &mut impl StoreBefore,
) -> Result<(), UnavailableError> {
    let Some(work) = before.work(&appended.conversation)?.filter(|work| work.version == 0) else {
        return Ok(());
    };
    if let Some(sender) = before.account(&appended.sender)? {
        appended.work = work.after_old_message(sender.user.role, appended.sent_at);
    }
    Ok(())
}

fn complete_creation(
    created: &mut ConversationCreated,
    before: &mut impl StoreBefore,
) -> Result<(), UnavailableError> {
    let control = before.active_control()?;
    let is_cut = created.participants.len() >= PARTICIPANTS_MOST;
    if is_cut || control.is_subset(&created.participants) {
        created.teams = Some(vec![CONTROL_TEAM.into()]);
        // The creator stays a member by name, as field staff does. No version let control create.
        let creator = &created.created_by;
        created.participants.retain(|user| user == creator || !control.contains(user));
    } else {
        created.teams = Some(Vec::new());
        created.control_members = created.participants.intersection(&control).cloned().collect();
        created.control_members.remove(&created.created_by);
    }
    Ok(())
}

/// The standing after an enrolment.
fn standing_added(
    changed: &MembershipChanged,
    before: &mut impl StoreBefore,
) -> Result<Standing, UnavailableError> {
    let Some(account) = active_control(&changed.user, before)? else { return Ok(Standing::Member) };
    let teams = before.teams(&changed.conversation)?;
    let is_of_team = teams.iter().any(|team| account.teams.contains(team));
    Ok(if is_of_team { Standing::Unnamed } else { Standing::ControlMember })
}

fn active_control(
    user: &UserId,
    before: &mut impl StoreBefore,
) -> Result<Option<Arc<Account>>, UnavailableError> {
    Ok(before.account(user)?.filter(|account| account.is_active_control()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Participation;
    use crate::permission::takes_part;
    use crate::protocol::{Role, User, WorkState};
    use crate::time::Timestamp;

    /// Control users `a` and `b`, an inactive one, and a driver, with an old conversation of a
    /// team.
    struct Before;

    impl StoreBefore for Before {
        fn account(&mut self, user: &UserId) -> Result<Option<Arc<Account>>, UnavailableError> {
            Ok((user.as_str() != "unknown").then(|| Arc::new(account(user.as_str()))))
        }

        fn teams(&mut self, conversation: &ConversationId) -> Result<Vec<TeamId>, UnavailableError> {
            let has_team = conversation.as_str() == "conv_team";
            Ok(has_team.then(|| CONTROL_TEAM.into()).into_iter().collect())
        }

        fn work(&mut self, conversation: &ConversationId) -> Result<Option<Work>, UnavailableError> {
            let begun = Work::begun(Timestamp::from_millis(0));
            Ok(Some(Work { version: u64::from(conversation.as_str() == "conv_taken"), ..begun }))
        }

        fn active_control(&mut self) -> Result<Arc<BTreeSet<UserId>>, UnavailableError> {
            Ok(Arc::new(["a", "b"].map(UserId::from).into()))
        }
    }

    fn account(user: &str) -> Account {
        let role = if user == "driver" { Role::BusDriver } else { Role::ControlStaff };
        let teams = (role == Role::ControlStaff).then(|| CONTROL_TEAM.into()).into_iter().collect();
        Account { active: user != "inactive", teams, ..Account::new(User::new(user, role)) }
    }

    /// The teams and the members of a conversation that was created with this list.
    fn created(list: &[String]) -> Participation {
        let json = format!(
            r#"{{"conversation_created":{{"id":"conv_1","title":"t","room_type":"driver_support",
            "created_by":"driver","participants":{list:?},"message_id":"msg_1",
            "sent_at":"2024-01-15T10:30:00.000Z"}}}}"#
        );
        let mut event = serde_json::from_str(&json).unwrap();
        complete(&mut event, &mut Before).unwrap();
        let Event::ConversationCreated(created) = event else { panic!("a creation stays one") };
        created.conversation().participation
    }

    fn members(participation: &Participation) -> Vec<(&str, Standing)> {
        participation.members.iter().map(|(user, standing)| (user.as_str(), standing)).collect()
    }

    #[test]
    fn a_list_of_all_control_users_is_the_team() {
        let whole = created(&["a", "b", "driver", "inactive"].map(String::from));
        assert_eq!(whole.teams, [TeamId::from(CONTROL_TEAM)]);
        assert_eq!(members(&whole), [("driver", Standing::Member), ("inactive", Standing::Member)]);
        let some = created(&["a", "driver"].map(String::from));
        assert_eq!(some.teams, [] as [TeamId; 0]);
        assert_eq!(members(&some), [("a", Standing::ControlMember), ("driver", Standing::Member)]);
        let former = Account { user: User::new("a", Role::BusDriver), ..account("driver") };
        assert!(takes_part(&account("a"), &some) && !takes_part(&former, &some));
        let cut: Vec<_> = (0..PARTICIPANTS_MOST).map(|number| format!("control_{number}")).collect();
        assert_eq!(created(&cut).teams, [TeamId::from(CONTROL_TEAM)]);
    }

    #[test]
    fn an_old_message_of_control_resolves_what_nobody_took() {
        for (conversation, sender, expected) in [
            ("conv_1", "a", Some(WorkState::Resolved)),
            ("conv_1", "driver", None),
            ("conv_1", "unknown", None),
            ("conv_taken", "a", None),
        ] {
            let json = format!(
                r#"{{"message_appended":{{"conversation":"{conversation}","seq":2,"message_id":"msg_2",
                "sender":"{sender}","sent_at":"2024-01-15T10:30:00.000Z"}}}}"#
            );
            let mut event = serde_json::from_str(&json).unwrap();
            complete(&mut event, &mut Before).unwrap();
            let Event::MessageAppended(appended) = event else { panic!("a message stays one") };
            assert_eq!(appended.work.as_ref().map(|work| work.state), expected, "{json}");
            assert_eq!(appended.message().work, None, "an app is shown nothing of it");
        }
    }

    #[test]
    fn a_change_of_members_counts_by_the_account_at_the_time() {
        for (kind, conversation, user, expected) in [
            ("user_enrolled", "conv_team", "a", Standing::Unnamed),
            ("user_enrolled", "conv_other", "a", Standing::ControlMember),
            ("user_enrolled", "conv_team", "driver", Standing::Member),
            ("user_enrolled", "conv_team", "inactive", Standing::Member),
            ("user_enrolled", "conv_team", "unknown", Standing::Member),
            ("user_withdrawn", "conv_team", "a", Standing::Withdrawn),
            ("user_withdrawn", "conv_team", "driver", Standing::Unnamed),
            ("user_withdrawn", "conv_team", "inactive", Standing::Unnamed),
        ] {
            let json =
                format!(r#"{{"{kind}":{{"conversation":"{conversation}","user":"{user}","version":2}}}}"#);
            let mut event = serde_json::from_str(&json).unwrap();
            complete(&mut event, &mut Before).unwrap();
            let (Event::MemberAdded(changed) | Event::MemberWithdrawn(changed)) = event else {
                panic!("a change of members stays one")
            };
            assert_eq!(changed.standing, Some(expected), "{json}");
        }
    }
}
