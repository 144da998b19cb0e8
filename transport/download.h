/*
 * Files beside /mcp: GET /download/TICKET gives the file that the ticket (ticket.h) was made for,
 * once, as an attachment that no browser runs or shows. The ticket is all that is asked for: who
 * has the URL has the file. Host and Origin are checked as for /mcp.
 *
 * What only looks does not use a ticket up: HEAD, and a GET of who prefers text/html or says that
 * it makes previews, who gets a page with a button that POSTs.
 *
 * Whatever is not good (unknown, used, expired, the file is gone) is the same 404. A file that
 * cannot be opened now leaves the ticket as it was.
 */
#ifndef TRANSPORT_DOWNLOAD_H
#define TRANSPORT_DOWNLOAD_H

#include "transport/http_guard.h"
#include "transport/ticket.h"

#define DOWNLOAD_PATH "/download/"
#define DOWNLOAD_PURPOSE "download"

struct MHD_Connection;
struct http_core;
struct http_request;
struct http_server;

/* Whether this path is its business. */
bool download_path(const struct http_core *core, const char *path);

/* The verdict about its headers, which uses no ticket up. Fills r->file. */
enum verdict download_judge(struct http_core *core, struct http_request *r);

/* It gets a page in place of the file, by these headers; NULL: absent. */
bool download_asks(const char *accept, const char *agent);

/* Queue the answer. False: give the connection up. */
bool answer_download(struct http_server *h, struct MHD_Connection *c, struct http_request *r);

/* The request is over. */
void download_over(struct http_core *core, struct http_request *r);

#endif
