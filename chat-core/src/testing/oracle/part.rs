//! The model of who takes part in a conversation: by name, or by team.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::{Conversation, Members, Standing};
use crate::export::{Account, Export, StoredAccount};
use crate::id::UserId;

/// The beginning of the id of notes. The rest is the id of the conversation that they belong to.
pub(super) const NOTES: &str = "notes_";

/// The conversation with the participants that count: for notes, those of the conversation that
/// they belong to.
pub(super) fn with_participants<'a>(store: &Export, conversation: &'a Conversation) -> Cow<'a, Conversation> {
    let main = conversation.id.as_str().strip_prefix(NOTES).and_then(|main| store.conversations.get(main));
    main.map_or(Cow::Borrowed(conversation), |main| {
        let Conversation { participation, version, .. } = main.conversation.clone();
        Cow::Owned(Conversation { participation, version, ..conversation.clone() })
    })
}

/// Whether the user of an account takes part in a conversation. Notes are for control alone.
pub(super) fn takes_part(account: &Account, conversation: &Conversation) -> bool {
    let is_control = account.user.role.is_control();
    if conversation.id.as_str().starts_with(NOTES) && !is_control {
        return false;
    }
    let may = match conversation.participation.members.standing(&account.user.id) {
        Standing::Withdrawn => false,
        Standing::Member => true,
        Standing::ControlMember => is_control || shares_team(account, conversation),
        Standing::Unnamed => shares_team(account, conversation),
    };
    may && account.active
}

/// Whether the user of an account takes part in a conversation because of a team alone.
pub(super) fn is_in_by_team(account: &Account, conversation: &Conversation) -> bool {
    let standing = conversation.participation.members.standing(&account.user.id);
    account.active && standing == Standing::Unnamed && shares_team(account, conversation)
}

fn shares_team(account: &Account, conversation: &Conversation) -> bool {
    account.teams.iter().any(|team| conversation.participation.teams.contains(team))
}

/// Everyone with an account who takes part in a conversation now.
fn participants(store: &Export, conversation: &Conversation) -> BTreeSet<String> {
    let accounts = store.accounts.values().filter(|stored| takes_part(&stored.account, conversation));
    accounts.map(|stored| stored.user().id.to_string()).collect()
}

/// The participants that a reply names: members by name, active or not, members while in control,
/// and the active users of the teams.
pub(super) fn named(store: &Export, conversation: &Conversation) -> BTreeSet<UserId> {
    let members = conversation.participation.members.iter();
    let is_control = |user| store.accounts.get(user).is_some_and(|stored| stored.account.is_active_control());
    let by_name = members.filter(|(user, standing)| match standing {
        Standing::Member => true,
        Standing::ControlMember => is_control(*user),
        Standing::Unnamed | Standing::Withdrawn => false,
    });
    let by_team = store.accounts.values().filter(|stored| is_in_by_team(&stored.account, conversation));
    by_name.map(|(user, _)| user.clone()).chain(by_team.map(|stored| stored.user().id.clone())).collect()
}

/// The rights of all users at the last look at the store, and what has changed.
#[derive(Default)]
pub(super) struct Rights {
    of: BTreeMap<UserId, Account>,
    /// The users whose rights the last commit has changed.
    pub(super) changed: BTreeSet<String>,
    /// Their accounts before.
    before: Vec<Account>,
    /// The last look that found a change.
    changed_at: u64,
    /// The number of the last look.
    look: u64,
    /// A commit has changed rights, and the server does not know.
    is_untold: bool,
}

impl Rights {
    pub(super) fn note(&mut self, store: &Export, look: u64, is_told: bool) {
        self.look = look;
        self.changed.clear();
        self.before.clear();
        let rights = |account: &Account| (account.user.role, account.active, account.teams.clone());
        for (id, StoredAccount { account, .. }) in &store.accounts {
            if self.of.get(id).map(rights) != Some(rights(account)) {
                self.changed.insert(id.to_string());
                self.before.extend(self.of.insert(id.clone(), account.clone()));
            }
        }
        if !self.changed.is_empty() {
            self.changed_at = look;
            self.is_untold |= !is_told;
        }
    }

    /// Whether the server has known these rights since this look. A server knows what a commit has
    /// changed at the latest when it begins the next.
    pub(super) fn are_known_since(&self, look: u64) -> bool {
        self.changed_at < look && !self.is_untold
    }

    /// A new server reads all rights.
    pub(super) fn began(&mut self) {
        self.is_untold = false;
    }
}

/// The part of a user in a conversation.
struct Part {
    /// The look that has found it.
    since: u64,
    /// The first message due to the connections that the user had by then.
    due_from: u64,
}

/// The participants of a conversation over time.
#[derive(Default)]
pub(super) struct Parts {
    now: BTreeMap<String, Part>,
    /// The participants before, within and after the last commit, who may hear its messages.
    audience: BTreeSet<String>,
    /// The look that has found each former participant without a part.
    left: BTreeMap<String, u64>,
    members: Members,
    /// The users whose standing by name has changed since the creation.
    moved: BTreeSet<String>,
}

impl Parts {
    /// Looks at a conversation after a commit. `is_new` is whether the commit has created it.
    pub(super) fn note(
        &mut self,
        store: &Export,
        conversation: &Conversation,
        is_new: bool,
        rights: &Rights,
    ) {
        let now = participants(store, conversation);
        let audience = self.audience_of(store, conversation, rights);
        self.note_members(conversation, is_new);
        for user in audience.difference(&now) {
            self.left.insert(user.clone(), rights.look);
        }
        let is_alone = is_new && conversation.version == 1 && conversation.last_seq == 1;
        let mut before = std::mem::take(&mut self.now);
        for user in now {
            let is_changed = rights.changed.contains(&user);
            let part = before.remove(&user).filter(|_| !is_changed).unwrap_or_else(|| Part {
                since: rights.look,
                due_from: if is_alone && !is_changed { 1 } else { conversation.last_seq + 1 },
            });
            self.now.insert(user, part);
        }
        self.audience = audience;
    }

    /// Everyone who may have taken part before, within or after a commit: by the rights and the
    /// members of before or of now.
    fn audience_of(&self, store: &Export, conversation: &Conversation, rights: &Rights) -> BTreeSet<String> {
        let mut before = conversation.clone();
        before.participation.members = self.members.clone();
        let accounts = store.accounts.values().map(|stored| &stored.account).chain(&rights.before);
        let may =
            accounts.filter(|account| takes_part(account, conversation) || takes_part(account, &before));
        may.map(|account| account.user.id.to_string()).chain(self.now.keys().cloned()).collect()
    }

    fn note_members(&mut self, conversation: &Conversation, is_new: bool) {
        let members = &conversation.participation.members;
        if !is_new || conversation.version > 1 {
            let named = members.iter().chain(self.members.iter()).map(|(user, _)| user);
            let moved = named.filter(|user| members.standing(user) != self.members.standing(user));
            self.moved.extend(moved.map(ToString::to_string));
        }
        self.members = members.clone();
    }

    pub(super) fn audience(&self) -> &BTreeSet<String> {
        &self.audience
    }

    /// Notes who has taken part some time before the first look, and may repeat a message.
    pub(super) fn had<'a>(&mut self, users: impl Iterator<Item = &'a str>) {
        for user in users.filter(|user| !self.now.contains_key(*user)).collect::<BTreeSet<_>>() {
            self.left.entry(user.to_owned()).or_insert(0);
        }
    }

    pub(super) fn was_ever(&self, user: &str) -> bool {
        self.now.contains_key(user) || self.left.contains_key(user)
    }

    pub(super) fn was_in_since(&self, user: &str, look: u64) -> bool {
        self.now.contains_key(user) || self.left.get(user).is_some_and(|left| *left >= look)
    }

    pub(super) fn is_in_since(&self, user: &str, look: u64) -> bool {
        self.now.get(user).is_some_and(|part| part.since < look)
    }

    pub(super) fn has_moved(&self, user: &str) -> bool {
        self.moved.contains(user)
    }

    /// The first message due to a connection of the user that has been open all the time.
    pub(super) fn due_from(&self, user: &str) -> Option<u64> {
        self.now.get(user).map(|part| part.due_from)
    }
}
