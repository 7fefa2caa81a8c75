"""One measured number as one line of JSON."""

import json


def report(peer, loss, what, microseconds):
    row = {"peer": peer, "loss": loss, "what": what, "microseconds": float(f"{microseconds:.4g}")}
    # Flushed, so that a pipe sees each number as soon as it is known.
    print(json.dumps(row, separators=(",", ":")), flush=True)
