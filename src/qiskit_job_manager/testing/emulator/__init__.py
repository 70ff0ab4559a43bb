"""What the emulated services share: requests and replies, sockets, ledger files, processes.

messages     a request as it came in, and a reply as it is to leave
refusals     the error that a request handler raises to refuse a request
server       the sockets; can reset, close, cut and drip
service      the base class of a service that listens in this process
program      ``python -m``: serves until SIGTERM or Ctrl-C
process      the base class of a service in a process of its own
transport    the client's side: one request, one deadline
ledger_file  JSON lines that survive a kill
schedule     seeded draws, and the fates of jobs
fields       checks of JSON values by name
"""
