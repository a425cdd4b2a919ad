//! The messages of a conversation in a layer.

use std::ops::RangeInclusive;

use chat_core::store::Position;

use crate::store::values::MessageValue;

/// Messages with their numbers and the positions of their groups. Both rise.
#[derive(Default, Debug)]
pub(super) struct ConversationMessages(Vec<(u64, Position, MessageValue)>);

impl ConversationMessages {
    /// Adds the next message.
    pub(super) fn push(&mut self, seq: u64, position: Position, message: MessageValue) {
        debug_assert!(self.0.last().is_none_or(|(last, ..)| *last < seq), "a message is written once");
        self.0.push((seq, position, message));
    }

    /// All messages with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &MessageValue)> {
        self.0.iter().map(|(seq, _, message)| (*seq, message))
    }

    /// The first or the newest of these messages, as of a position.
    pub(super) fn find(
        &self,
        seqs: &RangeInclusive<u64>,
        newest: bool,
        position: Position,
    ) -> Option<(u64, MessageValue)> {
        let at = if newest {
            let until = |(seq, written, _): &(u64, Position, _)| seq <= seqs.end() && *written <= position;
            self.0.partition_point(until).checked_sub(1)?
        } else {
            self.0.partition_point(|(seq, ..)| seq < seqs.start())
        };
        let (seq, written, message) = self.0.get(at)?;
        (seqs.contains(seq) && *written <= position).then(|| (*seq, message.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[test]
    fn the_first_and_the_newest_of_any_range_are_found_as_of_any_position() {
        let mut messages = ConversationMessages::default();
        // Number 4 to 9, two in each group.
        let all: Vec<_> = (4..10).map(|seq| (seq, Position(seq / 2), message(&seq.to_string()))).collect();
        all.iter().cloned().for_each(|(seq, position, message)| messages.push(seq, position, message));
        for (start, end, position) in
            (0..12).flat_map(|start| (0..12).flat_map(move |end| (1..6).map(move |at| (start, end, at))))
        {
            let (seqs, position) = (start..=end, Position(position));
            let seen = all.iter().filter(|(seq, written, _)| seqs.contains(seq) && *written <= position);
            let seen: Vec<_> = seen.map(|(seq, _, message)| (*seq, message.clone())).collect();
            assert_eq!(messages.find(&seqs, false, position), seen.first().cloned(), "{seqs:?}");
            assert_eq!(messages.find(&seqs, true, position), seen.last().cloned(), "{seqs:?}");
        }
        assert!(messages.iter().eq(all.iter().map(|(seq, _, message)| (*seq, message))));
    }
}
