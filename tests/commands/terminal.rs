//! On a terminal: lines as wide as it is, and a question before anything is given up.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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

/// What the program writes until it has begun to draw so many times.
fn read_draws(mut master: std::fs::File, draws: usize) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while text.matches("\u{1b}[1;1H").count() < draws {
        let read = master.read(&mut bytes).expect("it goes on");
        text += &String::from_utf8_lossy(&bytes[..read]);
    }
    text
}

#[tokio::test]
async fn watching_draws_in_place_until_it_is_interrupted_and_ends_well() {
    let world = World::new("status_watch", 1).await;
    world.catch_up().await;
    let (master, slave) = terminal();
    let mut child = command(&world, "status --watch --interval 100ms")
        .stdin(Stdio::null())
        .stdout(slave)
        .spawn()
        .expect("landfall starts");
    let drawn = tokio::task::spawn_blocking(|| read_draws(master, 3));
    let drawn = drawn.await.unwrap();
    let screen = drawn.split("\u{1b}[1;1H").nth(1).unwrap();
    assert!(screen.contains(&world.topic), "{screen}");
    assert!(!screen.ends_with('\n'), "it would scroll");
    let id = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn watching_into_a_pipe_prints_again_and_again_until_nobody_reads() {
    let world = World::new("status_piped", 1).await;
    world.catch_up().await;
    let mut child = command(&world, "status --watch --interval 100ms")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("landfall starts");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = lines
        .map(Result::unwrap)
        .filter(|line| line.contains(&world.topic));
    let seen: Vec<String> = seen.take(2).collect();
    assert_eq!(seen[0], seen[1]);
    assert!(!seen[0].contains('\u{1b}'), "{seen:?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
