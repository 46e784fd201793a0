//! A matrix from a tensor of a file: eight-bit blocks as they are, all others through floats.

use super::{BLOCK, Matrix, ROWS, quantised};
use crate::LocalError;
use crate::gguf::{Gguf, Kind, Source};
use crate::half;

/// Bytes that are read at once, about.
const CHUNK: usize = 1 << 20;

/// Reads the tensor of this name and shape. `columns` is a multiple of 32.
///
/// # Errors
/// [`LocalError`] where it is missing, has another shape, or cannot be read.
pub fn load<S: Source>(gguf: &Gguf<S>, name: &str, rows: usize, columns: usize) -> Result<Matrix, LocalError> {
    let tensor = gguf.tensor(name, &[columns as u64, rows as u64])?;
    let kind = tensor.kind;
    let row_bytes = kind.bytes(columns).ok_or_else(|| {
        gguf.wrong(&format!("columns of {name}"), columns, format!("a multiple of {}", kind.block().0))
    })?;
    let mut matrix = Matrix::zeros(rows, columns);
    let at_once = (CHUNK / row_bytes).next_multiple_of(ROWS).max(ROWS);
    let (mut bytes, mut values) = (Vec::new(), vec![0.0; columns]);
    for first in (0..rows).step_by(at_once) {
        let count = at_once.min(rows - first);
        bytes.resize(count * row_bytes, 0);
        gguf.read(tensor.at + (first * row_bytes) as u64, &mut bytes)?;
        for (i, row) in bytes.chunks_exact(row_bytes).enumerate() {
            if kind == Kind::Q8Zero {
                as_it_is(&mut matrix, first + i, row);
            } else {
                kind.values(row, &mut values);
                through_floats(&mut matrix, first + i, &values);
            }
        }
    }
    Ok(matrix)
}

fn as_it_is(matrix: &mut Matrix, row: usize, bytes: &[u8]) {
    for (block, bytes) in bytes.as_chunks::<34>().0.iter().enumerate() {
        let scale = u16::from_le_bytes([bytes[0], bytes[1]]);
        // -128 is outside of what a kernel may meet; no tool writes it.
        let values: [i8; BLOCK] = std::array::from_fn(|i| (bytes[2 + i] as i8).max(-127));
        matrix.put(row, block, scale, &values);
    }
}

fn through_floats(matrix: &mut Matrix, row: usize, values: &[f32]) {
    for (block, values) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
        let (scale, eight) = quantised(values);
        matrix.put(row, block, half::narrow(scale), &eight);
    }
}
