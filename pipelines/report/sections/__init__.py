"""One file for each section of the page; each takes its part of the figures and returns markup."""
