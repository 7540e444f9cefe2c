#pragma once

/// Heap allocations of this process so far, by whatever thread: calls of malloc and its kin, wherever they come from.
unsigned long fanfare_allocations(void);

/// Whether callgrind runs this process, and it was built where valgrind's headers are.
int fanfare_can_count_instructions(void);

/// From here on instructions are counted, from 0.
void fanfare_start_counting_instructions(void);

/// Until here; callgrind writes them to a file of their own, as `name`.
void fanfare_stop_counting_instructions(const char *name);
