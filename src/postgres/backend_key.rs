//! The key that a server gives to cancel a session's statements by: its first half is the number of the process behind
//! it. A pooler gives keys of its own, and so is known by them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
};
use tokio_postgres::CancelToken;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// More than a request for TLS and one to cancel.
const REQUEST_BYTES: usize = 64;

/// What the server said at the session's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendKey([u8; 8]);

impl BackendKey {
    /// Reads the key, which tokio-postgres keeps to itself, out of a request to cancel that goes nowhere.
    pub(super) async fn read(token: &CancelToken) -> Option<Self> {
        let (near, mut far) = tokio::io::duplex(REQUEST_BYTES);
        // as a server that takes TLS; where none is asked for, nobody reads it
        far.write_all(b"S").await.ok()?;
        token.cancel_query_raw(near, Plain).await.ok()?;
        let mut request = Vec::new();
        far.read_to_end(&mut request).await.ok()?;
        request.last_chunk().copied().map(Self)
    }

    /// The number of the server's process, or what a pooler says instead.
    pub(super) fn process_id(self) -> i32 {
        let [a, b, c, d, ..] = self.0;
        i32::from_be_bytes([a, b, c, d])
    }
}

/// Leaves a stream as it is where TLS is asked for.
struct Plain;

struct PlainStream(DuplexStream);

impl TlsConnect<DuplexStream> for Plain {
    type Stream = PlainStream;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Ready<Result<PlainStream, Self::Error>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok::<_, Infallible>(PlainStream(stream)).map_err(Into::into))
    }
}

impl TlsStream for PlainStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for PlainStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
