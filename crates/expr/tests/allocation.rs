//! An evaluation allocates nothing once its scratch has been used.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_expr::{Columns, Compiled, Expr, Input, Measure, Schema, Scratch};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Per thread, because the test harness has threads of its own that allocate when they like.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes unchanged to the system allocator; counting touches a constant-initialised thread local
// without a destructor, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn neither_changing_a_row_nor_evaluating_allocates() {
    let inputs = vec![Input::column("a", Measure::PLAIN, 0, 9), Input::scalar("s", Measure::PLAIN, 0, 9)];
    let schema = Schema::try_new(inputs).unwrap();
    let (a, s) = (schema.id("a").unwrap(), schema.id("s").unwrap());
    let expr = Expr::parse("if(a > s, sqrt(a) / s, min(a * s, 3) + log2(1 + a)) * sqrt(s)").unwrap();
    let compiled = Compiled::try_new(&expr, &schema).unwrap();
    let mut columns = Columns::try_new(&schema, 1_000, [a]).unwrap();
    let (mut scratch, mut out) = (Scratch::default(), vec![0; 1_000]);
    compiled.eval_columns(&columns, &mut scratch, &mut out).unwrap();
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get(), before + 1, "the counter counts");
    for round in 0..100 {
        columns.set(a, round, 5).unwrap();
        columns.set_scalar(s, round as i64 % 10).unwrap();
        compiled.eval_columns(&columns, &mut scratch, &mut out).unwrap();
        compiled.eval_rows(&columns, round..round + 1, &mut scratch, &mut out[..1]).unwrap();
    }
    assert_eq!(ALLOCATIONS.get(), before + 1);
}
