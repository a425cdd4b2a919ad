//! An app that is killed again and again, and its outbox file: accepted drafts are sent once and in
//! order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chat_client::outbox::{Draft, Entry, FileOutbox};
use chat_client::{Acknowledged, ChatClient, Event, Progress};
use chat_core::id::ClientMessageId;
use futures::StreamExt as _;
use server_test_support::apps::Random;
use server_test_support::apps::history::{History, Line};
use server_test_support::apps::settings::{NO_RATES, PATIENCE, start_over};
use server_test_support::{Server, create, john, token};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;

const LIVES: usize = 20;

/// Messages that one life writes at most: all of them together fit into an outbox.
const PER_LIFE: usize = 15;

/// How often the server is killed too.
const SERVER_KILL_EVERY: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_app_had_accepted_is_sent_once_and_in_its_order() {
    let mut random = Random::of_test("killed app", "TUNNELS_SEED");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut server = Server::start_in(dir.path(), &NO_RATES);
    let conversations = two_conversations(&server).await;
    let proxy = Proxy::stormy(&server, random.part()).await;
    let mut said = Said::default();
    for life in 1..=LIVES {
        let mut process = Process::start(dir.path(), &proxy.url, &conversations, life * PER_LIFE, PER_LIFE);
        process.run_until_killed(&mut random, &mut said).await;
        said.count_unfinished();
        if life % SERVER_KILL_EVERY == 0 {
            server.kill().await;
            server = block_in_place(|| Server::start_in(dir.path(), &NO_RATES));
            proxy.lead_to(&server);
        }
    }
    proxy.settle();
    Process::start(dir.path(), &proxy.url, &conversations, 0, 0).run_to_the_end(&mut said).await;
    said.check(&History::of(&john(), &server).await, &conversations);
}

/// Two conversations of John's, made without a client under test.
async fn two_conversations(server: &Server) -> [String; 2] {
    let mut client = server.connect(&john()).await;
    let ids = [create(&mut client, "One", "00000").await, create(&mut client, "Other", "00000").await];
    client.close().await;
    ids
}

/// All that the lives of the app have said.
#[derive(Default)]
struct Said {
    /// The accepted numbers, in order.
    accepted: Vec<usize>,
    /// Their places in their conversations.
    acknowledged: BTreeMap<usize, u64>,
    /// The numbers that a life found in the outbox, again and again if need be.
    restored: Vec<usize>,
    /// Lives killed with an accepted draft that was not acknowledged.
    unfinished: usize,
    has_drained: bool,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let words = line.split(' ').collect::<Vec<_>>();
        match words[..] {
            ["restored", number] => self.restored.push(number.parse().unwrap()),
            ["accepted", number] => self.accepted.push(number.parse().unwrap()),
            ["acknowledged", number, seq] => {
                self.acknowledged.insert(number.parse().unwrap(), seq.parse().unwrap());
            }
            ["drained"] => self.has_drained = true,
            ["unexpected", ..] => panic!("{line}"),
            // Output of the test program itself.
            _ => {}
        }
    }

    fn count_unfinished(&mut self) {
        let is_open = |number| !self.acknowledged.contains_key(number);
        self.unfinished += usize::from(self.accepted.iter().any(is_open));
    }

    /// Compares all drafts with the server's history.
    fn check(&self, history: &History, conversations: &[String; 2]) {
        println!(
            "{} accepted, {} found again, {} of {LIVES} lives killed with work left",
            self.accepted.len(),
            self.restored.len(),
            self.unfinished
        );
        assert!(self.has_drained, "the last life did not send all");
        let stored = conversations.each_ref().map(|id| numbers(&history.0[id].lines));
        for (number, seq) in &self.acknowledged {
            assert_eq!(stored[number % 2].get(number), Some(seq), "{number} was acknowledged");
        }
        let kept = self.accepted.iter().chain(&self.restored);
        let missing = kept.filter(|number| !stored[*number % 2].contains_key(number));
        assert_eq!(missing.collect::<BTreeSet<_>>(), BTreeSet::new(), "accepted and lost");
        assert!(self.accepted.is_sorted(), "the app accepts in the order in which it writes");
        assert!(!self.accepted.is_empty() && !self.restored.is_empty() && self.unfinished > 0);
    }
}

/// The numbers of a conversation and their places. They rise: none is repeated, and none has
/// overtaken another.
fn numbers(lines: &[Line]) -> BTreeMap<usize, u64> {
    let numbers = lines.iter().map(|line| (line.content.parse().unwrap(), line.seq)).collect::<Vec<_>>();
    assert!(numbers.is_sorted_by(|(one, _), (next, _)| one < next), "doubled or out of order: {numbers:?}");
    numbers.into_iter().collect()
}

/// One life of the app: this program once more, told to be that app.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(dir: &Path, url: &str, conversations: &[String; 2], from: usize, count: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["killed_app::one_life_of_the_app", "--exact", "--ignored", "--nocapture"])
            .env("APP_URL", url)
            .env("APP_TOKEN", token(&john()))
            .env("APP_OUTBOX", dir.join("outbox"))
            .env("APP_CONVERSATIONS", conversations.join(" "))
            .env("APP_FROM", from.to_string())
            .env("APP_COUNT", count.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Runs the app for a random time, and kills it (signal 9).
    async fn run_until_killed(&mut self, random: &mut Random, said: &mut Said) {
        let time = random.millis(20..700);
        assert!(timeout(time, self.listen(said)).await.is_err(), "it ended by itself");
        self.child.start_kill().unwrap();
        self.listen(said).await;
        self.child.wait().await.unwrap();
    }

    async fn run_to_the_end(&mut self, said: &mut Said) {
        timeout(PATIENCE, self.listen(said)).await.expect("the outbox must get empty");
        assert!(self.child.wait().await.unwrap().success(), "the last life of the app failed");
    }

    async fn listen(&mut self, said: &mut Said) {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            said.hear(&line);
        }
    }
}

#[tokio::test]
#[ignore = "a process of the test above, which starts and kills it"]
async fn one_life_of_the_app() {
    let told = |name| std::env::var(name).expect("whoever starts this one tells it all");
    if std::env::var_os("APP_URL").is_none() {
        return println!("this is no test, but a part of the one above");
    }
    let conversations = told("APP_CONVERSATIONS").split(' ').map(str::to_owned).collect();
    let from = told("APP_FROM").parse::<usize>().unwrap();
    let count = told("APP_COUNT").parse::<usize>().unwrap();
    let outbox = FileOutbox::open(PathBuf::from(told("APP_OUTBOX")), &john().id).unwrap();
    assert_eq!(outbox.damaged(), 0, "a killed app damages nothing");
    let (client, mut events) = start_over(&told("APP_URL"), told("APP_TOKEN"), outbox).await;
    let mut life = Life { client, conversations, numbers: BTreeMap::new(), unaccepted: BTreeSet::new() };
    life.say_restored();
    let mut left = from..from + count;
    let is_draining = left.is_empty();
    while !(is_draining && life.client.outbox().is_empty()) {
        tokio::select! {
            event = events.next() => life.hear(event.unwrap()),
            () = sleep(Duration::from_millis(1)), if !left.is_empty() => life.write(left.next().unwrap()),
        }
    }
    life.client.close().await;
    println!("drained");
}

/// The app in its process.
struct Life {
    client: ChatClient,
    conversations: Vec<String>,
    /// The drafts of this life and of earlier ones.
    numbers: BTreeMap<ClientMessageId, usize>,
    /// Drafts that are not yet printed as accepted.
    unaccepted: BTreeSet<usize>,
}

impl Life {
    /// The test program has begun a line of its own: it is ended first.
    fn say_restored(&mut self) {
        println!();
        for Entry { client_message_id, draft, .. } in self.client.outbox() {
            let Draft::SendChatMessage { content, .. } = draft else { panic!("nothing else is written") };
            println!("restored {content}");
            self.numbers.insert(client_message_id, content.parse().unwrap());
        }
    }

    fn write(&mut self, number: usize) {
        let conversation = self.conversations[number % 2].as_str();
        let posted = self.client.send_message(conversation, format!("{number:05}"));
        self.numbers.insert(posted.client_message_id().clone(), number);
        self.unaccepted.insert(number);
    }

    fn hear(&mut self, event: Event) {
        let Event::Outbox { client_message_id, progress } = event else { return };
        let number = self.numbers[&client_message_id];
        match progress {
            // It is queued again whenever the connection is lost.
            Progress::Queued if self.unaccepted.remove(&number) => println!("accepted {number}"),
            Progress::Acknowledged(Acknowledged::Message(reply)) => {
                println!("acknowledged {number} {}", reply.seq.unwrap());
            }
            Progress::Keeping | Progress::Queued | Progress::Sent => {}
            other => println!("unexpected {number}: {other:?}"),
        }
    }
}
