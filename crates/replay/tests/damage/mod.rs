//! What can happen to a file.

/// Damages a valid file in some way that `how` and `place` settle: cuts it off, flips a bit,
/// overwrites a run of bytes, or removes some.
pub(crate) fn damage(bytes: &[u8], how: u8, place: usize) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    let at = place % bytes.len();
    match how % 5 {
        0 => damaged.truncate(at),
        1 => damaged[at] ^= 1 << (how / 5 % 8),
        2 => damaged[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
        3 => damaged[at..].iter_mut().take(8).for_each(|byte| *byte = how),
        _ => drop(damaged.drain(at..(at + 1 + usize::from(how)).min(bytes.len()))),
    }
    damaged
}
