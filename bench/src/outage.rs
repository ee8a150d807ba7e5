//! The destination away for a while, with the topic half landed.

use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::database::Database;
use crate::wait;
use crate::workload::TABLE;

/// How long Postgres is away.
const AWAY: Duration = Duration::from_secs(30);

/// # Errors
/// What `dev/postgres` says.
pub fn stop_and_start(bench: &Bench) -> Result<()> {
    let mut client = Database::destination(&bench.stack, "bench")?.connect()?;
    let sql = format!("SELECT EXISTS (SELECT FROM {TABLE} OFFSET 1000)");
    wait::until("some rows are in", Duration::from_secs(60), || {
        Ok(client.query_one(&sql, &[])?.get::<_, bool>(0).then_some(()))
    })?;
    drop(client);
    bench.stack.stop_destination()?;
    std::thread::sleep(AWAY);
    bench.stack.start_destination()
}
