//! Linear models, trees, forest and boosting against recorded results of scikit-learn and LightGBM
//! (`fixtures/regression.json`, written by `scripts/regression_fixtures.py`).
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use plimsoll_forecast::linear::{LeastSquares, quantile_regression};
use plimsoll_forecast::trees::{Boosting, BoostingSettings, Forest, ForestSettings, Growth};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    linear: Linear,
    quantile_regression: QuantileRegression,
    tree: Trees,
    boosting: Task,
}

#[derive(Deserialize)]
struct Linear {
    x: Vec<f64>,
    y: Vec<f64>,
    width: usize,
    models: Vec<Penalised>,
}

#[derive(Deserialize)]
struct Penalised {
    kind: String,
    penalty: f64,
    share: f64,
    weights: Vec<f64>,
    intercept: f64,
}

#[derive(Deserialize)]
struct QuantileRegression {
    x: Vec<f64>,
    y: Vec<f64>,
    width: usize,
    losses: Vec<Loss>,
}

#[derive(Deserialize)]
struct Loss {
    level: f64,
    loss: f64,
}

#[derive(Deserialize)]
struct Trees {
    x: Vec<f64>,
    y: Vec<f64>,
    width: usize,
    trees: Vec<OneTree>,
}

#[derive(Deserialize)]
struct OneTree {
    leaves_max: usize,
    rows_min: usize,
    leaves: usize,
    mse: f64,
    said: Vec<f64>,
}

#[derive(Deserialize)]
struct Task {
    uniform_thousandths: Vec<u32>,
    width: usize,
    train: usize,
    losses: Vec<Loss>,
    forest_mse: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/regression.json")).unwrap()
}

fn pinball(y: &[f64], said: &[f64], level: f64) -> f64 {
    let one = |(y, said): (&f64, &f64)| if y > said { level * (y - said) } else { (1.0 - level) * (said - y) };
    y.iter().zip(said).map(one).sum::<f64>() / y.len() as f64
}

#[test]
fn ridge_and_elastic_net_have_the_weights_of_scikit_learn() {
    let Linear { x, y, width, models } = fixture().linear;
    let problem = LeastSquares::new(&x, width, &y);
    assert_eq!(models.len(), 7);
    for model in models {
        let ours = match model.kind.as_str() {
            "ridge" => problem.ridge(model.penalty),
            _ => problem.elastic_net(model.penalty, model.share),
        };
        // Coordinate descent ends when standardised weights move by less than 1e-7.
        let within = if model.kind == "ridge" { 1e-9 } else { 1e-4 };
        for (ours, theirs) in ours.weights.iter().zip(&model.weights).chain([(&ours.intercept, &model.intercept)]) {
            let off = (ours - theirs).abs() / theirs.abs().max(1.0);
            assert!(off < within, "{} {} {}: {ours} {theirs}", model.kind, model.penalty, model.share);
        }
        assert!(
            ours.weights.iter().zip(&model.weights).all(|(a, b)| (*a == 0.0) == (*b == 0.0)),
            "the same are dropped"
        );
    }
}

#[test]
fn quantile_regression_reaches_the_loss_of_the_exact_linear_programme() {
    let QuantileRegression { x, y, width, losses } = fixture().quantile_regression;
    for Loss { level, loss } in losses {
        let model = quantile_regression(&x, width, &y, level, 0.0);
        let said: Vec<f64> = x.chunks(width).map(|row| model.predict(row)).collect();
        let ratio = pinball(&y, &said, level) / loss;
        assert!((1.0 - 1e-9..1.005).contains(&ratio), "{level}: {ratio}");
    }
}

#[test]
fn a_tree_on_exact_bins_is_the_tree_of_scikit_learn() {
    let Trees { x, y, width, trees } = fixture().tree;
    for tree in trees {
        let growth = Growth { leaves_max: tree.leaves_max, rows_min: tree.rows_min, columns: 1.0 };
        let forest = Forest::train(&x, width, &y, &ForestSettings { growth, ..ForestSettings::tree() }, 0);
        let said: Vec<f64> = x.chunks(width).map(|row| forest.mean(row)).collect();
        let mse = said.iter().zip(&y).map(|(said, y)| (said - y) * (said - y)).sum::<f64>() / y.len() as f64;
        assert!((mse / tree.mse - 1.0).abs() < 1e-9, "{} leaves: {mse} {}", tree.leaves, tree.mse);
        let differ = said.iter().zip(&tree.said).filter(|(ours, theirs)| (*ours - *theirs).abs() > 1e-8).count();
        assert_eq!(differ, 0, "{} leaves", tree.leaves);
    }
}

/// Columns and targets of the boosting task.
fn task(task: &Task) -> (Vec<f64>, Vec<f64>) {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in task.uniform_thousandths.chunks(task.width) {
        let u: Vec<f64> = row.iter().map(|thousandths| f64::from(*thousandths) / 1_000.0).collect();
        x.extend_from_slice(&u[..4]);
        let noise = u[4..].iter().sum::<f64>() - 2.0;
        y.push(5.0 * (6.0 * u[0]).sin() + if u[1] > 0.4 { 4.0 * u[2] } else { 0.0 } + (0.3 + 2.0 * u[3]) * noise);
    }
    (x, y)
}

#[test]
fn boosting_is_within_five_percent_of_lightgbm_on_unseen_rows() {
    let recorded = fixture().boosting;
    let (x, y) = task(&recorded);
    let train = recorded.train;
    let settings = BoostingSettings {
        levels: recorded.losses.iter().map(|loss| loss.level).collect(),
        rounds_max: 80,
        shrinkage: 0.1,
        growth: Growth { leaves_max: 15, rows_min: 20, columns: 1.0 },
        rows: 1.0,
        judged: 0.0,
        patience: 0,
        bins_max: 63,
    };
    let boosting = Boosting::train(&x[..train * 4], 4, &y[..train], &settings, 1);
    for Loss { level, loss } in recorded.losses {
        let said: Vec<f64> = x[train * 4..]
            .chunks(4)
            .map(|row| {
                let mut out = Vec::new();
                boosting.quantiles(row, &[level], &mut out);
                out[0]
            })
            .collect();
        let ratio = pinball(&y[train..], &said, level) / loss;
        println!("boosting, quantile {level}: pinball loss {ratio:.4} times LightGBM's");
        assert!(ratio < 1.05, "{level}: {ratio}");
    }
}

#[test]
fn a_forest_is_within_five_percent_of_scikit_learns_on_unseen_rows() {
    let recorded = fixture().boosting;
    let (x, y) = task(&recorded);
    let train = recorded.train;
    let growth = Growth { leaves_max: 1_000, rows_min: 5, columns: 0.5 };
    let settings = ForestSettings { trees: 100, growth, drawn: true, kept_max: 8, bins_max: 255 };
    let forest = Forest::train(&x[..train * 4], 4, &y[..train], &settings, 1);
    let errors =
        x[train * 4..].chunks(4).zip(&y[train..]).map(|(row, y)| (forest.mean(row) - y) * (forest.mean(row) - y));
    let ratio = errors.sum::<f64>() / (y.len() - train) as f64 / recorded.forest_mse;
    println!("forest: mean square error {ratio:.4} times scikit-learn's");
    assert!(ratio < 1.05, "{ratio}");
}
