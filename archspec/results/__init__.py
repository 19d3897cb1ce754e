"""What a verification is asked for, what it found, and how that is written: JSON, JUnit, Markdown."""
