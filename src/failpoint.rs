//! Crash points at the seams of durability. Without the `failpoints` feature they are nothing at all.

/// The seams, in the order in which a batch passes them.
pub const SEAMS: &[&str] = &[
    "before_transaction",
    "before_commit",
    "after_commit",
    "after_offset_commit",
];

/// Those that `landfall dlq replay` passes with each letter.
pub const REPLAY_SEAMS: &[&str] = &["replay_before_commit", "replay_after_commit"];

/// Those that a worker passes when it gives a table what events ask for.
pub const DDL_SEAMS: &[&str] = &["ddl_before_commit", "ddl_after_commit"];

/// With `FAILPOINTS="before_commit=2*off->return"` in its environment, the lane that reaches that
/// seam the third time says so and goes no further: now is the moment to SIGKILL the process.
pub fn reach(seam: &'static str) {
    let mut all = [SEAMS, REPLAY_SEAMS, DDL_SEAMS].into_iter();
    debug_assert!(
        all.any(|seams| seams.contains(&seam)),
        "unknown seam {seam}"
    );
    fail::fail_point!(seam, |_| {
        tracing::warn!(failpoint = seam, "failpoint reached");
        if std::env::var_os("LANDFALL_FAILPOINT_FREEZES").is_some() {
            // The whole process stops as by SIGSTOP, and goes on from here with SIGCONT. Whoever sends
            // the signal sees it through: this thread could run on for a moment after it was sent.
            // It looks so often at most: the process may have been let go on before it was seen.
            let stop = r#"kill -STOP "$0"; n=0; until grep -q '^State:.*stopped' "/proc/$0/status" || [ $((n += 1)) -gt 500 ]; do :; done"#;
            let _ = std::process::Command::new("sh")
                .args(["-c", stop, &std::process::id().to_string()])
                .status();
            return;
        }
        loop {
            std::thread::park();
        }
    });
}

/// With `FAILPOINTS="poll=100*off->return"` the poll thread goes no further with the next record, as long as the file is there that
/// `LANDFALL_FAILPOINT_HOLDS` names; what Kafka's client does by itself goes on.
pub fn hold_poll() {
    fail::fail_point!("poll", |_| {
        let held_by = std::env::var_os("LANDFALL_FAILPOINT_HOLDS").map(std::path::PathBuf::from);
        while held_by.as_ref().is_some_and(|file| file.exists()) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
}

/// Reads the plan from `FAILPOINTS`; it holds as long as what is returned lives.
#[cfg(feature = "failpoints")]
pub fn read_plan() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}
