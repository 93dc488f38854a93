//! The operating system's randomness, the only source of keys, ids and tokens.

/// Random bytes. Without them nothing here can be safe, so a failing source ends the process.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!(
            "the operating system gives no randomness: {error}; check that getrandom(2) or /dev/urandom is allowed"
        );
    }
    bytes
}

/// So many decimal digits, each number as likely as any other.
pub(crate) fn digits(count: u32) -> String {
    let numbers = 10u64.pow(count);
    // What lies above the last whole multiple would favour small numbers.
    let fair = u64::MAX - u64::MAX % numbers;
    loop {
        let number = u64::from_le_bytes(bytes());
        if number < fair {
            return format!("{:0width$}", number % numbers, width = count as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_as_many_as_asked_for_and_leading_zeros_stay() {
        let keys: Vec<_> = (0..2_000).map(|_| digits(6)).collect();
        assert!(keys.iter().all(|key| key.len() == 6 && key.bytes().all(|b| b.is_ascii_digit())));
        // 1 in 10 begins with a zero; none in 2,000 happens once in 10^91 runs.
        assert!(keys.iter().any(|key| key.starts_with('0')));
    }
}
