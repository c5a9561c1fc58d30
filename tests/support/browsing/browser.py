"""A real browser that opens a page, does something in it and says what came of it."""

import json
import re
import subprocess
from html import unescape
from pathlib import Path

from components import require, require_npm

__all__ = ["ask_page", "axe_script"]

_AXE = Path(__file__).resolve().parents[3] / "3rdparty/npm/axe"
_ANSWER = re.compile(r'<pre id="answer">(.*?)</pre>', re.DOTALL)
# Debian's, as root and without a display; whatever it would fetch of its own is turned off.
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-dev-shm-usage", "--virtual-time-budget=20000",
)  # fmt: skip


def axe_script():
    """Return axe-core, which looks for what keeps people from using a page."""
    program = Path(require_npm(_AXE, "axe"))
    return (program.parent.parent / "axe-core/axe.min.js").read_text("utf-8")


def ask_page(page, question, folder, dark=False, scripts=()):
    """Open `page` (HTML) and return what the JavaScript function body `question`, which may await, returns.

    Errors of the page are in the answer's place. scripts: of others, that `question` uses.
    """
    watch = (
        "const errors = []; addEventListener('error', event => errors.push(String(event.message)));"
        "addEventListener('securitypolicyviolation', event => errors.push('refused: ' + event.blockedURI));"
    )
    answering = (
        "addEventListener('load', async () => { let answer; try { answer = await (async () => {" + question + "})(); }"
        " catch (error) { errors.push(String(error)); } const out = document.createElement('pre'); out.id = 'answer';"
        " out.textContent = JSON.stringify({errors, answer}); document.body.append(out); });"
    )
    added = "".join(f"<script>{text}</script>" for text in (watch, *scripts, answering))
    path = folder / "page.html"
    path.write_text(page.replace("<title>", f"{added}<title>", 1), "utf-8")
    options = [*_OPTIONS, f"--user-data-dir={folder}/profile", "--window-size=1200,900", "--dump-dom"]
    options += ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [require("chromium"), *options, path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"HOME": str(folder), "PATH": ""})
    found = _ANSWER.search(done.stdout)
    assert found, done.stderr
    answer = json.loads(unescape(found[1]))
    assert [] == answer["errors"]
    return answer.get("answer")
