//! The database alone: groups of rows, without a chat.

use std::io;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls};

use crate::figures::per_second;
use crate::frame::CONTENT;

/// Bytes of a row beside its text, as of the record of a message.
const PAYLOAD: usize = 350;

/// The columns and the indexes of the chat's records.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS bare (position bigserial PRIMARY KEY, conversation bytea, \
    seq bigint, author bytea, client_message_id bytea, payload bytea, content bytea); \
    CREATE UNIQUE INDEX IF NOT EXISTS bare_message ON bare (conversation, seq); \
    CREATE UNIQUE INDEX IF NOT EXISTS bare_once ON bare (author, client_message_id)";

const INSERT: &str = "INSERT INTO bare (conversation, seq, author, client_message_id, payload, content) \
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[])";

/// The results of inserting.
pub(super) struct Inserted {
    /// Rows per second.
    pub(super) rate: f64,
    /// The time from each row's request to its commit, in rising order.
    pub(super) latencies: Vec<Duration>,
}

/// A row's author and number, with the channel for its commit.
type Row = (usize, i64, oneshot::Sender<()>);

/// Inserts rows of `tasks` tasks over this many connections. Each task waits until its row is
/// committed. Each connection gathers all waiting rows into one statement.
pub(super) fn run(url: &str, connections: usize, tasks: usize, time: Duration) -> io::Result<Inserted> {
    Runtime::new()?.block_on(async {
        let begin = crate::process::now().as_millis();
        let end = Instant::now() + time;
        let (mut writing, mut inserting) = (Vec::new(), Vec::new());
        for connection in 0..connections {
            let client = connect(url).await.map_err(io::Error::other)?;
            let (rows, to_write) = mpsc::channel(tasks);
            writing.push(tokio::spawn(write(client, to_write)));
            let each = tasks / connections;
            let tasks = (0..each).map(|task| connection * each + task);
            inserting.extend(tasks.map(|task| tokio::spawn(insert_until(rows.clone(), task, begin, end))));
        }
        let mut latencies = Vec::new();
        for task in inserting {
            latencies.extend(task.await.map_err(io::Error::other)?);
        }
        for writer in writing {
            writer.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        }
        latencies.sort_unstable();
        Ok(Inserted { rate: per_second(latencies.len() as u64, time), latencies })
    })
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(TABLE).await?;
    Ok(client)
}

/// Writes all waiting rows, until nobody sends any.
async fn write(client: Client, mut waiting: mpsc::Receiver<Row>) -> Result<(), tokio_postgres::Error> {
    let insert = client.prepare(INSERT).await?;
    let payload = vec![b'x'; PAYLOAD];
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, usize::MAX).await > 0 {
        let authors: Vec<_> = group.iter().map(|(task, ..)| format!("driver-{task}").into_bytes()).collect();
        let seqs: Vec<_> = group.iter().map(|(_, number, _)| *number).collect();
        let ids: Vec<_> = seqs.iter().map(|number| number.to_be_bytes().to_vec()).collect();
        let (payloads, contents) = (vec![&payload[..]; group.len()], vec![CONTENT.as_bytes(); group.len()]);
        client.execute(&insert, &[&authors, &seqs, &authors, &ids, &payloads, &contents]).await?;
        for (.., answer) in group.drain(..) {
            // A task that has reached its end no longer waits.
            answer.send(()).unwrap_or_default();
        }
    }
    Ok(())
}

async fn insert_until(rows: mpsc::Sender<Row>, task: usize, begin: i64, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for number in begin * 1_000.. {
        let start = Instant::now();
        let (answer, answered) = oneshot::channel();
        if start >= end || rows.send((task, number, answer)).await.is_err() || answered.await.is_err() {
            break;
        }
        latencies.push(start.elapsed());
    }
    latencies
}
