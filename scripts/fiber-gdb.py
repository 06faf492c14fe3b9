"""Fibers for gdb: gdb -p PID -x scripts/fiber-gdb.py

    fibers          lists the fibers of all workers, and what each waits for
    fiber ID        shows where a fiber waits (x86-64 and arm64, in a process that runs)
"""
import gdb

# From where the switch left the stack pointer: its distance to the caller's frame, and where
# the registers lie that unwinding needs (src/fiber/fiber_switch_*.c).
LAYOUT = {
    "i386:x86-64": {"size": 56, "sp": "rsp", "saved": {"rip": 48, "rbp": 40, "rbx": 32, "r12": 24,
                                                       "r13": 16, "r14": 8, "r15": 0}},
    "aarch64": {"size": 160, "sp": "sp", "saved": {"pc": 88, "x29": 80, "x28": 72, "x27": 64,
                                                   "x26": 56, "x25": 48, "x24": 40, "x23": 32,
                                                   "x22": 24, "x21": 16, "x20": 8, "x19": 0}},
}


def workers():
    """Each worker once, whichever thread is selected."""
    selected = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        try:
            worker = gdb.parse_and_eval("worker_here")
        except gdb.error:
            continue
        if int(worker) != 0:
            yield worker.dereference()
    if selected:
        selected.switch()


def fibers(worker):
    fiber = gdb.lookup_type("struct fiber").pointer()
    slots = worker["fibers"]
    for i in range(int(slots["count"])):
        if int(slots["at"][i]["object"]) != 0:
            yield slots["at"][i]["object"].cast(fiber).dereference()
    tickets = worker["tickets"].dereference()
    for i in range(int(tickets["used"])):
        if int(tickets["entries"][i]["value"]) != 0:
            yield tickets["entries"][i]["value"].cast(fiber).dereference()


class Fibers(gdb.Command):
    """List the fibers of all workers."""

    def __init__(self):
        super().__init__("fibers", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for worker in workers():
            for fiber in fibers(worker):
                print("worker %d  %#018x  %-16s %s" % (
                    int(worker["number"]), int(fiber["id"]), fiber["name"].string(),
                    fiber["waits_for"].string()))


class Fiber(gdb.Command):
    """Show where a fiber waits: fiber ID"""

    def __init__(self):
        super().__init__("fiber", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = int(argument, 0)
        found = [f for w in workers() for f in fibers(w) if int(f["id"]) == wanted]
        if not found or int(found[0]["stack"]) == 0:
            raise gdb.GdbError("no such fiber, or it has not run yet")
        layout = LAYOUT[gdb.selected_frame().architecture().name()]
        names = list(layout["saved"]) + [layout["sp"]]
        before = {name: int(gdb.parse_and_eval("(unsigned long)$" + name)) for name in names}
        at = int(found[0]["context"]["stack_pointer"])
        try:
            for name, offset in layout["saved"].items():
                gdb.execute("set $%s = *(unsigned long *)%d" % (name, at + offset))
            gdb.execute("set $%s = %d" % (layout["sp"], at + layout["size"]))
            gdb.execute("backtrace")
        finally:
            for name, value in before.items():
                gdb.execute("set $%s = %d" % (name, value))


Fibers()
Fiber()
