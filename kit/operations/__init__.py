"""Life after the decision: who said what (audit log), what people must look at (review queue), and how much the model may do alone (autonomy)."""
