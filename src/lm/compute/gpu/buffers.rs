//! The device's buffers, and which part of one a kernel sees.

use super::super::Span;

/// A buffer.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) inner: wgpu::Buffer,
    /// How many numbers fit, the padding at its end among them.
    len: usize,
    /// The batch that used it last: writing to it must wait until that one is on its way.
    pub(super) used_in: u64,
    /// What a buffer of whole numbers holds. Only the host writes those, and sorting them here spares the device.
    pub(super) numbers: Vec<u32>,
}

/// What is bound of a buffer for one span, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Where it begins in the buffer.
    pub(super) offset: usize,
    /// How long it is.
    pub(super) len: usize,
    /// Where the span begins in it.
    pub(super) start: usize,
}

/// Windows begin at multiples of this: 256 bytes.
const ALIGNMENT: usize = 64;

/// All buffers, by their number in [`Span::buffer`].
#[derive(Debug)]
pub(super) struct Buffers {
    places: Vec<Option<Buffer>>,
    /// The most numbers that a kernel may see of one buffer.
    pub(super) bound: usize,
}

impl Buffers {
    pub(super) fn new(bound: usize) -> Self {
        Self { places: Vec::new(), bound }
    }

    /// How long a buffer for `len` numbers is made: whole windows, so that four numbers at a time never leave it.
    pub(super) fn padded(len: usize) -> usize {
        len.max(1).next_multiple_of(ALIGNMENT)
    }

    pub(super) fn add(&mut self, inner: wgpu::Buffer, len: usize, numbers: Vec<u32>) -> Span {
        let buffer = Some(Buffer { inner, len: Self::padded(len), used_in: 0, numbers });
        let free = self.places.iter().position(Option::is_none);
        let index = free.unwrap_or(self.places.len());
        match free {
            Some(index) => self.places[index] = buffer,
            None => self.places.push(buffer),
        }
        Span { buffer: index, start: 0, len }
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Buffer> {
        self.places[index].take()
    }

    /// What all of them hold, in numbers.
    pub(super) fn held(&self) -> usize {
        self.places.iter().flatten().map(|buffer| buffer.len).sum()
    }

    /// # Panics
    /// Where it was given back.
    pub(super) fn get(&mut self, index: usize) -> &mut Buffer {
        self.places[index].as_mut().expect("a span outlives its buffer")
    }

    /// The whole buffer where a kernel may see it all, else the span's part; nothing where that is too long.
    pub(super) fn window(&mut self, span: Span) -> Option<Window> {
        let (bound, whole) = (self.bound, self.get(span.buffer).len);
        if whole <= bound {
            return Some(Window { offset: 0, len: whole, start: span.start });
        }
        let offset = span.start / ALIGNMENT * ALIGNMENT;
        let end = (span.start + span.len).next_multiple_of(ALIGNMENT);
        let window = Window { offset, len: end - offset, start: span.start - offset };
        (window.len <= bound).then_some(window)
    }

    /// The longest span that a kernel always sees whole, wherever it begins.
    pub(super) fn largest(&self) -> usize {
        self.bound - 2 * ALIGNMENT
    }

    /// Cuts rows of `width` into pieces that can be bound: first row and how many.
    pub(super) fn pieces(&mut self, span: Span, width: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let rows = span.len / width;
        let whole = self.get(span.buffer).len <= self.bound;
        // By fours, so that pieces of aligned rows are aligned.
        let each = if whole { rows.max(1) } else { (self.largest() / width / 4 * 4).max(1) };
        (0..rows).step_by(each).map(move |first| (first, each.min(rows - first)))
    }
}
