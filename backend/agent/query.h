/*
 * Facts for the server: 'p' records, as backend/wire.h has them.
 */
#ifndef BACKEND_AGENT_QUERY_H
#define BACKEND_AGENT_QUERY_H

#include <stddef.h>
#include <stdint.h>

#define QUERY_VALUE 2560 /* bytes of one value, at most */

/* As much of a file as there is room for, ended by a NUL; how much that is. */
size_t query_slurp(const char *path, char *out, size_t size);

/* Name and value, both cut to their bounds; fd is a pipe of the server. */
void query_put(int fd, const char *name, const char *value, size_t len);

/* TAG_DETAIL: all processes of commands, or that one and all below it; then REPLY, or ERROR. */
void query_processes(int channel, int results, uint32_t pid);

#endif
