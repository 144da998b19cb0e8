/*
 * Taking away what has a name, for whoever may do so.
 */
#ifndef BACKEND_AGENT_FILE_REMOVE_H
#define BACKEND_AGENT_FILE_REMOVE_H

#include "backend/agent/file_place.h"
#include "backend/agent/file_report.h"

/* `name` in the folder dir, at `path` for errors, and all in it. True when it is gone; else what is
 * in the way was reported. What was removed is added to the report's total. */
bool remove_tree(struct file_report *r, int dir, const char *name, const char *path);

#endif
