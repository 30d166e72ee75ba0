"""The operating system as photocap uses it: files read with care and replaced whole, threads that may get stuck."""
