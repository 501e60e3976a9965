"""The providers: requests and answers, one file a vendor, and the pauses and throttles of calls."""
