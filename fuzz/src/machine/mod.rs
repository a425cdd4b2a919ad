//! A client's machine under arbitrary events: frames, links, tokens, disks and apps.
//!
//! Apps, disks and token providers keep their contracts here, because a machine owes nothing
//! without them. Servers and networks have no contract.

mod app;
mod frames;
mod watch;

use std::time::Duration;

use arbitrary::Unstructured;
use chat_client::machine::{Input, Limits, Machine, Settings};
use chat_client::outbox::OutboxError;
use chat_client::transport::TransportError;
use chat_client::{Retry, TokenError};
use chat_core::frame::Frame;
use chat_core::protocol::CloseCode;
use chat_core::time::{Now, Timestamp};

use app::App;
use watch::Watch;

/// Steps of one input. Longer inputs find nothing new.
const STEPS_MOST: usize = 300;
/// Limit of a frame's bytes: less than a long draft needs, and more than anything else.
const FRAME_BYTES: usize = 1_000;
/// Maximum of consecutive ticks at one time. More mean useless wake-ups.
const TICKS_MOST: usize = 20;

/// Runs one input: a client's life, from start to end.
///
/// # Panics
///
/// The machine breaks its contract: see `watch`.
pub fn run(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let mut phone = Phone::new(bytes.arbitrary().unwrap_or(false));
    // An input too short for its last step ends before this step.
    let _ = phone.live(&mut bytes);
    phone.end();
}

/// Small limits, within reach of inputs.
fn settings(forgets: bool) -> Settings {
    let defaults = Limits::default();
    let conversations = if forgets { 3 } else { defaults.conversations };
    let limits = Limits {
        outbox: 6,
        calls: 6,
        on_wire: 4,
        catching_up: 2,
        conversations,
        first_page: 2,
        views: 3,
        typing: 2,
        frame_bytes: FRAME_BYTES,
    };
    Settings { limits, outbox_survives: forgets, ..Settings::default() }
}

/// A machine with its surroundings.
struct Phone {
    machine: Machine,
    now: Now,
    app: App,
    watch: Watch,
}

impl Phone {
    /// With `forgets`, the limit of followed conversations is so small that some are forgotten, and
    /// their messages may be reported again.
    fn new(forgets: bool) -> Self {
        let settings = settings(forgets);
        let now = Now { wall: Timestamp::from_millis(1_705_314_600_000), ..Now::default() };
        let watch = Watch::new(settings.limits.clone(), forgets);
        Self { machine: Machine::new(settings, [7; 32]), now, app: App::default(), watch }
    }

    fn live(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let restored = App::restored(bytes)?;
        self.give(Input::Restored(restored));
        for _ in 0..STEPS_MOST {
            if bytes.is_empty() {
                break;
            }
            self.step(bytes)?;
        }
        Ok(())
    }

    fn step(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        match bytes.int_in_range(0..=31_u8)? {
            0..=2 => self.open(),
            3..=9 => self.reply(bytes)?,
            10..=14 => {
                let text = frames::event(bytes)?;
                self.frame(text.into_bytes());
            }
            15 => {
                let length = bytes.int_in_range(0..=255)?;
                let frame = bytes.bytes(length.min(bytes.len()))?.to_vec();
                self.frame(frame);
            }
            16 => self.cut(bytes)?,
            17..=18 => self.token(bytes)?,
            19..=20 => self.kept(bytes)?,
            21..=22 => self.pass(bytes)?,
            23..=24 => self.wait(),
            25 => self.progress(),
            _ => {
                if let Some(input) = self.app.input(bytes)? {
                    self.give(input);
                }
            }
        }
        Ok(())
    }

    /// The transport opens.
    fn open(&mut self) {
        if let Some(link) = self.watch.opening() {
            self.give(Input::Opened { link });
        }
    }

    /// Bytes move.
    fn progress(&mut self) {
        if let Some(link) = self.watch.link() {
            self.give(Input::Progress { link });
        }
    }

    /// The server answers a request, not always the oldest.
    fn reply(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let place = bytes.arbitrary::<u8>()?;
        let Some(request) = self.watch.take_request(usize::from(place)) else { return Ok(()) };
        let text = frames::reply(&request, bytes)?;
        self.frame(text.into_bytes());
        Ok(())
    }

    fn frame(&mut self, text: Vec<u8>) {
        if let Some(link) = self.watch.link() {
            self.give(Input::Frame { link, frame: Frame::Text(text.into()) });
        }
    }

    /// The transport ends.
    fn cut(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let Some(link) = self.watch.link() else { return Ok(()) };
        let input = match bytes.int_in_range(0..=5_u8)? {
            0 => Input::Lost { link, error: TransportError::refused("refused") },
            1 => Input::Lost {
                link,
                error: TransportError { retry: Retry::WithNewToken, reason: "expired".into() },
            },
            2 => Input::Frame { link, frame: Frame::Binary(b"binary".to_vec().into()) },
            3 | 4 => Input::Frame { link, frame: Frame::Close(*bytes.choose(&CloseCode::ALL)?) },
            _ => Input::Lost { link, error: TransportError::network("lost") },
        };
        self.give(input);
        Ok(())
    }

    /// The token provider answers a pending request.
    fn token(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let result = match bytes.int_in_range(0..=7_u8)? {
            0 => Err(TokenError::Unavailable("offline".into())),
            1 => Err(TokenError::Refused("logged out".into())),
            _ => Ok(frames::token(bytes)?.into()),
        };
        if self.watch.take_token_wanted() {
            self.give(Input::Token(result));
        }
        Ok(())
    }

    /// The disk completes a pending write.
    fn kept(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let is_full = bytes.int_in_range(0..=7_u8)? == 0;
        if self.watch.take_keep_wanted(!is_full) {
            self.give(Input::OutboxPersisted(if is_full { Err(OutboxError::new("full")) } else { Ok(()) }));
        }
        Ok(())
    }

    /// Time passes, or the wall clock is changed.
    fn pass(&mut self, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let millis = Duration::from_millis(bytes.arbitrary::<u16>()?.into());
        match bytes.int_in_range(0..=7_u8)? {
            0 => self.now.wall = self.now.wall.minus(millis * 60),
            1 => self.now.wall = self.now.wall.plus(millis * 60),
            _ => self.advance(millis),
        }
        self.give(Input::Tick);
        Ok(())
    }

    /// Time passes until the machine's next deadline.
    fn wait(&mut self) {
        if let Some(at) = self.watch.wake_at() {
            self.advance(at.since(self.now.monotonic));
            self.wake();
        }
    }

    fn advance(&mut self, by: Duration) {
        self.now.monotonic = self.now.monotonic.plus(by);
        self.now.wall = self.now.wall.plus(by);
    }

    /// Gives an input and handles all outputs. Wakes the machine if its deadline is now.
    fn give(&mut self, input: Input) {
        self.hand_over(input);
        self.wake();
    }

    fn wake(&mut self) {
        for _ in 0..TICKS_MOST {
            match self.watch.wake_at() {
                Some(at) if at <= self.now.monotonic => self.hand_over(Input::Tick),
                _ => return,
            }
        }
        panic!("it wants to be woken at {:?}, again and again at {:?}", self.watch.wake_at(), self.now);
    }

    fn hand_over(&mut self, input: Input) {
        self.watch.input(&input);
        self.machine.handle(self.now, input);
        while let Some(output) = self.machine.poll() {
            self.watch.output(output);
        }
        self.watch.at_rest(&self.machine);
    }

    /// Closes the client, and completes the remaining writes.
    fn end(mut self) {
        self.give(Input::Close);
        while self.watch.take_keep_wanted(true) {
            self.give(Input::OutboxPersisted(Ok(())));
        }
        assert!(self.machine.is_closed(), "it does not come to its end");
        self.watch.at_end();
    }
}
