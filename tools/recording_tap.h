/*
 * What handlers of commands and of pages leave for the recordings that run. All of it costs one
 * load of a counter while none does.
 */
#ifndef TOOLS_RECORDING_TAP_H
#define TOOLS_RECORDING_TAP_H

#include "tools/tools.h"

struct page;

/*
 * A command begins in the caller's sandbox: what it is given as exec_request.tap, one reference of
 * the caller's; NULL when nobody records it. session: NULL none.
 */
struct exec_tap *recording_tap(struct tool_call *call, const char *session, const char *command);

/* What came of it, for a backend that did not tell it as it came. tap: NULL is fine. */
void recording_tap_result(struct exec_tap *tap, const struct stream_text *out,
                          const struct stream_text *errs, int exit_code);

/* A target of this call is a ref, which another page would not know: what it names is noted. */
void recording_note_ref(struct tool_call *call, struct page *page, const char *ref);

/* For server_config.tap. */
extern const struct tool_tap recordings_tap;

#endif
