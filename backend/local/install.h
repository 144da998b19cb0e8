/*
 * The agent and the code runners where every sandbox's user can reach them: a directory in the
 * state directory, one per version of them.
 */
#ifndef BACKEND_LOCAL_INSTALL_H
#define BACKEND_LOCAL_INSTALL_H

#include "backend/local/state.h"

/* *library is the directory with the runners and sandbox-agent, *agent the latter's
 * path. Both are for the caller to free. Versions unused for a month are removed. */
int install_library(struct state *s, const char *agent_source, char **library, char **agent,
                    struct err *err) MUST_CHECK;

#endif
