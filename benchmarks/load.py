"""Does a class of people get right answers, and how soon? Many sessions on Explore at once, each number checked.

Every session is a websocket client of its own, with its own random protein, that switches other heads off again and
again: `python -m benchmarks.load [--sessions 10] [--edits-each 10] [--pause 5] [--length 76]`. What it is shown must be
what `core.run` gives. The server's memory is read after 200 edits (or half of them) and at the end; a soak is
`--sessions 10 --edits-each 100 --pause 0`. README.md beside it has a run's numbers.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

import numpy as np
import psutil
import typer
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.page import free_port, served
from core.alphabet import AMINO_ACIDS, token_id, tokenize
from core.components import components
from core.interventions import AblateHead, Condition, Head, component_name
from core.metrics import target_gap
from core.model import Model, load_model
from core.run import run

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person switches off, and what the page must then say."""

    off: tuple[str, ...]
    probability: str
    gap: str


@dataclass
class Seen:
    """What all sessions saw."""

    waits: list[float] = field(default_factory=list)
    """From each edit to its metrics, in seconds."""
    wrong: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    """The server's, in MiB, after each edit."""


def edits(model: Model, sequence: str, n: int, seed: int) -> list[Edit]:
    """Random sets of heads with the numbers of a single session."""
    chosen, tokens, made = random.Random(seed), tokenize(sequence, [0]), []
    heads = [component for component in components(model.shape) if isinstance(component, Head)]
    for _ in range(n):
        off = sorted(chosen.sample(heads, chosen.randint(1, 4)))
        condition: Condition = tuple(AblateHead(head) for head in off)
        logits = run(model, tokens, [condition]).logits[0, 1]
        probability = float(logits.softmax(-1)[token_id("M")])
        names = tuple(component_name(head) for head in off)
        made.append(Edit(names, f"{probability:.3f}", f"{float(target_gap(logits, 'M')):+.2f}"))
    return made


class Session:
    """One open page, as the browser speaks with the server."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.widgets: dict[str, str] = {}

    async def rerun(self, query: str, off: tuple[str, ...] | None = None) -> tuple[dict[str, str], float]:
        """Reruns the page, with other heads switched off where given: its metrics, and when they had come."""
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_name = "explore"
        if off is not None:
            state = asked.rerun_script.widget_states.widgets.add(id=self.widgets["Heads and modules"])
            state.string_array_value.data.extend(off)
        await self.socket.send(asked.SerializeToString())
        metrics: dict[str, str] = {}
        begun, arrived = False, 0.0
        async for received in self.socket:
            message = ForwardMsg.FromString(received if isinstance(received, bytes) else received.encode())
            kind = message.WhichOneof("type")
            begun = begun or kind == "new_session"
            if kind == "delta" and begun:
                element = message.delta.new_element
                if element.WhichOneof("type") == "multiselect":
                    self.widgets[element.multiselect.label] = element.multiselect.id
                if element.WhichOneof("type") == "metric":
                    metrics[element.metric.label.split(" ")[0]] = element.metric.body
                    arrived = time.monotonic()
            if kind == "script_finished" and begun:
                break
        return metrics, arrived


async def visit(address: str, sequence: str, planned: list[Edit], pause: float, seen: Seen, server: int) -> None:
    """One person's visit: opens the page, then edits and reads."""
    query = urlencode({"from": "Paste", "sequence": sequence, "target": "M"})
    uri = address.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(uri, max_size=None, subprotocols=[websockets.Subprotocol("streamlit")]) as socket:
        session = Session(socket)
        await session.rerun(query)
        for edit in planned:
            await asyncio.sleep(random.uniform(0, 2 * pause))
            begin = time.monotonic()
            metrics, arrived = await session.rerun(query, edit.off)
            seen.waits.append(arrived - begin)
            if (metrics.get("P(M)"), metrics.get("M")) != (edit.probability, edit.gap):
                seen.wrong.append(f"{edit} on {sequence}: {metrics}")
            seen.memory.append(psutil.Process(server).memory_info().rss / MIB)


def main(sessions: int = 10, edits_each: int = 10, pause: float = 5.0, length: int = 76) -> None:
    model, letters = load_model("embedded"), random.Random(0)
    proteins = ["M" + "".join(letters.choices(AMINO_ACIDS, k=length - 1)) for _ in range(sessions)]
    planned = [edits(model, protein, edits_each, seed) for seed, protein in enumerate(proteins)]
    seen = Seen()

    async def everybody(address: str, server: int) -> None:
        visits = zip(proteins, planned, strict=True)
        await asyncio.gather(*(visit(address, *each, pause, seen, server) for each in visits))

    with served(free_port()) as (address, server):
        asyncio.run(everybody(address, server))
    n = len(seen.waits)
    early = min(200, n // 2)
    median, late = np.quantile(seen.waits, [0.5, 0.95])
    print(f"{sessions} sessions x {edits_each} edits, L = {length}, {pause:g} s between: {n} edits")
    print(f"metrics after {median:.2f} s (median), {late:.2f} s (95%); {len(seen.wrong)} wrong")
    print(f"the server's memory: {seen.memory[early]:.0f} MiB after {early} edits, {seen.memory[-1]:.0f} at the end")
    for each in seen.wrong[:5]:
        print("wrong:", each)


if __name__ == "__main__":
    typer.run(main)
