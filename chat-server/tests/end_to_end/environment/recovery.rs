//! The failures of `operation/RECOVERY.md`, each healed by the commands of the page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use server_test_support::program::{executable, program, without_settings};
use server_test_support::{SECRET, Server, create, john, send};
use tempfile::TempDir;

use crate::environment::start::refusal;

const PAGE: &str = include_str!("../../../operation/RECOVERY.md");

/// A store of eight messages, with a backup of the first four.
struct Damaged {
    dir: TempDir,
    conversation: String,
    epoch: String,
}

/// The texts and the epoch that a client is given.
struct Served {
    texts: Vec<String>,
    epoch: String,
}

impl Damaged {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("backups")).unwrap();
        let server = Server::start_in(dir.path(), &[]);
        let mut john = server.connect(&john()).await;
        let conversation = create(&mut john, "t", "text 1.").await;
        let mut damaged = Self { dir, conversation, epoch: String::new() };
        for number in 2..=8 {
            send(&mut john, &damaged.conversation, &format!("text {number}.")).await;
            if number == 4 {
                let (data, backup) = (damaged.data(), damaged.dir.path().join("backups/monday"));
                let done = program().arg("backup").arg(backup).arg("--data-dir").arg(data).output().unwrap();
                assert!(done.status.success(), "{done:?}");
            }
        }
        let listed = john.request("get_active_conversations", json!({})).await;
        listed["epoch"].as_str().unwrap().clone_into(&mut damaged.epoch);
        assert!(server.stop().await.0.success());
        damaged
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Flips a bit of the journal, at this distance from a text.
    fn flip(&self, text: &str, distance: isize) {
        let segment = self.data().join("journal/00000000000000000001.log");
        let mut bytes = fs::read(&segment).unwrap();
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
        bytes[at.strict_add_signed(distance)] ^= 1;
        fs::write(segment, bytes).unwrap();
        fs::remove_dir_all(self.data().join("index")).unwrap();
    }

    /// Requires that the server refuses to start, and that the page quotes the refusal.
    fn refused(&self, heading: &str) {
        let said = refusal(program(), self.dir.path());
        let seen = section(heading).lines().find(|line| line.starts_with("You see:")).unwrap();
        let quotes: Vec<_> = seen.split('`').skip(1).step_by(2).collect();
        assert!(quotes.iter().any(|quote| said.contains(quote)), "{quotes:?}: {said}");
    }

    /// Runs the commands of a section.
    fn follow(&self, heading: &str) -> String {
        let commands = section(heading).lines().filter_map(|line| line.strip_prefix("$ "));
        let place = |command: &str| {
            let backups = self.dir.path().join("backups");
            let command = command.replace("/var/lib/chat-server-backups", &backups.to_string_lossy());
            let command = command.replace("/var/lib/chat-server", &self.data().to_string_lossy());
            command.replacen("chat-server ", &format!("{} ", executable().display()), 1)
        };
        let mut said = String::new();
        for command in commands.map(place) {
            let output = without_settings(Command::new("sh")).args(["-c", &command]).output().unwrap();
            said += &String::from_utf8_lossy(&output.stdout);
            let is_a_look = command.contains(" repair ") && !command.contains("--yes");
            assert_eq!(output.status.success(), !is_a_look, "{command}: {output:?}");
        }
        said
    }

    async fn serve(&self) -> Served {
        let server = Server::start_in(self.dir.path(), &["--require-store"]);
        let mut john = server.connect(&john()).await;
        let data = json!({"conversation_id": self.conversation});
        let history = john.request("get_conversation_messages", data).await;
        let listed = john.request("get_active_conversations", json!({})).await;
        let texts = history["messages"].as_array().unwrap().iter();
        let texts = texts.map(|message| message["content"].as_str().unwrap().to_owned()).collect();
        assert!(server.stop().await.0.success());
        Served { texts, epoch: listed["epoch"].as_str().unwrap().to_owned() }
    }

    /// Requires that the server has these messages, in a new epoch.
    async fn has(&self, numbers: impl IntoIterator<Item = u32>) {
        let served = self.serve().await;
        assert_eq!(served.texts, numbers.into_iter().map(|n| format!("text {n}.")).collect::<Vec<_>>());
        assert_ne!(served.epoch, self.epoch);
    }
}

/// The text of a section.
fn section(heading: &str) -> &'static str {
    let begin = format!("## {heading}\n");
    let text = PAGE.split_once(&begin).unwrap_or_else(|| panic!("the page has no section {heading:?}")).1;
    text.split("\n## ").next().unwrap()
}

fn put_back(from: &Path, to: &Path) {
    fs::remove_dir_all(to).unwrap();
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

#[tokio::test]
async fn a_flipped_bit_in_a_text() {
    let damaged = Damaged::new().await;
    damaged.flip("text 3.", 2);
    damaged.refused("A flipped bit in a text");
    let said = damaged.follow("A flipped bit in a text");
    assert!(said.contains(&format!("lost: the text of message 3 of {}", damaged.conversation)), "{said}");
    let served = damaged.serve().await;
    assert_eq!((&*served.texts[2], &*served.texts[3], served.texts.len()), ("", "text 4.", 8));
    assert_ne!(served.epoch, damaged.epoch);
}

#[tokio::test]
async fn a_damaged_record() {
    let damaged = Damaged::new().await;
    damaged.flip("\"seq\":3", 2);
    damaged.refused("A damaged record");
    assert!(damaged.follow("A damaged record").contains("lost: nothing"));
    damaged.has(1..=8).await;
}

#[tokio::test]
async fn a_damaged_record_without_a_backup() {
    let damaged = Damaged::new().await;
    damaged.flip("\"seq\":3", 2);
    damaged.refused("A damaged record");
    let said = damaged.follow("A damaged record without a backup");
    assert!(said.contains("lost: everything from position"), "{said}");
    let exported = fs::read_to_string(damaged.dir.path().join("backups/whole.jsonl")).unwrap();
    assert!(exported.contains("text 2.") && exported.contains("text 8."), "{exported}");
    assert!(damaged.data().join("journal.bad-1").exists());
    damaged.has(1..=2).await;
}

/// Damages a file beside the segments.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[12] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn damaged_holds() {
    let damaged = Damaged::new().await;
    let run = |arguments: &[&str]| {
        let output = program().args(arguments).arg("--data-dir").arg(damaged.data()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["hold", "add", "--user", "user_john", "--why", "court"]);
    let backup = damaged.dir.path().join("backups/monday");
    fs::remove_dir_all(&backup).unwrap();
    run(&["backup", backup.to_str().unwrap()]);
    damage(&damaged.data().join("journal/keeping"));
    let server = Server::start_in(damaged.dir.path(), &[]);
    let (_, log, _) = server.stop().await;
    assert!(section("Damaged holds").contains("the holds can't be read"));
    assert!(log.contains("the holds can't be read"), "{log}");
    assert!(
        damaged.follow("Damaged holds").contains("lost: holds that were set or released since the backup")
    );
    assert!(run(&["hold", "list"]).contains("court"));
    damaged.has(1..=8).await;
}

#[tokio::test]
async fn a_damaged_note_of_an_erasure() {
    let damaged = Damaged::new().await;
    let erase = ["erase", "--user", "user_john", "--why", "asked", "--yes", "--data-dir"];
    assert!(program().args(erase).arg(damaged.data()).status().unwrap().success());
    damage(&damaged.data().join("journal/erasing"));
    damaged.refused("A damaged note of an erasure");
    assert!(damaged.follow("A damaged note of an erasure").contains("retention begins again"));
    let served = damaged.serve().await;
    assert_eq!(served.texts, [""; 8]);
    assert_ne!(served.epoch, damaged.epoch);
}

#[tokio::test]
async fn a_lost_disk_or_machine() {
    let damaged = Damaged::new().await;
    fs::remove_dir_all(damaged.data()).unwrap();
    server_test_support::program::init(&damaged.data());
    let into = |text: &str| {
        let restore = program()
            .arg("restore")
            .arg(damaged.dir.path().join("backups/monday"))
            .arg("--data-dir")
            .arg(damaged.data())
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&restore.stderr).contains(text), "{restore:?}");
    };
    into("move everything in it to another place first");
    damaged.follow("A lost disk or machine");
    damaged.has(1..=4).await;
}

#[tokio::test]
async fn a_journal_that_is_older_than_the_rest() {
    let damaged = Damaged::new().await;
    put_back(&damaged.dir.path().join("backups/monday/journal"), &damaged.data().join("journal"));
    damaged.refused("A journal that is older than the rest");
    damaged.follow("A journal that is older than the rest");
    damaged.has(1..=4).await;
}

#[tokio::test]
async fn a_data_directory_that_is_older_than_it_was() {
    let damaged = Damaged::new().await;
    assert_eq!(damaged.serve().await.epoch, damaged.epoch);
    let look = program().args(["repair", "--new-epoch", "--data-dir"]).arg(damaged.data()).output().unwrap();
    let told = String::from_utf8_lossy(&look.stderr).into_owned();
    assert!(!look.status.success() && told.contains("add --yes to begin a new epoch"), "{told}");
    assert_eq!(damaged.serve().await.epoch, damaged.epoch);
    damaged.follow("A data directory that is older than it was");
    damaged.has(1..=8).await;
}

#[tokio::test]
async fn a_copy_of_a_data_directory_begins_an_epoch_by_itself() {
    let damaged = Damaged::new().await;
    let older = damaged.dir.path().join("older");
    fs::create_dir(&older).unwrap();
    put_back(&damaged.data(), &older);
    fs::remove_dir_all(damaged.data()).unwrap();
    fs::rename(older, damaged.data()).unwrap();
    damaged.has(1..=8).await;
}

#[tokio::test]
async fn a_restore_that_was_cut_off() {
    let damaged = Damaged::new().await;
    fs::remove_dir_all(damaged.data()).unwrap();
    fs::create_dir_all(damaged.data().join("journal.partial")).unwrap();
    damaged.refused("A restore that was cut off");
    damaged.follow("A restore that was cut off");
    damaged.has(1..=4).await;
}

#[tokio::test]
async fn a_disk_that_is_not_mounted() {
    let damaged = Damaged::new().await;
    let volume = damaged.dir.path().join("volume");
    fs::rename(damaged.data(), &volume).unwrap();
    fs::create_dir(damaged.data()).unwrap();
    let mut requiring = program();
    requiring.env("CHAT_REQUIRE_STORE", "true").env("CHAT_JWT_SECRET", SECRET);
    let said = refusal(requiring, damaged.dir.path());
    assert!(
        said.contains("there is no store in")
            && section("A disk that is not mounted").contains("there is no store in")
    );
    fs::remove_dir(damaged.data()).unwrap();
    fs::rename(volume, damaged.data()).unwrap();
    let served = damaged.serve().await;
    assert_eq!((served.texts.len(), served.epoch), (8, damaged.epoch));
}
