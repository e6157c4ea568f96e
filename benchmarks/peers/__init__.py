"""What the service is measured against: each peer does the same, or says what it leaves out."""
