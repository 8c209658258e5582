//! The buffers a file passes through: each at an address that a write past the
//! page cache may start from, and never more of them than were allowed.
//!
//! A block is filled once, may then be read by several threads, and goes back by
//! itself when the last of them lets it go.

use std::sync::mpsc::{Receiver, Sender, channel};

/// Address and length of a direct write are multiples of this. Disks ask for
/// their logical block, 512 or 4096 bytes.
pub(crate) const ALIGN: usize = 4096;

/// Some bytes of a file, in memory that starts at a multiple of [`ALIGN`].
pub(crate) struct Block {
    memory: Vec<u8>,
    start: usize,
    len: usize,
    home: Sender<Vec<u8>>,
}

impl Block {
    /// All the room there is, to be filled from its beginning.
    pub fn room(&mut self) -> &mut [u8] {
        let end = self.start + self.memory.len() - ALIGN;
        &mut self.memory[self.start..end]
    }

    /// Says how much of the room was filled.
    pub fn filled(&mut self, len: usize) {
        self.len = len.min(self.memory.len() - ALIGN);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // Where nobody takes blocks any more, the memory goes with this.
        let _ = self.home.send(std::mem::take(&mut self.memory));
    }
}

/// The blocks of one copy, made as they are needed and used again.
pub(crate) struct Blocks {
    size: usize,
    may_make: usize,
    home: Sender<Vec<u8>>,
    back: Receiver<Vec<u8>>,
}

impl Blocks {
    /// At most `most` blocks of `size` bytes each.
    pub fn new(size: usize, most: usize) -> Self {
        let (home, back) = channel();
        Self {
            size,
            may_make: most,
            home,
            back,
        }
    }

    /// An empty block; waits for one to come back where as many as allowed are out.
    pub fn take(&mut self) -> Block {
        let memory = match self.back.try_recv() {
            Ok(memory) => memory,
            Err(_) if self.may_make > 0 => {
                self.may_make -= 1;
                self.make()
            }
            // Our own end keeps the channel open.
            Err(_) => self.back.recv().unwrap_or_else(|_| self.make()),
        };
        Block {
            // Never resized, so that it stays where it is.
            start: memory.as_ptr().align_offset(ALIGN).min(ALIGN),
            memory,
            len: 0,
            home: self.home.clone(),
        }
    }

    fn make(&self) -> Vec<u8> {
        vec![0; self.size + ALIGN]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn blocks_lie_on_a_page_and_hold_what_they_were_made_for() {
        for size in [1, ALIGN - 1, ALIGN, 3 * ALIGN + 5, 1 << 20] {
            let mut blocks = Blocks::new(size, 3);
            for _ in 0..10 {
                let mut block = blocks.take();
                assert!(block.bytes().is_empty());
                assert_eq!(block.room().len(), size);
                block.room().fill(7);
                block.filled(size);
                assert_eq!(block.bytes().as_ptr().align_offset(ALIGN), 0);
                assert_eq!(block.bytes(), vec![7; size]);
            }
        }
    }

    #[test]
    fn no_more_are_made_than_allowed_and_none_is_lost() {
        let mut blocks = Blocks::new(10, 2);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let (a, b) = (Arc::new(blocks.take()), Arc::new(blocks.take()));
            seen.extend([a.memory.as_ptr() as usize, b.memory.as_ptr() as usize]);
            std::thread::scope(|scope| {
                for block in [&a, &b] {
                    for _ in 0..2 {
                        let block = Arc::clone(block);
                        scope.spawn(move || drop(block));
                    }
                }
                drop((a, b));
            });
        }
        assert_eq!(seen.len(), 2);
    }
}
