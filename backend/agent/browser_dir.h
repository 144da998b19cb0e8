/*
 * The directory of one browser: its profile, temporary files and shared memory.
 */
#ifndef BACKEND_AGENT_BROWSER_DIR_H
#define BACKEND_AGENT_BROWSER_DIR_H

#include <stdbool.h>

#define BROWSER_DIR_MAX 512 /* bytes of its path */

/* Make "<root>/sandbox-browser-<pid 1>-<this process>" with profile and tmp below it, for us alone,
 * after what browsers of this agent that died have left there is removed. */
bool browser_dir_make(const char *root, char out[BROWSER_DIR_MAX]);

/* With all that is in it. */
void browser_dir_remove(const char *path);

#endif
