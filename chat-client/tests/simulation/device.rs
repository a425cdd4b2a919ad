//! A device: a machine, its app, and the system around both.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_client::machine::{CallId, Counters, Input, Limits, LinkId, Machine, Output, Settings, ViewId};
use chat_client::outbox::Entry;
use chat_client::transport::TransportError;
use chat_client::{ConnectionState, Event, WaitCause};
use chat_core::id::ConversationId;
use chat_core::protocol::User;
use chat_core::testing::simulation::{Client, Heard, Surroundings};
use chat_core::time::{Monotonic, Now};

use crate::agenda::{Agenda, Todo};
use crate::app::App;
use crate::drafts::Drafts;
use crate::phone::{Clock, Outbox, Provider};

/// The fixed properties of a device.
pub(crate) struct Profile {
    pub(crate) user: User,
    /// The number of the device, part of each message that its user writes.
    pub(crate) number: usize,
    /// Whether the outbox is on its disk; only then is its app killed.
    pub(crate) is_durable: bool,
    /// How often a write to the disk fails, in percent.
    pub(crate) failing_writes: u64,
    pub(crate) clock: Clock,
    /// Whether its user once signs in on it with a role of the other side.
    pub(crate) crosses: bool,
    /// Most milliseconds between two things that its user does.
    pub(crate) pace: u64,
}

/// From the start of an app until it is killed.
pub(crate) struct Life {
    machine: Machine,
    pub(crate) app: App,
    link: Option<(LinkId, u64)>,
    wake_at: Option<Monotonic>,
    pub(crate) in_background: bool,
    /// The conversations of which it is decided whether they are opened.
    considered: BTreeSet<ConversationId>,
}

/// A device.
pub(crate) struct Device {
    pub(crate) profile: Profile,
    /// `None` while the app is not running.
    pub(crate) life: Option<Life>,
    pub(crate) drafts: Drafts,
    outbox: Outbox,
    provider: Provider,
    pub(crate) agenda: Agenda,
    /// Of all lives before this one.
    past: Counters,
    pub(crate) kills: u64,
    /// Sessions that the server has ended in favour of newer ones.
    pub(crate) replaced: u64,
    /// Pauses because the server wants a token of other rights.
    pub(crate) other_rights: u64,
    /// The user does nothing any more, but to look at everything.
    is_calm: bool,
    last_number: u64,
}

impl Device {
    pub(crate) fn new(profile: Profile) -> Self {
        let (mut agenda, provider) = (Agenda::default(), Provider::new(profile.crosses));
        agenda.put(Monotonic::default(), Duration::ZERO, Todo::Start);
        agenda.put(Monotonic::default(), Duration::from_millis(profile.pace), Todo::Act);
        Self {
            profile,
            life: None,
            drafts: Drafts::default(),
            outbox: Outbox::default(),
            provider,
            agenda,
            past: Counters::default(),
            kills: 0,
            replaced: 0,
            other_rights: 0,
            is_calm: false,
            last_number: 0,
        }
    }

    /// The counters of its machine and of all machines before it.
    pub(crate) fn counters(&self) -> impl Iterator<Item = Counters> {
        self.life.iter().map(|life| life.machine.counters()).chain([self.past])
    }

    /// The entries of its outbox.
    pub(crate) fn outbox(&self) -> &[Entry] {
        &self.outbox.entries
    }

    /// Whether its user has signed in on it with a role of the other side.
    pub(crate) fn has_crossed(&self) -> bool {
        self.provider.has_crossed()
    }

    pub(crate) fn state(&self) -> Option<&ConnectionState> {
        self.life.as_ref().map(|life| life.machine.state())
    }

    /// From now on the user only looks at all conversations.
    pub(crate) fn calm(&mut self, around: &mut Surroundings<'_>) {
        self.is_calm = true;
        self.agenda.end_of_acts();
        if self.life.as_ref().is_some_and(|life| life.in_background) {
            self.give(Input::Background(false), around);
        }
        // A restore of a backup may have let the user in again.
        if matches!(self.state(), Some(ConnectionState::Stopped(_))) {
            self.later(around, 1_000..10_000, Todo::Resume);
        }
        for _ in 0..3 {
            self.read(around);
        }
        self.look(around);
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The time as the device shows it.
    pub(crate) fn clock(&self, around: &Surroundings<'_>) -> Now {
        self.profile.clock.show(around.now())
    }

    pub(crate) fn later(&mut self, around: &mut Surroundings<'_>, millis: std::ops::Range<u64>, todo: Todo) {
        let pause = around.random().span(millis);
        self.agenda.put(around.now().monotonic, pause, todo);
    }

    fn todo(&mut self, todo: Todo, around: &mut Surroundings<'_>) {
        match todo {
            Todo::Act => self.act(around),
            Todo::Start => self.start(around),
            Todo::Kept => {
                let is_full = !self.is_calm && around.random().percent(self.profile.failing_writes);
                let result = self.outbox.end(is_full);
                self.give(Input::OutboxPersisted(result), around);
            }
            Todo::ScrollBack(view) => {
                if let Some(life) = &mut self.life {
                    life.app.ask_again(view);
                }
            }
            other => other.input().into_iter().for_each(|input| self.give(input, around)),
        }
    }

    fn start(&mut self, around: &mut Surroundings<'_>) {
        // So few on the first page that most lists need several.
        let limits = Limits { first_page: 1, ..Limits::default() };
        let settings = Settings { limits, outbox_survives: self.profile.is_durable, ..Settings::default() };
        self.life = Some(Life {
            machine: Machine::new(settings, around.random().seed()),
            app: App::default(),
            link: None,
            wake_at: None,
            in_background: false,
            considered: BTreeSet::new(),
        });
        let entries = self.outbox.entries.clone();
        self.note(around, || format!("starts over {entries:?}"));
        self.give(Input::Restored(entries.clone()), around);
    }

    /// The system takes the app's memory away, and with it all that was not on the disk.
    pub(crate) fn kill(&mut self, around: &mut Surroundings<'_>) {
        let Some(life) = self.life.take() else { return };
        self.note(around, || "is killed".to_owned());
        if let Some((_, link)) = life.link {
            around.disconnect(link);
        }
        let kept = around.random().below(self.outbox.being_written() + 1);
        self.outbox.killed(kept);
        self.drafts.killed(&self.outbox.entries);
        self.past = crate::run::sum(self.past, life.machine.counters());
        self.kills += 1;
        self.agenda.end_of_life();
        self.later(around, 0..20_000, Todo::Start);
    }

    /// Gives an input to the machine, and carries out the machine's outputs.
    pub(crate) fn give(&mut self, input: Input, around: &mut Surroundings<'_>) {
        let now = self.clock(around);
        let Some(life) = &mut self.life else { return };
        life.machine.handle(now, input);
        while let Some(output) = self.life.as_mut().and_then(|life| life.machine.poll()) {
            self.act_on(output, around);
        }
    }

    fn act_on(&mut self, output: Output, around: &mut Surroundings<'_>) {
        let Some(life) = &mut self.life else { return };
        match output {
            Output::GetToken => {
                let user = &mut self.profile.user;
                user.role = around.role_of(&user.id).unwrap_or(user.role);
                let token = self.provider.token(&self.profile.user, self.is_calm, around);
                self.later(around, 1..800, Todo::Token(token));
            }
            Output::Connect { link, attempt } => {
                self.last_number += 1;
                if let Some((_, before)) = life.link.replace((link, self.last_number)) {
                    around.disconnect(before);
                }
                around.connect(self.last_number, attempt.token.expose(), attempt.heartbeat);
                self.note(around, || format!("connects as {link:?}"));
            }
            Output::Send { link, frame } => {
                let number = life.link.filter(|(current, _)| *current == link).map(|(_, number)| number);
                self.note(around, || format!("sends {frame:?}"));
                number.into_iter().for_each(|number| around.send(number, frame.clone()));
            }
            Output::Disconnect { link } => {
                if let Some((_, number)) = life.link.take_if(|(current, _)| *current == link) {
                    around.disconnect(number);
                }
                self.note(around, || "hangs up".to_owned());
            }
            Output::PersistOutbox(changes) => {
                self.outbox.begin(changes);
                self.later(around, 0..300, Todo::Kept);
            }
            Output::Answer { id, result } => self.answered(id, result, around),
            Output::Event(event) => self.event(event, around),
            Output::Update { view, update } => {
                self.note(around, || format!("{view:?} shows {update:?}"));
                self.app().update(view, update);
            }
            Output::WakeAt(at) => life.wake_at = at,
        }
    }

    fn app(&mut self) -> &mut App {
        &mut self.life.as_mut().expect("only a running app is told something").app
    }

    fn answered(
        &mut self,
        id: CallId,
        result: Result<chat_core::protocol::Reply, chat_client::Error>,
        around: &mut Surroundings<'_>,
    ) {
        self.note(around, || format!("{id:?} is answered {result:?}"));
        if let Some(view) = self.app().scrolled(id, result) {
            self.later(around, 1_000..3_000, Todo::ScrollBack(view));
        }
    }

    fn event(&mut self, event: Event, around: &mut Surroundings<'_>) {
        self.note(around, || format!("hears {event:?}"));
        self.app().event(&event);
        match event {
            Event::Connection(ConnectionState::Waiting { cause: WaitCause::Replaced, .. }) => {
                self.replaced += 1
            }
            Event::Connection(ConnectionState::Waiting { cause: WaitCause::RightsChanged, .. }) => {
                self.other_rights += 1;
            }
            Event::Connection(ConnectionState::Stopped(_)) => {
                let has_given_up = self.is_calm && around.is_kept_out(&self.profile.user.id);
                if !has_given_up {
                    self.later(around, 1_000..10_000, Todo::Resume);
                }
            }
            Event::Outbox { client_message_id, progress } => {
                if let Err(wrong) = self.drafts.progress(&client_message_id, progress) {
                    self.app().wrong(wrong);
                }
            }
            _ => {}
        }
    }

    /// Opens new conversations, and scrolls back to the first message.
    pub(crate) fn look(&mut self, around: &mut Surroundings<'_>) {
        while let Some(input) = self.wish(around) {
            self.give(input, around);
        }
    }

    fn wish(&mut self, around: &mut Surroundings<'_>) -> Option<Input> {
        let number = self.number();
        let is_stopped = |life: &&mut Life| matches!(life.machine.state(), ConnectionState::Stopped(_));
        let life = self.life.as_mut().filter(|life| !is_stopped(life))?;
        if let Some(view) = life.app.incomplete().first() {
            let limit = i64::try_from(around.random().below(5)).unwrap_or_default() + 1;
            let ask = life.app.scroll_back(*view, CallId(number), limit)?;
            return Some(Input::Call { id: CallId(number), call: ask });
        }
        let app = &mut life.app;
        let unseen = app.known.iter().filter(|id| !app.shows(id));
        let mut unseen = unseen.filter(|id| self.is_calm || !life.considered.contains(*id));
        let conversation_id = unseen.next()?.clone();
        life.considered.insert(conversation_id.clone());
        if !self.is_calm && around.random().percent(10) {
            return self.wish(around);
        }
        app.open(ViewId(number), conversation_id.clone());
        Some(Input::OpenView { view: ViewId(number), conversation_id })
    }

    pub(crate) fn note(&self, around: &mut Surroundings<'_>, line: impl FnOnce() -> String) {
        let Profile { number, user, .. } = &self.profile;
        around.note(|| format!("device {number} of {} {}", user.id, line()));
    }
}

impl Client for Device {
    fn handle(&mut self, heard: Heard, around: &mut Surroundings<'_>) {
        let link = self.life.as_ref().and_then(|life| life.link);
        let current = |number: u64| link.filter(|(_, current)| *current == number).map(|(link, _)| link);
        let input = match heard {
            Heard::Woken => {
                while let Some(todo) = self.agenda.next(around.now().monotonic) {
                    self.todo(todo, around);
                }
                let due = |at: &mut Monotonic| *at <= around.now().monotonic;
                let is_due = self.life.as_mut().and_then(|life| life.wake_at.take_if(due)).is_some();
                is_due.then_some(Input::Tick)
            }
            Heard::Opened { link } => current(link).map(|link| Input::Opened { link }),
            Heard::Frame { link, frame } => current(link).map(|link| Input::Frame { link, frame }),
            Heard::Lost { link, reason } => {
                current(link).map(|link| Input::Lost { link, error: TransportError::network(reason) })
            }
        };
        input.into_iter().for_each(|input| self.give(input, around));
        self.look(around);
        let wake_at = self.life.as_ref().and_then(|life| life.wake_at);
        around.wake_at(self.agenda.deadline().into_iter().chain(wake_at).min());
    }
}
