#include "base/cleanup.h"
#include "base/log.h"
#include "transport/disposition.h"
#include "transport/download.h"
#include "transport/http_server.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK (64 * 1024) /* of a file, in memory */

struct header {
    const char *name, *value;
};

static const struct header always[] = {
    { "Cache-Control", "no-store" },         { "Cross-Origin-Resource-Policy", "same-origin" },
    { "Referrer-Policy", "no-referrer" },    { "X-Content-Type-Options", "nosniff" },
    { "X-Robots-Tag", "noindex, nofollow" }, { NULL, NULL },
};

static const struct header page[] = {
    { "Content-Security-Policy",
      "sandbox allow-forms allow-downloads; default-src 'none'; form-action 'self'; "
      "frame-ancestors 'none'; base-uri 'none'" },
    { "Content-Type", "text/html; charset=utf-8" },
    { "Vary", "Accept, User-Agent" },
    { NULL, NULL },
};

static bool add(struct MHD_Response *response, const struct header *h)
{
    while (h->name && MHD_add_response_header(response, h->name, h->value) == MHD_YES)
        h++;
    return !h->name;
}

static bool queue(struct MHD_Connection *c, struct http_request *r, struct MHD_Response *response,
                  const struct header *own)
{
    bool queued = response && add(response, always) && add(response, own) &&
                  MHD_queue_response(c, (unsigned)r->status, response) == MHD_YES;

    if (response)
        MHD_destroy_response(response);
    return queued;
}

/* ---- the page ---- */

static bool answer_page(struct MHD_Connection *c, struct http_request *r)
{
    AUTO(buf) struct buf text = BUF_MAX(4096);
    char name[DISPOSITION_NAME_MAX];

    disposition_name(handout_name(r->file), name);
    if (buf_addf(&text, NULL,
                 "<!doctype html><html lang=\"en\"><meta name=\"viewport\" "
                 "content=\"width=device-width\"><title>Download</title>"
                 "<form method=\"post\"><p dir=\"auto\">%s</p>"
                 "<button>Download</button><p>This works once.</p></form></html>\n",
                 name))
        return false;
    r->status = 200;
    r->sent = text.len;
    return queue(c, r, MHD_create_response_from_buffer(text.len, text.data, MHD_RESPMEM_MUST_COPY),
                 page);
}

/* ---- the file ---- */

static ssize_t read_file(void *cls, uint64_t pos, char *out, size_t max)
{
    ssize_t n = pread(*(int *)cls, out, max, (off_t)pos);

    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_file(void *cls)
{
    close(*(int *)cls);
    free(cls);
}

/* The library sends a descriptor by itself in plain text; under TLS it would read 4 kB at a time.
 */
static struct MHD_Response *make_response(bool tls, int *fd, uint64_t size)
{
    struct MHD_Response *response;
    int *own;

    if (!tls) {
        response = MHD_create_response_from_fd64(size, *fd);
        if (response)
            *fd = -1;
        return response;
    }
    own = malloc(sizeof(*own));
    if (!own)
        return NULL;
    *own = *fd;
    response = MHD_create_response_from_callback(size, BLOCK, read_file, own, free_file);
    if (response)
        *fd = -1;
    else
        free(own);
    return response;
}

static bool send_file(struct http_server *h, struct MHD_Connection *c, struct http_request *r,
                      int *fd, uint64_t size)
{
    char disposition[DISPOSITION_MAX];
    const struct header own[] = {
        { "Content-Disposition", disposition },
        { "Content-Security-Policy", "sandbox; default-src 'none'" },
        { "Content-Type", disposition_type(handout_mime(r->file)) },
        { NULL, NULL },
    };

    disposition_make(handout_name(r->file), disposition);
    r->status = 200;
    r->sent = r->method == HTTP_HEAD ? 0 : size;
    return queue(c, r, make_response(h->config.tls_cert, fd, size), own);
}

static bool refuse(struct http_server *h, struct MHD_Connection *c, struct http_request *r,
                   enum verdict verdict)
{
    r->verdict = verdict;
    return answer_refusal(h, c, r);
}

/* Since it was judged, somebody else may have had it. */
static bool use_up(struct http_server *h, struct http_request *r)
{
    struct handout *file;

    if (!ticket_file(h->core.downloads, r->download, DOWNLOAD_PURPOSE, true, &r->who, &file))
        return false;
    handout_unref(file);
    r->downloads = true;
    atomic_fetch_add(&h->core.downloading, 1);
    return true;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

bool answer_download(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    AUTO_FD int fd = -1;
    struct err err = { 0 };
    uint64_t size;

    if (r->method == HTTP_GET &&
        download_asks(r->headers.value[HEADER_ACCEPT], header(c, "User-Agent")))
        return answer_page(c, r);
    if (handout_open(r->file, &fd, &size, &err)) {
        log_info("download: %s", err.msg);
        return refuse(h, c, r, err.code == ERR_NOT_FOUND ? VERDICT_DOWNLOAD : VERDICT_BUSY);
    }
    if (r->method != HTTP_HEAD && !use_up(h, r))
        return refuse(h, c, r, VERDICT_DOWNLOAD);
    return send_file(h, c, r, &fd, size);
}
