//! What may become of a file: bytes that are changed, put in or taken out.

/// Changes `bytes` as `changes` says, four bytes a change.
pub fn damage(bytes: &mut Vec<u8>, changes: &[u8], is_safetensors: bool) {
    for change in changes.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len().max(1);
        match change[2] % 4 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, change[3]),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ if !bytes.is_empty() => bytes[at] = change[3],
            _ => {}
        }
        // What is put in or taken out of the header changes its length, which the file names.
        if is_safetensors && change[2] >= 128 && bytes.len() >= 8 {
            let end = bytes.iter().rposition(|&byte| byte == b'}').unwrap_or(8).max(8);
            bytes[..8].copy_from_slice(&((end - 7) as u64).to_le_bytes());
        }
    }
}
