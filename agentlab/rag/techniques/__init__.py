"""Techniques of retrieval over a model and retrievers, each a Runnable, each inside of another.

``rewrite``, ``multi_query``, ``links``, ``multi_hop``, ``route``,
``corrective``, ``agentic`` and ``auto``.
"""

from __future__ import annotations

from agentlab.rag.techniques.acting import Agentic, agentic, search_documents
from agentlab.rag.techniques.budget import Budget
from agentlab.rag.techniques.choosing import auto
from agentlab.rag.techniques.composing import NAMES, compose
from agentlab.rag.techniques.correcting import Corrective, corrective
from agentlab.rag.techniques.files import load_rag
from agentlab.rag.techniques.hopping import MultiHop, multi_hop
from agentlab.rag.techniques.linking import Links, links
from agentlab.rag.techniques.plan import Node, as_mermaid, as_text
from agentlab.rag.techniques.querying import MultiQuery, multi_query
from agentlab.rag.techniques.rewriting import Rewrite, rewrite
from agentlab.rag.techniques.routing import Route, Router, route
from agentlab.rag.techniques.technique import Found, Simple, Technique

__all__ = [
    "NAMES",
    "Agentic",
    "Budget",
    "Corrective",
    "Found",
    "Links",
    "MultiHop",
    "MultiQuery",
    "Node",
    "Rewrite",
    "Route",
    "Router",
    "Simple",
    "Technique",
    "agentic",
    "as_mermaid",
    "as_text",
    "auto",
    "compose",
    "corrective",
    "links",
    "load_rag",
    "multi_hop",
    "multi_query",
    "rewrite",
    "route",
    "search_documents",
]
