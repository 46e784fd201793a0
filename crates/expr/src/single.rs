//! The evaluation of a compiled expression for one row: the same steps as for columns, on plain numbers.
//!
//! A queue asks for the key of one task and an index for the score of one node; a chunk of 256 rows would be wasted on them. The
//! functions are those of the walk, which columns equal to the last bit. An input is asked for where it is used, so one
//! that is used twice is asked for twice.

use crate::kernel::{Operand, Operation, Program, Shared};
use crate::op;
use crate::schema::{InputId, Schema};
use crate::walk;

/// Values that are kept on the stack: enough for expressions of some hundred operations.
const SMALL: usize = 64;

impl Program {
    /// The value of one row, whose inputs `value` gives.
    pub(crate) fn run_one(&self, schema: &Schema, mut value: impl FnMut(InputId) -> i64) -> f64 {
        let wanted = self.shared.len() + self.registers;
        let base = |id: InputId, value: &mut dyn FnMut(InputId) -> i64| schema.input(id).base_value(value(id));
        if wanted <= SMALL {
            self.run_in(&mut [0.0; SMALL][..wanted], |id| base(id, &mut value))
        } else {
            self.run_in(&mut vec![0.0; wanted], |id| base(id, &mut value))
        }
    }

    /// The same with room for the shared values and, behind them, the registers.
    fn run_in(&self, room: &mut [f64], mut input: impl FnMut(InputId) -> f64) -> f64 {
        for (slot, shared) in self.shared.iter().enumerate() {
            let of = |slot: u16| room[usize::from(slot)];
            room[slot] = match *shared {
                Shared::Number(value) => value,
                Shared::Input(id) => input(id),
                Shared::Unary(op, a) => walk::unary(op, of(a)),
                Shared::Binary(op, a, b) => walk::binary(op, of(a), of(b)),
                Shared::Choose(condition, a, b) => op::choose(of(condition), of(a), of(b)),
            };
        }
        let registers = self.shared.len();
        for step in &self.steps {
            let mut of = |operand: Operand| match operand {
                Operand::Column(id) => input(id),
                Operand::Scalar(slot) => room[usize::from(slot)],
                Operand::Register(register) => room[registers + usize::from(register)],
            };
            room[registers + usize::from(step.out)] = match step.operation {
                Operation::Unary(op, a) => walk::unary(op, of(a)),
                Operation::Binary(op, a, b) => walk::binary(op, of(a), of(b)),
                Operation::Choose(condition, a, b) => op::choose(of(condition), of(a), of(b)),
            };
        }
        match self.result {
            Operand::Column(id) => input(id),
            Operand::Scalar(slot) => room[usize::from(slot)],
            Operand::Register(register) => room[registers + usize::from(register)],
        }
    }
}
