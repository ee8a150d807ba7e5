//! Inputs that are made of others at random: for machines without LLVM's fuzzer, and for a while in `make test`.

use fastrand::Rng;

/// Longer inputs are cut: what takes long must not be what is large.
const MOST_BYTES: usize = 8 << 10;

/// So many inputs are kept to make others from.
const MOST_KEPT: usize = 256;

/// What parsers give meaning to.
const WORDS: &[&[u8]] = &[
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"{\"",
    b"\":",
    b"-1",
    b"1e999",
    b"9223372036854775808",
    b"0.1",
    b"true",
    b"\\u0000",
    b"\xff",
    b"\0",
    b"\0\0\0\0\x01",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"\"op\":\"d\"",
    b"\"type\":",
    b"__deleted",
    b"payload",
    b"schema",
    b"before",
    b"after",
    b"\n",
    b"[[route]]\n",
    b"'",
    b"${",
];

/// An endless row of inputs.
pub struct Inputs {
    rng: Rng,
    kept: Vec<Vec<u8>>,
}

impl Inputs {
    /// Of a target with these seeds; equal numbers make equal inputs.
    pub fn new(seeds: &[&str], number: u64) -> Self {
        let mut kept: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
        kept.push(Vec::new());
        Self {
            rng: Rng::with_seed(number),
            kept,
        }
    }

    /// The next one.
    pub fn make_input(&mut self) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..self.rng.usize(1..=6) {
            self.change(&mut input);
        }
        input.truncate(MOST_BYTES);
        // what was changed once is changed again
        if self.rng.u8(..) < 32 {
            match self.kept.len() < MOST_KEPT {
                true => self.kept.push(input.clone()),
                false => {
                    let at = self.rng.usize(MOST_KEPT / 2..MOST_KEPT);
                    self.kept[at] = input.clone();
                }
            }
        }
        input
    }

    fn pick(&mut self) -> Vec<u8> {
        let at = self.rng.usize(..self.kept.len());
        self.kept[at].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.usize(..=input.len());
        let end = at + self.rng.usize(..=(input.len() - at).min(32));
        match self.rng.u8(..8) {
            0 if at < input.len() => input[at] ^= 1 << self.rng.u8(..8),
            1 if at < input.len() => input[at] = self.rng.u8(..),
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let again = input[at..end].repeat(self.rng.usize(1..4));
                input.splice(at..at, again);
            }
            5 => {
                let other = self.pick();
                let from = self.rng.usize(..=other.len());
                input.splice(at..end, other[from..].iter().take(64).copied());
            }
            _ => {
                let word = WORDS[self.rng.usize(..WORDS.len())];
                input.splice(at..end.min(at + 4), word.iter().copied());
            }
        }
    }
}
