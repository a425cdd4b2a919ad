//! The lists of conversations by their work, as rows of the index.

use chat_core::conversation::{Participation, Standing};
use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::Work;
use chat_core::store::WorkPlace;

use super::view::View;
use crate::store::keys::{self, WorkOwner};

/// Lists a conversation by its work from now on, and by `before` no more.
pub(super) fn relist(
    view: &mut View,
    id: &ConversationId,
    participation: &Participation,
    before: Option<&Work>,
    work: &Work,
) {
    for owner in owners(participation) {
        if let Some(before) = before {
            remove(view, owner, id, before);
        }
        put(view, owner, id, work);
    }
    if let Some((assignee, before)) = before.and_then(|before| Some((before.taken_by()?, before))) {
        remove(view, WorkOwner::Assignee(assignee), id, before);
    }
    if let Some(assignee) = work.taken_by() {
        put(view, WorkOwner::Assignee(assignee), id, work);
    }
}

/// Lists a conversation for a user with a new standing by name, or lists it no more.
pub(super) fn relist_member(
    view: &mut View,
    id: &ConversationId,
    (user, standing): (&UserId, Standing),
    work: &Work,
) {
    let owner = WorkOwner::User(user);
    if standing == Standing::ControlMember {
        put(view, owner, id, work);
    } else {
        remove(view, owner, id, work);
    }
}

fn owners(Participation { teams, members }: &Participation) -> impl Iterator<Item = WorkOwner<'_>> {
    let members = members.iter().filter(|(_, standing)| *standing == Standing::ControlMember);
    teams.iter().map(WorkOwner::Team).chain(members.map(|(user, _)| WorkOwner::User(user)))
}

fn key(owner: WorkOwner<'_>, id: &ConversationId, work: &Work) -> Vec<u8> {
    keys::work_at(owner, work.is_open(), &WorkPlace { rank: work.rank(), id: id.clone() })
}

fn put(view: &mut View, owner: WorkOwner<'_>, id: &ConversationId, work: &Work) {
    let assignee = work.taken_by().map_or("", UserId::as_str);
    view.put(key(owner, id, work), assignee.as_bytes());
}

fn remove(view: &mut View, owner: WorkOwner<'_>, id: &ConversationId, work: &Work) {
    view.remove(key(owner, id, work));
}
