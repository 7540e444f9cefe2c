// simdjson behind a few C functions.
#ifndef CFANFARE_JSON_H
#define CFANFARE_JSON_H
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
bool fanfare_utf8_is_valid(const char *bytes, size_t length);
#ifdef __cplusplus
}
#endif
#endif
