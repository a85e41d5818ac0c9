"""`make bench`: what AgentLab costs, measured beside what it stands on, in one run.

measure.py   two functions in turn, round after round
calls.py     a call and a chain against bare llama-cpp-python
startup.py   CPU time of `import agentlab` and `agentlab --help`
report.py    the table, printed and written to RESULTS.md
"""
