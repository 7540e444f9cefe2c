"""Subscriptions that are made, replaced, disabled, enabled and removed through the API while the service is killed."""

import json
import random
import threading
import time

import clients
from endpoints import Hook
from publishers import ANSWER_SECONDS_MAX


class State:
    """What a subscription may be: its hook, the path it was last given and whether it is disabled."""

    def __init__(self, hook, path, is_disabled=False):
        self.hook, self.path, self.is_disabled = hook, path, is_disabled

    def __eq__(self, other):
        return isinstance(other, State) and (self.path, self.is_disabled) == (other.path, other.is_disabled)

    def __repr__(self):
        return f"{self.path}{' (disabled)' if self.is_disabled else ''}"


class Definitions(threading.Thread):
    """One change after another. `states[name]` lists what may be true: one thing, or two while an answer is outstanding;
    None is a subscription that is not there. Hold `lock` to keep it from changing anything."""

    def __init__(self, service, endpoints, record, seed):
        super().__init__(daemon=True, name="definitions")
        self.service, self.endpoints, self.record = service, endpoints, record
        self.chance = random.Random(f"{seed}/definitions")
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.states = {f"churn-{n}": [None] for n in range(4)}
        self.paths = 0
        # Subscriptions that were, whose deliveries are nobody's business any more.
        self.changes = 0

    def run(self):
        while not self.stopping.is_set():
            try:
                with clients.HTTP(self.service.port, timeout=ANSWER_SECONDS_MAX) as http:
                    while not self.stopping.is_set():
                        with self.lock:
                            self._change(http)
                        time.sleep(self.chance.uniform(0.01, 0.12))
            except TimeoutError:
                self.record.violation(f"{self.name} got no answer within {ANSWER_SECONDS_MAX} s")
                return
            except (OSError, EOFError):
                time.sleep(self.chance.uniform(0.005, 0.03))
            except Exception as error:  # whatever else breaks is a finding, not the end of a thread
                self.record.violation(f"{self.name}: {error!r}")
                return

    def _change(self, http):
        name = self.chance.choice(list(self.states))
        if len(self.states[name]) > 1:
            return self._settle(name, self._look(http, name))  # what came of the change that had no answer?
        (state,) = self.states[name]
        if state is None:
            return self._create(http, name)
        change = self.chance.choice((self._replace, self._disable, self._enable, self._remove))
        change(http, name, state)

    def _create(self, http, name):
        path = self._path(name)
        hook = Hook(name, self.chance.choice((["crash.>"], ["crash.written.*"], ["crash.*.b", "crash.synced.a"])), path)
        self._ask(http, "PUT", name, "", State(hook, path), (201,), hook.definition(self.endpoints))

    def _replace(self, http, name, state):
        path = self._path(name)
        state.hook.paths.append(path)
        self._ask(http, "PUT", name, "", State(state.hook, path, state.is_disabled), (200,), state.hook.definition(self.endpoints))

    def _disable(self, http, name, state):
        self._ask(http, "POST", name, "/disable", State(state.hook, state.path, True), (200,))

    def _enable(self, http, name, state):
        self._ask(http, "POST", name, "/enable", State(state.hook, state.path, False), (200,))

    def _remove(self, http, name, _):
        self._ask(http, "DELETE", name, "", None, (204,))

    def _path(self, name):
        self.paths += 1
        return f"/{name}/{self.paths}"

    def _ask(self, http, method, name, action, after, statuses, body=None):
        (before,) = self.states[name]
        self.states[name] = [before, after]
        headers = {"content-type": "application/json"} if body else None
        response = http.request(method, f"/v1/subscriptions/{name}{action}", json.dumps(body) if body else None, headers)
        if response.status == 503:
            self.states[name] = [before]
            return
        self.states[name] = [after]
        self.changes += 1
        self.record.expect(response.status in statuses, f"{method} {name}{action} answered {response!r}")

    # Checking

    def _look(self, http, name):
        response = http.get(f"/v1/subscriptions/{name}")
        if response.status == 404:
            return None
        shown = response.json()
        return "/" + shown["definition"]["webhook"]["url"].split("/", 3)[3], shown["state"] == "disabled"

    def _settle(self, name, found):
        """Compares what is there with what may be."""
        for state in self.states[name]:
            if found is None and state is None or found and state and found == (state.path, state.is_disabled):
                self.states[name] = [state]
                return
        self.record.violation(f"subscription {name} is {found}, acknowledged was {' or '.join(map(repr, self.states[name]))}")
        self.states[name] = [self.states[name][-1]]

    def check(self):
        """Everything that was acknowledged is there, and nothing else. Hold `lock`."""
        with clients.HTTP(self.service.port, timeout=ANSWER_SECONDS_MAX) as http:
            for name in self.states:
                self._settle(name, self._look(http, name))

    def enable_all(self):
        """So that everyone comes to the end; the hooks that are there."""
        hooks = []
        with clients.HTTP(self.service.port, timeout=ANSWER_SECONDS_MAX) as http:
            for name, (state,) in self.states.items():
                if state is None:
                    continue
                hooks.append(state.hook)
                if state.is_disabled:
                    self._enable(http, name, state)
        return hooks
