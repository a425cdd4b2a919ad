//! Connections to the database.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{DatabaseError, words};
use crate::tls::connector;

/// Most connections of the loads.
const LOADS_MOST: usize = 8;

/// Time limit for a new connection, and for a free one.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Time without an answer from the other machine after which a connection counts as lost.
const SILENT_AT_MOST: Duration = Duration::from_secs(5);

/// Settings of every connection. Each statement looks up by keys. A plan made while a table is
/// empty would read the whole table, and stay. A table of one row has no other way than to be
/// read whole: without `jit=off`, the cost that this setting gives it has each such plan compiled,
/// for 100 ms.
const EVERY: &str = "-c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off \
    -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// Settings of the lane's connection. A server that freezes while it holds the lane holds up all
/// others for a second. There is no time limit of statements: to cancel a commit that waits for the
/// standby would show what a failover may take away.
const LANE: &str = "-c lock_timeout=2s -c idle_in_transaction_session_timeout=1s \
    -c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3";

/// Settings of the connection that tells the other servers about this one. To wait for a sync or a
/// standby would end a lease although its holder lives.
const NODE: &str = "-c synchronous_commit=off -c lock_timeout=2s -c idle_in_transaction_session_timeout=2s";

/// Waits until the standby has everything that the database shows. A database that ended while a
/// commit waited for the standby shows this commit after its restart, although a failover may take
/// it away. The commit of this lock is behind it, and waits for the standby too. One row is locked
/// by all, so that one connection waits for a standby that is away, and others give up.
const CONFIRM: &str = "BEGIN; SET LOCAL lock_timeout = '2s'; SELECT 1 FROM chat.meta FOR UPDATE; COMMIT";

/// A database, with everything that a connection needs.
#[derive(Clone)]
pub(super) struct Database {
    config: Config,
    tls: MakeRustlsConnect,
}

/// A connection before anybody polls it.
pub(super) type RawConnection = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection outside of the pool.
pub(super) struct Connected {
    pub(super) client: Client,
    /// Whether the server has warned: a commit may be missing at the standby.
    pub(super) has_warned: Arc<AtomicBool>,
}

/// The address may have a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database(…)")
    }
}

impl Database {
    /// Reads an address.
    pub(super) fn parse(url: &str) -> Result<Self, DatabaseError> {
        let mut config: Config = url.parse().map_err(|error| DatabaseError::Address(words(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(DatabaseError::Address("the host is missing".to_owned()));
        }
        config
            .application_name("chat-server")
            .connect_timeout(CONNECT_WITHIN)
            .tcp_user_timeout(SILENT_AT_MOST)
            .keepalives_idle(Duration::from_secs(2))
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        let tls = connector(None).expect("the authorities of Mozilla are no file");
        Ok(Self { config, tls: MakeRustlsConnect::new(tls.config().as_ref().clone()) })
    }

    /// The connections of the loads. Each shows only what the standby has.
    pub(super) fn pool(&self) -> Result<Pool, DatabaseError> {
        let mut config = self.config.clone();
        config.options(EVERY);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, self.tls.clone(), recycling);
        let confirm = Hook::async_fn(|client, _| {
            Box::pin(async { client.batch_execute(CONFIRM).await.map_err(HookError::Backend) })
        });
        Pool::builder(manager)
            .post_create(confirm)
            .max_size(LOADS_MOST)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_WITHIN))
            .create_timeout(Some(CONNECT_WITHIN))
            .recycle_timeout(Some(CONNECT_WITHIN))
            .build()
            .map_err(|error| DatabaseError::Refused(error.to_string()))
    }

    /// A connection for the lane, served by a task of this runtime. It shows only what the standby
    /// has.
    pub(super) async fn lane(&self) -> Result<Connected, tokio_postgres::Error> {
        let connected = self.connect(&format!("{EVERY} {LANE}")).await?;
        connected.client.batch_execute(CONFIRM).await?;
        Ok(connected)
    }

    /// A connection to tell the other servers about this one, served by a task of this runtime.
    pub(super) async fn node(&self) -> Result<Client, tokio_postgres::Error> {
        Ok(self.connect(&format!("{EVERY} {NODE}")).await?.client)
    }

    /// A connection for a tool, which may take its time, served by a task of this runtime.
    pub(super) async fn tool(&self) -> Result<Connected, DatabaseError> {
        let connected = self.connect(EVERY).await;
        connected.map_err(|error| DatabaseError::Unreachable(words(&error)))
    }

    /// A connection for upgrades and checks.
    pub(super) async fn plain(&self) -> Result<Connected, DatabaseError> {
        self.plain_connection().await.map_err(|error| DatabaseError::Unreachable(words(&error)))
    }

    /// A connection for hints, served by a task of this runtime.
    pub(super) async fn plain_connection(&self) -> Result<Connected, tokio_postgres::Error> {
        self.connect("").await
    }

    /// A connection that the caller polls.
    pub(super) async fn raw(&self) -> Result<(Client, RawConnection), tokio_postgres::Error> {
        self.config.connect(self.tls.clone()).await
    }

    async fn connect(&self, options: &str) -> Result<Connected, tokio_postgres::Error> {
        let mut config = self.config.clone();
        config.options(options);
        let (client, mut connection) = config.connect(self.tls.clone()).await?;
        let has_warned = Arc::new(AtomicBool::new(false));
        let warned = has_warned.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message
                    && notice.code().code().starts_with("01")
                {
                    tracing::warn!(notice = notice.message(), "the database warns");
                    warned.store(true, Ordering::Release);
                }
            }
        });
        Ok(Connected { client, has_warned })
    }
}
