//! New inputs from old ones, blindly: bits, bytes, cuts, copies, splices and values that parsers stumble over.

use crate::limits::{CHANGES_MAX, CORPUS_MAX, INPUT_BYTES_MAX};
use crate::rng::Rng;

/// A corpus and what makes inputs from it.
pub(crate) struct Mutator {
    rng: Rng,
    corpus: Vec<Vec<u8>>,
    /// The first so many of the corpus are seeds and stay.
    seeds: usize,
    words: &'static [&'static [u8]],
}

impl Mutator {
    /// `words` are pieces of the target's own language.
    pub(crate) fn new(seed: u64, seeds: Vec<Vec<u8>>, words: &'static [&'static [u8]]) -> Self {
        Self { rng: Rng::new(seed), seeds: seeds.len(), corpus: seeds, words }
    }

    /// The next input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        if self.corpus.is_empty() || self.rng.chance(64) {
            let len = self.rng.index(512);
            return (0..len).map(|_| self.rng.byte()).collect();
        }
        let at = self.rng.index(self.corpus.len());
        let mut input = self.corpus[at].clone();
        let changes = 1 + self.rng.below(CHANGES_MAX).min(self.rng.below(CHANGES_MAX));
        for _ in 0..changes {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    /// A decoder took this input: it is a good place to go on from.
    pub(crate) fn keep(&mut self, input: &[u8]) {
        if !self.rng.chance(8) {
            return;
        }
        if self.corpus.len() < CORPUS_MAX.max(self.seeds + 1) {
            self.corpus.push(input.to_vec());
        } else {
            let at = self.seeds + self.rng.index(self.corpus.len() - self.seeds);
            self.corpus[at] = input.to_vec();
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input.len());
        match self.rng.below(11) {
            0 | 1 if !input.is_empty() => {
                let at = self.rng.index(input.len());
                input[at] ^= 1 << self.rng.below(8);
            }
            2 if !input.is_empty() => {
                let at = self.rng.index(input.len());
                input[at] = self.rng.byte();
            }
            3 => input.truncate(from),
            4 => drop(input.drain(from..to)),
            5 => {
                let copy = input[from..to].to_vec();
                let times = 1 + self.rng.below(3) as usize;
                self.insert(input, &copy.repeat(times));
            }
            6 => {
                let value = self.interesting();
                self.insert(input, &value);
            }
            7 => {
                let value = self.interesting();
                let end = (from + value.len()).min(input.len());
                input.splice(from..end, value);
            }
            8 => {
                let at = self.rng.index(self.corpus.len());
                let (other_from, other_to) = self.range(self.corpus[at].len());
                let other = self.corpus[at][other_from..other_to].to_vec();
                input.splice(from..to, other);
            }
            9 => {
                let run = vec![self.rng.byte(); self.rng.index(64)];
                self.insert(input, &run);
            }
            // Rare and long, so that every limit on length is passed now and then.
            _ if self.rng.chance(16) => {
                let run = vec![self.rng.byte(); self.rng.index(INPUT_BYTES_MAX)];
                self.insert(input, &run);
            }
            _ => {
                let word = self.words.get(self.rng.index(self.words.len())).copied();
                self.insert(input, word.unwrap_or(&[0]));
            }
        }
    }

    fn insert(&mut self, input: &mut Vec<u8>, what: &[u8]) {
        let at = self.rng.index(input.len() + 1);
        input.splice(at..at, what.iter().copied());
        input.truncate(INPUT_BYTES_MAX);
    }

    fn range(&mut self, len: usize) -> (usize, usize) {
        let from = self.rng.index(len + 1);
        // Mostly short: what is taken out of the middle leaves the rest readable.
        let most = if self.rng.chance(4) { len - from } else { (len - from).min(16) };
        (from, from + self.rng.index(most + 1))
    }

    fn interesting(&mut self) -> Vec<u8> {
        let values = [0, 1, 2, 16, 64, 125, 126, 127, 255, 256, 4096, 16_384, 32_767, 65_535];
        let value: u64 = match self.rng.below(4) {
            0 => u64::MAX,
            1 => 1 << self.rng.below(64),
            _ => values[self.rng.index(values.len())],
        };
        match self.rng.below(5) {
            0 => value.to_string().into_bytes(),
            1 => vec![value as u8],
            2 => (value as u16).to_be_bytes().to_vec(),
            3 => (value as u32).to_be_bytes().to_vec(),
            _ => value.to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(seed: u64, count: usize) -> Vec<Vec<u8>> {
        let mut mutator = Mutator::new(seed, vec![b"abcdefgh".to_vec(), vec![]], &[b"word"]);
        let mut made = Vec::new();
        for _ in 0..count {
            let input = mutator.next();
            mutator.keep(&input);
            made.push(input);
        }
        made
    }

    #[test]
    fn one_seed_makes_one_run_and_another_seed_another() {
        assert!(inputs(7, 2_000) == inputs(7, 2_000));
        assert!(inputs(7, 2_000) != inputs(8, 2_000));
    }

    #[test]
    fn inputs_stay_within_their_bound_and_hardly_repeat() {
        let mut made = inputs(1, 5_000);
        assert!(made.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
        assert!(made.iter().any(|input| input.len() > INPUT_BYTES_MAX / 2));
        made.sort();
        made.dedup();
        assert!(made.len() > 4_000, "only {} of 5000 differ", made.len());
    }
}
