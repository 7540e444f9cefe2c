#pragma once

/// Heap allocations of this process so far, by whatever thread: calls of malloc and its kin, wherever they come from.
unsigned long fanfare_allocations(void);
