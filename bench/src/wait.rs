//! Waiting for what another process does.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks again and again until there is an answer.
///
/// # Errors
/// Those of the asking, or that it took longer than `patience`.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let since = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if since.elapsed() > patience {
            bail!("waited {} s in vain until {what}", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The same for a count that grows: patience begins anew whenever it does.
///
/// # Errors
/// Those of the asking; that nothing happened for `patience`; that there is more than there should be.
pub fn until_count(
    what: &str,
    wanted: u64,
    patience: Duration,
    mut ask: impl FnMut() -> Result<u64>,
) -> Result<()> {
    let (mut since, mut seen) = (Instant::now(), 0);
    loop {
        let now = ask()?;
        if now == wanted {
            return Ok(());
        }
        if now > wanted {
            bail!("{what}: {now}, more than {wanted}");
        }
        if now > seen {
            (since, seen) = (Instant::now(), now);
        }
        if since.elapsed() > patience {
            bail!(
                "{what}: {now} of {wanted}, and no more for {} s",
                patience.as_secs()
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
