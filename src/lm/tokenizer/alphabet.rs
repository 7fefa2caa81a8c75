//! How vocabulary files write bytes: each of the 256 as one visible character.
//!
//! Printable characters of Latin-1 stand for themselves; the other bytes, in order, for U+0100, U+0101, …

/// The character that stands for a byte.
pub fn char_of(byte: u8) -> char {
    let code = match byte {
        0..=32 => 0x100 + u32::from(byte),
        127..=160 => 0x121 + u32::from(byte - 127),
        173 => 0x143,
        _ => u32::from(byte),
    };
    // All below the surrogates.
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for, if it stands for one.
pub fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    let byte = match code {
        33..=126 | 161..=172 | 174..=255 => code,
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 127,
        0x143 => 173,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// The bytes of a token as a file writes it; `None` if a character stands for no byte.
pub fn bytes_of(written: &str) -> Option<Vec<u8>> {
    written.chars().map(byte_of).collect()
}

/// A token as a file writes it.
pub fn written(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char_of(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_visible_character() {
        for byte in 0..=255 {
            assert_eq!(byte_of(char_of(byte)), Some(byte));
            assert!(!char_of(byte).is_control() && !char_of(byte).is_whitespace());
        }
        assert_eq!([char_of(b' '), char_of(b'\n'), char_of(b'a'), char_of(0xad)], ['Ġ', 'Ċ', 'a', 'Ń']);
        assert_eq!((0..0x11_0000).filter_map(char::from_u32).filter_map(byte_of).count(), 256);
    }
}
