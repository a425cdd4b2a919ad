//! The disk alone: a journal without a chat.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Returns the appends per second of `tasks` tasks, each of which waits until its `bytes` bytes are
/// durable.
///
/// One committer thread gathers all waiting appends into one write and one `fdatasync`.
pub(crate) fn journal(dir: &Path, tasks: usize, bytes: usize, time: Duration) -> io::Result<f64> {
    let mut file = File::create(dir.join("bare-journal"))?;
    let (append, waiting) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>();
    let committer = thread::spawn(move || -> io::Result<()> {
        let (mut group, mut answers) = (Vec::new(), Vec::new());
        while let Ok(first) = waiting.recv() {
            for (record, answer) in [first].into_iter().chain(waiting.try_iter()) {
                group.extend_from_slice(&record);
                answers.push(answer);
            }
            file.write_all(&group)?;
            file.sync_data()?;
            group.clear();
            // A task that has reached its end no longer waits for the answer.
            answers.drain(..).for_each(|answer: oneshot::Sender<()>| answer.send(()).unwrap_or_default());
        }
        Ok(())
    });
    let start = Instant::now();
    let done = Runtime::new()?.block_on(async move {
        let tasks: Vec<_> =
            (0..tasks).map(|_| tokio::spawn(append_until(append.clone(), bytes, start + time))).collect();
        drop(append);
        let mut done = 0;
        for task in tasks {
            done += task.await.map_err(io::Error::other)?;
        }
        io::Result::Ok(done)
    })?;
    let elapsed = start.elapsed();
    committer.join().expect("the committer does not panic")?;
    Ok(f64::from(done) / elapsed.as_secs_f64())
}

async fn append_until(
    append: mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>,
    bytes: usize,
    end: Instant,
) -> u32 {
    let mut done = 0;
    while Instant::now() < end {
        let (answer, answered) = oneshot::channel();
        let sent = append.send((vec![b'x'; bytes], answer));
        if sent.is_err() || answered.await.is_err() {
            break;
        }
        done += 1;
    }
    done
}

/// Appends and syncs `bytes` bytes once every `pause`. Returns the time of each append, in rising
/// order.
pub(crate) fn single_syncs(
    dir: &Path,
    bytes: usize,
    pause: Duration,
    time: Duration,
) -> io::Result<Vec<Duration>> {
    let mut file = File::create(dir.join("single-syncs"))?;
    let (record, mut took) = (vec![b'x'; bytes], Vec::new());
    let end = Instant::now() + time;
    let mut due = Instant::now();
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let start = Instant::now();
        file.write_all(&record)?;
        file.sync_data()?;
        took.push(start.elapsed());
        due += pause;
    }
    took.sort_unstable();
    Ok(took)
}
