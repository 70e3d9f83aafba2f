"""Life after the decision: who said what (audit log), what people must look at (review queue), how much the model may do alone (autonomy), drift, and who replaces the champion."""
