// c-ares, the asynchronous resolver, for the resolver thread.
#ifndef CFANFARE_NAMES_H
#define CFANFARE_NAMES_H
#include <ares.h>
#endif
