/*
 * What a file operation answers when it cannot be done: a code (of agent.h), a message
 * in lower case without a final period, and a hint. Cut to fit, never allocated.
 */
#ifndef BACKEND_AGENT_FILE_ERROR_H
#define BACKEND_AGENT_FILE_ERROR_H

#include <stdint.h>

struct file_error {
    uint32_t code; /* 0: none */
    char text[1024];
    char next[384];
};

/* These return -1 always, so that `return file_fail(...)` reads well. */
__attribute__((format(printf, 3, 4))) int file_fail(struct file_error *e, uint32_t code,
                                                    const char *fmt, ...);
__attribute__((format(printf, 2, 3))) int file_hint(struct file_error *e, const char *fmt, ...);

/* `action` ("read") on path failed with errno `number`; names the deepest folder that exists. */
int file_fail_errno(struct file_error *e, int number, const char *action, const char *path);

/* path is something else (mode of stat(2)) than the regular file that `action` needs. */
int file_fail_type(struct file_error *e, unsigned mode, const char *action, const char *path);

#endif
