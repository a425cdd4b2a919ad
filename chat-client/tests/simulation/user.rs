//! The actions of a user, one after the other.

use chat_client::machine::{Call, CallId, Input, ViewId};
use chat_client::outbox::{Draft, Entry};
use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::{
    EmergencyReason, EndEmergency, JoinSupportRoom, MarkMessageRead, ReleaseConversation,
    ResolveConversation, RoomType, TakeConversation, WithdrawEmergency,
};
use chat_core::testing::simulation::Surroundings;

use crate::agenda::Todo;
use crate::device::Device;

/// Most conversations that are begun on one device.
const CREATIONS: usize = 3;

impl Device {
    /// Does one thing, and will do another after a while.
    pub(crate) fn act(&mut self, around: &mut Surroundings<'_>) {
        if around.acts() {
            self.act_once(around);
        }
        self.later(around, 1..self.profile.pace, Todo::Act);
    }

    fn act_once(&mut self, around: &mut Surroundings<'_>) {
        match around.random().below(100) {
            _ if self.drafts.written.is_empty() => self.create(around),
            0..40 => self.write_here(1, around),
            40..45 => self.write_here(6, around),
            45..55 => self.create(around),
            55..70 => self.read(around),
            70..78 => self.type_somewhere(around),
            78..86 => self.open_or_shut(around),
            86..89 => self.background(around),
            89..92 => self.give(Input::NetworkIsBack, around),
            92..94 => self.join_room(around),
            94..97 => self.work(around),
            _ if self.profile.is_durable => self.kill(around),
            _ => {}
        }
    }

    fn any_known(&mut self, around: &mut Surroundings<'_>) -> Option<ConversationId> {
        let known: Vec<_> = self.life.as_ref()?.app.known.iter().cloned().collect();
        around.random().pick(&known).cloned()
    }

    /// Writes some messages to one conversation.
    fn write_here(&mut self, count: u64, around: &mut Surroundings<'_>) {
        let Some(conversation_id) = self.any_known(around) else { return };
        for _ in 0..=around.random().below(count) {
            let conversation_id = conversation_id.clone();
            self.post(around, |content| Draft::SendChatMessage { conversation_id, content: content.into() });
        }
    }

    fn create(&mut self, around: &mut Surroundings<'_>) {
        let created = self.drafts.written.iter().filter(|written| written.conversation.is_none()).count();
        if self.profile.user.role.is_control() || created >= CREATIONS {
            return;
        }
        let room_type = around.random().percent(20).then_some(RoomType::EmergencySupport);
        self.post(around, |content| Draft::CreateSupportConversation {
            title: "Help".into(),
            content: content.into(),
            room_type,
        });
    }

    fn post(&mut self, around: &mut Surroundings<'_>, draft: impl FnOnce(&str) -> Draft) {
        if self.life.is_none() {
            return;
        }
        let text = format!("{}-{}", self.profile.number, self.drafts.written.len());
        let span = around.random().span(10..8_000);
        let is_urgent = around.random().percent(20);
        let not_after = is_urgent.then(|| self.clock(around).wall.plus(span));
        let entry =
            Entry { client_message_id: ClientMessageId::from(text.as_str()), draft: draft(&text), not_after };
        self.note(around, || format!("writes {text} {entry:?}"));
        self.drafts.write(&entry);
        self.give(Input::Post(entry), around);
    }

    /// Reads up to the newest message of a conversation.
    pub(crate) fn read(&mut self, around: &mut Surroundings<'_>) {
        let (id, place) = (CallId(self.number()), around.random().below(64));
        let me = &self.profile.user.id;
        let Some(newest) = self.life.as_ref().and_then(|life| life.app.newest(place, me)) else { return };
        let (conversation_id, message_id) = (newest.conversation_id.clone(), newest.id.clone());
        let ask = Call::MarkMessageRead(MarkMessageRead { conversation_id, message_id });
        self.give(Input::Call { id, call: ask }, around);
    }

    /// Changes the work on a conversation, as far as the app knows it.
    fn work(&mut self, around: &mut Surroundings<'_>) {
        let Some(conversation_id) = self.any_known(around) else { return };
        let work = self.life.as_ref().and_then(|life| life.app.work.get(&conversation_id));
        let Some(version) = work.map(|work| work.version) else { return };
        if around.random().percent(50) {
            self.end_emergency(around);
        }
        if !self.profile.user.role.is_control() {
            return;
        }
        let number = self.number();
        let client_message_id = Some(format!("work-{}-{number}", self.profile.number).into());
        let call = match around.random().below(4) {
            0 => {
                Call::ReleaseConversation(ReleaseConversation { conversation_id, version, client_message_id })
            }
            1 => {
                Call::ResolveConversation(ResolveConversation { conversation_id, version, client_message_id })
            }
            _ => Call::TakeConversation(TakeConversation { conversation_id, version, client_message_id }),
        };
        self.give(Input::Call { id: CallId(number), call }, around);
    }

    /// Ends an emergency, or withdraws one, as far as the app knows it.
    fn end_emergency(&mut self, around: &mut Surroundings<'_>) {
        let Some(life) = &self.life else { return };
        let known: Vec<_> =
            life.app.emergencies.iter().map(|(id, known)| (id.clone(), known.version)).collect();
        let Some((conversation_id, version)) = around.random().pick(&known).cloned() else { return };
        let number = self.number();
        let client_message_id = Some(format!("end-{}-{number}", self.profile.number).into());
        let call = if self.profile.user.role.is_control() {
            let reason = EmergencyReason::Solved;
            Call::EndEmergency(EndEmergency { conversation_id, version, reason, client_message_id })
        } else {
            Call::WithdrawEmergency(WithdrawEmergency { conversation_id, version, client_message_id })
        };
        self.give(Input::Call { id: CallId(number), call }, around);
    }

    fn type_somewhere(&mut self, around: &mut Surroundings<'_>) {
        let Some(conversation_id) = self.any_known(around) else { return };
        self.later(around, 100..20_000, Todo::StopTyping(conversation_id.clone()));
        self.give(Input::Typing { conversation_id, is_typing: true }, around);
    }

    fn open_or_shut(&mut self, around: &mut Surroundings<'_>) {
        let view = ViewId(self.number());
        let Some(conversation_id) = self.any_known(around) else { return };
        let Some(life) = &mut self.life else { return };
        let shown = life.app.views.iter().find(|(_, view)| view.conversation == conversation_id);
        match shown.map(|(view, _)| *view) {
            Some(shown) if around.random().percent(20) => self.give(Input::ReloadView(shown), around),
            Some(shown) if around.random().percent(80) => {
                life.app.views.remove(&shown);
                self.give(Input::CloseView(shown), around);
            }
            _ => {
                life.app.open(view, conversation_id.clone());
                self.give(Input::OpenView { view, conversation_id }, around);
            }
        }
    }

    fn background(&mut self, around: &mut Surroundings<'_>) {
        let Some(life) = &mut self.life else { return };
        life.in_background = !life.in_background;
        let in_background = life.in_background;
        self.give(Input::Background(in_background), around);
    }

    fn join_room(&mut self, around: &mut Surroundings<'_>) {
        if self.profile.user.role.is_control() {
            let room_type = *around.random().pick(&RoomType::ALL).unwrap_or(&RoomType::GeneralSupport);
            let ask = Call::JoinSupportRoom(JoinSupportRoom { room_type });
            let id = CallId(self.number());
            self.give(Input::Call { id, call: ask }, around);
        }
    }
}
