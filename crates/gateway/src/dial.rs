//! Opening a connection to a replica, ready for its first request.

use crate::client::Client;
use crate::control::FailureReason;
use crate::shared::Target;
use crate::stream::Stream;
use tokio::net::TcpStream;

/// Connects to `target` before `deadline_ms` of the worker's clock.
///
/// # Errors
/// Why no connection could be made; nothing of a request was sent.
pub async fn dial(client: &Client, target: &Target, deadline_ms: u64) -> Result<Stream, FailureReason> {
    match client.slot.within(deadline_ms, TcpStream::connect(target.address)).await {
        Ok(Ok(socket)) => {
            // Without it a request in two writes would wait for the replica's delayed acknowledgement.
            let _ = socket.set_nodelay(true);
            Ok(Stream::Plain(socket))
        }
        Ok(Err(_)) => Err(FailureReason::ConnectFailed),
        Err(_) => Err(FailureReason::ConnectTimeout),
    }
}
