//! How many tests passed, read from what cargo, vitest and Playwright print.

use std::fmt;

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Succeeded.
    pub(crate) passed: u64,
    /// Did not.
    pub(crate) failed: u64,
    /// Were not run.
    pub(crate) skipped: u64,
}

impl Count {
    /// A check that counts as one.
    pub(crate) const ONE: Self = Self { passed: 1, failed: 0, skipped: 0 };

    /// Reads any of the three forms, however many there are.
    pub(crate) fn of_output(output: &str) -> Self {
        let mut count = Self::default();
        for line in output.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("test result:") {
                let parts = rest.split_once('.').map_or(rest, |(_, rest)| rest);
                count.add(Self::of_parts(parts, ';'));
            } else if let Some(rest) = line.strip_prefix("Tests ") {
                count.add(Self::of_parts(rest, '|'));
            } else if is_playwright(line) {
                count.add(Self::of_parts(line, '|'));
            }
        }
        count
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// `3 passed; 1 failed; 2 ignored` and the like.
    fn of_parts(text: &str, separator: char) -> Self {
        let mut count = Self::default();
        for part in text.split(separator) {
            let mut words = part.split_whitespace();
            let Some(Ok(number)) = words.next().map(str::parse::<u64>) else { continue };
            match words.next() {
                Some("passed" | "flaky") => count.passed += number,
                Some("failed" | "interrupted") => count.failed += number,
                Some("ignored" | "skipped" | "todo" | "did") => count.skipped += number,
                _ => {}
            }
        }
        count
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Playwright ends with lines like `12 passed (30.1s)` and `1 failed`.
fn is_playwright(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_number = words.next().is_some_and(|word| word.parse::<u64>().is_ok());
    let word = words.next().unwrap_or_default();
    let rest = words.next();
    let is_end = rest.is_none_or(|rest| rest.starts_with('(') || rest == "not");
    is_number
        && is_end
        && ["passed", "failed", "flaky", "skipped", "interrupted", "did"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read() {
        let cargo = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                     test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Count::of_output(cargo), Count { passed: 7, failed: 3, skipped: 1 });
        let vitest =
            " Test Files  3 passed (3)\n      Tests  1 failed | 12 passed | 2 skipped (15)";
        assert_eq!(Count::of_output(vitest), Count { passed: 12, failed: 1, skipped: 2 });
        let playwright = "  1 failed\n    [chromium] › a.spec.ts:3:1 › 2 passed doors\n  4 did not run\n  12 passed (30.1s)";
        assert_eq!(Count::of_output(playwright), Count { passed: 12, failed: 1, skipped: 4 });
        assert_eq!(Count::of_output("3 passed doors are open"), Count::default());
    }
}
