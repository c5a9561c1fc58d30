"""Libraries of a package report its use to nobody."""

import os

__all__ = ["NO_TELEMETRY", "opt_out"]

# onnxruntime from 1.29 on writes a device's identity and a database below the home folder when it is imported,
# and MLflow a file; both report to their makers. huggingface_hub adds to its requests what runs it.
# Only onnxruntime takes no notice of DO_NOT_TRACK, and MLflow of the "1" of https://donottrack.sh.
NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
}


def opt_out(record):
    """Set the variables by which libraries stay silent, before any of them is imported.

    What the environment says already stays, and the accelerator's own `env` (in the record's variant)
    counts before ours: so a deployment or a repository undoes it.
    """
    chosen = (record.get("variant") or {}).get("env") or {}
    for name, value in NO_TELEMETRY.items():
        os.environ.setdefault(name, chosen.get(name, value))
