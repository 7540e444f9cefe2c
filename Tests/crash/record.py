"""What was promised and what was seen: the log as it could be read, what was acknowledged, and whatever broke a promise."""

import threading

from harness import sequence


def matches(pattern, topic):
    """Whether a topic pattern (`*` for one token, a final `>` for one or more; the service's own must be spelt out) matches."""
    wanted, tokens = pattern.split("."), topic.split(".")
    if tokens[0] == "fanfare" and wanted[0] != "fanfare":
        return False
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and matches_tokens(wanted[:-1], tokens)
    return len(tokens) == len(wanted) and matches_tokens(wanted, tokens)


def matches_tokens(wanted, tokens):
    return all(one in ("*", token) for one, token in zip(wanted, tokens))


def topic_of(event):
    return event.get("fanfaretopic", event["type"])


class Record:
    """What everyone saw. Numbers are the log's sequence numbers; every id is published with one topic only.

    Invariants, checked as things come in: a number is an event's or lost, never both and never of two events; an id has
    one number.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.violations = []
        # number → (id, topic), of every event that could be read, its inverse for ids, and the ranges that are no event's.
        self.events = {}
        self.numbers = {}
        self.lost = []
        # (subscription, number of the event given up on) of each event that tells of a dead letter, in the log's order.
        self.told_dead_letters = []
        # Ids that were acknowledged, and what anyone was told about the event of a number: (number, id, who said so).
        self.acknowledged = set()
        self.claims = []
        # Everything up to here has been read; the first number that retention has left.
        self.position, self.head, self.first_retained = None, 0, 1

    def violation(self, text):
        with self.lock:
            self.violations.append(text)

    def claim(self, number, id, who):
        with self.lock:
            self.claims.append((number, id, who))

    def acknowledge(self, ids):
        with self.lock:
            self.acknowledged.update(ids)

    def expect(self, condition, text):
        if not condition:
            self.violation(text)
        return condition

    # Reading the log

    def read_on(self, http, until=None):
        """Reads what the log holds after what was read last time. Stops at the end, or once `until` has been passed."""
        while self.position is None or until is None or self.head < until:
            page = self._page(http, self.position)
            if not page["events"] and not page["gap"]:
                return
            self._take(page)

    def read_again(self, http):
        """Reads all of the log once more and compares: nothing that was read may have changed."""
        position, numbers = None, []
        while True:
            page = self._page(http, position)
            if not page["events"] and not page["gap"]:
                break
            position = page["next"]
            for event in page["events"]:
                number = sequence(event["fanfareposition"])
                numbers.append(number)
                known = self.events.get(number)
                self.expect(known is None or known == (event["id"], topic_of(event)),
                            f"number {number} was {known}, now it is {event['id']}")
        self.expect(numbers == sorted(set(numbers)), "pages repeat or misorder numbers")
        first = numbers[0] if numbers else self.head + 1
        missing = [n for n in self.events if first <= n <= self.head and n not in set(numbers)]
        self.expect(not missing, f"{len(missing)} events could be read once and cannot any more: {sorted(missing)[:5]}")
        self.first_retained = first

    def _page(self, http, position):
        # Large pages: the log is read often.
        target = "/v1/events?topic=%3E&topic=fanfare.%3E&limit=1000" + (f"&from={position}" if position else "")
        response = http.get(target)
        assert response.status == 200, f"reading answered {response!r}"
        return response.json()

    def _take(self, page):
        covered = self.head
        if gap := page["gap"]:
            after, following = sequence(gap["after"]), sequence(gap["next"])
            self.expect(after == covered, f"after {covered} a gap was told that begins after {after}")
            self.lost.append((covered + 1, following - 1))
            covered = following - 1
        for event in page["events"]:
            number = sequence(event["fanfareposition"])
            self.expect(number == covered + 1, f"after {covered} comes {number}, and no gap was told")
            covered = number
            self._event(number, event)
        self.expect(sequence(page["next"]) == covered, f"a page up to {covered} says to go on from {page['next']}")
        self.position, self.head = page["next"], covered

    def _event(self, number, event):
        id = event["id"]
        self.expect(id not in self.numbers, f"the event {id} is in the log twice: {self.numbers.get(id)} and {number}")
        self.events[number] = (id, topic_of(event))
        self.numbers[id] = number
        if event["type"] == "dev.fanfare.deadletter":
            self.told_dead_letters.append((event["subject"], sequence(event["data"]["position"])))
        if isinstance(event.get("data"), dict) and "filler" in event["data"]:
            wanted = filler(id)
            self.expect(event["data"]["filler"] == wanted, f"the data of {id} has changed")

    # Checks

    def _is_lost(self, number):
        return any(first <= number <= last for first, last in self.lost)

    def check_acknowledged(self, ids):
        """Everything in `ids` can be read (or retention has removed it), and what was told about numbers holds."""
        missing = sorted(id for id in ids if id not in self.numbers)
        if missing and self.first_retained == 1:
            self.violation(f"{len(missing)} acknowledged events are lost: {missing[:5]}")
        with self.lock:
            claims = list(self.claims)
        for number, id, who in claims:
            known = self.events.get(number)
            if known is None:
                self.expect(number > self.head or number < self.first_retained,
                            f"{who} was told that {id} is {number}, which is {'lost' if self._is_lost(number) else 'unknown'}")
            elif known[0] != id:
                self.violation(f"{who} was told that {id} is {number}, but that is {known[0]}")

    def check_told(self, dead_letters):
        """Every dead letter is told as an event, once, and nothing else is; `dead_letters` by subscription and number."""
        told = [letter for letter in self.told_dead_letters if letter[0] in dead_letters]
        twice = sorted({letter for letter in told if told.count(letter) > 1})
        self.expect(not twice, f"dead letters are told twice: {twice[:5]}")
        wanted = {(name, number) for name, letters in dead_letters.items() for number in letters}
        self.expect(set(told) <= wanted, f"dead letters are told that are none: {sorted(set(told) - wanted)[:5]}")
        if self.first_retained == 1:
            self.expect(wanted <= set(told), f"dead letters are not told: {sorted(wanted - set(told))[:5]}")

    def expected(self, patterns, after):
        """The numbers above `after` whose topics match one of the patterns, ascending."""
        return [number for number in sorted(self.events)
                if number > after and any(matches(pattern, self.events[number][1]) for pattern in patterns)]


def filler(id):
    """The filling of an event's data: from nothing to 6 KiB, always the same for an id."""
    size = sum(id.encode()) * 7919 % 97
    return id * size if size < 90 else id * size * 10
