//! The connections that can be taken over.

use std::io::{self, Read};

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::socket::Socket;
use crate::net::stream::SocketStream;
use crate::net::tls::TlsStream;

/// A connection that hyper can serve and that can be taken over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Leaves the runtime. Text that was read and not given to hyper is appended to `unread`.
    ///
    /// # Errors
    /// The system's, or that of a connection which can't be taken over.
    fn into_socket(self, unread: &mut Vec<u8>) -> io::Result<Socket>;
}

impl Stream for SocketStream {
    fn into_socket(self, _: &mut Vec<u8>) -> io::Result<Socket> {
        self.into_fd().map(Socket::plain)
    }
}

impl Stream for TlsStream<SocketStream> {
    fn into_socket(self, unread: &mut Vec<u8>) -> io::Result<Socket> {
        let (records, mut connection) = self.into_inner();
        match connection.reader().read_to_end(unread) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
            // The client has said that nothing more will come.
            Ok(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
        }
        let (stream, ahead, held) = records.into_parts();
        Socket::tls(stream.into_fd()?, (connection, held), ahead, unread)
    }
}
