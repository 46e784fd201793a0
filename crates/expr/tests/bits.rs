//! The same integers on any CPU and in any build: a digest of many results, pinned.
//!
//! CI runs this in the build for every x86-64. The same digest in a build for newer CPUs (`RUSTFLAGS=-Ctarget-cpu=x86-64-v3`), where
//! the compiler may use wider registers and fused operations, shows that it uses them only where no bit changes.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_expr::{Columns, Compiled, Expr, Input, Measure, Options, Output, Schema, Scratch};

const ROWS: usize = 2_000;
const FORMULAS: &[&str] = &[
    "0.6*a/b + 0.4*min(c/d, e)",
    "sqrt(a*c + 0.1) - a*b*0.3 + c/3",
    "log2(1 + a/b) * exp(-c/d) + 1/7",
    "if(a*0.1 + b*0.2 < c*0.3, floor(a/3 + 0.5), abs(b - d)/e)",
    "1 / (1 + exp(-(a - b) / 1000)) * 100",
    "pow(a/b, 5) * 1e200 * pow(c, 8) * pow(d, 8)",
];

#[test]
fn results_are_these_bits_on_any_cpu() {
    let names = ["a", "b", "c", "d", "e"];
    let schema = Schema::try_new(names.map(|name| Input::column(name, Measure::PLAIN, 0, 1 << 30)).to_vec()).unwrap();
    let mut columns = Columns::try_new(&schema, ROWS, schema.ids()).unwrap();
    let mut state = 1_u64;
    for id in schema.ids() {
        let draw = |_| {
            // Knuth's multiplier; the high bits are good enough for made-up inputs of many sizes.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 34) as i64 >> (state >> 20 & 31)
        };
        let values: Vec<i64> = (0..ROWS).map(draw).collect();
        columns.fill(id, &values).unwrap();
    }
    let (mut scratch, mut out, mut digest) = (Scratch::default(), vec![0_i64; ROWS], 0xcbf2_9ce4_8422_2325_u64);
    for formula in FORMULAS {
        let options = Options { unit: None, output: Output::Order };
        let compiled = Compiled::with(&Expr::parse(formula).unwrap(), &schema, options).unwrap();
        compiled.eval_columns(&columns, &mut scratch, &mut out).unwrap();
        for byte in out.iter().flat_map(|result| result.to_le_bytes()) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    assert_eq!(digest, 552_066_822_668_044_582);
}
