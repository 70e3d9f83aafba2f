"""How: the nouns and verbs of multimodal learning. Knows no use case, no page, no notebook."""
