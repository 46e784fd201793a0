#!/usr/bin/env python3
"""Writes tests/fixtures/regression.json: what scikit-learn and LightGBM make of small generated tasks.

Run with scikit-learn and lightgbm installed: `python3 crates/forecast/scripts/regression_fixtures.py`. Every input is
generated from the seeds below; inputs that are small are written out, the boosting task is generated again by the test with the
same formula from the same uniform numbers (written out, too, rounded to 4 digits).
"""
import json
import pathlib
import platform

import lightgbm
import numpy as np
import sklearn
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import ElasticNet, QuantileRegressor, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor


def linear(rng):
    """Standardised columns and target, as the penalties of the crate are defined on them."""
    x = rng.normal(size=(40, 5)) * [1, 10, 0.1, 3, 1] + [0, 5, 0, -2, 100]
    x[:, 4] = x[:, 0] + 0.05 * x[:, 4]
    y = x @ [2.0, -0.3, 4.0, 0.0, 1.0] + rng.normal(size=40) + 7
    x, y = np.round(x, 3), np.round(y, 3)
    scaler = StandardScaler().fit(x)
    z, deviation = scaler.transform(x), y.std()
    target = (y - y.mean()) / deviation
    out = {"x": x.ravel().tolist(), "y": y.tolist(), "width": 5, "models": []}

    def add(kind, penalty, share, weights):
        weights = weights * deviation / scaler.scale_
        out["models"].append({
            "kind": kind, "penalty": penalty, "share": share,
            "weights": weights.tolist(), "intercept": float(y.mean() - weights @ scaler.mean_),
        })

    for penalty in (1e-3, 0.1, 1.0):
        add("ridge", penalty, 0.0, Ridge(alpha=penalty * len(y), tol=1e-12).fit(z, target).coef_)
    for penalty, share in ((0.01, 0.5), (0.1, 0.5), (0.1, 1.0), (0.3, 0.9)):
        net = ElasticNet(alpha=penalty, l1_ratio=share, tol=1e-14, max_iter=1_000_000)
        add("elastic-net", penalty, share, net.fit(z, target).coef_)
    return out


def pinball_loss(y, said, level):
    error = y - said
    return float(np.where(error > 0, level * error, (level - 1) * error).mean())


def quantile_regression(rng):
    x = np.round(rng.uniform(size=(150, 2)), 3)
    y = np.round(x @ [3.0, -1.0] + (0.2 + x[:, 0]) * rng.normal(size=150), 3)
    losses = []
    for level in (0.1, 0.5, 0.9):
        model = QuantileRegressor(quantile=level, alpha=0.0, solver="highs").fit(x, y)
        losses.append({"level": level, "loss": pinball_loss(y, model.predict(x), level)})
    return {"x": x.ravel().tolist(), "y": y.tolist(), "width": 2, "losses": losses}


def tree(rng):
    """Few distinct values per column, so that bins are exact; targets without ties between splits."""
    x = rng.integers(0, 30, size=(120, 3)).astype(float)
    y = np.round(np.sin(x[:, 0] / 5) * 10 + x[:, 1] * (x[:, 2] > 11) + rng.normal(size=120), 4)
    out = {"x": x.ravel().tolist(), "y": y.tolist(), "width": 3, "trees": []}
    for leaves, rows in ((2, 1), (8, 1), (20, 5), (60, 2)):
        # Best-first growth by the decrease of the summed squared error, as max_leaf_nodes asks for.
        model = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=rows, random_state=0).fit(x, y)
        said = model.predict(x)
        out["trees"].append({
            "leaves_max": leaves, "rows_min": rows, "leaves": int(model.get_n_leaves()),
            "root_column": int(model.tree_.feature[0]), "root_edge": float(model.tree_.threshold[0]),
            "mse": float(((said - y) ** 2).mean()), "said": np.round(said, 9).tolist(),
        })
    return out


def task(uniform):
    """A level with steps and an interaction, and a spread that depends on a column."""
    a, b, c, d = uniform.T[:4]
    noise = uniform[:, 4:].sum(axis=1) - 2  # Four uniforms: nearly normal.
    return 5 * np.sin(6 * a) + 4 * (b > 0.4) * c + (0.3 + 2 * d) * noise


def boosting(rng):
    uniform = np.round(rng.uniform(size=(1200, 8)), 3)
    x, y = uniform[:, :4], task(uniform)
    train = slice(0, 800)
    test = slice(800, None)
    losses = []
    for level in (0.1, 0.5, 0.9):
        model = lightgbm.LGBMRegressor(
            objective="quantile", alpha=level, n_estimators=80, learning_rate=0.1, num_leaves=15,
            min_child_samples=20, max_bin=63, min_child_weight=0.0, verbose=-1, random_state=1, deterministic=True, n_jobs=1,
        ).fit(x[train], y[train])
        losses.append({"level": level, "loss": pinball_loss(y[test], model.predict(x[test]), level)})
    forest = RandomForestRegressor(
        n_estimators=100, max_features=0.5, min_samples_leaf=5, random_state=1, n_jobs=1,
    ).fit(x[train], y[train])
    mse = float(((forest.predict(x[test]) - y[test]) ** 2).mean())
    thousandths = np.rint(uniform * 1000).astype(int)
    return {"uniform_thousandths": thousandths.ravel().tolist(), "width": 8, "train": 800, "losses": losses,
            "forest_mse": mse}


def main():
    fixture = {
        "provenance": {
            "script": "crates/forecast/scripts/regression_fixtures.py",
            "scikit-learn": sklearn.__version__, "lightgbm": lightgbm.__version__,
            "numpy": np.__version__, "python": platform.python_version(),
            "data": "generated, numpy default_rng seeds 1 to 4",
        },
        "linear": linear(np.random.default_rng(1)),
        "quantile_regression": quantile_regression(np.random.default_rng(2)),
        "tree": tree(np.random.default_rng(3)),
        "boosting": boosting(np.random.default_rng(4)),
    }
    path = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "regression.json"
    path.write_text(json.dumps(fixture, separators=(",", ":")).replace('},"', '},\n"') + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
