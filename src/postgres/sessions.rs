//! The sessions that this process has open: whoever leaves cancels what they still do. Closing its socket wouldn't
//! stop a statement, as Postgres looks at it between two statements only.

use std::future::Future;
use std::pin::Pin;
use std::sync::{LazyLock, Weak};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, StatementCache};
use futures::future::join_all;
use postgres_openssl::MakeTlsConnector;

use crate::locked::Locked;

/// How long Postgres may take to be asked.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

static OPEN: LazyLock<Locked<Vec<OpenSession>>> = LazyLock::new(Locked::default);

/// A session, as others than its owner know it.
struct OpenSession {
    /// Lives as long as the session does.
    alive: Weak<StatementCache>,
    cancel: Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>,
}

/// A session has been opened.
pub(super) fn note_opened(client: &ClientWrapper, tls: MakeTlsConnector) {
    let token = client.cancel_token();
    let session = OpenSession {
        alive: std::sync::Arc::downgrade(&client.statement_cache),
        cancel: Box::new(move || {
            let (token, tls) = (token.clone(), tls.clone());
            Box::pin(async move {
                if let Err(error) = token.cancel_query(tls).await {
                    tracing::debug!(%error, "a statement can't be cancelled");
                }
            })
        }),
    };
    let mut open = OPEN.lock();
    open.retain(|session| session.alive.strong_count() > 0);
    open.push(session);
}

/// Cancels whatever statements the process has under way, within a second. Sessions that have none aren't touched.
pub async fn cancel_statements() {
    let cancels: Vec<_> = {
        let open = OPEN.lock();
        let alive = open.iter().filter(|s| s.alive.strong_count() > 0);
        alive.map(|session| (session.cancel)()).collect()
    };
    if tokio::time::timeout(CANCEL_TIMEOUT, join_all(cancels))
        .await
        .is_err()
    {
        tracing::debug!("Postgres takes no requests to cancel statements");
    }
}
