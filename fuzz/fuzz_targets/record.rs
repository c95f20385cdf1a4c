//! Opens any bytes as a TLS record, and records that were changed: nothing panics, and nothing is opened that wasn't sealed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onlookers::wire::record::{Cipher, Keys, Kind, sealed_length};

fuzz_target!(|sent: (u8, u64, u16, u8, &[u8])| {
    let (cipher, number, at, change, bytes) = sent;
    let (cipher, length) = [(Cipher::Aes128, 16), (Cipher::Aes256, 32), (Cipher::ChaCha20, 32)][usize::from(cipher % 3)];
    let keys = || Keys::new(cipher, &[cipher as u8; 32][..length], [3; 12], number % (1 << 23)).expect("a length of its own");
    if let Some(head) = bytes.first_chunk() {
        let _ = sealed_length(head);
    }
    assert!(keys().open(&mut bytes.to_vec()).is_err());
    let mut record = Vec::new();
    if keys().seal(Kind::Data, bytes, &mut record).is_err() {
        return;
    }
    let at = usize::from(at) % record.len();
    record[at] ^= change;
    let opened = keys().open(&mut record).map(|(kind, text)| (kind, text.to_vec()));
    match change {
        0 => assert_eq!(opened, Ok((Kind::Data, bytes.to_vec()))),
        _ => assert!(opened.is_err()),
    }
});
