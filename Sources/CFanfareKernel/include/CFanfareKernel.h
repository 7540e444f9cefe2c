// C shims over liburing and the few kernel constants newer than Debian's header.
#ifndef CFANFARE_KERNEL_H
#define CFANFARE_KERNEL_H
#include <liburing.h>
#endif
