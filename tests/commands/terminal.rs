//! On a terminal: lines as wide as it is, and a question before anything is given up.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};

use crate::commands::{command, put_aside};
use crate::support::World;

const SIZE: Winsize = Winsize {
    ws_row: 24,
    ws_col: 100,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// Ours and the program's end of a terminal.
fn terminal() -> (std::fs::File, OwnedFd) {
    let pair = openpty(&SIZE, None).expect("a terminal");
    (pair.master.into(), pair.slave)
}

/// The first lines. Not up to the end: another test's process may hold our end of the terminal too.
fn read_lines(master: std::fs::File, count: usize) -> Vec<String> {
    let lines = BufReader::new(master).lines().take(count);
    lines.collect::<Result<_, _>>().expect("UTF-8")
}

#[tokio::test]
async fn an_error_is_shortened_to_the_width_of_the_terminal() {
    let world = World::new("dlq_width", 1).await;
    world.migrate().await;
    let long = format!("'{}'", "é long message ".repeat(30));
    put_aside(&world, &[("message", &long)]).await;
    let (master, slave) = terminal();
    let mut child = command(&world, "dlq list")
        .stdin(Stdio::null())
        .stdout(slave)
        .spawn()
        .expect("landfall starts");
    let lines = tokio::task::spawn_blocking(|| read_lines(master, 2));
    assert!(child.wait().unwrap().success());
    let lines = lines.await.unwrap();
    for line in &lines {
        assert!(line.chars().count() <= usize::from(SIZE.ws_col), "{line}");
    }
    let [_, row] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert!(
        row.contains("parked  é long") && row.ends_with('…'),
        "{row}"
    );
}

#[tokio::test]
async fn who_is_asked_decides() {
    let world = World::new("dlq_asked", 1).await;
    world.migrate().await;
    put_aside(&world, &[]).await;
    put_aside(&world, &[]).await;
    let parked = "SELECT count(*) FROM landfall.dead_letters WHERE state = 'parked'";
    for (typed, code, left) in [("\n", 1, 2), ("n\n", 1, 2), ("y\n", 0, 0)] {
        let (mut master, slave) = terminal();
        let child = command(&world, "dlq discard --all")
            .stdin(slave)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("landfall starts");
        master.write_all(typed.as_bytes()).expect("typed");
        let output = child.wait_with_output().expect("it ends");
        let asked = String::from_utf8_lossy(&output.stderr);
        assert!(asked.contains("Discard 2 letters? [y/N]"), "{asked}");
        assert_eq!(output.status.code(), Some(code), "{asked}");
        assert_eq!(world.count(parked).await, left);
    }
}
