# SPDX-License-Identifier: ISC
#
# NAME      dxsim - feeds and logging programs around a cluster, for the length of a test
# PURPOSE   Starts dxsim, says where its feeds listen, tells it where the cluster serves, follows what it
#           says and gives its report: the truth-keeper that decides what was lost, doubled or wrong.
# OWNER     flow, load and soak tests
# CONTRACT  with DxSim("--sessions", 10, ...) as sim: a daemon with feeds at sim.port["rbn"] ...;
#           sim.serve(port); sim.wait("running"); report = sim.report()
# LIMITS    one report per simulator

import subprocess

from lib.sim import BUILD, Simulator


class DxSim(Simulator):
    def __init__(self, *options, wrapper=()):  # another program than the base's
        self.process = subprocess.Popen(
            [*wrapper, str(BUILD / "tests/load/dxsim"), *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.wait("listening")
        self.port = {name: int(port) for name, port in
                     (word.split("=") for word in line.split()[1:])}

    def feeds(self, host="127.0.0.1"):
        """Options of a daemon whose feeds are this simulator's, which is at HOST."""
        types = {"rbn": "rbn", "digital": "rbn", "cluster": "cluster"}
        return [f"feed {name}.{key}={value}" for name, port in self.port.items()
                for key, value in (("type", types[name]), ("host", host), ("port", port))]

    def serve(self, port, host="127.0.0.1"):
        """The cluster serves there: log in and play."""
        self.process.stdin.write(f"{host}:{port}\n")
        self.process.stdin.flush()

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        self.process.stdin.close()
