//! SIGTERM and SIGINT: finish what is in flight and go.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first of either signal. The second ends the process at once,
/// for somebody at a terminal who doesn't want to wait.
///
/// # Errors
/// Signals can't be listened for.
#[allow(clippy::exit)] // the second signal
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
