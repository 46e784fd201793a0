//! An expression made ready for many evaluations: units checked, simplified within its intervals, lowered to steps.

use crate::bounds::{Given, ranges};
use crate::check::UnitError;
use crate::columns::Columns;
use crate::expr::Expr;
use crate::kernel::{EvalError, Program, Scratch};
use crate::lower::{lower, prune};
use crate::output::{DECIMALS_MAX, Output};
use crate::schema::{InputId, Schema};
use crate::unit::Unit;
use crate::walk::WalkError;
use std::ops::Range;

/// What the caller asks of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The unit of the result; none for any.
    pub unit: Option<Unit>,
    /// What integer the result becomes.
    pub output: Output,
}

/// Why an expression is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Units, or a name that is not declared.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// Too many decimals.
    #[error("{decimals} decimals, and {DECIMALS_MAX} are the most")]
    Decimals {
        /// As asked for.
        decimals: u8,
    },
}

/// An expression ready for evaluation over the inputs of one schema.
#[derive(Debug, Clone)]
pub struct Compiled {
    source: Expr,
    body: Expr,
    schema: Schema,
    output: Output,
    unit: Unit,
    inputs: Vec<InputId>,
    program: Program,
}

impl Compiled {
    /// An expression of any unit, with results in millionths of its base unit.
    ///
    /// # Errors
    /// When a unit does not fit or a name is not declared.
    pub fn try_new(expr: &Expr, schema: &Schema) -> Result<Self, CompileError> {
        Self::with(expr, schema, Options::default())
    }

    /// An expression held to what is asked.
    ///
    /// # Errors
    /// When a unit does not fit or a name is not declared.
    pub fn with(expr: &Expr, schema: &Schema, options: Options) -> Result<Self, CompileError> {
        if let Output::Decimals(decimals) = options.output
            && decimals > DECIMALS_MAX
        {
            return Err(CompileError::Decimals { decimals });
        }
        let unit = expr.unit_wanted(schema, options.unit)?;
        let body = prune(expr, schema);
        let mut inputs: Vec<InputId> = body.inputs().iter().filter_map(|name| schema.id(name)).collect();
        inputs.sort_unstable();
        let program = lower(&body, schema);
        let (source, schema) = (expr.clone(), schema.clone());
        Ok(Self { source, body, schema, output: options.output, unit, inputs, program })
    }

    /// As it was given.
    pub fn source(&self) -> &Expr {
        &self.source
    }

    /// What is computed: simplified within the intervals of the schema.
    pub fn body(&self) -> &Expr {
        &self.body
    }

    /// The unit of the result.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// What integer the result becomes.
    pub fn output(&self) -> Output {
        self.output
    }

    /// The inputs that are read, in the order of the schema. One that is named and cannot matter is not among them.
    pub fn inputs(&self) -> &[InputId] {
        &self.inputs
    }

    /// The scopes of the inputs that are read, bit `n` for scope `n`.
    pub fn scopes(&self) -> u64 {
        self.inputs.iter().fold(0, |bits, id| bits | 1 << self.schema.input(*id).scope.min(63))
    }

    /// Bounds of the result as integers, from the intervals alone: they hold whatever is put in.
    pub fn bounds(&self) -> (i64, i64) {
        self.bounds_within(&[])
    }

    /// The same where some inputs are known more closely, in steps of their measure; the caller keeps them so.
    pub fn bounds_within(&self, known: &[(InputId, i64, i64)]) -> (i64, i64) {
        let ranges = ranges(&self.body, &Given { schema: &self.schema, known, trusts_facts: false });
        let bounds = ranges[self.body.root().index()].interval;
        (self.output.quantise(bounds.lo), self.output.quantise(bounds.hi))
    }

    /// The result for one row, by walking over the expression as it was given: the oracle. One value for each input of the
    /// schema.
    ///
    /// # Errors
    /// When the number of values is wrong.
    pub fn eval_row(&self, row: &[i64]) -> Result<i64, WalkError> {
        Ok(self.output.quantise(self.source.walk(&self.schema, row)?))
    }

    /// The result for every row. Nothing is allocated once the scratch has been used.
    ///
    /// # Errors
    /// When the columns are of another schema or lack an input, or `out` is not as long as the columns.
    pub fn eval_columns(&self, columns: &Columns, scratch: &mut Scratch, out: &mut [i64]) -> Result<(), EvalError> {
        self.eval_rows(columns, 0..columns.rows(), scratch, out)
    }

    /// The result for some rows that follow each other.
    ///
    /// # Errors
    /// As [`Self::eval_columns`].
    pub fn eval_rows(
        &self,
        columns: &Columns,
        rows: Range<usize>,
        scratch: &mut Scratch,
        out: &mut [i64],
    ) -> Result<(), EvalError> {
        let (found, wanted) = (columns.fingerprint(), self.schema.fingerprint());
        if found != wanted {
            return Err(EvalError::Schema { found, wanted });
        }
        if rows.end > columns.rows() || rows.len() != out.len() || rows.start > rows.end {
            let (from, to) = (rows.start, rows.end);
            return Err(EvalError::Rows { from, to, rows: columns.rows(), room: out.len() });
        }
        if let Some(id) = self.inputs.iter().find(|id| !columns.is_readable(**id)) {
            return Err(EvalError::NotHeld { index: id.index() });
        }
        self.program.run(columns, rows, self.output, scratch, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Input;
    use crate::unit::{Dimension, Measure};

    fn schema() -> Schema {
        let inputs = vec![
            Input::column("free", Measure::MILLICORES, 0, 64_000).in_scope(1),
            Input::column("cap", Measure::MILLICORES, 1, 64_000).in_scope(1),
            Input::scalar("request", Measure::MILLICORES, 0, 64_000).in_scope(2),
        ];
        Schema::try_new(inputs).unwrap()
    }

    fn compiled(text: &str) -> Compiled {
        Compiled::try_new(&Expr::parse(text).unwrap(), &schema()).unwrap()
    }

    #[test]
    fn an_input_that_cannot_matter_is_not_read() {
        let schema = schema();
        let expr = compiled("free / cap + 0 * request + max(request, 100cpu) / 100cpu");
        assert_eq!(expr.inputs(), [schema.id("free").unwrap(), schema.id("cap").unwrap()]);
        assert_eq!(expr.scopes(), 0b10);
        let mut columns = Columns::try_new(&schema, 3, expr.inputs().iter().copied()).unwrap();
        columns.fill(schema.id("free").unwrap(), &[1_000, 2_000, 0]).unwrap();
        columns.fill(schema.id("cap").unwrap(), &[4_000, 3_000, 1]).unwrap();
        let mut out = [0; 3];
        expr.eval_columns(&columns, &mut Scratch::default(), &mut out).unwrap();
        assert_eq!(out, [1_250_000, 1_666_667, 1_000_000]);
    }

    #[test]
    fn bounds_are_integers_of_the_same_scale() {
        let expr = compiled("1 - free / 64cpu");
        assert_eq!(expr.bounds(), (0, 1_000_000));
        let free = schema().id("free").unwrap();
        assert_eq!(expr.bounds_within(&[(free, 16_000, 32_000)]), (500_000, 750_000));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let schema = schema();
        let expr = compiled("free / cap");
        let (free, cap) = (schema.id("free").unwrap(), schema.id("cap").unwrap());
        let mut scratch = Scratch::default();
        let partial = Columns::try_new(&schema, 1, [free]).unwrap();
        assert_eq!(expr.eval_columns(&partial, &mut scratch, &mut [0]), Err(EvalError::NotHeld { index: 1 }));
        let columns = Columns::try_new(&schema, 1, [free, cap]).unwrap();
        assert!(matches!(expr.eval_columns(&columns, &mut scratch, &mut [0; 2]), Err(EvalError::Rows { .. })));
        let other = Schema::try_new(vec![Input::column("free", Measure::PLAIN, 0, 1)]).unwrap();
        let columns = Columns::try_new(&other, 1, []).unwrap();
        assert!(matches!(expr.eval_columns(&columns, &mut scratch, &mut [0]), Err(EvalError::Schema { .. })));
        let wanted = Options { unit: Some(Unit::PLAIN), output: Output::Order };
        let error = Compiled::with(&Expr::parse("free").unwrap(), &schema, wanted).unwrap_err();
        assert_eq!(error.to_string(), "free: the result is cpu, and a plain number is wanted (line 1, column 1)");
        let too_fine = Options { unit: Some(Unit::of(Dimension::Cpu)), output: Output::Decimals(10) };
        assert_eq!(
            Compiled::with(expr.source(), &schema, too_fine).unwrap_err(),
            CompileError::Decimals { decimals: 10 }
        );
    }
}
