//! A destination that is far away: its answers are on their way for a while, and come in their order. Round trips cost that;
//! what is sent meanwhile doesn't.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::database::Database;

/// The database as somebody sees it who is so far away. Ends with the process.
///
/// # Errors
/// If no port can be had.
pub fn far_from(destination: &Database, round_trip: Duration) -> Result<Database> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let server = format!("127.0.0.1:{}", destination.port);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // a server that isn't there ends the connection
            let _ =
                TcpStream::connect(&server).and_then(|server| carry(client, server, round_trip));
        }
    });
    Ok(Database {
        port,
        name: destination.name.clone(),
    })
}

fn carry(client: TcpStream, server: TcpStream, round_trip: Duration) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asks, mut asked) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut asks, &mut asked);
        let _ = asked.shutdown(Shutdown::Write);
    });
    let (mut answers, mut answered) = (server, client);
    let (due, come) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(n @ 1..) = answers.read(&mut bytes) {
            let answer = bytes.iter().take(n).copied().collect();
            if due.send((Instant::now() + round_trip, answer)).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (at, answer) in come {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if answered.write_all(&answer).is_err() {
                return;
            }
        }
        let _ = answered.shutdown(Shutdown::Write);
    });
    Ok(())
}
