/*
 * The directory of one browser: its profile, temporary files and shared memory.
 */
#ifndef BACKEND_AGENT_BROWSER_DIR_H
#define BACKEND_AGENT_BROWSER_DIR_H

#include <stdbool.h>

#define BROWSER_DIR_MAX 512 /* bytes of its path */

/* Make "<root>/sandbox-browser-<this process>" with profile and tmp below it, for us alone. What
 * others whose process was killed have left there is removed first. */
bool browser_dir_make(const char *root, char out[BROWSER_DIR_MAX]);

/* Remove our own of processes that have gone. */
void browser_dir_tidy(const char *root);

/* With all that is in it. */
void browser_dir_remove(const char *path);

#endif
