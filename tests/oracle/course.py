"""What follows from the course of results: acute kidney injury, delta checks, trends. Shares no code with heddle; the meaning is that of domain and model/rules.

A result is judged by the others as they stand; its alert is the first version's that fires. An alert that held at any point of the log and no longer does
is retracted."""
from collections import defaultdict
from fractions import Fraction
from statistics import median

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
FINAL = set("FCABVU")


class Version:
    """One version of a result; `value` is exact, or None."""

    def __init__(self, source, result, key, event, effective, value, status, is_live):
        self.source, self.result, self.key = source, result, key
        self.event, self.effective, self.value, self.status, self.is_live = event, effective, value, status, is_live

    def order(self):
        return self.effective, self.event, self.is_live, self.key

    def stands(self, before):
        """(effective, value) where the version says one that counts. `before`: the versions of its result before it."""
        if self.status == "U":
            return next(((v.effective, v.value) for v in reversed(before) if v.status != "U" and v.value is not None), None)
        return (self.effective, self.value) if self.status in FINAL and self.value is not None else None


def chains_of(versions):
    chains = defaultdict(list)
    for version in sorted(versions, key=Version.order):
        chains[version.result].append(version)
    return chains


def alerts_of(versions, judge, cooldown):
    """Firing version -> [status, severity, newest version] by the versions given."""
    chains = chains_of(versions)
    points = {result: chain[-1].stands(chain[:-1]) for result, chain in chains.items()}
    found, sent = {}, []
    for result, chain in sorted(chains.items(), key=lambda item: item[1][0].order()):
        firing, status, highest = None, None, 0
        others = [point for other, point in points.items() if other != result and point]
        for index, version in enumerate(chain):
            here = version.stands(chain[:index]) if version.is_live else None
            severity = judge(here, [point for point in others if point[0] < here[0]], version) if here else 0
            if severity and firing is None:
                firing, status = version, "open"
            elif firing is not None:
                status = "revised" if severity else "retracted"
            highest = max(highest, severity)
        if firing is None:
            continue
        if any(severity >= highest and firing.effective - at < cooldown for at, severity in sent):
            status = "closed"
        elif status != "retracted":
            sent.append((firing.effective, highest))
        found[firing] = [status, highest, chain[-1]]
    return found


def course_alerts(history, logged, judge, cooldown=DAY):
    """The alerts of one patient and series. `logged` are in the order of the log."""
    final, born = alerts_of(history + logged, judge, cooldown), {}
    for count in range(1, len(logged) + 1):
        born.update(alerts_of(history + logged[:count], judge, cooldown))
    return final | {version: ["retracted", severity, version] for version, (_, severity, _) in born.items() if version not in final}


def kidney(upper_of, is_minor):
    """Severity (stage 1: 2, 3, 4) of C1 by NHS England's algorithm, days counted whole, the higher ratio."""
    def judge(here, before, version):
        at, c1 = here
        recent = [value for time, value in before if (at - time) // DAY <= 7]
        older = [value for time, value in before if 8 <= (at - time) // DAY <= 365]
        ratios = [c1 / reference for reference in ([min(recent)] if recent else []) + ([median(older)] if older else [])]
        ratio = max(ratios, default=Fraction(0))
        if ratio >= Fraction(3, 2):
            upper = upper_of(version)
            is_high = (upper is not None and c1 > 3 * upper) if is_minor(version) else c1 > 354
            return 4 if is_high or ratio >= 3 else 3 if ratio >= 2 else 2
        lowest = min((value for time, value in before if at - time <= 48 * HOUR), default=None)
        return 2 if lowest is not None and c1 - lowest > 26 else 0
    return judge


def fall_from_highest(limit, within, is_minor):
    """Severity of a fall by the limit or more from the highest result of the window."""
    def judge(here, before, version):
        highest = max((value for time, value in before if here[0] - time <= within), default=None)
        return 2 if highest is not None and highest - here[1] >= limit and not is_minor(version) else 0
    return judge


def theil_sen(points):
    """Where the line through (minute, value) begins and ends."""
    slopes = [(later[1] - sooner[1]) / (later[0] - sooner[0]) for index, sooner in enumerate(points) for later in points[index + 1:] if later[0] > sooner[0]]
    if not slopes:
        return None
    slope = median(slopes)
    begin = median(value - slope * minute for minute, value in points)
    return begin, begin + slope * points[-1][0]


def line_falls(percent, within, count, is_minor):
    """Severity of a line through at least `count` results of the window that falls by more than a share of where it begins, as the result itself does."""
    def judge(here, before, version):
        points = sorted(point for point in before if here[0] - point[0] <= within)[-31:] + [here]
        points = [(Fraction((time - points[0][0]) // MINUTE), value) for time, value in points]
        line = theil_sen(points)
        if line is None or is_minor(version) or len({minute for minute, _ in points}) < count:
            return 0
        return 2 if max(line[1], here[1]) < line[0] * (1 - Fraction(percent, 100)) else 0
    return judge
