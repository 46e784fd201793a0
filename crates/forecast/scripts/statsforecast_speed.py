"""CPU seconds and forecasts of statsforecast's models on the series that the `speed` benchmark hands over.

Input (standard input), JSON: {"horizon": 48, "models": {"AutoETS": [[...], ...], ...}}, a list of series per model.
Output, JSON: {"AutoETS": {"cpu_seconds": 1.2, "points": [[...], ...]}, ...}; CPU seconds are user + system of this process,
with one warm-up fit per model before the clock starts, because its first call compiles.
"""

import json
import resource
import sys
import warnings

import numpy
from statsforecast.models import MSTL, AutoARIMA, AutoETS, DynamicOptimizedTheta, HoltWinters

LEVELS = [20, 40, 60, 80]  # with the point: nine deciles
MODELS = {
    "AutoETS": lambda: AutoETS(season_length=24),
    "MSTL": lambda: MSTL(season_length=[24, 168], trend_forecaster=AutoETS(model="ZZN")),
    "AutoARIMA": lambda: AutoARIMA(season_length=24),
    "DynamicOptimizedTheta": lambda: DynamicOptimizedTheta(season_length=24),
    "HoltWinters": lambda: HoltWinters(season_length=24),
}


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    warnings.filterwarnings("ignore")
    asked = json.load(sys.stdin)
    out = {}
    for name, series in asked["models"].items():
        model = MODELS[name]
        short = numpy.sin(numpy.arange(400) / 4.0) + 3.0
        if name != "AutoARIMA":  # Its fit costs more than its compilation.
            model().forecast(short, h=asked["horizon"], level=LEVELS)
        before = cpu()
        points = [model().forecast(numpy.array(one, dtype=float), h=asked["horizon"], level=LEVELS)["mean"].tolist() for one in series]
        out[name] = {"cpu_seconds": cpu() - before, "points": points}
    json.dump(out, sys.stdout)


main()
