/*
 * The pipe to a browser that the agent has started, with the operation's channel beside it: when
 * the pipe ends, the channel says why, and letting go of both ends all of the browser.
 */
#ifndef BACKEND_LOCAL_BROWSER_WIRE_H
#define BACKEND_LOCAL_BROWSER_WIRE_H

#include "backend/browser/cdp.h"
#include "backend/local/agent_client.h"

/* Takes the descriptors, also on failure. The wire holds a reference to the agent; its free() waits
 * until the processes are gone, BROWSER_END_MS at most. */
#define BROWSER_END_MS 3000
int browser_wire_new(struct agent *a, int channel, int from_browser, int to_browser,
                     struct cdp_wire **out, struct err *err) MUST_CHECK;

/* From what a browser wrote to stderr: the line that says most, cleaned; "" none. */
void browser_last_words(const char *text, size_t len, char out[256]);

#endif
