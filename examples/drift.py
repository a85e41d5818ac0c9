"""An edited system prompt: replay of HTTP still passes, replay of the calls says what changed.

Both record one call of the same chain, to an OpenAI server on this machine. Then a word of the
system prompt is edited and both replay. Needs the extra `openai`, and vcrpy.
"""

import json
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import vcr
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from agentlab import load_model
from agentlab.errors import Diverged
from agentlab.recording import cassette

BEFORE = "Answer with one word: billing, repair or other."
AFTER = "Answer with one word: billing, refund or other."
TICKET = "Please mend my card reader"


class Provider(BaseHTTPRequestHandler):
    """A model that says "repair" where its instructions allow it, else "other"."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        word = "repair" if "repair" in asked["messages"][0]["content"] else "other"
        choice = {"index": 0, "message": {"role": "assistant", "content": word}}
        head = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": "demo"}
        body = json.dumps({**head, "choices": [{**choice, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextmanager
def provider():
    """The server, and the address it has."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def triage(url, system):
    """The code under test."""
    model = load_model("openai:demo", base_url=url, api_key="none", max_retries=0)
    prompt = ChatPromptTemplate.from_messages([("system", system), ("user", "{ticket}")])
    return (prompt | model | StrOutputParser()).invoke({"ticket": TICKET})


def attempt(tape, url, system):
    """Run the test inside a recording: did it pass, and what did it say?"""
    try:
        with tape:
            answer = triage(url, system)
    except Diverged as drift:
        return f"FAILED  {drift}"
    except Exception as error:  # noqa: BLE001 (of vcrpy, through the model's client)
        return f"FAILED  {str(error).partition('. ')[0]}"
    return f"{'passed' if answer == 'repair' else 'FAILED'}  {answer}"


with tempfile.TemporaryDirectory() as folder, provider() as url:
    theirs, ours = Path(folder, "vcr.yaml"), Path(folder, "agentlab.jsonl")
    body = ["method", "uri", "body"]
    print("recorded by vcrpy:   ", attempt(vcr.use_cassette(theirs), url, BEFORE))
    print("recorded by agentlab:", attempt(cassette(ours, mode="all"), url, BEFORE))
    print(f"\nThe prompt is edited, from {BEFORE!r}\n                       to {AFTER!r}\n")
    print("the model now:       ", triage(url, AFTER))
    replay = vcr.use_cassette(theirs, record_mode="none")
    print("replayed by vcrpy:   ", attempt(replay, url, AFTER))
    replay = vcr.use_cassette(theirs, record_mode="none", match_on=body)
    print("  matching bodies:   ", attempt(replay, url, AFTER))
    print("replayed by agentlab:", attempt(cassette(ours, mode="none"), url, AFTER))
