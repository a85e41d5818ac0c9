"""Techniques of retrieval against plain retrieval, and routing by examples.

    python -m bench.advanced_rag routing --data FOLDER
    python -m bench.advanced_rag routing-model --data FOLDER --model SPEC -n 60
    python -m bench.advanced_rag search --data FOLDER                      # no model
    python -m bench.advanced_rag answers --data FOLDER --model SPEC --out FILE.jsonl -n 20
    python -m bench.advanced_rag report --out FILE.jsonl

FOLDER holds ``clinc150`` (``val.jsonl``, ``oos_*.jsonl``, ``domains.json``) and ``hotpotqa``
(``train_distractor_100.jsonl``, whose paragraphs are pooled). ``answers`` goes on where FILE ends;
``--others FOLDER…`` are where langchain-classic and llama-index are installed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.report import machine


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.advanced_rag")
    parser.add_argument("part", choices=["routing", "routing-model", "search", "answers", "report"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--out", type=Path, default=Path("advanced_rag.jsonl"))
    parser.add_argument("--kind", default="bridge", help="bridge or comparison")
    parser.add_argument("-n", type=int, default=20, help="questions")
    parser.add_argument("--after", type=int, default=28, help="questions left out: see the source")
    parser.add_argument("--parallel", type=int, default=1, help="questions of a way asked at once")
    parser.add_argument("--stages", nargs="+", default=["search", "answer"])
    parser.add_argument("--ways", nargs="+", default=["plain", "multi-hop"])
    parser.add_argument("--others", type=Path, nargs="*")
    options = parser.parse_args()
    sys.path += map(str, options.others or ())
    print(f"{machine()}\n")
    if options.part == "routing":
        from bench.advanced_rag_routing import measure

        measure(options.data / "clinc150")
    elif options.part == "routing-model":
        from bench.advanced_rag_routing import measure_model

        measure_model(options.data / "clinc150", options.model, options.n, options.parallel)
    elif options.part == "search":
        from bench.advanced_rag_hotpotqa import measure_search

        measure_search(options.data / "hotpotqa")
    elif options.part == "answers":
        from bench.advanced_rag_hotpotqa import measure_answers

        measure_answers(options)
    else:
        from bench.advanced_rag_hotpotqa import report

        report(options.out)


if __name__ == "__main__":
    main()
