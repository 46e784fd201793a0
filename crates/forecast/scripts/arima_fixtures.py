#!/usr/bin/env python3
"""Records what statsforecast and statsmodels say about small synthetic series, for tests/arima_differential.rs.

Forms with differences or gaps (the drift excepted) come from statsmodels with its exact diffuse start: statsforecast (as R) gives the first
values a prior variance of 1e6, which the level of the series then disturbs, and its minimiser fails beside gaps.

Run: python3 arima_fixtures.py > ../tests/fixtures/arima.json   (statsforecast 2.1.1, statsmodels; some 3 CPU minutes)
"""

import json
import sys
import warnings

import numpy as np
import statsforecast
import statsmodels
import statsmodels.api as sm
from statsforecast.arima import Arima, arima_string, auto_arima_f, forecast_arima, kalman_forecast, ndiffs, seas_heuristic

warnings.filterwarnings("ignore")
HORIZON = 24


def process(random, count, ar=(), ma=(), season=1, seasonal_ma=(), d=0, seasonal_d=0):
    """An ARIMA process after 200 values to warm up."""
    theta = np.zeros(1 + len(ma) + season * len(seasonal_ma))
    theta[0] = 1
    for i, a in enumerate((1,) + tuple(ma)):
        for j, b in enumerate((1,) + tuple(seasonal_ma)):
            if i or j:
                theta[i + j * season] += a * b
    total = count + 200
    errors = random.normal(size=total + len(theta))
    out = np.zeros(total)
    for t in range(total):
        past = sum(phi * out[t - 1 - k] for k, phi in enumerate(ar) if t > k)
        out[t] = past + theta @ errors[t + len(theta) - 1 - np.arange(len(theta))]
    out = out[200:]
    for _ in range(d):
        out = np.cumsum(out)
    for _ in range(seasonal_d):
        for t in range(season, count):
            out[t] += out[t - season]
    return out


def series():
    random = np.random.default_rng(20261121)
    hours = np.arange(240)
    day = 20 * np.sin(2 * np.pi * hours / 24) + 8 * np.cos(4 * np.pi * hours / 24)
    months = np.arange(120)
    year = 10 * np.sin(2 * np.pi * months / 12)
    airline = process(random, 144, (), (-0.4,), 12, (-0.5,), 1, 1) + 100
    level = 10 + process(random, 120, (0.7,))
    out = {
        "ar1": (1, level, (1, 0, 0), (0, 0, 0), True),
        "noise": (1, random.normal(5, 2, 100), (0, 0, 0), (0, 0, 0), True),
        "drift": (1, np.cumsum(random.normal(0.5, 1, 150)), (0, 1, 0), (0, 0, 0), True),
        "arima111": (1, process(random, 200, (0.6,), (0.3,), d=1), (1, 1, 1), (0, 0, 0), False),
        "airline": (12, airline, (0, 1, 1), (0, 1, 1), False),
        "trend": (12, 0.3 * months + year + process(random, 120, (0.5,)), (1, 0, 0), (0, 1, 1), False),
        "hours": (24, 100 + day + process(random, 240, (0.8,)), (1, 0, 1), (1, 1, 0), False),
        "ma2": (1, process(random, 150, (), (0.5, 0.3)), (0, 0, 2), (0, 0, 0), False),
        "arma21": (1, 50 + process(random, 200, (1.2, -0.5), (0.4,)), (2, 0, 1), (0, 0, 0), True),
        "walk2": (1, process(random, 120, (), (-0.6,), d=2), (0, 2, 1), (0, 0, 0), False),
    }
    gaps = airline.copy()
    gaps[[5, 40, 41, 42, 90, 140]] = np.nan
    out["airline-gaps"] = (12, gaps, (0, 1, 1), (0, 1, 1), False)
    gaps = level - 10
    gaps[[0, 30, 31, 77, 119]] = np.nan
    out["ar1-gaps"] = (1, gaps, (1, 0, 0), (0, 0, 0), False)
    out["constant"] = (1, np.full(50, 7.0), None, None, None)
    return out


def fixed(values, season, plain, seasonal, constant):
    lost = plain[1] + seasonal[1] * season
    if constant and not np.isnan(values).any():
        return by_statsforecast(values, season, plain, seasonal, constant)
    first = np.flatnonzero(~np.isnan(values))
    inside = values[first[0] : first[-1] + 1]
    model = sm.tsa.SARIMAX(
        inside,
        order=plain,
        trend="c" if constant else None,
        seasonal_order=(*seasonal, season if season > 1 else 0),
        use_exact_diffuse=True,
    )
    fit = model.fit(disp=0, maxiter=500, gtol=1e-9)
    ahead = int(HORIZON + len(values) - 1 - first[-1])
    said = fit.get_forecast(ahead)
    used = int(np.sum(~np.isnan(inside))) - lost
    free = len(fit.params) - 1
    # What it counts for the diffuse start itself is left out, and the variance is the unbiased one, as in R.
    likelihood = fit.llf + 0.5 * lost * np.log(2 * np.pi)
    deviation = said.se_mean * np.sqrt(used / (used - free))
    return recorded("statsmodels", plain, seasonal, constant, likelihood, said.predicted_mean, deviation)


def recorded(source, plain, seasonal, constant, likelihood, mean, deviation):
    return {
        "source": source,
        "plain": plain,
        "seasonal": seasonal,
        "constant": constant,
        "log_likelihood": float(likelihood),
        "mean": [round(float(value), 6) for value in mean[-HORIZON:]],
        "deviation": [round(float(value), 6) for value in deviation[-HORIZON:]],
    }


def by_statsforecast(values, season, plain, seasonal, constant):
    form = {"order": seasonal, "period": season}
    fit = Arima(values, order=plain, seasonal=form, include_constant=constant, method="CSS-ML")
    mean = forecast_arima(fit, h=HORIZON)["mean"]
    state = [fit["model"][key] for key in ("Z", "a", "P", "T", "V", "h")]
    deviation = np.sqrt(kalman_forecast(HORIZON, *state)[1] * fit["sigma2"])
    return recorded("statsforecast", plain, seasonal, constant, fit["loglik"], mean, deviation)


def auto(values, season):
    # The gaps' oracle: statsforecast's own auto search refuses gaps in its seasonal test, so it is not asked there.
    if np.isnan(values).any():
        return None
    fit = auto_arima_f(values, period=season, approximation=False)
    said = forecast_arima(fit, h=HORIZON)
    return {
        "form": "constant" if "constant" in fit else arima_string({**fit, "xreg": fit.get("xreg")}).strip(),
        "d": fit["arma"][5],
        "seasonal_d": fit["arma"][6],
        "aicc": None if "constant" in fit else float(fit["aicc"]),
        "mean": [round(float(value), 6) for value in said["mean"]],
    }


def main():
    cases = []
    for name, (season, values, plain, seasonal, constant) in series().items():
        print(name, file=sys.stderr, flush=True)
        values = np.round(values, 4)
        whole = not np.isnan(values).any()
        cases.append({
            "name": name,
            "season": season,
            "values": [None if np.isnan(value) else float(value) for value in values],
            "fixed": fixed(values, season, plain, seasonal, constant) if plain else None,
            "auto": auto(values.copy(), season),
            "strength": float(seas_heuristic(values, season)) if whole and season > 1 else None,
            "differences": int(ndiffs(values)) if whole else None,
        })
    provenance = (
        f"statsforecast {statsforecast.__version__}, statsmodels {statsmodels.__version__}; scripts/arima_fixtures.py; synthetic "
        "series, seed 20261121"
    )
    print("{")
    print(f' "provenance": {json.dumps(provenance)},')
    print(' "cases": [')
    print(",\n".join("  " + json.dumps(case) for case in cases))
    print(" ]\n}")


main()
