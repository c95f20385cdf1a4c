//! Reads any bytes as the beginning of a TLS connection: nothing panics, no byte is lost, and a name is one that may be looked up.
#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;

#[path = "../../src/net/tls/hello.rs"]
mod hello;

fuzz_target!(|sent: (&[u8], &[u8])| {
    let (read, mut rest) = sent;
    let before = rest;
    let result = {
        let mut reading = pin!(hello::read(&mut rest, read.to_vec()));
        match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("a slice never waits"),
        }
    };
    let Ok(hello::Hello { bytes, name }) = result else { return };
    assert_eq!([&bytes[..], rest].concat(), [read, before].concat());
    if let Some(name) = name {
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
});
