//! Hash maps for names that are compiled in, asked for with every key of every manifest. Not for input: anybody could make
//! it collide.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map for names that the program itself brings along: nobody else can put keys into it that collide.
pub type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// A hash of few instructions.
#[derive(Debug, Default)]
pub struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}
