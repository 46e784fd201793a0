//! What a policy expression costs per row, beside the same formula in Rust, the walk over the tree, and the memory it reads.
//!
//! `cargo xtask bench expr`. One thread, CPU time of the thread, best of 15. 4,096 rows: the columns of a formula take 200 KiB, which
//! stay in the second-level cache as they do between two decisions. The limit beside each figure is the time that reading the
//! columns and writing the results takes at the speed at which this machine sums columns of the same size in the same run.

use plimsoll_expr::{Columns, Compiled, Expr, Input, Measure, Schema, Scratch};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

const ROWS: usize = 4_096;
const ROUNDS: usize = 15;
const EXAMPLE: &str = "0.6*cpu_free/cpu_cap + 0.4*min(mem_free/mem_cap, gpu_frag)";
/// A label, the formula, and rows.
const CASES: &[(&str, &str)] = &[
    ("example", EXAMPLE),
    ("best fit", "1 - (cpu_free - request) / cpu_cap"),
    ("shared parts", "let c = cpu_free / cpu_cap; let m = mem_free / mem_cap; 1 - (abs(c - m) + abs(c * c - m * m))"),
    ("choice", "if(cpu_free >= request and mem_free > 1GiB, cpu_free / cpu_cap, 0 - gpu_frag)"),
    ("square root", "sqrt(cpu_free / cpu_cap * mem_free / mem_cap)"),
    ("logarithm", "log2(1 + cpu_free / 1cpu)"),
];

fn main() {
    let schema = schema();
    let columns = columns(&schema, ROWS);
    let limit = nanoseconds_per_value(ROWS);
    println!("{ROWS} rows, one thread, CPU time, best of {ROUNDS}; reading costs {limit:.3} ns per value of 8 bytes\n");
    println!(
        "{:<14}{:>10}{:>12}{:>10}{:>12}{:>10}{:>12}{:>12}{:>16}",
        "formula", "ns / row", "limit ns", "/ limit", "walk ns", "walk /", "compile us", "parse us", "fingerprint us"
    );
    for (label, text) in CASES {
        let expr = Expr::parse(text).expect("a formula of the bench");
        let compiled = Compiled::try_new(&expr, &schema).expect("a formula of the bench");
        let ns = evaluation(&compiled, &columns);
        let walk = walk(&expr, &schema);
        let least = limit * (compiled.inputs().len() + 1) as f64;
        let compile = best(|| drop(black_box(Compiled::try_new(&expr, &schema)))) / 1e3;
        let parse = best(|| drop(black_box(Expr::parse(text)))) / 1e3;
        let print = best(|| {
            black_box(expr.fingerprint());
        }) / 1e3;
        println!(
            "{label:<14}{ns:>10.2}{least:>12.2}{:>10.1}{walk:>12.1}{:>10.1}{compile:>12.1}{parse:>12.1}{print:>16.1}",
            ns / least,
            walk / ns
        );
    }
    against_rust(&schema, &columns);
    sizes(&schema);
}

/// The example beside a loop that a person writes for it, with and without what the language promises.
fn against_rust(schema: &Schema, columns: &Columns) {
    let ours = evaluation(
        &Compiled::try_new(&Expr::parse(EXAMPLE).expect("the example"), schema).expect("the example"),
        columns,
    );
    let [a, b, c, d, e] =
        [0, 1, 2, 3, 4].map(|input| (0..ROWS).map(|row| value(input, row) as f64).collect::<Vec<f64>>());
    let inputs = || a.iter().zip(&b).zip(&c).zip(&d).zip(&e);
    let mut scores = vec![0.0; ROWS];
    let bare = best(|| {
        for (score, ((((a, b), c), d), e)) in scores.iter_mut().zip(inputs()) {
            let (free, least) = (c / d, *e);
            *score = 0.6 * a / b + 0.4 * if free < least { free } else { least };
        }
        black_box(&mut scores);
    }) / ROWS as f64;
    let mut integers = vec![0_i64; ROWS];
    let divided = |x: f64, y: f64| if y == 0.0 { 0.0 } else { x / y };
    let same = best(|| {
        for (integer, ((((a, b), c), d), e)) in integers.iter_mut().zip(inputs()) {
            let (free, least) = (divided(*c, *d), *e);
            let score = divided(0.6 * a, *b) + 0.4 * if free < least { free } else { least };
            *integer = (score * 1e6).round_ties_even() as i64;
        }
        black_box(&mut integers);
    }) / ROWS as f64;
    println!("\n{EXAMPLE}");
    println!("  in Rust, f64 out, no x/0:               {bare:.2} ns per row; ours is {:.1} times that", ours / bare);
    println!("  in Rust, x/0 = 0, integer out (as ours): {same:.2} ns per row; ours is {:.1} times that", ours / same);
}

/// The example over few and many rows.
fn sizes(schema: &Schema) {
    let compiled = Compiled::try_new(&Expr::parse(EXAMPLE).expect("the example"), schema).expect("the example");
    println!("\nrows of the example, ns per row:");
    for rows in [1, 16, 256, 4_096, 100_000] {
        let columns = columns(schema, rows);
        println!("  {rows:>7} {:>8.2}", evaluation(&compiled, &columns));
    }
}

fn schema() -> Schema {
    let inputs = vec![
        Input::column("cpu_free", Measure::MILLICORES, 0, 128_000),
        Input::column("cpu_cap", Measure::MILLICORES, 0, 128_000),
        Input::column("mem_free", Measure::BYTES, 0, 1 << 40),
        Input::column("mem_cap", Measure::BYTES, 0, 1 << 40),
        Input::column("gpu_frag", Measure::PLAIN, 0, 1_000),
        Input::scalar("request", Measure::MILLICORES, 0, 128_000),
    ];
    Schema::try_new(inputs).expect("the schema of the bench")
}

/// A value of an input, the same in every run.
fn value(input: usize, row: usize) -> i64 {
    let mixed = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(input as u32 * 11) >> 40;
    match input {
        0 => mixed as i64 % 64_000,
        1 => 64_000 + mixed as i64 % 64_000,
        2 => (mixed as i64 % 1_000) << 28,
        3 => (1_000 + mixed as i64 % 1_000) << 28,
        _ => mixed as i64 % 2,
    }
}

fn columns(schema: &Schema, rows: usize) -> Columns {
    let mut columns = Columns::try_new(schema, rows, schema.ids()).expect("ids of the schema");
    for (input, id) in schema.ids().take(5).enumerate() {
        let values: Vec<i64> = (0..rows).map(|row| value(input, row)).collect();
        columns.fill(id, &values).expect("a column");
    }
    columns.set_scalar(schema.id("request").expect("declared"), 2_000).expect("a scalar");
    columns
}

fn evaluation(compiled: &Compiled, columns: &Columns) -> f64 {
    let mut scratch = Scratch::default();
    let mut out = vec![0; columns.rows()];
    let all = best(|| {
        compiled.eval_columns(columns, &mut scratch, &mut out).expect("columns of the schema");
        black_box(&mut out);
    });
    all / columns.rows() as f64
}

fn walk(expr: &Expr, schema: &Schema) -> f64 {
    let rows: Vec<[i64; 6]> = (0..ROWS).map(|row| [0, 1, 2, 3, 4, 5].map(|input| value(input, row))).collect();
    let all = best(|| {
        for row in &rows {
            black_box(expr.walk(schema, row).expect("a row of the schema"));
        }
    });
    all / ROWS as f64
}

/// What reading a value of a column costs: columns are summed in eight lanes, so that the sum is not the limit.
fn nanoseconds_per_value(rows: usize) -> f64 {
    let columns: Vec<Vec<f64>> = (0..6).map(|input| (0..rows).map(|row| value(input, row) as f64).collect()).collect();
    let all = best(|| {
        for column in &columns {
            let mut lanes = [0.0; 16];
            for chunk in column.chunks_exact(16) {
                lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
            }
            black_box(lanes);
        }
    });
    all / (rows * columns.len()) as f64
}

/// Nanoseconds of CPU time of one call, the least of several rounds of as many calls as take about 2 ms.
fn best(mut work: impl FnMut()) -> f64 {
    let mut calls = 1_u32;
    loop {
        let started = cpu_nanoseconds();
        (0..calls).for_each(|_| work());
        if cpu_nanoseconds() - started > 2e6 || calls > 1 << 20 {
            break;
        }
        calls *= 2;
    }
    let round = |_| {
        let started = cpu_nanoseconds();
        (0..calls).for_each(|_| work());
        (cpu_nanoseconds() - started) / f64::from(calls)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn cpu_nanoseconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}
