//! Names of pages that are too long to be kept whole.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::page::hex_pair;

/// The longest name that is kept, in bytes. Of a longer one its beginning is kept, with a hash of the whole.
pub(super) const MAX_KEPT: usize = 512;

/// A name that isn't longer than what is kept. The hash has no key: each server of a site gives a page the same name.
pub(super) fn shorten(mut name: String) -> String {
    if name.len() <= MAX_KEPT {
        return name;
    }
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    let end = format!("{ELLIPSIS}{:016x}", hasher.finish());
    name.truncate(whole_characters(&name, MAX_KEPT - end.len()));
    name + &end
}

/// `…`, as names have it.
const ELLIPSIS: &str = "%E2%80%A6";

/// The longest beginning of a name within `most` bytes that ends between two characters, or at least between two escapes
/// if it isn't UTF-8.
fn whole_characters(name: &str, most: usize) -> usize {
    let name = name.as_bytes();
    let is_in_escape = |at: usize| name[at - 1] == b'%' || name[at - 2] == b'%';
    let continues =
        |at: usize| name[at] == b'%' && hex_pair(&name[at + 1..]).is_some_and(|byte| byte & 0xc0 == 0x80);
    // Four escapes hold any character.
    let ends = || (most - 12..=most).rev().filter(|at| !is_in_escape(*at));
    ends().find(|at| !continues(*at)).or_else(|| ends().next()).unwrap_or(most)
}
