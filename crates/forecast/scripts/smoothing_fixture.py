"""Records what statsforecast makes of twelve generated series, for `tests/smoothing_reference.rs`.

Usage: python smoothing_fixture.py > ../tests/fixtures/smoothing.json
Needs statsforecast (recorded with 2.1.1) and numpy. The series are drawn here from fixed seeds and cut from nothing.
"""

import json
import math
import sys

import numpy as np
import statsforecast
from statsforecast.models import (
    AutoETS,
    AutoTheta,
    DynamicOptimizedTheta,
    DynamicTheta,
    Holt,
    HoltWinters,
    OptimizedTheta,
    Theta,
)

HORIZON = 24


def series():
    """Name, period and values; the last HORIZON are kept from the models."""
    shapes = [
        ("walk", 1, 120, lambda r, t: 50 + np.cumsum(r.normal(0, 1, len(t)))),
        ("trend", 1, 144, lambda r, t: 10 + 0.4 * t + r.normal(0, 2, len(t))),
        ("fading", 1, 144, lambda r, t: 80 - 60 * 0.96**t + r.normal(0, 1, len(t))),
        ("noise", 1, 120, lambda r, t: 20 + r.normal(0, 3, len(t))),
        ("season12", 12, 192, lambda r, t: 30 + 8 * np.sin(2 * np.pi * t / 12) + r.normal(0, 1, len(t))),
        ("season24", 24, 264, lambda r, t: 100 + 30 * np.cos(2 * np.pi * t / 24) + r.normal(0, 4, len(t))),
        ("trendseason12", 12, 192, lambda r, t: 20 + 0.2 * t + 6 * np.sin(2 * np.pi * t / 12) + r.normal(0, 1, len(t))),
        ("product12", 12, 192, lambda r, t: (20 + 0.3 * t) * (1 + 0.4 * np.sin(2 * np.pi * t / 12)) * np.exp(r.normal(0, 0.05, len(t)))),
        ("product24", 24, 264, lambda r, t: 200 * (1 + 0.6 * np.sin(2 * np.pi * t / 24)) * np.exp(r.normal(0, 0.1, len(t)))),
        ("walkseason12", 12, 216, lambda r, t: 60 + np.cumsum(r.normal(0, 0.7, len(t))) + 5 * np.sin(2 * np.pi * t / 12) + r.normal(0, 1, len(t))),
        ("below", 12, 168, lambda r, t: 3 * np.sin(2 * np.pi * t / 12) + r.normal(0, 1, len(t))),
        ("shift", 24, 240, lambda r, t: 40 + 15 * (t > 110) + 10 * np.sin(2 * np.pi * t / 24) + r.normal(0, 2, len(t))),
    ]
    for index, (name, period, length, make) in enumerate(shapes):
        values = make(np.random.default_rng(1000 + index), np.arange(length, dtype=float))
        yield name, period, [float(f"{v:.6g}") for v in values]


def ets(model, values):
    model.fit(values)
    fit = model.model_
    return {
        "form": fit.get("method", fit["components"]),
        "likelihood": -2 * fit["loglik"],
        "aicc": fit["aicc"],
        "smoothing": [None if math.isnan(p) else round(float(p), 6) for p in fit["par"][:4]],
        "points": points(model),
    }


def theta(model, values):
    model.fit(values)
    fit = model.model_
    return {
        "form": str(fit["modeltype"]),
        "objective": float(fit["mse"]),
        "alpha": float(fit["par"]["alpha"]),
        "theta": float(fit["par"]["theta"]),
        "points": points(model),
    }


def points(model):
    return [float(f"{v:.6g}") for v in model.predict(HORIZON)["mean"]]


def record(name, period, values):
    known = np.array(values[:-HORIZON])
    found = {
        "simple": ets(AutoETS(1, "ANN"), known),
        "holt": ets(Holt(1), known),
        "damped-holt": ets(AutoETS(1, "AAN", damped=True), known),
        "auto-ets": ets(AutoETS(period), known),
        "theta": theta(Theta(period), known),
        "optimized-theta": theta(OptimizedTheta(period), known),
        "dynamic-theta": theta(DynamicTheta(period), known),
        "dynamic-optimized-theta": theta(DynamicOptimizedTheta(period), known),
        "auto-theta": theta(AutoTheta(period), known),
    }
    if period > 1:
        found["holt-winters"] = ets(HoltWinters(period), known)
        if known.min() > 0:
            found["holt-winters-multiplicative"] = ets(HoltWinters(period, "M"), known)
    return {"name": name, "period": period, "values": values, "found": found}


def main():
    provenance = f"statsforecast {statsforecast.__version__} on generated series (scripts/smoothing_fixture.py)"
    json.dump({"provenance": provenance, "horizon": HORIZON, "series": [record(*s) for s in series()]}, sys.stdout)
    print()


main()
