"""Labels by people: what to look at next, who said what and when, and how far people agree. The company's own files are never modified."""

from kit.labelling.agreement import agreement, disagreement_by_class, pace, what_people_say, wrong_labels
from kit.labelling.bench import CANNOT_TELL, KEYS, Bench, pressed, reply
from kit.labelling.decided import Decided, with_labels
from kit.labelling.log import Entry, LabelLog, entries_in, evidence_of, standing
from kit.labelling.values import ORDERS, values

__all__ = ["CANNOT_TELL", "KEYS", "ORDERS", "Bench", "Decided", "Entry", "LabelLog", "agreement", "disagreement_by_class", "entries_in", "evidence_of", "pace", "pressed", "reply", "standing", "values", "what_people_say", "with_labels", "wrong_labels"]
