//! The driver of a machine: carries out its outputs over one connector, one token provider, one
//! outbox and one clock.

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
/// Each part waits for its own commands in [`Shared`], carries them out one by one, and gives the
/// machine the results. All parts run in one task.
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
        persist(shared, outbox),
    );
    let closed = shared.wait(|state| state.machine.is_closed().then_some(()));
    select(pin!(parts), pin!(closed)).await;
}

/// Ends the client for everyone waiting if the driver is dropped early.
pub(super) struct EndGuard(pub(super) Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.with(super::shared::State::driver_ended);
    }
}

/// Gives the machine a tick at the time of its next deadline.
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

async fn persist(shared: &Shared, mut outbox: impl Outbox) {
    loop {
        let changes = shared.wait(|state| state.commands.persist.take()).await;
        let kept = outbox.write(changes).await;
        shared.input(Input::OutboxPersisted(kept));
    }
}

/// Keeps the transport that the machine wants, for as long as the machine wants it.
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

/// Time to read the frames already received after a write has failed, if the transport does not end
/// by itself.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// Carries frames both ways. Reading continues while a write is stuck. After a failed write,
/// reading continues until all received frames are read, because a reply among them saves a
/// repetition, and a close code says how to go on.
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

/// Writes all queued frames, then flushes once. When the transport is no longer wanted, sends a
/// close frame if there is room for one right now.
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
            // Failure is fine: a peer that is gone needs no close.
            let _ = sink.send(Frame::Close(CloseCode::Normal)).now_or_never();
            return Ok(());
        };
        for frame in frames {
            sink.feed(Frame::Text(frame)).await?;
        }
        sink.flush().await?;
    }
}
