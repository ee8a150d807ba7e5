//! SIGTERM and SIGINT: finish what is in flight and go.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the end may take, whatever hangs: with room below the ten seconds that Docker gives, and the thirty of
/// Kubernetes. What ends in an orderly way has bounds that are shorter together.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);

/// A token that is cancelled by the first of either signal. The second ends the process at once,
/// for somebody at a terminal who doesn't want to wait; and so does the end of [`STOP_TIMEOUT`].
///
/// # Errors
/// Signals can't be listened for.
#[allow(clippy::exit)] // the second signal, and what hangs
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let token = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(
            signal = name,
            "stopping: the batch in flight is finished first"
        );
        // a thread of its own: what hangs may be the runtime's
        std::thread::spawn(|| {
            std::thread::sleep(STOP_TIMEOUT);
            tracing::warn!(
                "still not ended after {STOP_TIMEOUT:?}: ends at once; what was in flight is read again at the next start"
            );
            std::process::exit(0);
        });
        token.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("stopping at once; what was in flight is read again at the next start");
        std::process::exit(1);
    });
    Ok(stop)
}
