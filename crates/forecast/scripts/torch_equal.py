#!/usr/bin/env python3
"""Writes recurrent networks made by PyTorch in plimsoll's layout, with inputs and what PyTorch makes of them.

What: three small networks (an LSTM of two layers, 8 and 4 units; the same whose head sees the inputs too; a plain RNN),
briefly trained so that no weight is what it began as, each as NAME.safetensors, and torch_equal.json with inputs and
outputs of every step. `tests/torch_equal.rs` loads them and compares.

Why: it shows how to bring a model trained in PyTorch, and that its outputs are equal here.

How a model maps (docs/forecast-weights.md has the whole layout):
  - `layers` is a ModuleList of one-layer nn.LSTM (or nn.RNN with tanh) of any widths; `head` is a Linear. The names in
    the file are those of the state_dict, and so are the shapes: nothing is transposed or reordered by the user.
  - Gates: PyTorch stacks them as input, forget, cell (candidate), output along the first axis; so does the file.
  - Biases: PyTorch has two per layer, bias_ih and bias_hh. The file has both; they are added when it is read.
  - A stack of equal widths made as nn.LSTM(num_layers=n) has weight_ih_l0, weight_ih_l1, ...: rename weight_ih_l1 to
    layers.1.weight_ih_l0, and so on.
  - With skip, the head is a Linear over torch.cat([top units, inputs], -1).

Run: torch_equal.py DIRECTORY     (needs torch and numpy; the safetensors package is not needed)
The committed fixture was written by PyTorch 1.13 on a CPU, seed 3.
"""
import json
import struct
import sys

import torch
from torch import nn


class Stack(nn.Module):
    def __init__(self, kind, inputs, widths, outputs, skip):
        super().__init__()
        cell = {"lstm": nn.LSTM, "rnn": nn.RNN}[kind]
        below = [inputs] + widths[:-1]
        self.layers = nn.ModuleList(cell(b, w, batch_first=True) for b, w in zip(below, widths))
        self.head = nn.Linear(widths[-1] + (inputs if skip else 0), outputs)
        self.skip = skip
        self.metadata = {
            "plimsoll.kind": kind,
            "plimsoll.version": "1",
            "inputs": str(inputs),
            "widths": ",".join(map(str, widths)),
            "outputs": str(outputs),
            "skip": "true" if skip else "false",
        }

    def forward(self, x):
        h = x
        for layer in self.layers:
            h, _ = layer(h)
        return self.head(torch.cat([h, x], -1) if self.skip else h)


def save(path, tensors, metadata):
    """The safetensors format: header length (8 bytes, little-endian), a JSON header, the tensors' bytes."""
    header, data = {"__metadata__": metadata}, b""
    for name in sorted(tensors):
        values = tensors[name].detach().to(torch.float32).contiguous().numpy().astype("<f4")
        end = len(data) + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), end]}
        data += values.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def train_briefly(model, x):
    """A few steps towards a running sum's tangent, enough to move every weight."""
    wanted = torch.tanh(torch.cumsum(x, 1)).mean(-1, keepdim=True).expand(-1, -1, model.head.out_features)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        loss = ((model(x) - wanted) ** 2).mean()
        loss.backward()
        optimiser.step()
    return loss.item()


def main(directory):
    torch.manual_seed(3)
    torch.set_num_threads(1)
    cases = [("torch_lstm", "lstm", False), ("torch_lstm_skip", "lstm", True), ("torch_rnn", "rnn", False)]
    out = {"provenance": f"scripts/torch_equal.py with PyTorch {torch.__version__}, seed 3", "cases": []}
    for name, kind, skip in cases:
        model = Stack(kind, 3, [8, 4], 2, skip)
        loss = train_briefly(model, torch.randn(16, 20, 3))
        x = 2.0 * torch.randn(1, 24, 3)
        with torch.no_grad():
            y = model(x)
        save(f"{directory}/{name}.safetensors", model.state_dict(), model.metadata)
        rows = lambda tensor: [[float(value) for value in row] for row in tensor[0]]
        out["cases"].append({"name": name, "inputs": rows(x), "outputs": rows(y)})
        print(f"{name}: loss {loss:.4f} after 60 steps")
    with open(f"{directory}/torch_equal.json", "w") as file:
        json.dump(out, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
