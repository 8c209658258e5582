//! Which brackets are open at a place, a bit for each: deep values cost neither stack nor
//! heap, and past [`MAX_DEPTH`] they are refused.

use super::token::{FaultKind, MAX_DEPTH, Parsed, fault};

/// Which brackets are open, a bit for each.
pub(super) struct Nest {
    bits: [u64; MAX_DEPTH.div_ceil(64)],
    depth: usize,
}

impl Default for Nest {
    fn default() -> Self {
        Nest {
            bits: [0; MAX_DEPTH.div_ceil(64)],
            depth: 0,
        }
    }
}

impl Nest {
    pub(super) fn push(&mut self, object: bool, at: usize) -> Parsed<()> {
        if self.depth == MAX_DEPTH {
            return too_deep(at);
        }
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        if object {
            self.bits[word] |= bit;
        } else {
            self.bits[word] &= !bit;
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn pop(&mut self) {
        self.depth -= 1;
    }

    /// Whether the innermost is an object; none where nothing is open.
    pub(super) fn top(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.bits[last / 64] >> (last % 64) & 1 == 1)
    }
}

#[cold]
fn too_deep<T>(at: usize) -> Parsed<T> {
    fault(
        at,
        FaultKind::Syntax,
        format!("nested deeper than {MAX_DEPTH} levels"),
    )
}
