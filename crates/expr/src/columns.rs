//! The values of inputs: a column for each input that varies by row, and one value for each that does not.
//!
//! A caller keeps columns from call to call and changes the rows that changed. Values are held to their intervals and converted to
//! base units when they come in, so that an evaluation reads them as they are.

use crate::fingerprint::Fingerprint;
use crate::schema::{Input, InputId, Schema, Shape};

/// Why a value was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// An input without a column here.
    #[error("there is no column of `{name}` here")]
    NotHeld {
        /// The input.
        name: String,
    },
    /// A column's function called for a scalar, or the other way round.
    #[error("`{name}` is {is}")]
    Shape {
        /// The input.
        name: String,
        /// What it is.
        is: &'static str,
    },
    /// A row that does not exist.
    #[error("row {row} of {rows}")]
    Row {
        /// As given.
        row: usize,
        /// How many there are.
        rows: usize,
    },
    /// An id that the schema does not have.
    #[error("input {index} of {count}")]
    NoSuchInput {
        /// As given.
        index: usize,
        /// How many there are.
        count: usize,
    },
}

/// Values of the inputs of a schema.
#[derive(Debug, Clone)]
pub struct Columns {
    schema: Schema,
    rows: usize,
    /// By input; empty where no column is held.
    columns: Vec<Vec<f64>>,
    is_held: Vec<bool>,
    scalars: Vec<f64>,
    clamped: u64,
}

impl Columns {
    /// Columns of `rows` rows for the given inputs (those of [`crate::Compiled::inputs`], of one expression or several). Every
    /// value starts as the one nearest to 0 in its interval. Scalars are always held.
    ///
    /// # Errors
    /// When an id is not one of the schema.
    pub fn try_new(
        schema: &Schema,
        rows: usize,
        inputs: impl IntoIterator<Item = InputId>,
    ) -> Result<Self, ColumnsError> {
        let count = schema.inputs().len();
        let mut columns = vec![Vec::new(); count];
        let mut is_held = vec![false; count];
        for id in inputs {
            let input =
                schema.inputs().get(id.index()).ok_or(ColumnsError::NoSuchInput { index: id.index(), count })?;
            is_held[id.index()] = true;
            if input.shape == Shape::Column {
                columns[id.index()] = vec![input.base_value(0); rows];
            }
        }
        let scalars = schema.inputs().iter().map(|input| input.base_value(0)).collect();
        Ok(Self { schema: schema.clone(), rows, columns, is_held, scalars, clamped: 0 })
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// More or fewer rows; new ones hold the value nearest to 0.
    pub fn resize(&mut self, rows: usize) {
        for (id, column) in self.columns.iter_mut().enumerate() {
            let input = &self.schema.inputs()[id];
            if self.is_held[id] && input.shape == Shape::Column {
                column.resize(rows, input.base_value(0));
            }
        }
        self.rows = rows;
    }

    /// One value of a column, in steps of the input's measure.
    ///
    /// # Errors
    /// When there is no such column or row.
    pub fn set(&mut self, id: InputId, row: usize, value: i64) -> Result<(), ColumnsError> {
        self.check(id, Shape::Column)?;
        let input = self.schema.input(id);
        let (rows, column) = (self.rows, &mut self.columns[id.index()]);
        *column.get_mut(row).ok_or(ColumnsError::Row { row, rows })? = input.base_value(value);
        self.clamped += u64::from(!input.holds(value));
        Ok(())
    }

    /// A whole column.
    ///
    /// # Errors
    /// When there is no such column, or the number of values is not that of the rows.
    pub fn fill(&mut self, id: InputId, values: &[i64]) -> Result<(), ColumnsError> {
        self.check(id, Shape::Column)?;
        if values.len() != self.rows {
            return Err(ColumnsError::Row { row: values.len(), rows: self.rows });
        }
        let input = self.schema.input(id);
        for (held, value) in self.columns[id.index()].iter_mut().zip(values) {
            *held = input.base_value(*value);
            self.clamped += u64::from(!input.holds(*value));
        }
        Ok(())
    }

    /// The value of an input that all rows share.
    ///
    /// # Errors
    /// When the input is a column.
    pub fn set_scalar(&mut self, id: InputId, value: i64) -> Result<(), ColumnsError> {
        self.check(id, Shape::Scalar)?;
        let input = self.schema.input(id);
        self.scalars[id.index()] = input.base_value(value);
        self.clamped += u64::from(!input.holds(value));
        Ok(())
    }

    /// How many values so far were outside their interval and were taken as the nearest bound.
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.schema.fingerprint()
    }

    pub(crate) fn column(&self, id: InputId) -> &[f64] {
        &self.columns[id.index()]
    }

    pub(crate) fn scalar(&self, id: InputId) -> f64 {
        self.scalars[id.index()]
    }

    /// Whether a column of an input can be read.
    pub(crate) fn is_readable(&self, id: InputId) -> bool {
        self.is_held[id.index()] || self.schema.input(id).shape == Shape::Scalar
    }

    fn check(&self, id: InputId, shape: Shape) -> Result<(), ColumnsError> {
        let inputs: &[Input] = self.schema.inputs();
        let count = inputs.len();
        let input = inputs.get(id.index()).ok_or(ColumnsError::NoSuchInput { index: id.index(), count })?;
        let name = || input.name.to_string();
        match (shape, input.shape) {
            (Shape::Scalar, Shape::Column) => {
                Err(ColumnsError::Shape { name: name(), is: "a column and has a value for each row" })
            }
            (Shape::Column, Shape::Scalar) => {
                Err(ColumnsError::Shape { name: name(), is: "a scalar and has one value for all rows" })
            }
            (Shape::Column, Shape::Column) if !self.is_held[id.index()] => Err(ColumnsError::NotHeld { name: name() }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Measure;

    #[test]
    fn values_are_held_to_their_intervals_and_counted() {
        let inputs = vec![
            Input::column("wait", Measure::SECONDS, 1, 9),
            Input::scalar("size", Measure::PLAIN, -5, 5),
            Input::column("other", Measure::PLAIN, 0, 1),
        ];
        let schema = Schema::try_new(inputs).unwrap();
        let (wait, size, other) = (InputId(0), InputId(1), InputId(2));
        let mut columns = Columns::try_new(&schema, 2, [wait, size]).unwrap();
        columns.set(wait, 1, 100).unwrap();
        columns.set_scalar(size, -3).unwrap();
        assert_eq!((columns.column(wait), columns.scalar(size), columns.clamped()), (&[1_000.0, 9_000.0][..], -3.0, 1));
        assert_eq!(columns.set(wait, 2, 1), Err(ColumnsError::Row { row: 2, rows: 2 }));
        assert_eq!(columns.fill(wait, &[1]), Err(ColumnsError::Row { row: 1, rows: 2 }));
        assert!(matches!(columns.set(size, 0, 1), Err(ColumnsError::Shape { .. })));
        assert!(matches!(columns.set_scalar(wait, 1), Err(ColumnsError::Shape { .. })));
        assert!(matches!(columns.set(other, 0, 1), Err(ColumnsError::NotHeld { .. })));
        assert!(matches!(columns.set(InputId(9), 0, 1), Err(ColumnsError::NoSuchInput { index: 9, count: 3 })));
        columns.resize(3);
        assert_eq!(columns.column(wait), [1_000.0, 9_000.0, 1_000.0]);
        assert!(columns.column(other).is_empty());
    }
}
