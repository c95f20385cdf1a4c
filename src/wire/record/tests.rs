use super::*;
use proptest::prelude::*;

const CIPHERS: [Cipher; 3] = [Cipher::Aes128, Cipher::Aes256, Cipher::ChaCha20];

/// The keys of a sender and of its receiver.
fn pair(cipher: Cipher, number: u64) -> (Keys, Keys) {
    let keys = || Keys::new(cipher, &[7; 32][..cipher.algorithm().key_len()], [9; 12], number).unwrap();
    (keys(), keys())
}

#[test]
fn a_hundred_thousand_records_are_opened_in_order() {
    for cipher in CIPHERS {
        let (mut sender, mut receiver) = pair(cipher, 0);
        let mut record = Vec::new();
        for number in 0..100_000_u32 {
            record.clear();
            sender.seal(Kind::Data, &number.to_le_bytes(), &mut record).unwrap();
            assert_eq!(record.len(), 4 + OVERHEAD);
            let opened = receiver.open(&mut record).unwrap();
            assert_eq!(opened, (Kind::Data, &number.to_le_bytes()[..]));
        }
    }
}

#[test]
fn no_two_records_are_alike() {
    let (mut sender, _) = pair(Cipher::ChaCha20, u64::from(u32::MAX) - 500);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
        let mut record = Vec::new();
        sender.seal(Kind::Data, b"the same text", &mut record).unwrap();
        assert!(seen.insert(record));
    }
}

#[test]
fn used_up_keys_seal_nothing() {
    let (mut sender, _) = pair(Cipher::Aes256, (1 << 24) - 2);
    let mut records = Vec::new();
    assert_eq!(sender.remaining(), 2);
    assert!((0..2).all(|_| sender.seal(Kind::Data, b"x", &mut records).is_ok()));
    let before = records.clone();
    assert_eq!(sender.seal(Kind::Alert, &[1, 0], &mut records), Err(RecordError::UsedUp));
    assert_eq!(records, before);
}

#[test]
fn a_text_has_16_kib_at_most() {
    let (mut sender, mut receiver) = pair(Cipher::Aes128, 0);
    let mut records = Vec::new();
    assert_eq!(sender.seal(Kind::Data, &[0; MAX_TEXT + 1], &mut records), Err(RecordError::TooLong));
    sender.seal(Kind::Data, &[1; MAX_TEXT], &mut records).unwrap();
    assert_eq!(receiver.open(&mut records).unwrap().1.len(), MAX_TEXT);
    assert!(Keys::new(Cipher::Aes128, &[0; 32], [0; 12], 0).is_none());
}

#[test]
fn keys_show_nothing_of_themselves() {
    let (keys, _) = pair(Cipher::Aes128, 3);
    assert_eq!(format!("{keys:?}"), "Keys { cipher: Aes128, number: 3, .. }");
}

proptest! {
    #[test]
    fn a_changed_record_is_refused(text in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), change in 1_u8..) {
        for cipher in CIPHERS {
            let (mut sender, mut receiver) = pair(cipher, 77);
            let mut record = Vec::new();
            sender.seal(Kind::Data, &text, &mut record).unwrap();
            let at = at.index(record.len());
            record[at] ^= change;
            prop_assert!(receiver.open(&mut record).is_err());
            record[at] ^= change;
        }
    }

    #[test]
    fn no_bytes_from_outside_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (_, mut receiver) = pair(Cipher::Aes128, 0);
        prop_assert!(receiver.open(&mut bytes).is_err());
        if let Some(head) = bytes.first_chunk() {
            let _ = sealed_length(head);
        }
    }
}
