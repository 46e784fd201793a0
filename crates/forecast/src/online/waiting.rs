//! A forecast that waits for its moment, as it was made.

use super::codec::{Fields, Half, Io};
use super::lane::{INPUTS, POINTS, UPPERS};
use super::upper;

/// What was said, and what it was said from.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    /// The step that it is about.
    pub due: u32,
    pub last: f32,
    /// The present level then.
    pub level: f32,
    pub point: f32,
    /// What was promised to cover the wanted share.
    pub said: f32,
    /// The fused upper end above the point, before its correction.
    pub fused: f32,
    pub usual: f32,
    /// Quarter of an hour of the day that it is about.
    pub quarter: u8,
    /// Phase of the known event then.
    pub phase: u8,
    /// Bit per expert that was awake.
    pub awake: u16,
    /// Each expert's point less the last value.
    pub points: [Half; POINTS],
    pub inputs: [Half; INPUTS],
    /// Bit per upper end that was there.
    pub upper_awake: u16,
    /// Each upper end above the point, before reach or shift.
    pub raw: [Half; UPPERS],
    pub upper_inputs: [Half; upper::INPUTS],
}

impl Fields for Waiting {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.u32(&mut self.due);
        let plain =
            [&mut self.last, &mut self.level, &mut self.point, &mut self.said, &mut self.fused, &mut self.usual];
        plain.into_iter().for_each(|value| io.f32(value));
        io.u8(&mut self.quarter);
        io.u8(&mut self.phase);
        io.u16(&mut self.awake);
        self.points.iter_mut().for_each(|half| half.fields(io));
        self.inputs.iter_mut().for_each(|half| half.fields(io));
        io.u16(&mut self.upper_awake);
        self.raw.iter_mut().for_each(|half| half.fields(io));
        self.upper_inputs.iter_mut().for_each(|half| half.fields(io));
    }
}
