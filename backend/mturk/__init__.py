"""Amazon Mechanical Turk's requester interface of 2017-01-17, so that programs written for it just move here."""
