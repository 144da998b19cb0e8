/*
 * What the parts of `doctor` share: the findings' form, programs that are run to look at
 * them, and what one check learnt for the next.
 */
#ifndef CLI_DOCTOR_REPORT_H
#define CLI_DOCTOR_REPORT_H

#include "base/buf.h"
#include "cli/options.h"

#include <limits.h>

#define DOCTOR_RUN_MS 10000
#define DOCTOR_OUTPUT_MAX 4096

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor {
    const struct options *options;
    const char *name; /* of the check that runs: every finding starts with it */
    char agent[PATH_MAX], bwrap[PATH_MAX]; /* "": not found */
    bool apparmor;                         /* its profile for bubblewrap would help */
    bool started;                          /* a sandbox could be started */
};

/* One finding; control characters and newlines in it become blanks. */
void doctor_say(const struct doctor *d, enum doctor_level level, const char *fmt, ...) PRINTF(3, 4);

/* What to do about the finding before. */
void doctor_fix(const char *fmt, ...) PRINTF(1, 2);

/*
 * Run argv[0], an absolute path, with empty stdin, and wait for its end; what it writes to both
 * outputs goes into out, as far as that has room. The exit status, 128 + signal, or -1 with
 * err when it could not be started or took more than DOCTOR_RUN_MS (then it is killed).
 */
int doctor_run(const char *const argv[], struct buf *out, struct err *err);

/* Where PATH has that program, or false. */
bool doctor_find(const char *program, char out[PATH_MAX]);

/* First number of a file under /proc or /sys; `otherwise` when there is none. */
long doctor_number(const char *path, long otherwise);

/* The checks; each reports what it found. */
void doctor_surroundings(struct doctor *d);
void doctor_bubblewrap(struct doctor *d);
void doctor_namespaces(struct doctor *d);
void doctor_control_groups(struct doctor *d);
void doctor_state(struct doctor *d);
void doctor_probe(struct doctor *d);

#endif
