/*
 * Globs over relative paths: `*` and `?` stay within one name, `**` crosses '/', [a-z] and
 * [!a-z] are sets, '\' takes the next character as it is.
 */
#ifndef BACKEND_REMOTE_GLOB_H
#define BACKEND_REMOTE_GLOB_H

#include <stdbool.h>

/* A pattern without '/' is matched against the last name of the path. */
bool remote_glob_match(const char *pattern, const char *path);

#endif
