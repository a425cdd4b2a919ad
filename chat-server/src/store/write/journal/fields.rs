//! Reading big-endian fields from the front of a slice of known length.

/// The unread rest of the slice.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_first_chunk().expect("a header has the length of its fields");
        self.0 = rest;
        *first
    }

    /// The next number of 4 bytes.
    pub(super) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// The next number of 8 bytes.
    pub(super) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// The next length, of 4 bytes.
    pub(super) fn length(&mut self) -> usize {
        usize::try_from(self.u32()).unwrap_or(usize::MAX)
    }
}
