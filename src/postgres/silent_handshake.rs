//! Asks a server whether it takes our certificate. In TLS 1.3 it looks at it when the handshake is over for us, and closes
//! the connection, upon which what it said may be lost if it hasn't read all that we sent. So nothing more is sent here.

use std::error::Error;
use std::time::Duration;

use postgres_openssl::MakeTlsConnector;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// What asks for TLS, in Postgres' protocol.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A server that takes the certificate waits for us to say who we are.
const SILENCE: Duration = Duration::from_secs(2);

/// What the first server says of our certificate; `None` if it has nothing against it, or can't be asked.
pub(super) async fn hear_refusal(config: &Config, tls: MakeTlsConnector) -> Option<String> {
    let heard = tokio::time::timeout(SILENCE, shake_hands(config, tls)).await;
    heard.ok()?.err().map(|error| error.to_string())
}

async fn shake_hands(
    config: &Config,
    mut tls: MakeTlsConnector,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(Host::Tcp(host)) = config.get_hosts().first() else {
        return Ok(());
    };
    let address = config.get_hostaddrs().first().map(ToString::to_string);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let mut stream = TcpStream::connect((address.as_ref().unwrap_or(host).as_str(), port)).await?;
    stream.write_all(&TLS_REQUEST).await?;
    let mut answer = [0];
    stream.read_exact(&mut answer).await?;
    if answer != *b"S" {
        return Ok(());
    }
    let connect = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, host)?;
    let mut stream = connect.connect(stream).await?;
    stream.read_exact(&mut answer).await?;
    Ok(())
}
