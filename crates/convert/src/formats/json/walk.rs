//! What is carried along while values are taken into the tree of [`super::node`].

/// What is needed while values are taken in.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Where in the file the cursor's bytes begin.
    pub base: u64,
    pub scratch: Vec<u8>,
    pub nodes: usize,
    /// A number for each object, so that a key seen twice in one shows.
    pub object: u64,
    /// Places with a control character in a string, and with NaN or Infinity.
    pub controls: Vec<u64>,
    pub control_count: u64,
    pub words: Vec<u64>,
    pub word_count: u64,
}

/// As many places are remembered.
pub(crate) const PLACES: usize = 20;

impl Walk {
    pub(super) fn control(&mut self, at: usize) {
        self.control_count += 1;
        if self.controls.len() < PLACES {
            self.controls.push(self.base + at as u64);
        }
    }

    pub(super) fn word(&mut self, at: usize) {
        self.word_count += 1;
        if self.words.len() < PLACES {
            self.words.push(self.base + at as u64);
        }
    }
}
