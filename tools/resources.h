/*
 * What clients can read of sandboxes, and the prompts. {id} is a sandbox id of the caller, or
 * "default"; foreign and unknown ids are "Resource not found" alike.
 *
 *   sandbox://{id}/info          JSON, as sandbox_info tells it
 *   sandbox://{id}/file/{+path}  a file, path as everywhere (a leading '/' makes it absolute)
 *   sandbox://{id}/output/{pid}  what a process has written so far
 *   sandbox://{id}/recording/{rid}  a recording, also when that sandbox is no more
 *   sandbox://policy             isolation, network, limits, protected paths
 *   sandbox://tools              the catalogue with its cost in tokens
 */
#ifndef TOOLS_RESOURCES_H
#define TOOLS_RESOURCES_H

#include "mcp/prompt.h"
#include "mcp/resource.h"
#include "mcp/server.h"
#include "tools/tools.h"

#define RESOURCES_FILE_MAX (8 * 1024 * 1024)   /* bytes of a file */
#define RESOURCES_OUTPUT_MAX (3 * 1024 * 1024) /* bytes of both streams of a process */

extern const struct resource_provider tools_resources;
extern const struct prompt_def tools_prompts[];

/* ---- resource_sandbox.c ---- */

/*
 * The sandbox that `id` stands for; release with sandbox_put(). "default" is made when it is
 * missing; an id never is. id NULL: "default".
 */
int resources_sandbox(struct tool_call *call, const char *id, struct sandbox **out,
                      struct err *err) MUST_CHECK;

/* ---- one function for each row above ---- */

int resources_info(struct tool_call *call, const char *uri, const struct arg_map *vars,
                   struct err *err) MUST_CHECK;
int resources_file(struct tool_call *call, const char *uri, const struct arg_map *vars,
                   struct err *err) MUST_CHECK;
int resources_output(struct tool_call *call, const char *uri, const struct arg_map *vars,
                     struct err *err) MUST_CHECK;
int resources_recording(struct tool_call *call, const char *uri, const struct arg_map *vars,
                        struct err *err) MUST_CHECK;
int resources_policy(struct tool_call *call, const char *uri, struct err *err) MUST_CHECK;
int resources_tools(struct tool_call *call, const char *uri, struct err *err) MUST_CHECK;

/* ---- resource_complete.c ---- */

/* Suggestions for the variables id, path and pid; others have none. */
int resources_complete(struct tool_call *call, const char *variable, const char *value,
                       const struct arg_map *known, struct completion *out,
                       struct err *err) MUST_CHECK;

/* Paths in the caller's sandbox that begin with what was typed; directories end in '/'. */
int resources_complete_path(struct tool_call *call, const char *id, const char *typed,
                            struct completion *out, struct err *err) MUST_CHECK;

/* ---- resource_mime.c ---- */

/* By what the content is, then by the name; never NULL. *text: it is valid UTF-8 without NUL. */
const char *resources_mime(const char *path, const void *data, size_t len, bool *text);

/* ---- resource_link.c ---- */

/* A resource_link to the output of a process: what a result left out is there. */
int resources_link_output(struct tool_call *call, const struct sandbox *sb,
                          const struct exec_result *r, struct err *err) MUST_CHECK;

#endif
