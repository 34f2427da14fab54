"""Who looks at far more than peers: the alerts of access_volume, worked out from the accesses of a log. Shares no code with heddle; its meaning is V1 to V5 of
src/live/op/access_volume.h."""
import datetime as dt
from collections import defaultdict
from fractions import Fraction

HOUR = 3_600_000_000
# The delivered rule.
DAYS, PEERS, SETTLE, LATE = 28, 10, HOUR, 48 * HOUR
MEASURES = {"volume": (20, 60, Fraction(7, 2), 2), "breadth": (30, 40, Fraction(7, 2), 2)}  # Weight, at least, z, times the median.
SEVERITIES = (("critical", 100), ("high", 60), ("medium", 20), ("low", 0))
RANK_TIMES = 3


def median(numbers):
    numbers = sorted(numbers)
    return Fraction(numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2], 2)


def spread_of(numbers, middle):
    """What 1 of z is; 0: all are equal."""
    deviations = [abs(number - middle) for number in numbers]
    mad = median(deviations)
    return Fraction(14826, 10000) * mad if mad else Fraction(1253314, 1000000) * sum(deviations) / len(deviations)


class Day:
    def __init__(self, date, zone):
        self.date = date
        midnight = dt.datetime.combine(date, dt.time(), zone)
        end = dt.datetime.combine(date + dt.timedelta(1), dt.time(), zone)
        self.begin, end = (int(moment.timestamp()) * 1_000_000 for moment in (midnight, end))
        self.moments = (end + SETTLE, end + LATE)


def units_of(accesses, zone):
    """(role, department, user, date) -> ({event: known}, {patient: known}); known: the earliest of its copies."""
    units = defaultdict(lambda: ({}, {}))
    for event in accesses:
        if not event.get("user_role"):
            continue
        date = dt.datetime.fromtimestamp(event["effective"] / 1_000_000, zone).date()
        events, patients = units[event["user_role"], event.get("user_department"), event["user_id"], date]
        for known, what in ((events, event["event_id"]), (patients, event["patient_id"])):
            known[what] = min(known.get(what, event["known"]), event["known"])
    return units


def counts(unit, moment):
    return {name: sum(known < moment for known in of.values()) for name, of in zip(("volume", "breadth"), unit)}


def judge(values, key, stage, first, now):
    """What the unit comes to: (beyond, numbers). `first`: all units as they were judged first; `now`: those of the day as they stand at this moment."""
    role, department, user, date = key
    seen = lambda other: 0 <= (date - other[3]).days < DAYS and other[0] == role and (now if other[3] == date else first)[other]["volume"] > 0  # noqa: E731
    groups = [[other for other in values if seen(other) and other[1] == department]] if department else []
    groups.append([other for other in values if seen(other)])
    for place, group in enumerate(groups):
        peers = [other for other in group if other[2] != user]
        users = len({other[2] for other in peers})
        if users >= PEERS:
            break
    else:
        return {}, None
    beyond, numbers = {}, [place, users, len({other[3] for other in group})]
    for name, (weight, least, limit, times_median) in MEASURES.items():
        of = [n for n in ((now if other[3] == date else first)[other][name] for other in peers) if n]
        middle, value = median(of), now[key][name]
        spread = spread_of(of, middle)
        numbers += [value, middle, spread, len(of)]
        if value < least or value <= middle or value < times_median * middle or (value - middle) < limit * spread:
            continue
        times = min((value - middle) / spread / limit, RANK_TIMES) if spread else RANK_TIMES
        z = (value - middle) / spread * 1000 // 1 if spread else None  # Ranks go by thousandths.
        beyond[name] = weight * RANK_TIMES if times >= RANK_TIMES else int(weight * z // (limit * 1000))
    return beyond, numbers


def alerts(accesses, zone):
    """user, role, department, date -> [status, severity, rank, measures that are beyond], of a stream that is declared ended."""
    units, found = units_of(accesses, zone), {}
    days = {date: Day(date, zone) for date in {key[3] for key in units}}
    first = {key: counts(unit, days[key[3]].moments[0]) for key, unit in units.items()}
    late = {key: counts(unit, days[key[3]].moments[1]) for key, unit in units.items()}
    for key in units:
        if all(late[key][name] < least for name, (_, least, _, _) in MEASURES.items()):
            continue
        (before, numbers), (now, newest) = judge(units, key, 0, first, first), judge(units, key, 1, first, late)
        if not before and not now:
            continue
        status = "retracted" if not now else "revised" if before and numbers != newest else "open"
        rank = sum(now.values())
        found["/".join([key[2], key[0], key[1] or "", key[3].isoformat()])] = [status, next(name for name, least in SEVERITIES if rank >= least), rank, sorted(now)]
    return found
