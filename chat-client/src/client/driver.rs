//! What a machine asks of the world, done over one transport, one provider of tokens, one outbox and one clock.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Clock;
use chat_core::frame::Frame;
use chat_core::protocol::CloseCode;
use futures::future::{Either, join4, select};
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};

use super::shared::Shared;
use crate::machine::{Input, LinkId};
use crate::outbox::Outbox;
use crate::token::TokenProvider;
use crate::transport::{Connector, ProgressReport, TransportError};

/// Runs a client until it is closed.
///
/// Each part waits for its own orders in [`Shared`], carries them out one by one, and gives the machine what came of it.
/// All run in one task.
pub(super) async fn run(
    shared: &Arc<Shared>,
    connector: impl Connector,
    clock: impl Clock,
    tokens: impl TokenProvider,
    outbox: impl Outbox,
) {
    let parts = join4(
        connect(shared, connector, &clock),
        wake(shared, &clock),
        get_tokens(shared, tokens),
        keep(shared, outbox),
    );
    let closed = shared.wait(|state| state.machine.is_closed().then_some(()));
    select(pin!(parts), pin!(closed)).await;
}

/// Whoever waits for the client hears of it if its driver ends early.
pub(super) struct EndGuard(pub(super) Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.with(super::shared::State::driver_ended);
    }
}

/// Lets the machine know when the time comes that it waits for.
async fn wake(shared: &Shared, clock: &impl Clock) {
    loop {
        let at = shared.wait(|state| state.commands.wake_at).await;
        let other = shared.wait(|state| (state.commands.wake_at != Some(at)).then_some(()));
        if let Either::Left(_) = select(pin!(clock.sleep_until(at)), pin!(other)).await {
            shared.with(|state, now| {
                state.commands.wake_at = None;
                state.input(now, Input::Tick);
            });
        }
    }
}

async fn get_tokens(shared: &Shared, mut provider: impl TokenProvider) {
    loop {
        shared.wait(|state| std::mem::take(&mut state.commands.get_token).then_some(())).await;
        let token = provider.token().await;
        shared.input(Input::Token(token));
    }
}

async fn keep(shared: &Shared, mut outbox: impl Outbox) {
    loop {
        let changes = shared.wait(|state| state.commands.keep.take()).await;
        let kept = outbox.write(changes).await;
        shared.input(Input::OutboxPersisted(kept));
    }
}

/// Has the transport that the machine wants, for as long as it wants it.
async fn connect(shared: &Arc<Shared>, mut connector: impl Connector, clock: &impl Clock) {
    let mut last = None;
    loop {
        let (link, mut attempt) =
            shared.wait(|state| state.commands.link.clone().filter(|(link, _)| Some(*link) != last)).await;
        last = Some(link);
        let reported = Arc::clone(shared);
        attempt.progress = ProgressReport::to(move || reported.input(Input::Progress { link }));
        let carried = async {
            let transport = connector.connect(attempt).await?;
            shared.input(Input::Opened { link });
            carry(shared, link, transport, clock).await
        };
        let unwanted = shared.wait(|state| is_unwanted(state, link).then_some(()));
        if let Either::Left((Err(error), _)) = select(pin!(carried), pin!(unwanted)).await {
            shared.input(Input::Lost { link, error });
        }
    }
}

fn is_unwanted(state: &super::shared::State, link: LinkId) -> bool {
    state.commands.link.as_ref().is_none_or(|(wanted, _)| *wanted != link)
}

/// How long what had come in is read after a write has failed, should the transport not end by itself.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// Carries frames both ways. Reading goes on while a write is stuck, and after one has failed until all that had come in
/// is read: an answer among it makes a repetition needless, and a close code says what to do.
async fn carry<T>(
    shared: &Shared,
    link: LinkId,
    transport: T,
    clock: &impl Clock,
) -> Result<(), TransportError>
where
    T: Stream<Item = Result<Frame, TransportError>> + Sink<Frame, Error = TransportError>,
{
    let (sink, stream) = transport.split();
    match select(pin!(read(shared, link, stream)), pin!(write(shared, link, sink))).await {
        Either::Left((ended, _)) | Either::Right((ended @ Ok(()), _)) => ended,
        Either::Right((Err(error), read)) => {
            let until = shared.now().monotonic.plus(LAST_WORDS_WITHIN);
            select(read, pin!(clock.sleep_until(until))).await;
            Err(error)
        }
    }
}

async fn read<T>(shared: &Shared, link: LinkId, mut stream: T) -> Result<(), TransportError>
where
    T: Stream<Item = Result<Frame, TransportError>> + Unpin,
{
    while let Some(frame) = stream.next().await {
        shared.input(Input::Frame { link, frame: frame? });
    }
    Err(TransportError::network("the connection ended"))
}

/// Writes all that is queued, then flushes once. When the transport is not wanted any more, says goodbye, if there is
/// room for that right now.
async fn write<T>(shared: &Shared, link: LinkId, mut sink: T) -> Result<(), TransportError>
where
    T: Sink<Frame, Error = TransportError> + Unpin,
{
    loop {
        let frames = shared.wait(|state| {
            let frames = std::mem::take(&mut state.commands.frames);
            if is_unwanted(state, link) { Some(None) } else { (!frames.is_empty()).then_some(Some(frames)) }
        });
        let Some(frames) = frames.await else {
            // A peer that is gone need not be told.
            let _ = sink.send(Frame::Close(CloseCode::Normal)).now_or_never();
            return Ok(());
        };
        for frame in frames {
            sink.feed(Frame::Text(frame)).await?;
        }
        sink.flush().await?;
    }
}
