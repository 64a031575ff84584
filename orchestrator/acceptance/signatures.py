"""Signatures of a record's checksums, by keys that a facility has already: those of SSH (ssh-keygen -Y, OpenSSH 8.2).

A signature covers SHA256SUMS and with it every file of the record. Several parties may sign, each with a file of its
own beside it: SHA256SUMS.1.sig, SHA256SUMS.2.sig and so on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.records import RecordError, read_plain
from orchestrator.records.files import open_own
from orchestrator.records.typed import TypedDict

NAMESPACE = "sciml-acceptance"
"""What a signature is for: one that was made for something else is none of a record."""
SIGNATURE = r"SHA256SUMS\.\d{1,3}\.sig"
MOST_SIGNATURES = 100
MOST_BYTES = 2**16
SECONDS = 60
"""How long ssh-keygen may take: an agent or a security key may have to be touched."""


class Signature(TypedDict):
    """One signature: ``signer`` as the file of signers names them. ``why`` it is not valid, or was not checked."""

    file: str
    valid: bool
    signer: str | None
    why: str


class SigningError(OrchestratorError):
    """A record could not be signed."""


def signature_files(folder: Path) -> list[Path]:
    """Return the signatures of a record, in order."""
    found = [path for path in folder.glob("SHA256SUMS.*.sig") if re.fullmatch(SIGNATURE, path.name)]
    return sorted(found, key=lambda path: int(path.name.split(".")[1]))


def run_keygen(*words: str, sums: Path) -> subprocess.CompletedProcess[bytes]:
    """Run ``ssh-keygen -Y`` on the checksums. Raises UsageError where there is none."""
    if shutil.which("ssh-keygen") is None:
        raise UsageError("There is no ssh-keygen here, which signs and checks signatures: install OpenSSH's client.")
    try:
        return subprocess.run(
            ["ssh-keygen", "-Y", *words], input=read_plain(sums), capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise SigningError(f"ssh-keygen did not answer within {SECONDS} s; try again") from error


def sign(sums: Path, key: Path) -> Path:
    """Sign a record's checksums with a private key, or a public one whose private half an agent has; return the
    signature's file. Raises UsageError, SigningError, RecordError.
    """
    if not key.is_file():
        raise UsageError(f"--key {key}: there is no such file; name an SSH key, as ssh-keygen makes it.")
    answer = run_keygen("sign", "-q", "-f", str(key), "-n", NAMESPACE, sums=sums)
    if answer.returncode or not answer.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise SigningError(f"{sums} was not signed: {last_words(answer)}; choose another --key")
    taken = [int(path.name.split(".")[1]) for path in signature_files(sums.parent)]
    path = sums.with_name(f"{sums.name}.{max(taken, default=0) + 1}.sig")
    if len(taken) >= MOST_SIGNATURES:
        raise SigningError(f"{sums.parent} has {len(taken)} signatures already")
    with os.fdopen(open_own(path), "wb") as file:
        file.write(answer.stdout)
    return path


def check_signature(path: Path, sums: Path, signers: Path | None) -> Signature:
    """Check one signature against the signers whose are accepted, in the form of ssh-keygen's ALLOWED SIGNERS."""
    found: Signature = {"file": path.name, "valid": False, "signer": None, "why": ""}
    try:
        read_plain(path, MOST_BYTES)
        if signers is None:
            return {**found, "why": "not checked: give --signers FILE"}
        names = run_keygen("find-principals", "-s", str(path), "-f", str(signers), sums=sums)
        if names.returncode:
            return {**found, "why": "by none of the signers"}
        signer = names.stdout.decode("utf-8", "replace").splitlines()[0].strip()
        words = ("verify", "-f", str(signers), "-I", signer, "-n", NAMESPACE, "-s", str(path))
        answer = run_keygen(*words, sums=sums)
    except RecordError as error:
        return {**found, "why": str(error)}
    if answer.returncode:
        return {**found, "signer": signer, "why": f"not of these checksums: {last_words(answer)}"}
    return {**found, "valid": True, "signer": signer}


def last_words(answer: subprocess.CompletedProcess[bytes]) -> str:
    """Return what ssh-keygen said last."""
    lines = (answer.stderr or answer.stdout).decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it did not say why")
