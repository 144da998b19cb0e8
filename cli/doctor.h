/*
 * `doctor`: what this machine offers a sandbox, what is missing, how to fix it.
 *
 * One line per finding on stdout, "ok", "warn" or "FAIL" first; behind a FAIL and some warnings
 * indented lines say what to do. FAIL is only what keeps a sandbox from starting. What comes
 * from outside is printed without control characters.
 *
 * `doctor apparmor` prints the AppArmor profile for bubblewrap and nothing else.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/options.h"

/*
 * Looks at everything with the options that a server would be started with; the last check
 * starts a real sandbox. 0 when that worked, 1 when not. Single-threaded but for the backend.
 */
int cli_doctor(const struct options *o, struct err *err);

#endif
