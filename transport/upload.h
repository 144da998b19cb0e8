/*
 * Files that are left beside /mcp: PUT or POST /upload/TICKET, the file itself as the body. It is
 * collected outside of memory, of at most HANDOUT_TAKE_MAX bytes and within UPLOAD_SECONDS; then a
 * worker gives it to whom the ticket (ticket.h) was made for, and the answer says what became of
 * it: 201 and a JSON object, or a status for what went wrong and {"error":{code,message,next}}.
 *
 * The ticket is all that is asked for, and is used up when the request begins: what is broken off
 * leaves nothing, and needs another one. Host and Origin are checked as for /mcp. Whatever is not
 * good is the same 404.
 */
#ifndef TRANSPORT_UPLOAD_H
#define TRANSPORT_UPLOAD_H

#include "transport/http_guard.h"
#include "transport/ticket.h"

#define UPLOAD_PATH "/upload/"
#define UPLOAD_PURPOSE "upload"
#define UPLOAD_SECONDS 900
#define UPLOADS_MAX 64                           /* at once */
#define UPLOADS_EACH 16                          /* ... of one principal */
#define UPLOADS_BYTES (4ll * 1024 * 1024 * 1024) /* that they have so far, together */
#define UPLOADS_BYTES_EACH (2ll * 1024 * 1024 * 1024)

struct http_core;
struct http_request;
struct uploads;

int uploads_new(struct uploads **out, struct err *err) MUST_CHECK;
void uploads_stop(struct uploads *u); /* ends those that a worker has; NULL is fine, also below */
void uploads_free(struct uploads *u);

/* Whether this path is its business. */
bool upload_path(const struct http_core *core, const char *path);

/* The verdict about its headers; on VERDICT_PASS r->upload is made and the ticket is used up. */
enum verdict upload_judge(struct http_core *core, struct http_request *r);

enum verdict upload_body(struct http_core *core, struct http_request *r, const char *data,
                         size_t len);

/* The body is complete: r->exchange will be answered by a worker. */
enum verdict upload_start(struct http_core *core, struct http_request *r, void *connection);

/* The request is over. */
void upload_over(struct http_core *core, struct http_request *r);

#endif
