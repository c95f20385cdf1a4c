//! A WebSocket that is being watched.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ask::{Asker, hash};
use super::watch::{End, Notes, refusal};
use crate::wire::frame::CloseCode;
use crate::wire::frame::client::{FromServer, masked_pong, masked_text, take_from_server};
use crate::wire::handshake::Key;

/// How long the head of an answer may take.
const HEAD: Duration = Duration::from_secs(10);

const PING: &str = r#"{"type":"ping"}"#;

pub(super) async fn watch(asker: &Asker, notes: &Notes) -> End {
    let random = || RandomState::new().hash_one(());
    let bytes = (u128::from(random()) << 64 | u128::from(random())).to_be_bytes();
    let key = Key::of_bytes(bytes);
    let (url, headers) = (asker.websocket(), asker.websocket_headers(&key));
    let asked = asker.network.ask(&url, headers, HEAD, |sent| notes.sent(sent));
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(trouble) => return End::Failed(trouble.to_string()),
    };
    let head = answer.headers().clone();
    notes.change(|seen| seen.headers = Some(head));
    notes.came();
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return End::Refused(answer.status(), refusal(answer).await);
    }
    if answer.header("sec-websocket-accept") != key.accept() {
        return End::NotAStream("an answer to another WebSocket's key".to_owned());
    }
    let (mut stream, _link) = match answer.upgrade().await {
        Ok(upgraded) => upgraded,
        Err(trouble) => return End::Failed(trouble.to_string()),
    };
    read(&mut stream, notes, random() as u32).await
}

async fn read<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: &mut S, notes: &Notes, mask: u32) -> End {
    let mask = mask.to_be_bytes();
    let (mut kept, mut bytes) = (Vec::new(), [0; 4096]);
    if stream.write_all(&masked_text(PING, mask)).await.is_err() {
        return End::Cut;
    }
    loop {
        let some = match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return End::Cut,
            Ok(some) => some,
        };
        notes.came();
        kept.extend_from_slice(&bytes[..some]);
        loop {
            match take_from_server(&mut kept) {
                Ok(None) => break,
                Ok(Some(FromServer::Text(text))) => message(&text, notes),
                Ok(Some(FromServer::Ping(payload))) => {
                    if stream.write_all(&masked_pong(&payload, mask)).await.is_err() {
                        return End::Cut;
                    }
                }
                Ok(Some(FromServer::Close(Some(code)))) if code == CloseCode::GoingAway as u16 => {
                    return End::Stopped;
                }
                Ok(Some(FromServer::Close(code))) => {
                    return End::Failed(format!("closed with the code {}", code.unwrap_or(1005)));
                }
                Ok(Some(FromServer::Other)) => {}
                Err(code) => return End::Failed(format!("what comes is no WebSocket ({code:?})")),
            }
        }
    }
}

fn message(text: &str, notes: &Notes) {
    if text.starts_with(r#"{"type":"update/count""#) {
        notes.shows(hash(text.as_bytes()));
    } else if text.starts_with(r#"{"type":"pong""#) {
        notes.change(|seen| seen.answered = Some(Instant::now()));
    }
}
