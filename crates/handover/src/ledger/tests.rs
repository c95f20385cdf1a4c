use super::*;
use crate::arena::Piece;
use crate::record::Note;
use crate::recover::Missing;

const FACTS: Facts = Facts { cookie: 77, taken: 1000, read: 200 };

fn reopened(ledger: Ledger) -> Opened {
    Ledger::open(ledger.as_fd().try_clone_to_owned().unwrap()).unwrap()
}

/// As if the process of the record had been killed.
fn killed(ledger: Ledger, records: Vec<Record>) -> Opened {
    records.into_iter().for_each(std::mem::forget);
    reopened(ledger)
}

fn at(taken: u64) -> Facts {
    Facts { taken, ..FACTS }
}

#[test]
fn a_record_says_what_is_missing_at_each_byte() {
    let ledger = Ledger::create(4, 4096).unwrap();
    let mut record = ledger.join(&FACTS, 5, b"a viewer").unwrap();
    record.begin(ledger.store(b"first").unwrap().whole(), Piece::NOTHING, 6);
    let block = ledger.store(b"01234567...more").unwrap();
    record.begin(block.piece(0..8), block.piece(8..15), 7);
    for taken in 0..=8_u64 {
        let mut opened = reopened(ledger.clone());
        let mut recovered = opened.records.remove(0);
        assert_eq!((recovered.description(), recovered.number()), (b"a viewer".to_vec(), record.number()));
        // What is left is noted, so the same holds of a process after that.
        for _ in 0..2 {
            let result = recovered.recover(&at(1005 + taken));
            let rest = &b"01234567"[taken as usize..];
            let missing = if rest.is_empty() { Missing::Nothing } else { Missing::Bytes(rest.to_vec()) };
            assert_eq!((result.missing, result.text, result.sequence), (missing, b"...more".to_vec(), 7));
        }
        // For the next round everything is as before.
        recovered.set(Note {
            position: 1005,
            sequence: 7,
            bytes: block.piece(0..8),
            text: block.piece(8..15),
            ..recovered.note()
        });
        std::mem::forget(recovered);
    }
}

#[test]
fn what_does_not_fit_is_lost() {
    let ledger = Ledger::create(4, 4096).unwrap();
    let mut record = ledger.join(&FACTS, 0, b"").unwrap();
    let block = ledger.store(b"0123").unwrap();
    record.begin(block.whole(), Piece::NOTHING, 0);
    for wrong in [at(999), at(1005), Facts { read: 201, ..at(1002) }, Facts { cookie: 78, ..at(1002) }] {
        assert_eq!(record.recover(&wrong).missing, Missing::Lost);
    }
    assert!(record.prepare(b"", 201));
    record.settle();
    assert_eq!(record.recover(&Facts { read: 201, ..at(1002) }).missing, Missing::Bytes(b"23".to_vec()));
    record.begin(Piece::unknown(10), Piece::NOTHING, 0);
    assert_eq!(record.recover(&Facts { read: 201, ..at(1005) }).missing, Missing::Lost);
    assert_eq!(record.recover(&Facts { read: 201, ..at(1014) }).missing, Missing::Nothing);
}

#[test]
fn a_write_that_was_not_begun_is_retracted() {
    let ledger = Ledger::create(1, 4096).unwrap();
    let mut record = ledger.join(&FACTS, 3, b"").unwrap();
    record.begin(ledger.store(b"dropped").unwrap().whole(), Piece::NOTHING, 3);
    record.retract();
    let block = ledger.store(b"next").unwrap();
    record.begin(block.whole(), Piece::NOTHING, 3);
    assert_eq!(record.recover(&at(1001)).missing, Missing::Bytes(b"ext".to_vec()));
}

#[test]
fn a_rest_has_a_block_of_its_own() {
    let ledger = Ledger::create(2, 4096).unwrap();
    let mut record = ledger.join(&FACTS, 3, b"").unwrap();
    let batch = ledger.store(&[b"01234567".as_slice(), &[0; 3000]].concat()).unwrap();
    record.begin(batch.piece(0..8), Piece::NOTHING, 4);
    let kept = record.keep_rest(b"34567", b"").unwrap();
    drop(batch);
    let _other = ledger.store(&[1; 3000]).unwrap();
    let recovered = record.recover(&at(1005));
    assert_eq!((recovered.missing, recovered.sequence), (Missing::Bytes(b"567".to_vec()), 4));
    drop((kept, recovered.kept));
    assert!(record.keep_rest(b"", b"").is_none());
    let batch = ledger.store(b"next").unwrap();
    record.begin(batch.whole(), Piece::NOTHING, 5);
    let _full: Vec<_> = std::iter::from_fn(|| ledger.store(&[1; 64])).collect();
    assert!(record.keep_rest(b"ext", b"").is_none());
    assert_eq!(record.recover(&at(1010)).missing, Missing::Lost);
    assert_eq!(record.recover(&at(1012)).missing, Missing::Nothing);
}

#[test]
fn a_rest_may_be_bytes_a_noted_text_or_a_text_that_was_not_begun() {
    let ledger = Ledger::create(1, 4096).unwrap();
    let mut record = ledger.join(&FACTS, 3, b"").unwrap();
    let whole = record.begin_own(b"a reply", b"", 3);
    // Nothing of it was taken, and it needs no sealing.
    let rest = record.keep_rest(b"", b"a reply");
    let again = record.recover(&at(1000));
    assert_eq!((again.missing, again.text), (Missing::Nothing, b"a reply".to_vec()));
    let begun = record.begin_own(b"a reply", b"", 3);
    let record_and_text = record.begin_own(b"sealed", b"and more", 4);
    let rest_and_text = record.keep_rest(b"led", b"and more");
    let again = record.recover(&at(1012));
    assert_eq!((again.missing, again.text), (Missing::Bytes(b"d".to_vec()), b"and more".to_vec()));
    drop((whole, rest, begun, record_and_text, rest_and_text));
}

/// An answer comes after what the socket hasn't taken of the write before.
#[test]
fn more_text_may_follow_a_rest() {
    let ledger = Ledger::create(1, 4096).unwrap();
    let mut record = ledger.join(&FACTS, 3, b"").unwrap();
    let frame = ledger.store(b"a frame").unwrap();
    record.begin(frame.whole(), Piece::NOTHING, 4);
    let rest = record.keep_rest(b"frame", b"");
    // By now the socket has taken one more.
    let more = record.keep_all(b"rame", b", answered");
    for (taken, missing) in [(1003, &b"rame"[..]), (1005, b"me")] {
        let again = record.recover(&at(taken));
        assert_eq!((again.missing, again.text), (Missing::Bytes(missing.to_vec()), b", answered".to_vec()));
    }
    drop((rest, more));
}

#[test]
fn records_that_left_are_not_found_and_their_places_are_used_again() {
    let ledger = Ledger::create(3, 4096).unwrap();
    let join = |cookie| ledger.join(&Facts { cookie, ..FACTS }, 0, &[cookie as u8; 900]);
    let mut records: Vec<Record> = (1..=3).map(|cookie| join(cookie).unwrap()).collect();
    assert!(join(4).is_none());
    drop(records.remove(1));
    records.push(join(5).unwrap());
    drop(records.remove(0));
    let opened = killed(ledger, records);
    let found: Vec<_> = opened.records.iter().map(|record| (record.cookie(), record.description())).collect();
    assert_eq!(found, [(5, vec![5; 900]), (3, vec![3; 900])]);
    // 2 * 960 of 4096 bytes are taken, and one record is left.
    assert!(opened.ledger.store(&[0; 2200]).is_none());
    let other = opened.ledger.join(&FACTS, 0, &[0; 900]).unwrap();
    assert!(opened.ledger.join(&FACTS, 0, b"").is_none());
    drop((other, opened.records));
    assert!(opened.ledger.store(&[0; 4096]).is_some());
}

#[test]
fn a_description_is_replaced_as_long_as_there_is_room() {
    let ledger = Ledger::create(1, 2048).unwrap();
    let mut record = ledger.join(&FACTS, 0, &[1; 300]).unwrap();
    for byte in 2..20 {
        assert!(record.prepare(&[byte; 500], 200));
        record.settle();
        assert!(!record.prepare(&[0; 2048], 200));
        record.settle();
        assert_eq!(record.description(), [byte; 500]);
    }
}

#[test]
fn old_bytes_stay_until_all_is_recovered() {
    let ledger = Ledger::create(2, 1024).unwrap();
    let mut record = ledger.join(&FACTS, 0, b"").unwrap();
    let block = ledger.store(&[9; 300]).unwrap();
    record.begin(block.whole(), Piece::NOTHING, 0);
    std::mem::forget(block);
    let mut opened = killed(ledger, vec![record]);
    // They are at the low end, from which others are taken, too.
    let others: Vec<Block> = std::iter::from_fn(|| opened.ledger.store(&[1; 64])).collect();
    assert_eq!(others.len(), 16 - 1 - 5);
    assert_eq!(opened.records[0].recover(&at(1100)).missing, Missing::Bytes(vec![9; 200]));
    let Opened { ledger, records, _old } = opened;
    drop((_old, others));
    assert!(ledger.store(&[0; 960]).is_some());
    drop(records);
}

#[test]
fn memory_of_another_version_is_refused() {
    let ledger = Ledger::create(1, 1024).unwrap();
    let memory = || ledger.as_fd().try_clone_to_owned().unwrap();
    assert!(Ledger::open(memory()).is_ok());
    ledger.0.memory[1].store(2, Relaxed);
    assert!(Ledger::open(memory()).is_err());
    ledger.0.memory[1].store(1, Relaxed);
    ledger.0.memory[0].store(FORMAT + 1, Relaxed);
    assert!(Ledger::open(memory()).is_err());
}
