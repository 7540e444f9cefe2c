// Tells callgrind what to count (valgrind's manual, "Client request reference"): a few instructions that do nothing elsewhere.
#include "include/CAllocations.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

int fanfare_can_count_instructions(void) { return RUNNING_ON_VALGRIND != 0; }

void fanfare_start_counting_instructions(void) {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

void fanfare_stop_counting_instructions(const char *name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
#else
int fanfare_can_count_instructions(void) { return 0; }
void fanfare_start_counting_instructions(void) {}
void fanfare_stop_counting_instructions(const char *name) { (void)name; }
#endif

// The stages run before `main`, which would start threads in a way that valgrind 3.19 does not survive.
extern void fanfare_count_stages(void) __attribute__((weak));
__attribute__((constructor)) static void count_stages(void) {
    if (fanfare_can_count_instructions() && fanfare_count_stages) fanfare_count_stages();
}
