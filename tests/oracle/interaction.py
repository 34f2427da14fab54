"""Which alerts follow from statements of drugs. Shares no code with heddle; the meaning is that of domain and model/rules/medication_interactions.json.

Of two drugs of a patient: at each beginning of history, by event times, do they interact? The statement by which they first do fires. What any reader of the
partitions could have told of any of their beginnings, and the whole does not bear out, is superseded."""
import itertools
from dataclasses import dataclass, field

DAY = 86_400_000_000
OPEN, COOLDOWN = 365 * DAY, 90 * DAY
STATINS, INHIBITORS = {"simvastatin", "lovastatin"}, {"clarithromycin", "ritonavir", "verapamil", "amiodarone", "ketoconazole"}
QT = {"amiodarone", "sotalol", "methadone"}
PAIRS = {"onc-11": (STATINS, INHIBITORS), "onc-8": (QT, QT), "onc-3": ({"febuxostat"}, {"azathioprine", "mercaptopurine"}),
         "onc-13": ({"tizanidine"}, {"ciprofloxacin", "amiodarone"})}
NEVER, STOPPED, COMPLETED = {"cancelled", "entered-in-error", "ca", "not-taken"}, {"stopped", "dc"}, {"completed"}


@dataclass
class Statement:
    drug: str         # Of which prescription or order.
    key: str          # Event id; "" sorts before: the warehouse's.
    event: int
    begin: int
    end: int          # None: not stated.
    status: str
    ingredients: set  # None: no drug is named.
    partition: str    # None: the warehouse's.
    position: int
    order: tuple = field(init=False)

    def __post_init__(self):
        self.status = (self.status or "").lower()
        self.order = (self.event, self.partition is not None, self.key)


def counted(statements):
    """What the warehouse says of a drug counts until the log says something of the same time or an earlier one."""
    return [s for s in statements if s.partition is not None or not any(o.drug == s.drug and o.partition is not None and o.event <= s.event for o in statements)]


class Drug:
    """How it stands after some statements."""

    def __init__(self, statements):
        statements = sorted(statements, key=lambda s: s.order)
        self.ingredients, self.taken, self.ended, self.newest, begun = set(), False, False, None, False
        self.begin = self.end = 0
        for s in statements:
            self.newest, self.taken = s, s.status not in NEVER
            self.ended = s.status in STOPPED | COMPLETED
            if not (self.ended and begun):
                self.begin = s.begin
            self.end = s.end
            if s.status in STOPPED:
                self.end = s.event if s.end is None else min(s.end, s.event)
            elif s.status in COMPLETED and s.end is None:
                self.end = s.event
            begun |= self.taken and not self.ended
            if s.ingredients is not None:
                self.ingredients = s.ingredients
        if self.end is None:
            self.end = self.begin + OPEN


def meet(pair, a, b, anyhow=False):
    """The ingredients by which both interact, the left one first; None: they do not. `anyhow`: whether they overlap or not."""
    if not (a.taken and b.taken and (anyhow or max(a.begin, b.begin) < min(a.end, b.end))):
        return None
    left, right = PAIRS[pair]
    found = {(x, y) for x in a.ingredients & left for y in b.ingredients & right if x != y} | {(y, x) for x in a.ingredients & right for y in b.ingredients & left if x != y}
    return min((tuple(sorted(f)) for f in found), default=None) if pair == "onc-8" else min(found, default=None)


def fires(pair, a, b, chosen):
    """The first statement, by event times, at which both interact, and by what."""
    chosen = sorted(counted(chosen), key=lambda s: s.order)
    for count in range(1, len(chosen) + 1):
        told = chosen[:count]
        found = meet(pair, Drug([s for s in told if s.drug == a]), Drug([s for s in told if s.drug == b]))
        if found:
            return chosen[count - 1], found
    return None, None


def beginnings(statements):
    """Every set of statements that a reader of the partitions may have seen."""
    strands = {}
    for s in statements:
        strands.setdefault(s.partition, []).append(s)
    before = strands.pop(None, [])
    strands = [sorted(strand, key=lambda s: s.position) for strand in strands.values()]
    for counts in itertools.product(*(range(len(strand) + 1) for strand in strands)):
        yield before + [s for strand, count in zip(strands, counts) for s in strand[:count]]


def outcome(pair, a, b, statements, firing, found):
    """(status, reason, ingredients) of the alert that the whole bears out."""
    first, second = (Drug([s for s in counted(statements) if s.drug == drug]) for drug in (a, b))
    now = meet(pair, first, second)
    ended = any(d.ended and d.newest.order > firing.order for d in (first, second))
    if now:
        return ("closed", "stopped", now) if ended else ("open", "", now) if now == found else ("revised", "corrected", now)
    if not (first.taken and second.taken):
        return "retracted", "withdrawn", found
    return "retracted", "stopped" if ended and meet(pair, first, second, True) else "corrected", found


def alerts_of(statements):
    """[(firing event, pair, ingredients, status, reason)] of one patient."""
    drugs, found = sorted({s.drug for s in statements}), []
    for pair in PAIRS:
        for a, b in itertools.combinations_with_replacement(drugs, 2):
            both = [s for s in statements if s.drug in (a, b)]
            if not any(s.ingredients for s in both):
                continue
            firing, by = fires(pair, a, b, both)
            if firing and firing.partition is not None:
                status, reason, by = outcome(pair, a, b, both, firing, by)
                found.append([firing, pair, by, status, reason])
            told = {}
            for some in beginnings(both):
                early, by = fires(pair, a, b, some)
                if early and early is not firing and early.partition is not None:
                    told.setdefault(id(early), [early, pair, by, "retracted", "superseded"])
            found += told.values()
    found.sort(key=lambda alert: alert[0].order)
    loud = []
    for alert in found:
        if alert[3] not in ("open", "revised"):
            continue
        if any(o[1] == alert[1] and set(o[2]) == set(alert[2]) and alert[0].event - o[0].event < COOLDOWN for o in loud):
            alert[3:] = ["closed", "cooldown"]
        else:
            loud.append(alert)
    return [(firing.key, pair, " + ".join(by), status, reason) for firing, pair, by, status, reason in found]
