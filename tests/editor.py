"""Whether an editor helps with specs: the JSON Schema in the language server that editors use for YAML.

python -m tests.editor SERVER

SERVER is `yaml-language-server` from npm, which `make editor` installs. It is spoken to as an editor does: a spec whose
first line names the schema is opened, and it must complete, explain, and see what is wrong, but nothing in what is
right.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from archspec.spec.schema import schema

SPEC = """\
# yaml-language-server: $schema=archspec.schema.json
archspec: 1
name: Net
inputs: {image: [3, 8, 8]}
layers:
  - {op: conv2d, out_channels: 4, kernel_size: 3}
  - op: max_pool2d
    kernel_size: 2
  - relu
"""


class Server:
    """A language server that is spoken to over pipes."""

    def __init__(self, command: str, folder: Path) -> None:
        self._process = subprocess.Popen([command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._folder, self._number, self.wrong = folder, 0, dict[str, list[dict[str, Any]]]()
        self.ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={
            "textDocument": {"completion": {"completionItem": {"snippetSupport": True}}, "hover": {}},
            "workspace": {"configuration": True},
        })  # fmt: skip
        self._send({"method": "initialized", "params": {}})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise SystemExit("the language server has ended")
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.wrong[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            found = [{"validate": True, "hover": True, "completion": True} if item.get("section") == "yaml" else {}
                     for item in message["params"]["items"]]  # fmt: skip
            self._send({"id": message["id"], "result": found})
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message

    def ask(self, method: str, **params: Any) -> Any:
        """The answer to a request."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == self._number and "method" not in message:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message.get("result")

    def open(self, name: str, text: str) -> str:
        """Opens a document, and waits until the server has said what is wrong with it; its address."""
        address = (self._folder / name).as_uri()
        document = {"uri": address, "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while address not in self.wrong:
            self._read()
        return address

    def at(self, method: str, address: str, line: int, character: int) -> Any:
        return self.ask(
            f"textDocument/{method}", textDocument={"uri": address}, position={"line": line, "character": character}
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def check(server: Server) -> None:
    """Raises AssertionError for what an editor does not do."""
    right = server.open("right.yaml", SPEC)
    assert server.wrong[right] == [], server.wrong[right]
    print("a valid spec: nothing is wrong")

    hovered = server.at("hover", right, 5, SPEC.splitlines()[5].index("out_channels") + 2)
    assert "channels of the output" in json.dumps(hovered), hovered
    print("hover: an attribute is explained")

    for what, right_name, wrong_name, line in [
        ("an unknown attribute", "out_channels", "out_chanels", 5),
        ("an unknown operation", "op: conv2d", "op: convv2d", 5),
        ("an unknown operation by its name alone", "- relu", "- rellu", 8),
    ]:
        unknown = server.open(f"{wrong_name[-5:]}.yaml", SPEC.replace(right_name, wrong_name))
        assert line in [each["range"]["start"]["line"] for each in server.wrong[unknown]], server.wrong[unknown]
        print(f"{what}: seen in its line:", server.wrong[unknown][0]["message"].splitlines()[0][:90])

    begun = SPEC.replace("    kernel_size: 2\n", "    kernel_size: 2\n    \n")
    labels = _labels(server.at("completion", server.open("begun.yaml", begun), 8, 4))
    assert {"stride", "padding", "ceil_mode"} <= labels, labels
    print("completion: attributes of the operation:", ", ".join(sorted(labels)[:6]))

    named = SPEC.replace("  - relu\n", "  - op: \n")
    labels = _labels(server.at("completion", server.open("named.yaml", named), 8, 8))
    assert {"conv2d", "relu", "max_pool2d"} <= labels, labels
    print(f"completion: {len(labels)} operations")


def _labels(found: Any) -> set[str]:
    items = found["items"] if isinstance(found, dict) else found or []
    return {item["label"] for item in items}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "archspec.schema.json").write_text(json.dumps(schema()), encoding="utf-8")
        server = Server(sys.argv[1], folder)
        try:
            check(server)
        finally:
            server.close()


if __name__ == "__main__":
    main()
