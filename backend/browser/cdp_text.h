/*
 * What the browser says, as text: hostile pages choose much of it.
 */
#ifndef BACKEND_BROWSER_CDP_TEXT_H
#define BACKEND_BROWSER_CDP_TEXT_H

#include "base/json.h"

/*
 * One message. Strings of pages may hold half surrogate pairs and malformed UTF-8: these become
 * U+FFFD, in text too. NULL when it is not JSON nevertheless.
 */
yyjson_doc *cdp_parse(char *text, size_t len);

/* The id that a reply begins with, also of one that was cut off: {"id":12,... ; -1 none. */
int64_t cdp_id_of(const char *text, size_t len);

/* {"id":..,"method":..,"params":..,"sessionId":..}; session may be NULL. */
int cdp_command(struct buf *out, int64_t id, const char *session, const char *method,
                const char *params, struct err *err) MUST_CHECK;

/* The error that a command was answered with, always -1: ERR_STALE when it was of a document that
 * another one has replaced, else ERR_INVALID. */
int cdp_refused(yyjson_val *error, const char *method, struct err *err);

#endif
